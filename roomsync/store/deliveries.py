"""The table `deliveries`: one part of a message for one room, and its state."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from roomsync.model import Kind, Mode, Part, Reason, State
from roomsync.store import parts, rooms
from roomsync.store.connection import Connection
from roomsync.store.rooms import KEY
from roomsync.store.waiting import AHEAD, IS_NO_COUNT, IS_WAITING, Waiting

Value = str | float | None
# What may become of a delivery; of those in other states nothing. A throttle notice takes back that one was sent, and
# so does the recall of another one that travelled with it. A caption may have to stand before its picture once more.
ALLOWED: dict[State, tuple[State, ...]] = {
    State.WAITING: (State.SENDING, State.SENT, State.OMITTED, State.EXPIRED, State.CANCELLED),
    State.SENDING: (State.SENT, State.WAITING, State.FAILED),
    State.SENT: (State.WAITING, State.CANCELLED),
    State.OMITTED: (State.WAITING,),
    State.CANCELLED: (State.WAITING,),  # staff takes back what cancelled it
}
ADD = "INSERT INTO deliveries (message_id, part, room, source, priority, changed) VALUES (?, ?, ?, ?, ?, ?)"
ADD_RECALL = f"""
INSERT INTO deliveries (message_id, part, room, source, priority, recalled_send, changed)
SELECT id, ?, {KEY}, room, ?, ?, ? FROM messages WHERE id = ?
"""
# The caption of a picture, with the send that it went with, or in the place of which it was omitted.
CAPTION = """
SELECT c.id, c.state, c.send_id FROM deliveries AS d
JOIN deliveries AS c INDEXED BY deliveries_message ON c.message_id = d.message_id AND c.part = d.part - 1
AND c.room = d.room JOIN parts AS p ON p.message_id = c.message_id AND p.part = c.part
WHERE d.id = ? AND p.caption ORDER BY c.id LIMIT 1
"""
KEEP = """
INSERT INTO deliveries (message_id, part, room, source, state, attempts, send_id, changed)
SELECT message_id, part, room, source, state, attempts, send_id, changed FROM deliveries WHERE id = ?
"""


class Carried(NamedTuple):
    """A delivery that went, or may have gone, with a send."""

    id: int
    message_id: int
    state: State


def add(db: Connection, message_id: int, by_room: Mapping[str, Sequence[Part]], now: float, priority: int = 0) -> None:
    """Add the parts of a message, and a waiting delivery of each for each room that gets it."""
    numbers: dict[Part, int] = {}  # equal parts are kept once
    (source,) = db.execute("SELECT room FROM messages WHERE id = ?", (message_id,)).fetchone()
    keys = rooms.keys(db, by_room)
    rows = [
        (message_id, numbers.setdefault(part, len(numbers)), keys[room_id], source, priority, now)
        for room_id, found in by_room.items()
        for part in found
    ]
    parts.add(db, message_id, numbers)
    db.executemany(ADD, rows)
    if priority > 0:
        db.note_first(by_room)
    else:
        db.note_waiting(room_id for room_id, found in by_room.items() if found)


def add_recall(db: Connection, message_id: int, room_id: str, part: int, send_id: int, now: float) -> None:
    """Add a delivery that takes a send back, ahead of all that waits for that room."""
    db.execute(ADD_RECALL, (part, room_id, AHEAD, send_id, now, message_id))
    db.note_first([room_id])


def change(db: Connection, ids: Iterable[int], source: State, target: State, now: float, **columns: Value) -> int:
    """Change those of these deliveries that are in the state `source` to `target`; return how many.

    One that is no more in the state `source`, because an echo settled it meanwhile, is left as it is. `columns`: what
    else to set. Raises ValueError for a change that is not allowed. Every change of state is made here.
    """
    if target not in ALLOWED.get(source, ()):
        raise ValueError(f"a delivery cannot become {target} that is {source}")
    names, ids = "".join(f", {name} = ?" for name in columns), list(ids)
    if target is State.WAITING:
        db.note_first(_rooms_of(db, ids))
    script = f"UPDATE deliveries SET state = ?, changed = ?{names} WHERE id = ? AND state = '{source}'"
    return db.executemany(script, [(target, now, *columns.values(), one) for one in ids]).rowcount


def change_carried(db: Connection, send_id: int, sources: Iterable[State], target: State, now: float) -> int:
    """Change the deliveries that a send carries, likewise."""
    ids = _find(db, "send_id = ?", send_id)
    return sum(change(db, ids, source, target, now) for source in sources)


def expire_message(db: Connection, message_id: int, now: float) -> None:
    """Give up all that waits of a message."""
    change(db, _find(db, "message_id = ?", message_id), State.WAITING, State.EXPIRED, now)


def cancel_unsent(db: Connection, message_id: int, room_id: str | None, reason: Reason, now: float) -> None:
    """Cancel what waits of a message and went nowhere yet, for one room or (None) for all.

    A line that counts pictures stays: others' pictures may be among them.
    """
    where = f"message_id = ? AND send_id IS NULL AND {IS_NO_COUNT} AND (? IS NULL OR room = {KEY})"
    change(db, _find(db, where, message_id, room_id, room_id), State.WAITING, State.CANCELLED, now, reason=reason)


def cancel_room(db: Connection, room_id: str, reason: Reason, now: float) -> int:
    """Cancel what waits for a room; return how many deliveries that were."""
    query = f"SELECT id FROM deliveries INDEXED BY deliveries_by_source WHERE {IS_WAITING} AND room = {KEY}"
    ids = [delivery for (delivery,) in db.execute(query, (room_id,))]
    return change(db, ids, State.WAITING, State.CANCELLED, now, reason=reason)


def has_waiting(db: Connection, message_id: int) -> bool:
    """Return whether something of a message waits to be sent."""
    return bool(_find(db, f"message_id = ? AND {IS_WAITING}", message_id))


def shut_room(db: Connection, room_id: str, now: float) -> int:
    """Cancel what waits for a room that hears nothing any more; return how many deliveries.

    Not what takes something back, nor what may have gone: its echo settles it.
    """
    ids = _find(db, f"{IS_WAITING} AND room = {KEY} AND recalled_send IS NULL AND send_id IS NULL", room_id)
    return change(db, ids, State.WAITING, State.CANCELLED, now, reason=Reason.ROOM_SHUT)


def open_room(db: Connection, room_id: str, shut_at: float, since: float, now: float) -> int:
    """Let what `shut_room` cancelled then wait again; return how many deliveries.

    Not what was taken back meanwhile, nor what was accepted before `since`.
    """
    where = f"""
    room = {KEY} AND state = '{State.CANCELLED}' AND reason = '{Reason.ROOM_SHUT}' AND changed = ?
    AND NOT EXISTS (SELECT 1 FROM recalls WHERE recalled = deliveries.message_id)
    AND (SELECT accepted_at FROM messages WHERE id = deliveries.message_id) >= ?
    """
    return change(db, _find(db, where, room_id, shut_at, since), State.CANCELLED, State.WAITING, now, reason=None)


def restore(db: Connection, message_id: int, now: float) -> int:
    """Let what the recall of a message cancelled be sent again, to rooms that hear; return how many deliveries."""
    where = f"""
    message_id = ? AND state = '{State.CANCELLED}' AND reason = '{Reason.RECALLED}'
    AND (SELECT mode FROM rooms WHERE id = deliveries.room) IN ('{Mode.NORMAL}', '{Mode.RECEIVE}')
    """
    ids = _find(db, where, message_id)
    return change(db, ids, State.CANCELLED, State.WAITING, now, reason=None, send_id=None, next_try=0.0)


def cancel_recall(db: Connection, recall: int, now: float) -> None:
    """Cancel what waits of a recall."""
    ids = _find(db, "message_id = ?", recall)
    change(db, ids, State.WAITING, State.CANCELLED, now, reason=Reason.UNDONE)


def count_pictures(db: Connection, captions: Sequence[int], pictures: Iterable[int], line: str, now: float) -> None:
    """Let one line wait in the place of the first of these captions, and cancel the others with their pictures.

    They are of one talker and wait for one room, captions in their order.
    """
    first, *others = captions
    message_id, header = message_of(db, first)
    part = parts.append(db, message_id, Part(Kind.TEXT, line, header))
    db.execute("UPDATE deliveries SET part = ?, reason = ? WHERE id = ?", (part, Reason.COUNTED, first))
    change(db, [*others, *pictures], State.WAITING, State.CANCELLED, now, reason=Reason.COUNTED)


def bring_forward(db: Connection, delivery_id: int) -> None:
    """Let a delivery go ahead of all that waits for its room."""
    db.execute("UPDATE deliveries SET priority = ? WHERE id = ?", (AHEAD, delivery_id))
    db.note_first(_rooms_of(db, [delivery_id]))


def caption_again(db: Connection, picture: Waiting, last_send: int | None, now: float) -> bool:
    """Let the caption of a picture wait again, unless it stands last in their room; return whether it does now.

    `last_send`: the last send to that room, without the picture's own. That the caption went before is kept.
    """
    row = db.execute(CAPTION, (picture.id,)).fetchone()
    if row is None:
        return False
    caption, state, send_id = row
    if state not in (State.SENT, State.OMITTED) or (send_id is not None and send_id == last_send):
        return False
    if state == State.SENT:
        db.execute(KEEP, (caption,))
    values: dict[str, Value] = {"send_id": None, "priority": picture.priority, "next_try": 0.0}
    return change(db, [caption], State(state), State.WAITING, now, **values) > 0


def recover(db: Connection, now: float) -> int:
    """Let what was being sent when the process died wait again: whether it went out is not known."""
    return change(db, _find(db, f"state = '{State.SENDING}'"), State.SENDING, State.WAITING, now)


def _rooms_of(db: Connection, ids: Iterable[int]) -> list[str]:
    query = "SELECT gateway_id FROM rooms WHERE id = (SELECT room FROM deliveries WHERE id = ?)"
    return [db.execute(query, (one,)).fetchone()[0] for one in ids]


def _find(db: Connection, where: str, *keys: Value) -> list[int]:
    return [one for (one,) in db.execute(f"SELECT id FROM deliveries WHERE {where}", keys)]


def carried(db: Connection, send_id: int | None) -> list[Carried]:
    """Return the deliveries of a send; none for one that is forgotten."""
    rows = db.execute("SELECT id, message_id, state FROM deliveries WHERE send_id = ?", (send_id,))
    return [Carried(one, message_id, State(state)) for one, message_id, state in rows]


def message_of(db: Connection, delivery_id: int) -> tuple[int, str]:
    """Return the message that a delivery is of, and the header of its part."""
    query = "SELECT message_id, header FROM deliveries JOIN parts USING (message_id, part) WHERE id = ?"
    message_id, header = db.execute(query, (delivery_id,)).fetchone()
    return message_id, header


def recalled_sent_id(db: Connection, delivery_id: int, since: float) -> str | None:
    """Return the gateway's id of what a recall takes back; None when it has none, or was sent before `since`."""
    query = "SELECT sent_id FROM deliveries AS d JOIN sends AS s ON s.id = d.recalled_send WHERE d.id = ? AND s.at >= ?"
    row = db.execute(query, (delivery_id, since)).fetchone()
    return row[0] if row else None


def counts(db: Connection) -> dict[State, int]:
    """Return how many deliveries are in each state."""
    return {State(state): count for state, count in db.execute("SELECT state, count(*) FROM deliveries GROUP BY state")}


def clamp(db: Connection, now: float, latest: float) -> None:
    """Let what is to be tried later than `latest` be tried now: the clock was set back."""
    db.execute(f"UPDATE deliveries SET next_try = ? WHERE {IS_WAITING} AND next_try > ?", (now, latest))
    db.note_all()
