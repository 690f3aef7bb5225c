"""The outbox: messages and their deliveries in one SQLite file, committed before anything is sent."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from roomsync.errors import StateFileBusy, StateFileError
from roomsync.relay import Kind, Message, Part

# "RSYN"; tells our file from any other SQLite file (https://sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x5253594E
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    gateway_id TEXT NOT NULL UNIQUE,
    room_id TEXT NOT NULL,
    talker_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    accepted REAL NOT NULL
);
CREATE TABLE parts (
    message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
    part INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (message_id, part)
) WITHOUT ROWID;
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
    part INTEGER NOT NULL,
    room_id TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try REAL NOT NULL DEFAULT 0,
    sent_id TEXT,
    error TEXT,
    changed REAL NOT NULL
);
CREATE INDEX deliveries_waiting ON deliveries (room_id, id) WHERE state = 'waiting';
CREATE INDEX deliveries_message ON deliveries (message_id);
"""
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
    """The open state file. One process at a time; every method is one transaction.

    Raises `StateFileError` when the file cannot be used, at opening and from every method.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _hold_lock(path)
        try:
            with _explained(path):
                self._db = _open(path)
                # Only a crash leaves a row in "sending": whether it went out is not known, so it is sent again.
                self._db.execute("UPDATE deliveries SET state = 'waiting' WHERE state = 'sending'")
        except StateFileError:
            self._lock.close()
            raise

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def accept(self, message: Message, parts: Sequence[Part], room_ids: Iterable[str], now: float) -> bool:
        """Commit `message` and a delivery of each of its `parts` to each room; False when it was known already."""
        with self._transaction() as db:
            row = db.execute(
                "INSERT INTO messages (gateway_id, room_id, talker_id, name, kind, accepted)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                (message.id, message.room_id, message.talker_id, message.name, message.kind, now),
            ).fetchone()
            if row is None:
                return False
            numbered = list(enumerate(parts))
            db.executemany(
                "INSERT INTO parts (message_id, part, kind, body) VALUES (?, ?, ?, ?)",
                [(row[0], number, part.kind, part.body) for number, part in numbered],
            )
            db.executemany(
                "INSERT INTO deliveries (message_id, part, room_id, changed) VALUES (?, ?, ?, ?)",
                [(row[0], number, room_id, now) for room_id in room_ids for number, _ in numbered],
            )
            return True

    def heads(self) -> list[Head]:
        """Every room that has something waiting."""
        with _explained(self.path):
            return [Head(*row) for row in self._db.execute(HEADS)]

    def take(self, room_id: str, now: float) -> Delivery | None:
        """The oldest waiting delivery of a room, marked as sending from now on."""
        with self._transaction() as db:
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
        with self._transaction() as db:
            self._set(db, delivery, State.SENT, now, sent_id=sent_id, error=None)

    def put_back(self, delivery: Delivery, now: float) -> None:
        """It was not sent, and that was no fault of it: it waits again, first in its room."""
        with self._transaction() as db:
            self._set(db, delivery, State.WAITING, now)

    def retry(self, delivery: Delivery, next_try: float, error: str, now: float) -> None:
        """The attempt failed; the next may be made at `next_try`."""
        with self._transaction() as db:
            self._set(db, delivery, State.WAITING, now, attempts=delivery.attempts + 1, next_try=next_try, error=error)

    def fail(self, delivery: Delivery, error: str, now: float) -> None:
        """It is given up; the room goes on with the next."""
        with self._transaction() as db:
            self._set(db, delivery, State.FAILED, now, attempts=delivery.attempts + 1, error=error)

    def replace(self, delivery: Delivery, body: str, error: str, now: float) -> None:
        """The gateway will never take it: a line of text goes to that room in its place."""
        with self._transaction() as db:
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
        with self._transaction() as db:
            return db.execute(
                "UPDATE deliveries SET state = 'cancelled', changed = ? WHERE room_id = ? AND state = 'waiting'",
                (now, room_id),
            ).rowcount

    def counts(self) -> dict[State, int]:
        """How many deliveries are in each state."""
        with _explained(self.path):
            rows = self._db.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
            return {State(state): count for state, count in rows}

    @staticmethod
    def _set(db: sqlite3.Connection, delivery: Delivery, state: State, now: float, **columns: object) -> None:
        columns = {"state": state, "changed": now, **columns}
        names = ", ".join(f"{name} = ?" for name in columns)
        db.execute(f"UPDATE deliveries SET {names} WHERE id = ?", (*columns.values(), delivery.id))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as one sentence with the file's name."""
    try:
        yield
    except sqlite3.Error as error:
        raise StateFileError(f"The state file {path} cannot be used: {error}.") from error


def _open(path: Path) -> sqlite3.Connection:
    if not path.exists():
        # Chats are private: the file is made readable by its owner only, before anything is in it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, isolation_level=None)
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or version):
        db.close()
        raise StateFileError(f"{path} is a database of something else; it was left as it is. Set another STATE_FILE.")
    if version > SCHEMA_VERSION:
        db.close()
        raise StateFileError(f"{path} was written by a newer version of the bot; it was left as it is.")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    if version == 0:
        db.executescript(
            f"BEGIN; {SCHEMA} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
    return db


def _hold_lock(path: Path) -> sqlite3.Connection:
    """Keep every other bot off the state file until the connection returned is closed or this process dies.

    An exclusive transaction on a second, empty database file: a lock that the operating system frees, and that
    works the same on Windows, macOS and Linux, while `--status` can still read the state file itself.
    """
    lock_path = path.with_name(path.name + "-lock")
    try:
        lock = sqlite3.connect(lock_path, isolation_level=None, timeout=0)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StateFileBusy(f"The state file {path} is in use by another bot; stop that one first.") from None
        raise StateFileError(f"The state file {path} cannot be used: {error} ({lock_path.name}).") from error
    return lock
