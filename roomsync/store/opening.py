"""Opening a state file: is it ours, whole and free; who may read it; what a person can do when it is not."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from roomsync.errors import StateFileBusy, StateFileDamaged, StateFileError
from roomsync.language import N_, _
from roomsync.store.connection import Connection
from roomsync.store.schema import MIGRATIONS

# "RSYN"; tells our file from any other SQLite file (https://sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x5253594E
LOCK_TIMEOUT = 1.0  # seconds; `--status` holds the lock for a moment, to see whether it is free
BUSY_TIMEOUT = 1.0  # seconds that one piece of work waits for another program that has the file locked
COMPANIONS = ("-wal", "-shm", "-journal", "-lock")  # files of SQLite, and ours, beside the state file
CACHE_KIB = 500  # of pages in memory; SQLite's own 2,000 are not faster for steps that look at a few pages each
CHECK_STEPS = 20_000_000  # of SQLite's virtual machine: about two seconds of looking for damage at a start
HEADER_BYTES = 100  # of an SQLite file (https://sqlite.org/fileformat2.html#the_database_header)
# What a person does about an error of SQLite, by its primary code (https://sqlite.org/rescode.html).
HINTS = {
    sqlite3.SQLITE_BUSY: N_("another program has locked it, such as a database browser or a backup: close that"),
    sqlite3.SQLITE_LOCKED: N_("another program has locked it, such as a database browser or a backup: close that"),
    sqlite3.SQLITE_PROTOCOL: N_("another program has locked it, such as a database browser or a backup: close that"),
    sqlite3.SQLITE_FULL: N_("the disk is full: free some space"),
    sqlite3.SQLITE_IOERR: N_("the disk does not read or write it: look whether it is full, gone or broken"),
    sqlite3.SQLITE_READONLY: N_("check that you may write it and in its folder, and that the disk is not read-only"),
    sqlite3.SQLITE_CANTOPEN: N_("check that you may write it and in its folder"),
}
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
SET_ASIDE = N_(
    "stop the bot if it runs, then `python bot.py --set-aside` moves it out of the way, and the next start makes a new "
    "one (what waits in it is then not sent)"
)


@contextmanager
def explained(path: Path, *, all_errors: bool = True) -> Iterator[None]:
    """Raise SQLite's errors as one sentence with the file's name, and what to do.

    Not `all_errors`: those of the disk and of damage alone. Any other is the fault of what was done, and stays.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if not all_errors and isinstance(error, sqlite3.Error) and _code(error) not in (*HINTS, *DAMAGE):
            raise
        raise _explanation(path, error) from error


def _explanation(path: Path, error: Exception) -> StateFileError:
    code = _code(error)
    if code in DAMAGE:
        return _damaged(path)
    if code in HINTS:
        return _unusable(path, _(str(error)), _(HINTS[code]))
    return StateFileError(
        _("The state file {path} cannot be used: {problem}.").format(path=path, problem=_(str(error)))
    )


def _damaged(path: Path) -> StateFileDamaged:
    text = _("The state file {path} cannot be used: {problem}; {hint}.")
    return StateFileDamaged(text.format(path=path, problem=_damage(path), hint=_(SET_ASIDE)))


def _unusable(path: Path, problem: str, hint: str) -> StateFileError:
    text = _("The state file {path} cannot be used: {problem}; {hint}.")
    return StateFileError(text.format(path=path, problem=problem, hint=hint))


def _code(error: Exception) -> int:
    """Return SQLite's primary code of an error, without its details; 0 for an error that is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _damage(path: Path) -> str:
    """Return what is wrong with a file that SQLite cannot read, as far as can be seen."""
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        size = path.stat().st_size
    except OSError as error:
        return _("it cannot be read ({problem})").format(problem=_(error.strerror or ""))
    if not header.startswith(b"SQLite format 3\0") or len(header) < HEADER_BYTES:
        return _("it is not a database")
    page = int.from_bytes(header[16:18], "big")
    whole = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    if size < whole:
        return _("it is damaged: it was cut, and has {size} of {whole} bytes").format(size=size, whole=whole)
    return _("it is damaged: some of its pages are not what was written")


def open_read_only(path: Path, *, as_it_is: bool = False) -> Connection:
    """Open a file to look at it alone. Raises `sqlite3.Error`.

    `as_it_is`: also while a journal beside it holds what has to be undone first (https://sqlite.org/hotjournal.html).
    """
    mode = "mode=ro&immutable=1" if as_it_is else "mode=ro"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, factory=Connection)


def open_file(path: Path) -> Connection:
    """Open our state file, made when it is not there, brought up to date, found whole. Raises `StateFileError`."""
    with explained(path):
        _prepare(path)
        db = connect(path)
        try:
            _bring_up_to_date(db, path)
            make_private(path)
            _look_for_damage(db, path)
        except BaseException:
            db.close()
            raise
        return db


def connect(path: Path) -> Connection:
    """Open a file that is ours; any thread may use the connection, one at a time. Raises `sqlite3.Error`."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, factory=Connection)
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return db


def make_private(path: Path) -> None:
    """Let nobody but its owner read the file and those beside it: chats are private. Windows has no such modes."""
    for end in ("", *COMPANIONS):
        file = path.with_name(path.name + end)
        with suppress(OSError):  # it is not there, or of another owner, who alone may do it
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def _prepare(path: Path) -> None:
    """Make the file unless it is there; raise for one that is not ours."""
    if path.exists() and path.stat().st_size:
        # Looked at without writing: opening another program's file could merge its log into it.
        with closing(open_read_only(path)) as db:
            try:
                version_of(db, path)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                    raise
                # A process died over it, ours over the first lines of a new one. If it is ours, opening it undoes them.
                with closing(open_read_only(path, as_it_is=True)) as half_made:
                    version_of(half_made, path)
    else:
        # The file is made readable by its owner only, before anything is in it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _bring_up_to_date(db: Connection, path: Path) -> None:
    version = version_of(db, path)
    if version == 0:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, else it has no effect
    db.execute("PRAGMA journal_mode = WAL")
    if version < len(MIGRATIONS):
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {len(MIGRATIONS)};"
        db.executescript(f"BEGIN IMMEDIATE; {' '.join(MIGRATIONS[version:])} {marks} COMMIT;")
    # Only now: a migration replaces tables that others refer to (https://sqlite.org/lang_altertable.html#otheralter).
    db.execute("PRAGMA foreign_keys = ON")


def _look_for_damage(db: Connection, path: Path) -> None:
    """Raise `StateFileDamaged` for a file with a page that is not what it should be, if that is found soon."""
    db.set_progress_handler(lambda: 1, CHECK_STEPS)
    try:
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return  # so large that a start must not wait for all of it
    finally:
        db.set_progress_handler(None, 0)
    if found != "ok":
        raise _damaged(path)


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of our file, 0 for an empty one; raise for any other, before anything is written."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    # Tables are looked at in no file of ours: of one over which a process died they may be half written.
    if application != APPLICATION_ID and (version or db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()):
        raise StateFileError(
            _("{path} is a database of something else; it was left as it is. Set another STATE_FILE.").format(path=path)
        )
    if version > len(MIGRATIONS):
        raise StateFileError(
            _(
                "{path} was written by a newer version of the bot; it was left as it is. Install that version "
                "again, or set another STATE_FILE."
            ).format(path=path)
        )
    return int(version)


def lock_path_of(path: Path) -> Path:
    """Return the path of the file that is locked in the place of a state file."""
    real = path.resolve()  # two names of one file have one lock
    return real.with_name(real.name + "-lock")


def hold_lock(path: Path, timeout: float | None = None) -> sqlite3.Connection:
    """Keep every other bot off the state file until the connection returned is closed or this process dies.

    Another bot has `timeout` seconds to leave, LOCK_TIMEOUT when that is None.

    An exclusive transaction on a second, empty database file: a lock that the operating system frees, and that
    works the same on Windows, macOS and Linux, while `--status` can still read the state file itself.
    """
    lock_path, lock = lock_path_of(path), None
    try:
        if not lock_path.exists():  # never opened twice: to close it once would free this process's own lock
            os.close(os.open(lock_path, os.O_CREAT | os.O_RDWR, 0o600))
        make_private(path)
        wait = LOCK_TIMEOUT if timeout is None else timeout
        lock = sqlite3.connect(lock_path, isolation_level=None, timeout=wait, check_same_thread=False)
        lock.execute("BEGIN EXCLUSIVE")
    except (sqlite3.Error, OSError) as error:
        if lock:
            lock.close()
        if _code(error) == sqlite3.SQLITE_BUSY:
            raise StateFileBusy(
                _("The state file {path} is in use by another bot; stop that one first.").format(path=path)
            ) from None
        hint = HINTS.get(_code(error), N_("check that you may write it and in its folder, or move that file away"))
        raise _unusable(path, f"{_(str(error))} ({lock_path.name})", _(hint)) from error
    return lock


def set_aside(path: Path) -> Path:
    """Move a state file that no bot uses, and what is beside it, out of the way; return its new path.

    Raises `StateFileError`.
    """
    if not path.exists():
        raise StateFileError(_("There is no state file {path}; nothing has to be moved.").format(path=path))
    aside = path.with_name(f"{path.name}.aside-{time.strftime('%Y%m%d-%H%M%S')}")
    with closing(hold_lock(path)), explained(path):
        for end in ("-wal", "-shm", "-journal", ""):  # the file itself last: until then the next try can go on
            file = path.with_name(path.name + end)
            if file.exists():
                file.rename(aside.with_name(aside.name + end))
    return aside
