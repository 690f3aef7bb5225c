"""The table `actions`: what staff did, and what takes it back."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from roomsync.store.connection import Connection

Undo = Mapping[str, object]  # what takes an action back: `op` names how, the rest is what that needs
COLUMNS = "id, at, name, what, undo, undone_at, undone_by"


class Action(NamedTuple):
    """One thing that somebody of the staff did; `undo` is None when nothing takes it back."""

    id: int
    at: float
    name: str
    what: str
    undo: Undo | None
    undone_at: float | None
    undone_by: str


def add(db: Connection, contact_id: str, name: str, place: str, what: str, undo: Undo | None, now: float) -> int:
    """Note what somebody did, and where (empty: on the machine); return its number."""
    script = "INSERT INTO actions (at, contact_id, name, place, what, undo) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
    text = None if undo is None else json.dumps(undo, ensure_ascii=False)
    return int(db.execute(script, (now, contact_id, name, place, what, text)).fetchone()[0])


def get(db: Connection, number: int) -> Action | None:
    """Return the action of that number."""
    row = db.execute(f"SELECT {COLUMNS} FROM actions WHERE id = ?", (number,)).fetchone()
    return _action(row) if row else None


def last_to_undo(db: Connection) -> Action | None:
    """Return the last action that can be taken back, and was not."""
    query = f"SELECT {COLUMNS} FROM actions WHERE undo IS NOT NULL AND undone_at IS NULL ORDER BY id DESC LIMIT 1"
    row = db.execute(query).fetchone()
    return _action(row) if row else None


def last(db: Connection, limit: int) -> list[Action]:
    """Return the last actions, the newest first."""
    return [_action(row) for row in db.execute(f"SELECT {COLUMNS} FROM actions ORDER BY id DESC LIMIT ?", (limit,))]


def note_undone(db: Connection, number: int, by: str, now: float) -> None:
    """Note that somebody took an action back."""
    db.execute("UPDATE actions SET undone_at = ?, undone_by = ? WHERE id = ?", (now, by, number))


def _action(row: tuple[int, float, str, str, str | None, float | None, str]) -> Action:
    number, at, name, what, undo, undone_at, undone_by = row
    return Action(number, at, name, what, json.loads(undo) if undo else None, undone_at, undone_by)
