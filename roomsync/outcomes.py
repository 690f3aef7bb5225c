"""What became of a send: the states of deliveries in the state file, and how they change."""

import sqlite3

from roomsync.model import Kind, Send, State
from roomsync.relay import kind_of_echo
from roomsync.statefile import StateFile

ECHO_LIFE = 600.0  # seconds after a send in which its echo is waited for
# Seconds after a failed send of a picture or card. It is known by its kind alone, and the account's phone sends, too.
MEDIA_ECHO_LIFE = 2.0


class Outcomes:
    """The half of the outbox that marks what became of a send. `now` is in seconds since the epoch."""

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def sent(self, send: Send, sent_id: str | None, now: float) -> None:
        """The gateway has it; `sent_id` is the id that it gave, if it gives any."""
        with self._state.transaction() as db:
            if sent_id:
                db.execute("UPDATE sends SET sent_id = ? WHERE id = ?", (sent_id, send.id))
            self._set(db, send, State.SENT, now, error=None)

    def echo(self, room_id: str, kind: Kind, body: str, sent_id: str, now: float) -> int | None:
        """The gateway showed a message of the bot's own: that settles a send whose answer is lost, or not here yet.

        A text is known by its words, anything else by its kind. Echoes come in the order of the sends, so this one
        is of the oldest send that has had none, or fewer than it was tried.
        How many deliveries were waiting for this to be known; None when it is not of the bot, but said by phone.
        """
        with self._state.transaction() as db:
            if db.execute("SELECT 1 FROM sends WHERE sent_id = ?", (sent_id,)).fetchone():
                return 0
            for seen in dict.fromkeys((kind, kind_of_echo(kind, body))):
                row = db.execute(
                    "SELECT id FROM sends WHERE room_id = ? AND at >= ?"
                    " AND (sent_id IS NULL OR (tries > 1 AND echoes < tries - 1))"
                    " AND kind = ? AND (kind <> 'text' OR body = ?) AND (kind = 'text' OR NOT EXISTS (SELECT 1"
                    "  FROM deliveries AS d WHERE d.send_id = sends.id AND d.state = 'waiting' AND d.changed < ?))"
                    " ORDER BY at, id LIMIT 1",
                    (room_id, now - ECHO_LIFE, seen, body, now - MEDIA_ECHO_LIFE),
                ).fetchone()
                if row:
                    break
            else:
                return None
            db.execute(
                "UPDATE sends SET sent_id = coalesce(sent_id, ?), echoes = echoes + 1 WHERE id = ?", (sent_id, row[0])
            )
            return db.execute(
                "UPDATE deliveries SET state = 'sent', changed = ?"
                " WHERE send_id = ? AND state IN ('waiting', 'sending')",
                (now, row[0]),
            ).rowcount

    def put_back(self, send: Send, next_try: float, now: float, *, uncertain: bool, apart: bool = False) -> None:
        """It was not sent, and that was no fault of it; `uncertain`: it may have been sent all the same.

        `apart`: its deliveries need not go together again.
        """
        with self._state.transaction() as db:
            self._set(db, send, State.WAITING, now, next_try=next_try)
            if apart or not (uncertain or send.repeated):
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

    def replace(self, send: Send, line: str, error: str, now: float, *, made: bool) -> None:
        """A line of text goes to that room in the place of the send's one delivery; `made`: the send was tried."""
        with self._state.transaction() as db:
            (delivery,) = send.deliveries
            message_id, header = db.execute(
                "SELECT d.message_id, p.header FROM deliveries AS d"
                " JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part WHERE d.id = ?",
                (delivery,),
            ).fetchone()
            (part,) = db.execute("SELECT max(part) + 1 FROM parts WHERE message_id = ?", (message_id,)).fetchone()
            db.execute(
                "INSERT INTO parts (message_id, part, kind, body, header) VALUES (?, ?, ?, ?, ?)",
                (message_id, part, Kind.TEXT, line, header),
            )
            self._set(db, send, State.WAITING, now, part=part, error=error)
            forget_send(db, send.id, made=made)

    def send_again(self, room_id: str, since: float, now: float) -> int:
        """The last send to a room, if made since then, did not arrive: its deliveries wait again; how many."""
        with self._state.transaction() as db:
            row = db.execute(
                "SELECT id FROM sends WHERE room_id = ? AND at >= ? ORDER BY at DESC, id DESC LIMIT 1", (room_id, since)
            ).fetchone()
            if row is None:
                return 0
            count = db.execute(
                "UPDATE deliveries SET state = 'waiting', changed = ?"
                " WHERE send_id = ? AND state IN ('sent', 'sending')",  # the notice may come before the answer
                (now, row[0]),
            ).rowcount
            forget_send(db, row[0])
            return count

    def recent(self, since: float) -> list[tuple[float, str, Kind]]:
        """The calls since then, oldest first, whatever became of them: when, to which room, of which kind."""
        with self._state.reading() as db:
            rows = db.execute(
                "SELECT at, room_id, kind FROM sends WHERE at >= :since"
                " UNION ALL SELECT at, room_id, kind FROM spent WHERE at >= :since ORDER BY at",
                {"since": since},
            )
            return [(at, room_id, Kind(kind)) for at, room_id, kind in rows]

    def is_ours(self, gateway_id: str) -> bool:
        """Whether that id is of something that the bot sent."""
        with self._state.reading() as db:
            return db.execute("SELECT 1 FROM sends WHERE sent_id = ?", (gateway_id,)).fetchone() is not None

    def name_of(self, room_id: str) -> str:
        """A room's topic, for people; its id when it is not known."""
        with self._state.reading() as db:
            row = db.execute("SELECT topic FROM rooms WHERE room_id = ?", (room_id,)).fetchone()
            return str(row[0]) if row else room_id

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
            f"UPDATE deliveries SET {names} WHERE id = ? AND send_id = ? AND state IN ('waiting', 'sending')",
            [(*columns.values(), delivery, send.id) for delivery in send.deliveries],
        )


def forget_send(db: sqlite3.Connection, send_id: int, *, made: bool = True) -> None:
    """Inside a transaction: nothing came of that send; its deliveries are free to go with others.

    `made`: the gateway was called, which counts for the pace.
    """
    if made:
        spend(db, send_id)
    db.execute("DELETE FROM sends WHERE id = ?", (send_id,))


def spend(db: sqlite3.Connection, send_id: int) -> None:
    """Inside a transaction: the pace goes on counting the call of a send that is about to be forgotten or repeated."""
    db.execute("INSERT INTO spent (at, room_id, kind) SELECT at, room_id, kind FROM sends WHERE id = ?", (send_id,))
