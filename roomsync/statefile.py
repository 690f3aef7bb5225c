"""The state file: one SQLite file that one process at a time writes, and its schema."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from roomsync.errors import StateFileBusy, StateFileError

# "RSYN"; tells our file from any other SQLite file (https://sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x5253594E
LOCK_PATIENCE = 1.0  # seconds; `--status` holds the lock for a moment, to see whether it is free

# Each entry takes a file from the version of its index to the next. Published entries are never changed.
MIGRATIONS = (
    """
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
        error TEXT,
        changed REAL NOT NULL
    );
    CREATE INDEX deliveries_waiting ON deliveries (room_id, id) WHERE state = 'waiting';
    CREATE INDEX deliveries_message ON deliveries (message_id);
    """,
    """
    -- One call to the gateway; it may carry several text deliveries. sent_id: what the gateway calls it.
    CREATE TABLE sends (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        at REAL NOT NULL,
        sent_id TEXT
    );
    CREATE INDEX sends_at ON sends (at);
    CREATE INDEX sends_room ON sends (room_id, at);
    CREATE INDEX sends_sent_id ON sends (sent_id) WHERE sent_id IS NOT NULL;
    -- The send that a delivery went with, or may have gone with.
    ALTER TABLE deliveries ADD COLUMN send_id INTEGER REFERENCES sends ON DELETE SET NULL;
    CREATE INDEX deliveries_send ON deliveries (send_id) WHERE send_id IS NOT NULL;
    CREATE INDEX deliveries_changed ON deliveries (changed);
    CREATE INDEX messages_accepted ON messages (accepted);
    -- Events that came and are not finished: asked for again after a crash. failed: given up, and counted.
    CREATE TABLE incoming (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        gateway_id TEXT NOT NULL UNIQUE,
        seen REAL NOT NULL,
        failed INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE rooms (room_id TEXT PRIMARY KEY, topic TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE status (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    -- The header of a text apart from its words, who is mentioned in it, and whether it only announces the next part.
    ALTER TABLE parts ADD COLUMN head TEXT NOT NULL DEFAULT '';
    ALTER TABLE parts ADD COLUMN mention TEXT NOT NULL DEFAULT '';
    ALTER TABLE parts ADD COLUMN caption INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX parts_head ON parts (head);
    -- How often a send was made, and how often the gateway showed it: a repeat may have two echoes.
    ALTER TABLE sends ADD COLUMN tries INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE sends ADD COLUMN echoes INTEGER NOT NULL DEFAULT 0;
    -- Recalls go ahead of what was said before them.
    ALTER TABLE deliveries ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;
    DROP INDEX deliveries_waiting;
    CREATE INDEX deliveries_waiting ON deliveries (room_id, urgent DESC, id) WHERE state = 'waiting';
    """,
    """
    -- Calls that were made and whose send is forgotten, or was made again: they count for the pace.
    CREATE TABLE spent (at REAL NOT NULL, room_id TEXT NOT NULL, kind TEXT NOT NULL);
    CREATE INDEX spent_at ON spent (at);
    ALTER TABLE parts RENAME COLUMN head TO header;
    DROP INDEX parts_head;
    CREATE INDEX parts_header ON parts (header);
    -- Parts whose content is worth getting rid of before their message is forgotten.
    CREATE INDEX parts_heavy ON parts (message_id) WHERE length(body) > 4096;
    """,
)


class StateFile:
    """The open state file, held by this process alone. Every method raises `StateFileError` when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _hold_lock(path)
        try:
            with _explained(path):
                self._db = _open(path)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is written in the block is committed at its end, or nothing of it is."""
        with _explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For a block that needs no transaction."""
        with _explained(self.path):
            yield self._db


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """The state file for one who only looks, also while a bot runs. Raises `StateFileError`."""
    if not path.exists():
        raise StateFileError(f"There is no state file {path}; the bot has never run with these settings.")
    with _explained(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        version = _version(db, path)
        if version != len(MIGRATIONS):
            raise StateFileError(
                f"{path} is of another version of the bot; start this one once to bring it up to date."
            )
        yield db


def is_held(path: Path) -> bool:
    """Whether a bot is running on that state file."""
    try:
        _hold_lock(path, patience=0).close()
    except StateFileBusy:
        return True
    return False


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as one sentence with the file's name."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StateFileError(f"The state file {path} cannot be used: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    """SQLite's words, and for those that mean so, that it is a matter of permissions."""
    forbidden = any(words in str(error) for words in ("unable to open", "readonly"))
    return f"{error}; check that you may write it and in its folder" if forbidden else str(error)


def _open(path: Path) -> sqlite3.Connection:
    if path.exists() and path.stat().st_size:
        # Looked at without writing: opening another program's file could merge its log into it.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            _version(db, path)
    else:
        # Chats are private: the file is made readable by its owner only, before anything is in it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, isolation_level=None)
    try:
        version = _version(db, path)
        if version == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, else it has no effect
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
            db.executescript(f"BEGIN IMMEDIATE; {script} {marks} COMMIT;")
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection, path: Path) -> int:
    """The schema version of our file, 0 for an empty one; raises for any other, before anything is written to it."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or version):
        raise StateFileError(f"{path} is a database of something else; it was left as it is. Set another STATE_FILE.")
    if version > len(MIGRATIONS):
        raise StateFileError(f"{path} was written by a newer version of the bot; it was left as it is.")
    return int(version)


def _hold_lock(path: Path, patience: float = LOCK_PATIENCE) -> sqlite3.Connection:
    """Keep every other bot off the state file until the connection returned is closed or this process dies.

    An exclusive transaction on a second, empty database file: a lock that the operating system frees, and that
    works the same on Windows, macOS and Linux, while `--status` can still read the state file itself.
    """
    lock_path = path.with_name(path.name + "-lock")
    lock = None
    try:
        lock = sqlite3.connect(lock_path, isolation_level=None, timeout=patience)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock:
            lock.close()
        if "locked" in str(error):
            raise StateFileBusy(f"The state file {path} is in use by another bot; stop that one first.") from None
        raise StateFileError(f"The state file {path} cannot be used: {_reason(error)} ({lock_path.name}).") from error
    return lock
