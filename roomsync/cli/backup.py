"""`python bot.py --backup copy.db`: a copy of the state file, taken while the bot runs or while it does not."""

from pathlib import Path

from roomsync.language import _
from roomsync.store.backup import back_up as copy

MEGABYTE = 1_000_000


def back_up(path: Path, to: Path) -> int:
    """Copy the state file to a new file, and say so; return 0. Raises `StateFileError`."""
    size = copy(path, to)
    told = _("The state file {path} is copied to {to} ({size:.1f} MB).")
    print(told.format(path=path, to=to, size=size / MEGABYTE))  # noqa: T201 - this is the answer to the user
    return 0
