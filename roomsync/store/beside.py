"""The state file for who is not the bot that runs on it: to look at it, or to leave something in it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from roomsync.errors import StateFileBusy, StateFileError
from roomsync.language import _
from roomsync.store.connection import Connection
from roomsync.store.database import StateFile
from roomsync.store.opening import connect, explained, hold_lock, lock_path_of, open_read_only, version_of
from roomsync.store.schema import MIGRATIONS


@contextmanager
def read_only(path: Path) -> Iterator[Connection]:
    """Open the state file to look at it alone, also while a bot runs. Raises `StateFileError`."""
    if not path.exists():
        raise StateFileError(
            _("There is no state file {path}; the bot has never run with these settings.").format(path=path)
        )
    with explained(path), closing(open_read_only(path)) as db:
        version = version_of(db, path)
        if version == 0:
            raise StateFileError(
                _("The state file {path} is empty; somebody else emptied it, or no bot has used it yet.").format(
                    path=path
                )
            )
        if version != len(MIGRATIONS):
            raise StateFileError(
                _("{path} is of another version of the bot; start this one once to bring it up to date.").format(
                    path=path
                )
            )
        yield db


@contextmanager
def read_write(path: Path) -> Iterator[Connection]:
    """Open the state file of a bot that runs, to leave something in it. Raises `StateFileError`."""
    with read_only(path):
        pass  # it is there, and of this version
    with explained(path), closing(connect(path)) as db:
        yield db


@contextmanager
def written(path: Path) -> Iterator[Connection]:
    """Commit what is written to a state file, beside a bot that runs or without one. Raises `StateFileError`."""
    if not is_held(path):
        with closing(StateFile(path)) as state, state.transaction() as db:
            yield db
        return
    with read_write(path) as db, explained(path):
        db.execute("BEGIN IMMEDIATE")
        with db:
            yield db


def is_held(path: Path) -> bool:
    """Return whether a bot is running on that state file. Raises `StateFileError`."""
    if not lock_path_of(path).exists():
        return False
    try:
        hold_lock(path, timeout=0).close()
    except StateFileBusy:
        return True
    return False
