"""The table `peers`: accounts that are relays, because their last text in a room began with a header."""

from roomsync.store import rooms
from roomsync.store.connection import Connection


def mark_relayed(db: Connection, talker_id: str, room_id: str, now: float) -> None:
    """Mark an account as one that relayed something to that room."""
    room = rooms.key(db, room_id)
    script = "INSERT OR REPLACE INTO peers (talker_id, room, relayed_at) VALUES (?, ?, ?)"
    db.execute(script, (talker_id, room, now))


def clear(db: Connection, talker_id: str, room_id: str) -> None:
    """Forget that an account relayed something to that room."""
    db.execute(f"DELETE FROM peers WHERE talker_id = ? AND room = {rooms.KEY}", (talker_id, room_id))


def relayed_at(db: Connection, talker_id: str, room_id: str) -> float | None:
    """Return when an account's last text in that room was a relayed one; None when it was not."""
    query = f"SELECT relayed_at FROM peers WHERE talker_id = ? AND room = {rooms.KEY}"
    row = db.execute(query, (talker_id, room_id)).fetchone()
    return float(row[0]) if row else None


def is_known(db: Connection, talker_id: str) -> bool:
    """Return whether an account's last text in some room was a relayed one."""
    return db.execute("SELECT 1 FROM peers WHERE talker_id = ? LIMIT 1", (talker_id,)).fetchone() is not None


def prune(db: Connection, before: float) -> None:
    """Forget what was relayed before that time."""
    db.execute("DELETE FROM peers WHERE relayed_at < ?", (before,))
