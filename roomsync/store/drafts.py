"""The table `drafts`: announcements that are being made, wait to be confirmed, or were sent."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from roomsync.model import Kind, Part
from roomsync.store.connection import Connection

COLUMNS = "id, contact_id, place, community, state, parts, changed"


class DraftState(StrEnum):
    """How far an announcement is."""

    COLLECTING = "collecting"  # what its author posts next becomes part of it
    ASKED = "asked"  # it was shown, and waits to be confirmed
    SENT = "sent"
    UNDONE = "undone"  # it was sent, and taken back
    DROPPED = "dropped"


class Draft(NamedTuple):
    """An announcement: who makes it and where, for which community (empty: all), and what it is made of."""

    id: int
    contact_id: str
    place: str
    community: str
    state: DraftState
    parts: tuple[Part, ...]
    changed: float


def add(db: Connection, contact_id: str, place: str, community: str, parts: Sequence[Part], now: float) -> int:
    """Begin an announcement that collects what its author posts; return its number."""
    script = """
    INSERT INTO drafts (contact_id, place, community, state, parts, changed) VALUES (?, ?, ?, ?, ?, ?) RETURNING id
    """
    values = (contact_id, place, community, DraftState.COLLECTING, _written(parts), now)
    return int(db.execute(script, values).fetchone()[0])


def get(db: Connection, number: int) -> Draft | None:
    """Return the announcement of that number."""
    row = db.execute(f"SELECT {COLUMNS} FROM drafts WHERE id = ?", (number,)).fetchone()
    return _draft(row) if row else None


def asked(db: Connection, since: float) -> list[int]:
    """Return the numbers of the announcements that wait to be confirmed, shown since then."""
    rows = db.execute("SELECT id FROM drafts WHERE state = ? AND changed >= ? ORDER BY id", (DraftState.ASKED, since))
    return [number for (number,) in rows]


def collecting(db: Connection, contact_id: str, place: str, since: float) -> Draft | None:
    """Return the announcement that collects what somebody posts there, if something happened to it since then."""
    query = f"""
    SELECT {COLUMNS} FROM drafts WHERE contact_id = ? AND place = ? AND state = ? AND changed >= ?
    ORDER BY id DESC LIMIT 1
    """
    row = db.execute(query, (contact_id, place, DraftState.COLLECTING, since)).fetchone()
    return _draft(row) if row else None


def add_parts(db: Connection, draft: Draft, parts: Sequence[Part], now: float) -> None:
    """Add to what an announcement is made of."""
    values = (_written([*draft.parts, *parts]), now, draft.id)
    db.execute("UPDATE drafts SET parts = ?, changed = ? WHERE id = ?", values)


def set_state(db: Connection, number: int, state: DraftState, now: float) -> None:
    """Note how far an announcement is."""
    db.execute("UPDATE drafts SET state = ?, changed = ? WHERE id = ?", (state, now, number))


def drop_collecting(db: Connection, contact_id: str, place: str, now: float) -> None:
    """Drop what collects there for somebody: the next announcement does."""
    script = "UPDATE drafts SET state = ?, changed = ? WHERE contact_id = ? AND place = ? AND state = ?"
    db.execute(script, (DraftState.DROPPED, now, contact_id, place, DraftState.COLLECTING))


def prune(db: Connection, before: float) -> None:
    """Forget announcements to which nothing happened since then."""
    db.execute("DELETE FROM drafts WHERE changed < ?", (before,))


def _written(parts: Sequence[Part]) -> str:
    return json.dumps([[part.kind, part.body] for part in parts], ensure_ascii=False)


def _draft(row: tuple[int, str, str, str, str, str, float]) -> Draft:
    number, contact_id, place, community, state, parts, changed = row
    made_of = tuple(Part(Kind(kind), body) for kind, body in json.loads(parts))
    return Draft(number, contact_id, place, community, DraftState(state), made_of, changed)
