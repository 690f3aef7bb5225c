"""The table `deliveries`: one part of a message for one room, and its state."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import product, starmap
from sqlite3 import Connection
from typing import NamedTuple

from roomsync.model import Head, Kind, Part, Reason, State
from roomsync.store import parts, rooms
from roomsync.store.rooms import KEY
from roomsync.store.sends import Copy

AHEAD = 1  # the priority of recalls, and of a picture whose last attempt is due: before what was said before them
PASSED = -1  # of a picture that was refused: until its last attempt is due, the others pass
Value = str | float | None
# What may become of a delivery; of those in other states nothing. A throttle notice takes back that one was sent, and
# so does the recall of another one that travelled with it. A caption may have to stand before its picture once more.
ALLOWED: dict[State, tuple[State, ...]] = {
    State.WAITING: (State.SENDING, State.SENT, State.OMITTED, State.EXPIRED, State.CANCELLED),
    State.SENDING: (State.SENT, State.WAITING, State.FAILED),
    State.SENT: (State.WAITING, State.CANCELLED),
    State.OMITTED: (State.WAITING,),
}
IS_WAITING = f"state = '{State.WAITING}'"  # as the index deliveries_waiting has it
ADD = "INSERT INTO deliveries (message_id, part, room, source, priority, changed) VALUES (?, ?, ?, ?, ?, ?)"
ADD_RECALL = f"""
INSERT INTO deliveries (message_id, part, room, source, priority, recalled_send, changed)
SELECT id, ?, {KEY}, room, ?, ?, ? FROM messages WHERE id = ?
"""
# Every room that something waits for. It hops from room to room in the index, so that its cost grows with the rooms,
# not with the deliveries (https://sqlite.org/lang_with.html#rcex3, and a plain GROUP BY reads them all).
WAITING_ROOMS = f"""
WITH RECURSIVE waiting_rooms (room) AS (
    SELECT min(room) FROM deliveries WHERE {IS_WAITING} UNION ALL
    SELECT (SELECT min(room) FROM deliveries WHERE {IS_WAITING} AND room > w.room)
    FROM waiting_rooms AS w WHERE room IS NOT NULL
)
"""
# The first waiting delivery of each: when it may go, if it is a text; what else waits may go at any time.
HEADS = f"""
{WAITING_ROOMS}
SELECT r.gateway_id,
    CASE WHEN d.next_try > :now AND d.priority = 0 AND EXISTS (
        SELECT 1 FROM parts AS p WHERE p.message_id = d.message_id AND p.part = d.part AND p.kind = '{Kind.TEXT}')
    THEN d.next_try ELSE 0.0 END,
    d.priority > 0 AND d.next_try <= :now
FROM waiting_rooms AS w JOIN rooms AS r ON r.id = w.room JOIN deliveries AS d ON d.id = (
    SELECT id FROM deliveries INDEXED BY deliveries_waiting
    WHERE {IS_WAITING} AND room = w.room ORDER BY priority DESC, id LIMIT 1)
"""
# Every source room of what waits for a room, likewise.
SOURCES = f"""
WITH RECURSIVE sources (room, source) AS (
    SELECT r.id, (SELECT min(source) FROM deliveries INDEXED BY deliveries_by_source
        WHERE {IS_WAITING} AND room = r.id) FROM rooms AS r WHERE r.gateway_id = ? UNION ALL
    SELECT room, (SELECT min(source) FROM deliveries INDEXED BY deliveries_by_source
        WHERE {IS_WAITING} AND room = s.room AND source > s.source) FROM sources AS s WHERE source IS NOT NULL
)
"""
# A picture may be megabytes, and is read when it is sent.
COLUMNS = f"""
SELECT d.id, p.kind, CASE p.kind WHEN '{Kind.TEXT}' THEN p.body ELSE '' END, p.header, p.mention, p.caption,
m.talker_id, d.attempts, d.send_id, d.room, d.source, d.priority, d.next_try, p.quoted, p.quote_line, m.accepted_at
"""
MADE_OF = "JOIN parts AS p USING (message_id, part) JOIN messages AS m ON m.id = d.message_id"
# The first delivery that waits for a room from each source room.
FRONTS = f"""
{SOURCES} {COLUMNS} FROM sources AS s JOIN deliveries AS d ON d.id = (
    SELECT id FROM deliveries INDEXED BY deliveries_by_source
    WHERE {IS_WAITING} AND room = s.room AND source = s.source ORDER BY priority DESC, id LIMIT 1)
{MADE_OF} WHERE s.source IS NOT NULL
"""
# What waits behind it, in the order in which it goes.
WAITING = f"""
{COLUMNS} FROM deliveries AS d INDEXED BY deliveries_by_source {MADE_OF}
WHERE d.{IS_WAITING} AND d.room = ? AND d.source = ? ORDER BY d.priority DESC, d.id LIMIT -1 OFFSET 1
"""
BODY = "SELECT body FROM deliveries JOIN parts USING (message_id, part) WHERE id = ?"
# What waits of a send, in the order in which it went: a caption stands last.
OF_SEND = f"{COLUMNS} FROM deliveries AS d {MADE_OF} WHERE d.send_id = ? AND d.{IS_WAITING} ORDER BY p.caption, d.id"
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
# What waits for a room with one priority, the oldest first. Notices never expire.
OLDEST = f"""
SELECT d.id, r.gateway_id, d.message_id, m.kind, m.accepted_at FROM deliveries AS d INDEXED BY deliveries_waiting
CROSS JOIN messages AS m ON m.id = d.message_id CROSS JOIN rooms AS r ON r.id = d.room
WHERE d.{IS_WAITING} AND d.room = ? AND d.priority = ? AND m.missed = 0 ORDER BY d.id
"""
PASSED_ONES = f"""
SELECT d.id, r.gateway_id, d.next_try FROM deliveries AS d INDEXED BY deliveries_passed JOIN rooms AS r ON r.id = d.room
WHERE d.{IS_WAITING} AND d.priority < 0 ORDER BY d.next_try
"""


class Waiting(NamedTuple):
    """A waiting delivery with what it is made of; `body` is empty of what is no text."""

    id: int
    kind: str
    body: str
    header: str
    mention: str
    caption: int
    talker_id: str
    attempts: int
    send_id: int | None  # the send that it may have gone with
    room: int  # the key of the room that it is for
    source: int  # the key of the room where it was said
    priority: int
    next_try: float
    quoted: int | None  # the key of the message that it quotes, if the bot knows it
    quote_line: str  # what says so where the gateway does not
    accepted_at: float
    copy: Copy | None = None  # what the room has of that, if it is quoted there and not only named

    def words(self) -> str:
        """Return what its room reads behind the header; empty for what is no text."""
        return f"{self.body}\n{self.quote_line}" if self.quote_line else self.body

    def line(self) -> tuple[str, str, str]:
        """Return talker, header and words, as `headers.join` takes them.

        What is quoted is named, too, where others' words stand in what is quoted.
        """
        is_named = self.copy is None or self.copy.mixed
        return self.talker_id, self.header, self.words() if is_named else self.body


class Old(NamedTuple):
    """A delivery that waits for a room, and the message that it is of."""

    id: int
    room_id: str
    message_id: int
    kind: str


class Passed(NamedTuple):
    """A delivery that others of its room pass until it is due."""

    id: int
    room_id: str
    due_at: float


class Carried(NamedTuple):
    """A delivery that went, or may have gone, with a send."""

    id: int
    message_id: int
    state: State


def add(db: Connection, message_id: int, by_room: Mapping[str, Sequence[Part]], now: float, priority: int = 0) -> None:
    """Add the parts of a message, and a waiting delivery of each for each room that gets it."""
    numbers: dict[Part, int] = {}  # equal parts are kept once
    (source,) = db.execute("SELECT room FROM messages WHERE id = ?", (message_id,)).fetchone()
    rows = [
        (message_id, numbers.setdefault(part, len(numbers)), room, source, priority, now)
        for room, found in [(rooms.key(db, room_id), found) for room_id, found in by_room.items()]
        for part in found
    ]
    parts.add(db, message_id, numbers)
    db.executemany(ADD, rows)


def add_recall(db: Connection, message_id: int, room_id: str, part: int, send_id: int, now: float) -> None:
    """Add a delivery that takes a send back, ahead of all that waits for that room."""
    db.execute(ADD_RECALL, (part, room_id, AHEAD, send_id, now, message_id))


def change(db: Connection, ids: Iterable[int], source: State, target: State, now: float, **columns: Value) -> int:
    """Change those of these deliveries that are in the state `source` to `target`; return how many.

    One that is no more in the state `source`, because an echo settled it meanwhile, is left as it is. `columns`: what
    else to set. Raises ValueError for a change that is not allowed. Every change of state is made here.
    """
    if target not in ALLOWED.get(source, ()):
        raise ValueError(f"a delivery cannot become {target} that is {source}")
    names = "".join(f", {name} = ?" for name in columns)
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
    """Cancel what waits of a message and went nowhere yet, for one room or (None) for all."""
    where = f"message_id = ? AND send_id IS NULL AND (? IS NULL OR room = {KEY})"
    change(db, _find(db, where, message_id, room_id, room_id), State.WAITING, State.CANCELLED, now, reason=reason)


def cancel_room(db: Connection, room_id: str, reason: Reason, now: float) -> int:
    """Cancel what waits for a room; return how many deliveries that were."""
    query = f"SELECT id FROM deliveries INDEXED BY deliveries_waiting WHERE {IS_WAITING} AND room = {KEY}"
    ids = [delivery for (delivery,) in db.execute(query, (room_id,))]
    return change(db, ids, State.WAITING, State.CANCELLED, now, reason=reason)


def passed(db: Connection) -> list[Passed]:
    """Return the deliveries that others pass, the first that is due first: they are few."""
    return [Passed(*row) for row in db.execute(PASSED_ONES)]


def bring_forward(db: Connection, delivery_id: int) -> None:
    """Let a delivery go ahead of all that waits for its room."""
    db.execute("UPDATE deliveries SET priority = ? WHERE id = ?", (AHEAD, delivery_id))


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
    return change(db, _find(db, "state = ?", State.SENDING), State.SENDING, State.WAITING, now)


def _find(db: Connection, where: str, *keys: Value) -> list[int]:
    return [one for (one,) in db.execute(f"SELECT id FROM deliveries WHERE {where}", keys)]


def heads(db: Connection, now: float) -> list[Head]:
    """Return every room that has something waiting, and before when nothing may go there for sure."""
    return [Head(room_id, next_try, bool(urgent)) for room_id, next_try, urgent in db.execute(HEADS, {"now": now})]


def fronts(db: Connection, room_id: str) -> list[Waiting]:
    """Return what waits for a room and stands first, of each source room apart."""
    return [Waiting(*row) for row in db.execute(FRONTS, (room_id,))]


def body_of(db: Connection, delivery_id: int) -> str:
    """Return what is sent for a delivery, without its header."""
    return str(db.execute(BODY, (delivery_id,)).fetchone()[0])


def of_send(db: Connection, send_id: int) -> list[Waiting]:
    """Return what waits of a send that was made before."""
    return [Waiting(*row) for row in db.execute(OF_SEND, (send_id,))]


def behind(db: Connection, front: Waiting) -> Generator[Waiting]:
    """Give what waits behind what stands first, in its order, one by one: most of it is not for this send."""
    cursor = db.execute(WAITING, (front.room, front.source))
    try:
        yield from starmap(Waiting, cursor)
    finally:
        cursor.close()


def older(db: Connection, accepted_before: float, limit: int) -> list[Old]:
    """Return what waits and was accepted before that time, about `limit` at the most, messages whole.

    What waits for a room is in the order in which it was accepted: where the first is not old, no other is.
    """
    found: list[Old] = []
    rooms = db.execute(f"{WAITING_ROOMS} SELECT room FROM waiting_rooms WHERE room IS NOT NULL").fetchall()
    for (room,), priority in product(rooms, (AHEAD, 0, PASSED)):
        for *old, accepted_at in db.execute(OLDEST, (room, priority)):
            one = Old(*old)
            if accepted_at >= accepted_before:
                break
            if len(found) >= limit and one.message_id != found[-1].message_id:
                return found
            found.append(one)
    return found


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
