"""The state file: one SQLite file that one process at a time writes."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from sqlite3 import Connection as Connection

from roomsync.errors import StateFileBusy, StateFileError
from roomsync.store.schema import MIGRATIONS

# "RSYN"; tells our file from any other SQLite file (https://sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x5253594E
LOCK_TIMEOUT = 1.0  # seconds; `--status` holds the lock for a moment, to see whether it is free


class StateFile:
    """The open state file, held by this process alone. Every method raises `StateFileError` when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as stack:
            stack.enter_context(closing(_hold_lock(path)))
            with _explained(path):
                _prepare(path)
                self._db = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
                _bring_up_to_date(self._db, path)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._stack.close()

    def give_pages_back(self) -> None:
        """Make the file smaller by the pages that are free."""
        with _explained(self.path):
            # Not `execute`, which before Python 3.12 takes one step of it, and so frees one page.
            self._db.executescript("PRAGMA incremental_vacuum")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit all that is written in the block at its end, or nothing of it."""
        with _explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits at its end, or rolls back
                yield self._db

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give the connection to a block that only reads, and so needs no transaction."""
        with _explained(self.path):
            yield self._db


@contextmanager
def read_only(path: Path) -> Iterator[Connection]:
    """Open the state file to look at it alone, also while a bot runs. Raises `StateFileError`."""
    if not path.exists():
        raise StateFileError(f"There is no state file {path}; the bot has never run with these settings.")
    with _explained(path), closing(_open_read_only(path)) as db:
        if _version(db, path) != len(MIGRATIONS):
            raise StateFileError(
                f"{path} is of another version of the bot; start this one once to bring it up to date."
            )
        yield db


def is_held(path: Path) -> bool:
    """Return whether a bot is running on that state file. Raises `StateFileError`."""
    try:
        _hold_lock(path, timeout=0).close()
    except StateFileBusy:
        return True
    return False


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as one sentence with the file's name."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StateFileError(f"The state file {path} cannot be used: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    forbidden = any(words in str(error) for words in ("unable to open", "readonly"))
    return f"{error}; check that you may write it and in its folder" if forbidden else str(error)


def _open_read_only(path: Path) -> Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _prepare(path: Path) -> None:
    """Make the file unless it is there; raise for one that is not ours."""
    if path.exists() and path.stat().st_size:
        # Looked at without writing: opening another program's file could merge its log into it.
        with closing(_open_read_only(path)) as db:
            _version(db, path)
    else:
        # Chats are private: the file is made readable by its owner only, before anything is in it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _bring_up_to_date(db: Connection, path: Path) -> None:
    version = _version(db, path)
    if version == 0:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, else it has no effect
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
        db.executescript(f"BEGIN IMMEDIATE; {script} {marks} COMMIT;")
    # Only now: a migration replaces tables that others refer to (https://sqlite.org/lang_altertable.html#otheralter).
    db.execute("PRAGMA foreign_keys = ON")


def _version(db: Connection, path: Path) -> int:
    """Return the schema version of our file, 0 for an empty one; raise for any other, before anything is written."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or version):
        raise StateFileError(f"{path} is a database of something else; it was left as it is. Set another STATE_FILE.")
    if version > len(MIGRATIONS):
        raise StateFileError(f"{path} was written by a newer version of the bot; it was left as it is.")
    return int(version)


def _hold_lock(path: Path, timeout: float = LOCK_TIMEOUT) -> Connection:
    """Keep every other bot off the state file until the connection returned is closed or this process dies.

    An exclusive transaction on a second, empty database file: a lock that the operating system frees, and that
    works the same on Windows, macOS and Linux, while `--status` can still read the state file itself.
    """
    lock_path = path.with_name(path.name + "-lock")
    lock = None
    try:
        lock = sqlite3.connect(lock_path, isolation_level=None, timeout=timeout)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock:
            lock.close()
        if "locked" in str(error):
            raise StateFileBusy(f"The state file {path} is in use by another bot; stop that one first.") from None
        raise StateFileError(f"The state file {path} cannot be used: {_reason(error)} ({lock_path.name}).") from error
    return lock
