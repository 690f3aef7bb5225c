"""The outbox: messages and their deliveries in one SQLite file, committed before anything is sent."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from roomsync.headers import join
from roomsync.kinds import MEDIA
from roomsync.model import Head, Kind, Message, Part, Send, Shown
from roomsync.outcomes import Outcomes, spend
from roomsync.statefile import StateFile

# The oldest waiting delivery of every room. It hops from room to room in the index, so that its cost grows with
# the rooms, not with the deliveries (https://sqlite.org/lang_with.html#rcex3, and a plain GROUP BY reads them all).
HEADS = """
WITH RECURSIVE waiting_rooms (room_id) AS (
    SELECT min(room_id) FROM deliveries WHERE state = 'waiting'
    UNION ALL
    SELECT (SELECT min(room_id) FROM deliveries WHERE state = 'waiting' AND room_id > waiting_rooms.room_id)
    FROM waiting_rooms WHERE room_id IS NOT NULL
)
SELECT d.room_id, d.next_try, d.urgent FROM waiting_rooms AS w JOIN deliveries AS d ON d.id = (
    SELECT id FROM deliveries WHERE state = 'waiting' AND room_id = w.room_id ORDER BY urgent DESC, id LIMIT 1
)
"""
# A room's waiting deliveries, in the order in which they go, with what they are made of (the fields of _Row).
WAITING = """
SELECT d.id, p.kind, p.body, p.header, p.mention, p.caption, m.talker_id, d.attempts, d.send_id FROM deliveries AS d
JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part JOIN messages AS m ON m.id = d.message_id
WHERE d.state = 'waiting' AND d.room_id = ? ORDER BY d.urgent DESC, d.id LIMIT ?
"""
BATCH_MOST = 200  # deliveries looked at for one send


class _Row(NamedTuple):
    """A waiting delivery with what it is made of."""

    id: int
    kind: str
    body: str
    header: str
    mention: str
    caption: int
    talker_id: str
    attempts: int
    send_id: int | None

    def line(self) -> tuple[str, str, str]:
        return self.talker_id, self.header, self.body


class Outbox(Outcomes):
    """Messages, deliveries and sends in the state file; every method is one transaction.

    Every method raises `StateFileError` when the file cannot be used. `now` is in seconds since the epoch. A text
    that is sent has at most `max_bytes` bytes of UTF-8, unless a single delivery is longer.
    """

    def __init__(self, state: StateFile, max_bytes: int) -> None:
        super().__init__(state)
        self._max_bytes = max_bytes
        with state.transaction() as db:
            # Only a crash leaves a row in "sending": whether it went out is not known, so it is sent again.
            db.execute("UPDATE deliveries SET state = 'waiting' WHERE state = 'sending'")

    def accept(
        self,
        message: Message,
        parts: Sequence[Part],
        room_ids: Iterable[str],
        now: float,
        special: Mapping[str, Sequence[Part]] | None = None,
    ) -> bool:
        """Commit `message` and a delivery of each of its `parts` to each room; False when it was known already.

        A room in `special` gets those parts in their place.
        """
        with self._state.transaction() as db:
            db.execute("DELETE FROM incoming WHERE gateway_id = ?", (message.id,))
            row = db.execute(
                "INSERT INTO messages (gateway_id, room_id, talker_id, name, kind, accepted)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                (message.id, message.room_id, message.talker_id, message.name, message.kind, now),
            ).fetchone()
            if row is None:
                return False
            recall = (f"recall:{message.id}", message.room_id)
            if db.execute("SELECT 1 FROM messages WHERE gateway_id = ? AND room_id = ?", recall).fetchone():
                return False  # taken back before it was here
            rooms = {room_id: (special or {}).get(room_id, parts) for room_id in room_ids}
            add_deliveries(db, row[0], rooms, now)
            return True

    def heads(self) -> list[Head]:
        """Every room that has something waiting."""
        with self._state.reading() as db:
            return [Head(row[0], row[1], row[2] > 0) for row in db.execute(HEADS)]

    def take(self, room_id: str, now: float, *, alone: bool = False, shown: Shown | None = None) -> Send | None:
        """The next send for a room, its deliveries marked as sending from now on.

        The oldest waiting delivery; when it is a text, and not `alone`, with all texts behind it that fit, up to the
        first delivery of another kind. A send that may have gone out before is made again just as it was, so that an
        echo of the first is known to be of it. `shown`: the picture or card that is the last thing in that room. A
        caption that would only say the same once more is left out.
        """
        with self._state.transaction() as db:
            rows = self._next(db, room_id, now, 1 if alone else BATCH_MOST, shown)
            if not rows:
                return None
            first, send_id = rows[0], rows[0].send_id
            text = join([row.line() for row in rows]) if first.kind == Kind.TEXT else first.body
            if send_id is None:
                (send_id,) = db.execute(
                    "INSERT INTO sends (room_id, kind, body, at) VALUES (?, ?, ?, ?) RETURNING id",
                    (room_id, first.kind, text if first.kind == Kind.TEXT else "", now),
                ).fetchone()
            else:
                spend(db, send_id)
                db.execute("UPDATE sends SET at = ?, tries = tries + 1 WHERE id = ?", (now, send_id))
            db.executemany(
                "UPDATE deliveries SET state = 'sending', send_id = ?, changed = ? WHERE id = ?",
                [(send_id, now, row.id) for row in rows],
            )
            mentions = tuple({row.mention: None for row in rows if row.mention})
            deliveries, repeated = tuple(row.id for row in rows), first.send_id is not None
            kind, of = Kind(first.kind), Shown(first.talker_id, first.header, Kind(first.kind))
            return Send(send_id, room_id, kind, text, deliveries, first.attempts, mentions, of, repeated)

    def _next(self, db: sqlite3.Connection, room_id: str, now: float, most: int, shown: Shown | None) -> list[_Row]:
        """A room's waiting deliveries that go together now, `most` at the most."""
        start = [_Row(*row) for row in db.execute(WAITING, (room_id, 2))]
        if shown and self._needs_no_caption(shown, start):
            db.execute("UPDATE deliveries SET state = 'sent', changed = ? WHERE id = ?", (now, start[0].id))
        with closing(db.execute(WAITING, (room_id, most))) as waiting:
            return self._batch(map(_Row._make, waiting))  # read one by one: most of what waits is not for this send

    @staticmethod
    def _needs_no_caption(shown: Shown, start: list[_Row]) -> bool:
        """A picture right behind one of the same member needs no line that says once more who sent it."""
        if len(start) < 2 or not start[0].caption or start[1].kind not in MEDIA:
            return False
        return shown == Shown(start[0].talker_id, start[0].header, Kind(start[1].kind))

    def _batch(self, rows: Iterator[_Row]) -> list[_Row]:
        """Of a room's waiting deliveries those that go together now."""
        batch: list[_Row] = []
        size = 0
        for row in rows:
            first = batch[0] if batch else row
            same = bool(batch) and (row.talker_id, row.header) == (batch[-1].talker_id, batch[-1].header)
            size += len((row.body if same else row.header + row.body).encode()) + (1 if batch else 0)
            if batch and first.send_id is not None and row.send_id != first.send_id:
                break
            if batch and first.send_id is None and (row.send_id is not None or size > self._max_bytes):
                break
            if batch and (first.kind != Kind.TEXT or row.kind != Kind.TEXT):
                break
            batch.append(row)
        return batch


def add_deliveries(
    db: sqlite3.Connection, message_id: int, rooms: Mapping[str, Sequence[Part]], now: float, *, urgent: bool = False
) -> None:
    """Inside a transaction: the parts of a message for each room; equal parts of several rooms are kept once."""
    numbers: dict[Part, int] = {}
    deliveries = []
    for room_id, parts in rooms.items():
        for part in parts:
            number = numbers.setdefault(part, len(numbers))
            deliveries.append((message_id, number, room_id, int(urgent), now))
    db.executemany(
        "INSERT INTO parts (message_id, part, kind, body, header, mention, caption) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (message_id, number, part.kind, part.body, part.header, part.mention, int(part.caption))
            for part, number in numbers.items()
        ],
    )
    db.executemany(
        "INSERT INTO deliveries (message_id, part, room_id, urgent, changed) VALUES (?, ?, ?, ?, ?)", deliveries
    )
