"""What waits in the table `deliveries`, read in the order in which it goes."""

import json
from collections.abc import Collection, Generator
from itertools import starmap
from typing import NamedTuple

from roomsync.model import Head, Kind, Reason, State
from roomsync.store.connection import Connection
from roomsync.store.sends import Copy

ANNOUNCED = 2  # of what staff announces: before all else
AHEAD = 1  # the priority of recalls, and of a picture whose last attempt is due: before what was said before them
PASSED = -1  # of a picture that was refused: until its last attempt is due, the others pass
IS_WAITING = f"state = '{State.WAITING}'"  # as the index deliveries_by_source has it
IS_NO_COUNT = f"reason IS NOT '{Reason.COUNTED}'"  # of the line that counts pictures: it is of no one message alone
IS_OUT_OF_TURN = f"{IS_WAITING} AND priority <> 0"  # as the index deliveries_out_of_turn has it
# Every room that something waits for. It hops from room to room in the index, so that its cost grows with the rooms,
# not with the deliveries (https://sqlite.org/lang_with.html#rcex3, and a plain GROUP BY reads them all).
WAITING_ROOMS = f"""
WITH RECURSIVE waiting_rooms (room) AS (
    SELECT min(room) FROM deliveries INDEXED BY deliveries_by_source WHERE {IS_WAITING} UNION ALL
    SELECT (SELECT min(room) FROM deliveries INDEXED BY deliveries_by_source WHERE {IS_WAITING} AND room > w.room)
    FROM waiting_rooms AS w WHERE room IS NOT NULL
)
"""
# The next of them behind a room, by our keys.
ROOM_AFTER = f"""
SELECT r.id, r.gateway_id FROM rooms AS r WHERE r.id = (
    SELECT min(room) FROM deliveries INDEXED BY deliveries_by_source WHERE {IS_WAITING} AND room > ?)
"""
# When the first of a room that goes ahead of all others there may go; NULL when none does.
AHEAD_AT = f"""
SELECT next_try FROM deliveries INDEXED BY deliveries_out_of_turn
WHERE {IS_OUT_OF_TURN} AND priority > 0 AND room = r.id ORDER BY priority DESC, id LIMIT 1
"""
# Every room that something waits for, with that time.
HEADS = f"{WAITING_ROOMS} SELECT r.gateway_id, ({AHEAD_AT}) FROM waiting_rooms AS w JOIN rooms AS r ON r.id = w.room"
# Likewise of one room.
HEAD = f"""
SELECT r.gateway_id, ({AHEAD_AT}) FROM rooms AS r WHERE r.gateway_id = ?
AND EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_by_source WHERE {IS_WAITING} AND room = r.id)
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
# A picture may be megabytes, and is read when it is sent. What was taken back is quoted no more.
COLUMNS = f"""
SELECT d.id, p.kind, CASE p.kind WHEN '{Kind.TEXT}' THEN p.body ELSE '' END, p.header, p.mention, p.caption,
m.talker_id, d.attempts, d.send_id, d.room, d.source, d.priority, d.next_try, p.quoted,
CASE WHEN EXISTS (SELECT 1 FROM recalls WHERE recalled = p.quoted) THEN '' ELSE p.quote_line END, m.accepted_at
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
# What waits of messages that were accepted before a time, the oldest first. Notices never expire. Messages before the
# one that has waited longest, whose delivery has the lowest id, are done with: the index alone shows which they are.
OLDER = f"""
SELECT d.id, r.gateway_id, d.message_id, m.kind FROM messages AS m INDEXED BY messages_accepted
CROSS JOIN deliveries AS d INDEXED BY deliveries_message ON d.message_id = m.id AND d.{IS_WAITING}
CROSS JOIN rooms AS r ON r.id = d.room
WHERE m.accepted_at < ? AND m.missed = 0 AND r.gateway_id NOT IN (SELECT value FROM json_each(?))
AND m.id >= (SELECT message_id FROM deliveries WHERE id = (
    SELECT min(id) FROM deliveries INDEXED BY deliveries_by_source WHERE {IS_WAITING}))
ORDER BY m.accepted_at, m.id
"""
PASSED_ONES = f"""
SELECT d.id, r.gateway_id, next_try FROM deliveries AS d INDEXED BY deliveries_out_of_turn
JOIN rooms AS r ON r.id = d.room WHERE {IS_OUT_OF_TURN} AND priority < 0 ORDER BY next_try
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


def heads(db: Connection, now: float) -> list[Head]:
    """Return every room that has something waiting."""
    return [_head(row, now) for row in db.execute(HEADS)]


def head(db: Connection, room_id: str, now: float) -> Head | None:
    """Return a room if it has something waiting."""
    row = db.execute(HEAD, (room_id,)).fetchone()
    return _head(row, now) if row else None


def _head(row: tuple[str, float | None], now: float) -> Head:
    room_id, ahead_at = row
    is_urgent = ahead_at is not None and ahead_at <= now
    return Head(room_id, is_urgent, None if is_urgent else ahead_at)


def room_after(db: Connection, key: int) -> tuple[int, str] | None:
    """Return the room with the next higher key that something waits for: its key and its id."""
    row: tuple[int, str] | None = db.execute(ROOM_AFTER, (key,)).fetchone()
    return row


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


def older(db: Connection, accepted_before: float, limit: int, spared: Collection[str] = ()) -> list[Old]:
    """Return what waits and was accepted before that time, about `limit` at the most, messages whole.

    `spared`: rooms of which nothing is wanted.
    """
    found: list[Old] = []
    for one in starmap(Old, db.execute(OLDER, (accepted_before, json.dumps(list(spared))))):
        if len(found) >= limit and one.message_id != found[-1].message_id:
            break
        found.append(one)
    return found


def passed(db: Connection) -> list[Passed]:
    """Return the deliveries that others pass, the first that is due first: they are few."""
    return [Passed(*row) for row in db.execute(PASSED_ONES)]
