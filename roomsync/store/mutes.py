"""The table `mutes`: members whose words are relayed nowhere."""

from typing import NamedTuple

from roomsync.store.connection import Connection

COLUMNS = "contact_id, account_id, name, until, action_id"


class Mute(NamedTuple):
    """Somebody who is muted until then (None: for good), by which action of staff.

    `account_id`: the account that knew them by that id.
    """

    contact_id: str
    account_id: str
    name: str
    until: float | None
    action_id: int | None


def all_of(db: Connection, now: float) -> list[Mute]:
    """Return who is muted at that time, by name."""
    query = f"SELECT {COLUMNS} FROM mutes WHERE until IS NULL OR until > ? ORDER BY name"
    return [Mute(*row) for row in db.execute(query, (now,))]


def get(db: Connection, contact_id: str) -> Mute | None:
    """Return the mute of somebody, which may be over."""
    query = f"SELECT {COLUMNS} FROM mutes WHERE contact_id = ?"
    row = db.execute(query, (contact_id,)).fetchone()
    return Mute(*row) if row else None


def put(db: Connection, mute: Mute) -> None:
    """Mute somebody, in the place of what was before."""
    db.execute(f"INSERT OR REPLACE INTO mutes ({COLUMNS}) VALUES (?, ?, ?, ?, ?)", mute)


def note_action(db: Connection, contact_id: str, action_id: int) -> None:
    """Note which action muted somebody."""
    db.execute("UPDATE mutes SET action_id = ? WHERE contact_id = ?", (action_id, contact_id))


def remove(db: Connection, contact_id: str) -> None:
    """Let somebody be relayed again."""
    db.execute("DELETE FROM mutes WHERE contact_id = ?", (contact_id,))


def prune(db: Connection, before: float) -> None:
    """Forget mutes that were over before that time."""
    db.execute("DELETE FROM mutes WHERE until < ?", (before,))
