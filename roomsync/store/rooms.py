"""The table `rooms`: every room of the account, by a key of our own."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from roomsync.model import Mode
from roomsync.store.connection import Connection

KEY = "(SELECT id FROM rooms WHERE gateway_id = ?)"  # stands in SQL for the key of the room with that id
KEYS = "SELECT gateway_id, id FROM rooms WHERE gateway_id IN (SELECT value FROM json_each(?))"
REFERRING = ("messages", "deliveries", "sends", "call_log", "peers")
UNUSED = " AND ".join(f"NOT EXISTS (SELECT 1 FROM {table} WHERE room = rooms.id)" for table in REFERRING)
IS_PLAIN = f"coalesce(mode, '{Mode.NORMAL}') = '{Mode.NORMAL}'"  # what staff decided about others is not forgotten
MAX_FORGOTTEN = 10  # rooms at a login: for each, SQLite looks through all deliveries
# The gateway told the topic, so the bot is in the room.
NOTE = """
INSERT INTO rooms (gateway_id, topic) VALUES (?, ?)
ON CONFLICT DO UPDATE SET topic = excluded.topic, left_at = NULL
"""
IS_GONE = "topic IS NOT NULL AND left_at IS NULL AND gateway_id NOT IN (SELECT value FROM json_each(?))"


def key(db: Connection, room_id: str) -> int:
    """Return the key of a room; one that has none is given one."""
    row = db.execute("SELECT id FROM rooms WHERE gateway_id = ?", (room_id,)).fetchone()
    if row is None:
        row = db.execute("INSERT INTO rooms (gateway_id) VALUES (?) RETURNING id", (room_id,)).fetchone()
    return int(row[0])


def keys(db: Connection, room_ids: Iterable[str]) -> dict[str, int]:
    """Return the keys of rooms; those that have none are given one. One look for all of them."""
    wanted = list(room_ids)
    known = dict(db.execute(KEYS, (json.dumps(wanted),)).fetchall())
    return {room_id: known.get(room_id) or key(db, room_id) for room_id in wanted}


def topics(db: Connection) -> dict[str, str]:
    """Return the topics that were noted last, by room id."""
    return dict(db.execute("SELECT gateway_id, topic FROM rooms WHERE topic IS NOT NULL").fetchall())


def topic_of(db: Connection, room_id: str) -> str | None:
    """Return a room's topic; None when it is not known."""
    row = db.execute("SELECT topic FROM rooms WHERE gateway_id = ?", (room_id,)).fetchone()
    return row[0] if row else None


def note_topics(db: Connection, topics: Mapping[str, str]) -> None:
    """Note topics by room id; the other rooms stay as they are."""
    db.executemany(NOTE, topics.items())


def leave(db: Connection, room_id: str, now: float) -> None:
    """Note that the bot is not in that room any more, if it is one that is noted."""
    db.execute("UPDATE rooms SET left_at = ? WHERE gateway_id = ? AND left_at IS NULL", (now, room_id))


def leave_others(db: Connection, room_ids: Iterable[str], now: float) -> None:
    """Note that the bot is in no other room of those that are noted: the gateway lists these alone."""
    db.execute(f"UPDATE rooms SET left_at = ? WHERE {IS_GONE}", (now, json.dumps(list(room_ids))))


def replace_all(db: Connection, topics: Mapping[str, str], *, strict: bool = False) -> dict[str, str]:
    """Note all rooms of the account with their topics as they are now; return the ids that changed, old -> new.

    Some gateways give every room a new id at each login. A room that is gone and one that is new are the same when they
    alone have their topic. While another room is still there under its id, as at no such login, that is believed of no
    room about which staff decided something, and if `strict` of none: a stranger's room may have the topic of one that
    is not listed. A room that is gone is forgotten once nothing refers to it, a few at a time.
    """
    known = dict(db.execute("SELECT gateway_id, topic FROM rooms").fetchall())
    gone = {room_id: topic for room_id, topic in known.items() if room_id not in topics}
    new = {topic: room_id for room_id, topic in topics.items() if room_id not in known}
    lost, held = Counter(gone.values()), Counter(topics.values())
    moves = {old: new[topic] for old, topic in gone.items() if topic in new and lost[topic] == held[topic] == 1}
    if moves and any(room_id in topics and topic is not None for room_id, topic in known.items()):
        plain = [] if strict else [one for (one,) in db.execute(f"SELECT gateway_id FROM rooms WHERE {IS_PLAIN}")]
        moves = {old: to for old, to in moves.items() if old in plain}
    db.executemany("UPDATE rooms SET gateway_id = ? WHERE gateway_id = ?", [(to, old) for old, to in moves.items()])
    if moves:
        db.note_all()
    forgotten = [(room_id,) for room_id in sorted(gone.keys() - moves.keys())[:MAX_FORGOTTEN]]
    db.executemany(f"DELETE FROM rooms WHERE gateway_id = ? AND {IS_PLAIN} AND {UNUSED}", forgotten)
    note_topics(db, topics)
    return moves


def modes(db: Connection) -> dict[str, Mode]:
    """Return how each room takes part in its community, by room id, as far as that was decided."""
    rows = db.execute("SELECT gateway_id, mode FROM rooms WHERE mode IS NOT NULL")
    return {room_id: Mode(mode) for room_id, mode in rows}


def numbers(db: Connection) -> dict[str, int]:
    """Return the keys of the rooms that have a mode, by room id."""
    return dict(db.execute("SELECT gateway_id, id FROM rooms WHERE mode IS NOT NULL").fetchall())


def forget_mode(db: Connection, room_id: str) -> None:
    """Let nothing be decided about a room: it is in no community."""
    db.execute("UPDATE rooms SET mode = NULL WHERE gateway_id = ?", (room_id,))


def decided(db: Connection) -> list[tuple[str, Mode]]:
    """Return topic and mode of each room about which that was decided, by topic."""
    rows = db.execute("SELECT coalesce(topic, gateway_id), mode FROM rooms WHERE mode IS NOT NULL ORDER BY 1")
    return [(topic, Mode(mode)) for topic, mode in rows]


def id_of(db: Connection, room: int) -> str:
    """Return the gateway's id of the room of that key; empty when it is forgotten."""
    row = db.execute("SELECT gateway_id FROM rooms WHERE id = ?", (room,)).fetchone()
    return str(row[0]) if row else ""


def set_mode(db: Connection, room_id: str, mode: Mode) -> None:
    """Decide how a room takes part in its community."""
    db.execute("UPDATE rooms SET mode = ? WHERE id = ?", (mode, key(db, room_id)))


def introduced_at(db: Connection, room_id: str) -> float:
    """Return when the bot last said in that room what it does; 0 when never."""
    row = db.execute("SELECT introduced_at FROM rooms WHERE gateway_id = ?", (room_id,)).fetchone()
    return float(row[0]) if row else 0.0


def note_introduction(db: Connection, room_id: str, now: float) -> None:
    """Note that the bot says in that room what it does."""
    db.execute("UPDATE rooms SET introduced_at = ? WHERE id = ?", (now, key(db, room_id)))
