"""The outbox: messages and their deliveries in one SQLite file, committed before anything is sent."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from roomsync.headers import join
from roomsync.kinds import MEDIA, Kind
from roomsync.relay import Message, Part, kind_of_echo
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
SELECT d.id, p.kind, p.body, p.head, p.mention, p.caption, m.talker_id, d.attempts, d.send_id FROM deliveries AS d
JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part JOIN messages AS m ON m.id = d.message_id
WHERE d.state = 'waiting' AND d.room_id = ? ORDER BY d.urgent DESC, d.id LIMIT ?
"""
# What was last sent to a room, if nobody has spoken there since: the header it belongs to, its talker and its kind.
LAST = """
SELECT c.head, m.talker_id, s.kind FROM sends AS s JOIN deliveries AS d ON d.send_id = s.id AND d.state = 'sent'
JOIN messages AS m ON m.id = d.message_id JOIN parts AS c ON c.message_id = m.id AND c.caption = 1
WHERE s.id = (SELECT max(id) FROM sends WHERE room_id = :room)
AND NOT EXISTS (SELECT 1 FROM messages WHERE room_id = :room AND accepted >= s.at)
AND NOT EXISTS (SELECT 1 FROM status WHERE key = 'brought_to:' || :room AND CAST(value AS REAL) >= s.at)
"""
BATCH_MOST = 200  # deliveries looked at for one send

ECHO_LIFE = 600.0  # seconds after a send in which its echo is waited for


class State(StrEnum):
    """Where a delivery is in its life."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Send:
    """One call to the gateway for one room, carrying one delivery or, of texts, several.

    `body` is the text, or the gateway's JSON for any other kind; of the kind RECALLED, it is not a message that is
    sent, but one that is taken back (see `recalls`). `attempts` is how often its first delivery was tried.
    """

    id: int
    room_id: str
    kind: Kind
    body: str
    deliveries: tuple[int, ...]
    attempts: int
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Head:
    """A room with waiting deliveries; the oldest may go from `next_try` on (seconds since the epoch)."""

    room_id: str
    next_try: float
    urgent: bool = False


class _Row(NamedTuple):
    """A waiting delivery with what it is made of."""

    id: int
    kind: str
    body: str
    head: str
    mention: str
    caption: int
    talker_id: str
    attempts: int
    send_id: int | None

    def line(self) -> tuple[str, str, str]:
        return self.talker_id, self.head, self.body


class Outbox:
    """Messages, deliveries and sends in the state file; every method is one transaction.

    Every method raises `StateFileError` when the file cannot be used. `now` is in seconds since the epoch. A text
    that is sent has at most `max_bytes` bytes of UTF-8, unless a single delivery is longer.
    """

    def __init__(self, state: StateFile, max_bytes: int) -> None:
        self._state = state
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
            rooms = {room_id: (special or {}).get(room_id, parts) for room_id in room_ids}
            add_deliveries(db, row[0], rooms, now)
            return True

    def heads(self) -> list[Head]:
        """Every room that has something waiting."""
        with self._state.reading() as db:
            return [Head(row[0], row[1], bool(row[2])) for row in db.execute(HEADS)]

    def take(self, room_id: str, now: float, *, alone: bool = False) -> Send | None:
        """The next send for a room, its deliveries marked as sending from now on.

        The oldest waiting delivery; when it is a text, and not `alone`, with all texts behind it that fit, up to the
        first delivery of another kind. A send that may have gone out before is made again just as it was, so that an
        echo of the first is known to be of it.
        """
        with self._state.transaction() as db:
            rows = [_Row(*row) for row in db.execute(WAITING, (room_id, 1 if alone else BATCH_MOST))]
            rows = self._without_needless_caption(db, room_id, rows, now)
            if not rows:
                return None
            rows = self._batch(rows)
            first, send_id = rows[0], rows[0].send_id
            text = join([row.line() for row in rows]) if first.kind == Kind.TEXT else first.body
            if send_id is None:
                (send_id,) = db.execute(
                    "INSERT INTO sends (room_id, kind, body, at) VALUES (?, ?, ?, ?) RETURNING id",
                    (room_id, first.kind, text if first.kind == Kind.TEXT else "", now),
                ).fetchone()
            else:
                db.execute("UPDATE sends SET at = ? WHERE id = ?", (now, send_id))
            db.executemany(
                "UPDATE deliveries SET state = 'sending', send_id = ?, changed = ? WHERE id = ?",
                [(send_id, now, row.id) for row in rows],
            )
            mentions = tuple({row.mention: None for row in rows if row.mention})
            return Send(
                send_id, room_id, Kind(first.kind), text, tuple(row.id for row in rows), first.attempts, mentions
            )

    @staticmethod
    def _without_needless_caption(db: sqlite3.Connection, room_id: str, rows: list[_Row], now: float) -> list[_Row]:
        """A picture right behind one of the same member needs no line that says once more who sent it."""
        if len(rows) < 2 or not rows[0].caption or rows[1].kind not in MEDIA:
            return rows
        last = db.execute(LAST, {"room": room_id}).fetchall()
        if last != [(rows[0].head, rows[0].talker_id, rows[1].kind)]:
            return rows
        db.execute("UPDATE deliveries SET state = 'sent', changed = ? WHERE id = ?", (now, rows[0].id))
        return rows[1:]

    def _batch(self, rows: list[_Row]) -> list[_Row]:
        """Of a room's waiting deliveries those that go together now."""
        first = rows[0]
        if first.send_id is not None:
            return [row for row in rows if row.send_id == first.send_id]
        if first.kind != Kind.TEXT:
            return rows[:1]
        batch, size = [first], len((first.head + first.body).encode())
        for row in rows[1:]:
            same = (row.talker_id, row.head) == (batch[-1].talker_id, batch[-1].head)
            size += 1 + len((row.body if same else row.head + row.body).encode())
            if row.kind != Kind.TEXT or row.send_id is not None or size > self._max_bytes:
                break
            batch.append(row)
        return batch

    def sent(self, send: Send, sent_id: str | None, now: float) -> None:
        """The gateway has it; `sent_id` is the id that it gave, if it gives any."""
        with self._state.transaction() as db:
            if sent_id:
                db.execute("UPDATE sends SET sent_id = ? WHERE id = ?", (sent_id, send.id))
            self._set(db, send, State.SENT, now, error=None)

    def echo(self, room_id: str, kind: Kind, body: str, sent_id: str, now: float) -> bool:
        """The gateway showed a message of the bot's own: that settles a send whose answer is lost, or not here yet.

        A text is known by its words, anything else by its kind. Echoes come in the order of the sends, so this one
        is of the oldest send that has had none. True when deliveries were waiting for this to be known.
        """
        with self._state.transaction() as db:
            if db.execute("SELECT 1 FROM sends WHERE sent_id = ?", (sent_id,)).fetchone():
                return False
            for seen in dict.fromkeys((kind, kind_of_echo(kind, body))):
                row = db.execute(
                    "SELECT id FROM sends WHERE room_id = ? AND sent_id IS NULL AND at >= ?"
                    " AND kind = ? AND (kind <> 'text' OR body = ?) ORDER BY id LIMIT 1",
                    (room_id, now - ECHO_LIFE, seen, body),
                ).fetchone()
                if row:
                    break
            else:
                return False
            db.execute("UPDATE sends SET sent_id = ? WHERE id = ?", (sent_id, row[0]))
            return bool(
                db.execute(
                    "UPDATE deliveries SET state = 'sent', changed = ?"
                    " WHERE send_id = ? AND state IN ('waiting', 'sending')",
                    (now, row[0]),
                ).rowcount
            )

    def put_back(self, send: Send, next_try: float, now: float, *, uncertain: bool) -> None:
        """It was not sent, and that was no fault of it; `uncertain`: it may have been sent all the same."""
        with self._state.transaction() as db:
            self._set(db, send, State.WAITING, now, next_try=next_try)
            if not uncertain:
                forget_send(db, send.id)

    def retry(self, send: Send, next_try: float, error: str, now: float, *, apart: bool = False) -> None:
        """The attempt failed, or may have: some gateways send and answer with an error. Next try at `next_try`.

        `apart`: its deliveries need not go together again.
        """
        with self._state.transaction() as db:
            self._set(db, send, State.WAITING, now, attempts=send.attempts + 1, next_try=next_try, error=error)
            if apart:
                forget_send(db, send.id)

    def fail(self, send: Send, error: str, now: float) -> None:
        """It is given up; the room goes on with the next."""
        with self._state.transaction() as db:
            self._set(db, send, State.FAILED, now, attempts=send.attempts + 1, error=error)

    def replace(self, send: Send, line: str, error: str, now: float) -> None:
        """A line of text goes to that room in the place of the send's one delivery."""
        with self._state.transaction() as db:
            (delivery,) = send.deliveries
            (message_id,) = db.execute("SELECT message_id FROM deliveries WHERE id = ?", (delivery,)).fetchone()
            (part,) = db.execute("SELECT max(part) + 1 FROM parts WHERE message_id = ?", (message_id,)).fetchone()
            db.execute(
                "INSERT INTO parts (message_id, part, kind, body) VALUES (?, ?, ?, ?)",
                (message_id, part, Kind.TEXT, line),
            )
            self._set(db, send, State.WAITING, now, part=part, error=error)
            forget_send(db, send.id)

    def send_again(self, room_id: str, since: float, now: float) -> int:
        """The last send to a room, if made since then, did not arrive: its deliveries wait again; how many."""
        with self._state.transaction() as db:
            row = db.execute(
                "SELECT id FROM sends WHERE room_id = ? AND at >= ? ORDER BY id DESC LIMIT 1", (room_id, since)
            ).fetchone()
            if row is None:
                return 0
            count = db.execute(
                "UPDATE deliveries SET state = 'waiting', changed = ? WHERE send_id = ? AND state = 'sent'",
                (now, row[0]),
            ).rowcount
            forget_send(db, row[0])
            return count

    def recent(self, since: float) -> list[tuple[float, str, Kind]]:
        """The sends since then, oldest first: when, to which room, of which kind."""
        with self._state.reading() as db:
            rows = db.execute("SELECT at, room_id, kind FROM sends WHERE at >= ? ORDER BY at", (since,))
            return [(at, room_id, Kind(kind)) for at, room_id, kind in rows]

    def is_ours(self, gateway_id: str) -> bool:
        """Whether that id is of something that the bot sent."""
        with self._state.reading() as db:
            return db.execute("SELECT 1 FROM sends WHERE sent_id = ?", (gateway_id,)).fetchone() is not None

    def cancel_room(self, room_id: str, now: float) -> int:
        """What waits for a room that the bot is no longer in will not be sent; how many deliveries that were."""
        with self._state.transaction() as db:
            return db.execute(
                "UPDATE deliveries SET state = 'cancelled', changed = ? WHERE room_id = ? AND state = 'waiting'",
                (now, room_id),
            ).rowcount

    def counts(self) -> dict[State, int]:
        """How many deliveries are in each state."""
        with self._state.reading() as db:
            rows = db.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
            return {State(state): count for state, count in rows}

    @staticmethod
    def _set(db: sqlite3.Connection, send: Send, state: State, now: float, **columns: object) -> None:
        """An echo may have settled a delivery while its answer was on the way: then nothing takes it back."""
        columns = {"state": state, "changed": now, **columns}
        names = ", ".join(f"{name} = ?" for name in columns)
        db.executemany(
            f"UPDATE deliveries SET {names} WHERE id = ? AND state IN ('waiting', 'sending')",
            [(*columns.values(), delivery) for delivery in send.deliveries],
        )


def forget_send(db: sqlite3.Connection, send_id: int) -> None:
    """Inside a transaction: that send was not made; its deliveries are free to go with others."""
    db.execute("DELETE FROM sends WHERE id = ?", (send_id,))


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
        "INSERT INTO parts (message_id, part, kind, body, head, mention, caption) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (message_id, number, part.kind, part.body, part.head, part.mention, int(part.caption))
            for part, number in numbers.items()
        ],
    )
    db.executemany(
        "INSERT INTO deliveries (message_id, part, room_id, urgent, changed) VALUES (?, ?, ?, ?, ?)", deliveries
    )
