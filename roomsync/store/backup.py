"""A copy of the state file, by SQLite's own back-up (https://sqlite.org/backup.html), also while a bot writes it."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from roomsync.errors import StateFileDamaged, StateFileError
from roomsync.language import N_, _
from roomsync.store.opening import COMPANIONS, explained, lock_path_of, open_read_only, version_of

STEP_PAGES = 256  # a megabyte
STEP_PAUSE = 0.005  # seconds between two steps, in which the disk is the bot's


def back_up(path: Path, to: Path, sleep: Callable[[float], None] = time.sleep) -> int:
    """Copy the state file at `path` to a new file, readable by its owner alone; return its size in bytes.

    The copy is the file as it is now, whatever the bot writes meanwhile, in one file without a log beside it. It
    appears when it is whole, and takes the place of nothing. A file of an older version is copied as it is.
    Raises `StateFileError`.
    """
    if not path.exists():
        raise StateFileError(_("There is no state file {path}; nothing can be copied.").format(path=path))
    _refuse_place(path, to)
    part = _new_file_beside(to)
    try:
        _copy(path, part, to, sleep)
        _look_for_damage(path, part)
        size = part.stat().st_size
        _move(part, to)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return size


def _refuse_place(path: Path, to: Path) -> None:
    """Raise where no copy may go: what is there would be lost, or SQLite would take it for a part of the state file."""
    real = path.resolve()
    own = {real, lock_path_of(path), *(real.with_name(real.name + end) for end in COMPANIONS)}
    if to.resolve() in own:
        raise StateFileError(_("{to} belongs to the state file itself; name another file.").format(to=to))
    if os.path.lexists(to):
        raise StateFileError(_("{to} is there already, and is left as it is; name another file.").format(to=to))


def _new_file_beside(to: Path) -> Path:
    """Make an empty file, readable by its owner alone, in the folder of the copy."""
    try:
        number, name = tempfile.mkstemp(prefix=f"{to.name}.", suffix=".part", dir=to.parent)
    except OSError as error:
        raise _unwritable(to, error.strerror or "") from error
    os.close(number)
    return Path(name)


def _copy(path: Path, part: Path, to: Path, sleep: Callable[[float], None]) -> None:
    def rest(status: int, left: int, pages: int) -> None:
        sleep(STEP_PAUSE)

    with explained(path), closing(open_read_only(path)) as db:
        # One look at the file for the whole copy: without it each write of the bot would begin the copy anew. In WAL
        # mode, who reads keeps nobody from writing (https://sqlite.org/wal.html#concurrency).
        db.execute("BEGIN")
        if version_of(db, path) == 0:
            raise StateFileError(_("The state file {path} is empty; nothing can be copied.").format(path=path))
        with _room_for(to), closing(sqlite3.connect(part, isolation_level=None)) as copy:
            db.backup(copy, pages=STEP_PAGES, progress=rest)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, which can be read from a disk that is read-only


@contextmanager
def _room_for(to: Path) -> Iterator[None]:
    """Raise with the name of the copy when its disk is full: the one of the state file need not be."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL:
            raise
        raise _unwritable(to, str(error)) from error


def _look_for_damage(path: Path, part: Path) -> None:
    with explained(path), closing(open_read_only(part)) as db:
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StateFileDamaged(_("The state file {path} is damaged; it was not copied.").format(path=path))


def _move(part: Path, to: Path) -> None:
    """Give the copy its name, unless something has it by now."""
    try:
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # before the name says that it is whole
        if os.path.lexists(to):
            raise FileExistsError(0, N_("it is there already"))
        part.rename(to)
    except OSError as error:
        raise _unwritable(to, error.strerror or "") from error


def _unwritable(to: Path, reason: str) -> StateFileError:
    return StateFileError(_("{path} cannot be written: {reason}.").format(path=to, reason=_(reason)))
