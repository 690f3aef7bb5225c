"""The state file: one SQLite file that one process at a time writes, in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from roomsync.errors import StateFileError
from roomsync.language import _
from roomsync.store.connection import Connection
from roomsync.store.opening import explained, hold_lock, lock_path_of, open_file
from roomsync.store.outages import Outages, retry_delays
from roomsync.store.rescue import Place, log_of, place_of, remove_log, save

P = ParamSpec("P")
T = TypeVar("T")


class StateFile:
    """The open state file, held by this process alone. What works on it raises `StateFileError` when it cannot be used.

    `run` alone waits until it can be used; `rescue` says what it could not do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outages = Outages()
        self._locks = [hold_lock(path)]
        try:
            self._db: Connection | None = open_file(path)
        except BaseException:
            self._locks[0].close()
            raise
        self._note_files()
        self._turn = asyncio.Lock()  # for the work given to `run`: in its order, also when some is done again
        self._thread = ThreadPoolExecutor(1, "state file")
        self._waits_for_disk = True  # each commit, on the connection that is open
        self._is_in_hurry = False
        self._in_use = threading.RLock()  # by that thread, or by who uses the file without `run`

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._thread.shutdown()
        if self._db:
            self._db.close()
        for lock in self._locks:
            lock.close()

    def hurry(self) -> None:
        """Write without waiting for the disk each time: the bot leaves. Closing the file waits once for all of it."""
        self._is_in_hurry = True

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns, done in the file's thread, after all that was asked for before.

        So no disk, however slow, stops the loop. While the file cannot be used (locked, full, read-only), the work is
        done again until it can be: of work with several transactions, all but the last must bear to be done twice.
        What fails for another reason is raised.
        """
        delays, loop = retry_delays(), asyncio.get_running_loop()
        async with self._turn:
            while True:
                try:
                    result = await loop.run_in_executor(self._thread, partial(work, *args, **kwargs))
                except StateFileError as error:
                    self.outages.begin(error)
                else:
                    self.outages.end()
                    return result
                await asyncio.sleep(next(delays))

    def _note_files(self) -> None:
        """Note which files are open, whatever becomes of their names."""
        self._file, self._log = self.path.stat(), log_of(self.path)
        self._lock_file = lock_path_of(self.path).stat()

    def _opened(self) -> Connection:
        """Return the connection; opened again when that failed before."""
        if self._db is None:
            self._db = open_file(self.path)
            self._waits_for_disk = True
            self._note_files()
        return self._db

    def rescue(self, stamp: str) -> str:
        """Save what is open when the file, or one beside it, was removed or replaced; return what to say, or nothing.

        Removed, it is written anew in its place. Replaced, it goes to a new file beside the other one, which stays as
        it is; the bot goes on with the new file. `stamp` goes into its name. Where it cannot be saved, that is said,
        and the bot goes on with what is open.
        """
        path, place = self.path, place_of(self.path, self._file)
        try:
            with self._in_use, explained(path):
                return self._mend_companions() if place is Place.SAME else self._save(place, stamp)
        except StateFileError as error:
            return _(
                "The state file {path}, or a file beside it, is not what it was, and cannot be mended now: {error}"
            ).format(path=path, error=error)

    def _mend_companions(self) -> str:
        """Write a log that was removed, and hold a lock whose file was; return what to say, or nothing."""
        lock_path = lock_path_of(self.path)
        if place_of(lock_path, self._lock_file) is not Place.SAME:
            self._locks.append(hold_lock(self.path))
            self._lock_file = lock_path.stat()
            return _("{lock_path} was removed; it is there again. It keeps a second bot off.").format(
                lock_path=lock_path
            )
        if self._log and place_of(self.path.with_name(self.path.name + "-wal"), self._log) is not Place.SAME:
            db = self._opened()
            # What it holds is still open, and goes into the file itself: all of it, or the log must stay open.
            (is_busy, _pages, _moved) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if is_busy:
                raise StateFileError(_("another program reads it, which keeps the log from being saved; close that."))
            self._db = None
            db.close()
            self._opened()
            return _("The log beside the state file {path} (-wal) was removed; what was in it is saved.").format(
                path=self.path
            )
        return ""

    def _save(self, place: Place, stamp: str) -> str:
        path = self.path
        saved = path.with_name(f"{path.name}.saved-{stamp}")
        save(self._opened(), saved)
        try:
            saved = self._go_on_in(saved, place)
        except BaseException:
            saved.unlink(missing_ok=True)
            raise
        return _("The state file {path} {happened} while the bot runs. {saved}").format(
            path=path, happened=_what_happened(place), saved=_what_was_saved(place, saved)
        )

    def _go_on_in(self, saved: Path, place: Place) -> Path:
        """Go on in the copy `saved`, moved into the place of the file that is gone; return its path then."""
        path = self.path
        remove_log(path, self._log)
        if place is Place.GONE:
            if path.exists():
                raise FileExistsError(_("there is another file at {path} now").format(path=path))
            saved = saved.rename(path)
        # Nothing is closed until the new file is open and held.
        db = open_file(saved)
        if place_of(lock_path_of(saved), self._lock_file) is not Place.SAME:
            self._locks.append(hold_lock(saved))
        old, self._db, self.path, self._waits_for_disk = self._db, db, saved, True
        if old:
            old.close()
        self._note_files()
        return saved

    def give_pages_back(self) -> None:
        """Make the file smaller by the pages that are free."""
        with self._in_use, explained(self.path, all_errors=False):
            # Not `execute`, which before Python 3.12 takes one step of it, and so frees one page.
            self._opened().executescript("PRAGMA incremental_vacuum")

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Connection]:
        """Commit all that is written in the block at its end, or nothing of it.

        Not `durable`: it does not wait for the disk. A process that is killed loses nothing of it; a machine that loses
        power may, until the next durable one, which brings it to the disk, too
        (https://sqlite.org/pragma.html#pragma_synchronous).
        """
        with self._in_use, explained(self.path, all_errors=False):
            db = self._opened()
            waits = durable and not self._is_in_hurry
            if waits != self._waits_for_disk:
                db.execute(f"PRAGMA synchronous = {'FULL' if waits else 'NORMAL'}")
                self._waits_for_disk = waits
            db.execute("BEGIN IMMEDIATE")
            with db:  # commits at its end, or rolls back
                yield db

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give the connection to a block that only reads, and so needs no transaction."""
        with self._in_use, explained(self.path, all_errors=False):
            yield self._opened()


def _what_happened(place: Place) -> str:
    return _("is gone: it was removed or moved away") if place is Place.GONE else _("was replaced by another file")


def _what_was_saved(place: Place, saved: Path) -> str:
    if place is Place.GONE:
        return _(
            "All that was in it is there again, and the bot goes on. To begin with an empty one, stop the bot first."
        )
    return _(
        "All that was in it is in {saved} now, and the bot goes on with that; the other file is left as "
        "it is. To keep what is in the new one, stop the bot and move it back."
    ).format(saved=saved)
