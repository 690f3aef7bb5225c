"""A state file that somebody removed, moved or replaced while the bot runs: what is open is saved.

A process goes on in the file that it opened, whatever its name does; but the next one would not find it. Windows does
not let anybody do that to an open file.
"""

import os
import sqlite3
from contextlib import closing
from enum import StrEnum
from pathlib import Path

from roomsync.store.connection import Connection


class Place(StrEnum):
    """What is at the path of a file that is open."""

    SAME = "same"
    GONE = "gone"
    REPLACED = "replaced"


def place_of(path: Path, file: os.stat_result) -> Place:
    """Return what is at `path` now, as far as can be seen; `file` is what was opened there."""
    try:
        return Place.SAME if os.path.samestat(path.stat(), file) else Place.REPLACED
    except (FileNotFoundError, NotADirectoryError):
        return Place.GONE
    except OSError:
        return Place.SAME  # nothing can be said


def save(db: Connection, path: Path) -> None:
    """Write all that is in an open database to a new file at `path`. Raises OSError or `sqlite3.Error`."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(sqlite3.connect(path)) as copy:
            db.backup(copy)
    except BaseException:
        path.unlink()
        raise


def remove_log(path: Path, log: os.stat_result | None) -> None:
    """Remove the log (`-wal`) that was opened beside the file at `path`, and its index, if it is still that one.

    Left there, SQLite would take it for the log of the file that is at `path` next, and write it into that.
    """
    wal = path.with_name(path.name + "-wal")
    if log and place_of(wal, log) is Place.SAME:
        wal.unlink()
        path.with_name(path.name + "-shm").unlink(missing_ok=True)


def log_of(path: Path) -> os.stat_result | None:
    """Return the log beside an open file; None while there is none."""
    try:
        return path.with_name(path.name + "-wal").stat()
    except FileNotFoundError:
        return None
