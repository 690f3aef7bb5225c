"""The report as a file: read from the state file, also while the bot runs, and written in one step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from roomsync import store
from roomsync.errors import RoomSyncError
from roomsync.files import write_at_once
from roomsync.language import _
from roomsync.report.figures import read_figures
from roomsync.report.page import page_of
from roomsync.store import is_held, read_only

START = b"<!doctype html>"  # of every page of ours


class ReportError(RoomSyncError):
    """A report that cannot be written."""


def write_report(state_file: Path, path: Path, communities: Sequence[str], now: float) -> Path:
    """Write a report of what a state file keeps at `now`; return where it is. It is there as a whole, or not at all.

    An older report is replaced, and nothing else is. `communities`: their prefixes. Raises
    `RoomSyncError`.
    """
    path = path.absolute()
    with _explained(path):
        _check(path)
    with read_only(state_file) as db:
        ahead = store.health.read(db).clock_ahead if is_held(state_file) else 0.0
        page = page_of(read_figures(db, now + ahead), communities)
    with _explained(path):
        write_at_once(path, page)
    return path


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = _(error.strerror or "")
        raise ReportError(_("{path} cannot be written: {reason}.").format(path=path, reason=reason)) from None


def _check(path: Path) -> None:
    """Find out whether a report may stand there. Raises `ReportError` and `OSError`."""
    if path.is_dir():
        raise ReportError(_("{path} is a folder; name a file, such as report.html.").format(path=path))
    if not path.parent.is_dir():
        raise ReportError(_("There is no folder {path}; make it first.").format(path=path.parent))
    if path.exists():
        with path.open("rb") as file:
            if file.read(len(START)).lower() not in (b"", START):
                raise ReportError(_("{path} is no report, and would be lost; name another file.").format(path=path))
