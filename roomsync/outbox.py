"""The outbox: messages and their deliveries in one SQLite file, committed before anything is sent."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

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


ECHO_LIFE = 600.0  # seconds after a send in which its echo is waited for
NOTICE = "notice"  # the kind of a message that is the bot's own, about messages


class State(StrEnum):
    """Where a delivery is in its life."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Delivery:
    """One part of a message for one target room."""

    id: int
    message_id: int
    room_id: str
    kind: Kind
    body: str
    attempts: int


@dataclass(frozen=True)
class Head:
    """A room with waiting deliveries; the oldest may go from `next_try` on (seconds since the epoch)."""

    room_id: str
    next_try: float


class Outbox:
    """Messages and deliveries in the state file; every method is one transaction.

    Every method raises `StateFileError` when the file cannot be used. `now` is in seconds since the epoch.
    """

    def __init__(self, state: StateFile) -> None:
        self._state = state
        with state.transaction() as db:
            # Only a crash leaves a row in "sending": whether it went out is not known, so it is sent again.
            db.execute("UPDATE deliveries SET state = 'waiting', uncertain = 1 WHERE state = 'sending'")

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
            self._add(db, row[0], parts, room_ids, now)
            return True

    @staticmethod
    def _add(db: sqlite3.Connection, row_id: int, parts: Sequence[Part], room_ids: Iterable[str], now: float) -> None:
        numbered = list(enumerate(parts))
        db.executemany(
            "INSERT INTO parts (message_id, part, kind, body) VALUES (?, ?, ?, ?)",
            [(row_id, number, part.kind, part.body) for number, part in numbered],
        )
        db.executemany(
            "INSERT INTO deliveries (message_id, part, room_id, changed) VALUES (?, ?, ?, ?)",
            [(row_id, number, room_id, now) for room_id in room_ids for number, _ in numbered],
        )

    def heads(self) -> list[Head]:
        """Every room that has something waiting."""
        with self._state.reading() as db:
            return [Head(*row) for row in db.execute(HEADS)]

    def take(self, room_id: str, now: float) -> Delivery | None:
        """The oldest waiting delivery of a room, marked as sending from now on."""
        with self._state.transaction() as db:
            row = db.execute(
                "SELECT d.id, d.message_id, d.room_id, p.kind, p.body, d.attempts FROM deliveries AS d"
                " JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part"
                " WHERE d.state = 'waiting' AND d.room_id = ? ORDER BY d.id LIMIT 1",
                (room_id,),
            ).fetchone()
            if row is None:
                return None
            delivery = Delivery(row[0], row[1], row[2], Kind(row[3]), row[4], row[5])
            self._set(db, delivery, State.SENDING, now)
            return delivery

    def sent(self, delivery: Delivery, sent_id: str | None, now: float) -> None:
        """The gateway has it; `sent_id` is the id that it gave, if it gives any."""
        with self._state.transaction() as db:
            self._set(db, delivery, State.SENT, now, uncertain=0, error=None, sent_id=sent_id)

    def echo(self, room_id: str, kind: Kind, body: str, sent_id: str, now: float) -> bool:
        """The gateway showed a message of the bot's own: that settles a send whose answer is lost, or not here yet.

        A text is known by its words, anything else by its kind. Echoes come in the order of the sends, so this one
        is of the oldest send that has had none. False when nothing was to be settled.
        """
        with self._state.transaction() as db:
            if db.execute("SELECT 1 FROM deliveries WHERE sent_id = ?", (sent_id,)).fetchone():
                return False
            row = db.execute(
                "SELECT d.id, d.state FROM deliveries AS d"
                " JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part"
                " WHERE d.room_id = ? AND (d.state = 'sending' OR (d.state = 'waiting' AND d.uncertain = 1)"
                "  OR (d.state = 'sent' AND d.sent_id IS NULL)) AND d.changed >= ?"
                " AND p.kind = ? AND (p.kind <> 'text' OR p.body = ?) ORDER BY d.id LIMIT 1",
                (room_id, now - ECHO_LIFE, kind, body),
            ).fetchone()
            if row is None:
                return False
            db.execute(
                "UPDATE deliveries SET state = 'sent', uncertain = 0, sent_id = ?, changed = ? WHERE id = ?",
                (sent_id, now, row[0]),
            )
            return bool(row[1] != State.SENT)

    def put_back(self, delivery: Delivery, next_try: float, now: float, *, uncertain: bool) -> None:
        """The connection went, which is no failed attempt; `uncertain`: it may have been sent all the same."""
        with self._state.transaction() as db:
            self._set(db, delivery, State.WAITING, now, next_try=next_try, uncertain=int(uncertain))

    def retry(self, delivery: Delivery, next_try: float, error: str, now: float) -> None:
        """The attempt failed, or may have: some gateways send and answer with an error. Next try at `next_try`."""
        with self._state.transaction() as db:
            changes = {"attempts": delivery.attempts + 1, "next_try": next_try, "error": error, "uncertain": 1}
            self._set(db, delivery, State.WAITING, now, **changes)

    def fail(self, delivery: Delivery, error: str, now: float) -> None:
        """It is given up; the room goes on with the next."""
        with self._state.transaction() as db:
            self._set(db, delivery, State.FAILED, now, attempts=delivery.attempts + 1, error=error)

    def replace(self, delivery: Delivery, body: str, error: str, now: float) -> None:
        """The gateway will never take it: a line of text goes to that room in its place."""
        with self._state.transaction() as db:
            (part,) = db.execute(
                "SELECT max(part) + 1 FROM parts WHERE message_id = ?", (delivery.message_id,)
            ).fetchone()
            db.execute(
                "INSERT INTO parts (message_id, part, kind, body) VALUES (?, ?, ?, ?)",
                (delivery.message_id, part, Kind.TEXT, body),
            )
            self._set(db, delivery, State.WAITING, now, part=part, error=error)

    def cancel_room(self, room_id: str, now: float) -> int:
        """What waits for a room that the bot is no longer in will not be sent; how many deliveries that were."""
        with self._state.transaction() as db:
            return db.execute(
                "UPDATE deliveries SET state = 'cancelled', changed = ? WHERE room_id = ? AND state = 'waiting'",
                (now, room_id),
            ).rowcount

    def expire(self, accepted_before: float, notice: Callable[[int], str], now: float) -> int:
        """Give up what was accepted before that time and still waits; how many deliveries that were.

        Each room gets one line, `notice(messages missed)`; a notice that still waits there is brought up to date.
        """
        with self._state.transaction() as db:
            rows = db.execute(
                "SELECT d.room_id, count(DISTINCT d.message_id), count(*) FROM messages AS m"
                " JOIN deliveries AS d ON d.message_id = m.id"
                " WHERE m.accepted < ? AND d.state = 'waiting' AND m.kind <> ? GROUP BY d.room_id",
                (accepted_before, NOTICE),
            ).fetchall()
            if not rows:
                return 0
            db.execute(
                "UPDATE deliveries SET state = 'expired', changed = ? WHERE state = 'waiting' AND message_id IN"
                " (SELECT id FROM messages WHERE accepted < ? AND kind <> ?)",
                (now, accepted_before, NOTICE),
            )
            for room_id, missed, _ in rows:
                self._notify(db, room_id, missed, notice, now)
            return sum(row[2] for row in rows)

    def _notify(
        self, db: sqlite3.Connection, room_id: str, missed: int, notice: Callable[[int], str], now: float
    ) -> None:
        """A notice is a message of its own; its talker_id holds how many messages it speaks of."""
        row = db.execute(
            "SELECT m.id, m.talker_id FROM deliveries AS d JOIN messages AS m ON m.id = d.message_id"
            " WHERE d.room_id = ? AND d.state = 'waiting' AND m.kind = ?",
            (room_id, NOTICE),
        ).fetchone()
        if row:
            missed += int(row[1])
            db.execute("UPDATE messages SET talker_id = ? WHERE id = ?", (str(missed), row[0]))
            db.execute("UPDATE parts SET body = ? WHERE message_id = ?", (notice(missed), row[0]))
            return
        (row_id,) = db.execute(
            "INSERT INTO messages (gateway_id, room_id, talker_id, name, kind, accepted)"
            " VALUES ('notice:' || hex(randomblob(8)), ?, ?, '', ?, ?) RETURNING id",
            (room_id, str(missed), NOTICE, now),
        ).fetchone()
        self._add(db, row_id, [Part(Kind.TEXT, notice(missed))], [room_id], now)

    def prune(self, changed_before: float, most: int = 2000) -> int:
        """Forget messages of which nothing has happened since, at most so many at once; how many were forgotten."""
        with self._state.transaction() as db:
            count = db.execute(
                "DELETE FROM messages WHERE id IN (SELECT id FROM messages AS m WHERE m.accepted < ? AND NOT EXISTS"
                " (SELECT 1 FROM deliveries AS d WHERE d.message_id = m.id"
                "  AND (d.state IN ('waiting', 'sending') OR d.changed >= ?)) LIMIT ?)",
                (changed_before, changed_before, most),
            ).rowcount
            db.execute("DELETE FROM incoming WHERE seen < ?", (changed_before,))
        if count:
            with self._state.reading() as db:
                db.execute("PRAGMA incremental_vacuum").fetchall()
        return count

    def counts(self) -> dict[State, int]:
        """How many deliveries are in each state."""
        with self._state.reading() as db:
            rows = db.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
            return {State(state): count for state, count in rows}

    @staticmethod
    def _set(db: sqlite3.Connection, delivery: Delivery, state: State, now: float, **columns: object) -> None:
        """An echo may have settled the delivery while its answer was on the way: then nothing takes it back."""
        columns = {"state": state, "changed": now, **columns}
        names = ", ".join(f"{name} = ?" for name in columns)
        db.execute(
            f"UPDATE deliveries SET {names} WHERE id = ? AND state IN ('waiting', 'sending')",
            (*columns.values(), delivery.id),
        )
