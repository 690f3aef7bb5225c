"""The outbox: messages and their deliveries in one SQLite file, committed before anything is sent."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from roomsync.relay import Kind, Message, Part
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
SELECT d.room_id, d.next_try FROM waiting_rooms AS w JOIN deliveries AS d ON d.id = (
    SELECT min(id) FROM deliveries WHERE state = 'waiting' AND room_id = w.room_id
)
"""

# A room's waiting deliveries, oldest first, with what they are made of.
WAITING = """
SELECT d.id, p.kind, p.body, d.attempts, d.send_id FROM deliveries AS d
JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part
WHERE d.state = 'waiting' AND d.room_id = ? ORDER BY d.id LIMIT ?
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

    `body` is the text, or the gateway's JSON for any other kind. `attempts` is how often its first delivery was tried.
    """

    id: int
    room_id: str
    kind: Kind
    body: str
    deliveries: tuple[int, ...]
    attempts: int


@dataclass(frozen=True)
class Head:
    """A room with waiting deliveries; the oldest may go from `next_try` on (seconds since the epoch)."""

    room_id: str
    next_try: float


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

    def accept(self, message: Message, parts: Sequence[Part], room_ids: Iterable[str], now: float) -> bool:
        """Commit `message` and a delivery of each of its `parts` to each room; False when it was known already."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM incoming WHERE gateway_id = ?", (message.id,))
            row = db.execute(
                "INSERT INTO messages (gateway_id, room_id, talker_id, name, kind, accepted)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                (message.id, message.room_id, message.talker_id, message.name, message.kind, now),
            ).fetchone()
            if row is None:
                return False
            add_deliveries(db, row[0], parts, room_ids, now)
            return True

    def heads(self) -> list[Head]:
        """Every room that has something waiting."""
        with self._state.reading() as db:
            return [Head(*row) for row in db.execute(HEADS)]

    def take(self, room_id: str, now: float, *, alone: bool = False) -> Send | None:
        """The next send for a room, its deliveries marked as sending from now on.

        The oldest waiting delivery; when it is a text, and not `alone`, with all texts behind it that fit, up to the
        first delivery of another kind. A send that may have gone out before is made again just as it was, so that an
        echo of the first is known to be of it.
        """
        with self._state.transaction() as db:
            rows = db.execute(WAITING, (room_id, 1 if alone else BATCH_MOST)).fetchall()
            if not rows:
                return None
            rows = self._batch(rows)
            _, kind, _, attempts, send_id = rows[0]
            ids = tuple(row[0] for row in rows)
            text = "\n".join(row[2] for row in rows)
            if send_id is None:
                row = (room_id, kind, text if kind == Kind.TEXT else "", now)
                (send_id,) = db.execute(
                    "INSERT INTO sends (room_id, kind, body, at) VALUES (?, ?, ?, ?) RETURNING id", row
                ).fetchone()
            else:
                db.execute("UPDATE sends SET at = ? WHERE id = ?", (now, send_id))
            db.executemany(
                "UPDATE deliveries SET state = 'sending', send_id = ?, changed = ? WHERE id = ?",
                [(send_id, now, delivery) for delivery in ids],
            )
            return Send(send_id, room_id, Kind(kind), text, ids, attempts)

    def _batch(self, rows: list[Any]) -> list[Any]:
        """Of a room's waiting deliveries (id, kind, body, attempts, send_id), those that go together now."""
        first = rows[0]
        if first[4] is not None:
            return [row for row in rows if row[4] == first[4]]
        if first[1] != Kind.TEXT:
            return rows[:1]
        batch, size = [first], len(first[2].encode())
        for row in rows[1:]:
            size += 1 + len(row[2].encode())
            if row[1] != Kind.TEXT or row[4] is not None or size > self._max_bytes:
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
            row = db.execute(
                "SELECT id FROM sends WHERE room_id = ? AND sent_id IS NULL AND at >= ?"
                " AND kind = ? AND (kind <> 'text' OR body = ?) ORDER BY id LIMIT 1",
                (room_id, now - ECHO_LIFE, kind, body),
            ).fetchone()
            if row is None:
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
    db: sqlite3.Connection, message_id: int, parts: Sequence[Part], room_ids: Iterable[str], now: float
) -> None:
    """Inside a transaction: the parts of a message, and a delivery of each to each room."""
    numbered = list(enumerate(parts))
    db.executemany(
        "INSERT INTO parts (message_id, part, kind, body) VALUES (?, ?, ?, ?)",
        [(message_id, number, part.kind, part.body) for number, part in numbered],
    )
    db.executemany(
        "INSERT INTO deliveries (message_id, part, room_id, changed) VALUES (?, ?, ?, ?)",
        [(message_id, number, room_id, now) for room_id in room_ids for number, _ in numbered],
    )
