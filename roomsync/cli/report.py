"""`python bot.py --report [FILE]`: what the community did in the last days, as a page."""

import time
from pathlib import Path

from roomsync.config.settings import Settings
from roomsync.language import _
from roomsync.report import write_report


def report(settings: Settings, path: Path) -> int:
    """Write the page of the bot of these settings to `path`, and say where it is; return 0. Raises `RoomSyncError`."""
    written = write_report(settings.state_file, path, settings.room_prefixes, time.time())
    line = _("The report is in {path} now; open it in a browser.").format(path=written)
    print(line)  # noqa: T201 - this is the answer to the user
    return 0
