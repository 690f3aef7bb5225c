"""The table `mutes`: members whose words are relayed nowhere."""

from typing import NamedTuple

from roomsync.store.connection import Connection


class Mute(NamedTuple):
    """Somebody who is muted until then (None: for good), by which action of staff."""

    contact_id: str
    name: str
    until: float | None
    action_id: int | None


def all_of(db: Connection, now: float) -> list[Mute]:
    """Return who is muted at that time, by name."""
    query = "SELECT contact_id, name, until, action_id FROM mutes WHERE until IS NULL OR until > ? ORDER BY name"
    return [Mute(*row) for row in db.execute(query, (now,))]


def get(db: Connection, contact_id: str) -> Mute | None:
    """Return the mute of somebody, which may be over."""
    query = "SELECT contact_id, name, until, action_id FROM mutes WHERE contact_id = ?"
    row = db.execute(query, (contact_id,)).fetchone()
    return Mute(*row) if row else None


def put(db: Connection, mute: Mute) -> None:
    """Mute somebody, in the place of what was before."""
    db.execute("INSERT OR REPLACE INTO mutes (contact_id, name, until, action_id) VALUES (?, ?, ?, ?)", mute)


def note_action(db: Connection, contact_id: str, action_id: int) -> None:
    """Note which action muted somebody."""
    db.execute("UPDATE mutes SET action_id = ? WHERE contact_id = ?", (action_id, contact_id))


def remove(db: Connection, contact_id: str) -> None:
    """Let somebody be relayed again."""
    db.execute("DELETE FROM mutes WHERE contact_id = ?", (contact_id,))


def prune(db: Connection, before: float) -> None:
    """Forget mutes that were over before that time."""
    db.execute("DELETE FROM mutes WHERE until < ?", (before,))
