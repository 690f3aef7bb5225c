"""The log in a file (LOG_FILE), for where there is no journal: it takes the place of its oldest part by itself."""

import io
import logging
import os
import sys
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from roomsync.language import _

MAX_BYTES = 10_000_000  # of one file
OLD_FILES = 5
RETRY_BYTES = 1_000_000  # by which a file grows until it is tried again to begin a new one


class LogFile(RotatingFileHandler):
    """Writes records to a file, readable by its owner alone. While it cannot be written, they go to standard error.

    Nothing here raises. On Windows a file that is open in another program cannot be renamed: then it grows.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, maxBytes=MAX_BYTES, backupCount=OLD_FILES, encoding="utf-8", errors="backslashreplace", delay=True
        )
        self._instead = logging.StreamHandler()
        self._is_failing = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        super().emit(record)
        if self.stream is not None:
            self._is_failing = False

    def doRollover(self) -> None:
        """Begin a new file, if the one that is there can be renamed."""
        stream, self.stream = self.stream, None
        if stream:
            stream.close()
        aside = Path(f"{self.baseFilename}.0")
        try:
            Path(self.baseFilename).replace(aside)  # before any of the old ones moves: else each try would lose one
            aside.rename(self.baseFilename)
            super().doRollover()
            self.maxBytes = MAX_BYTES
        except OSError:
            if aside.exists() and not Path(self.baseFilename).exists():
                aside.rename(self.baseFilename)
            self.stream = self._open()
            self.maxBytes = self.stream.tell() + RETRY_BYTES

    def handleError(self, record: logging.LogRecord) -> None:
        """Write a record that the file did not take to standard error, the first time with the reason."""
        stream, self.stream = self.stream, None
        if stream:
            with suppress(OSError, ValueError):
                stream.close()
        if not self._is_failing:
            told = _("LOG_FILE {path} cannot be written ({reason}); until it can be, the log goes here.")
            with suppress(OSError, ValueError, AttributeError):  # there is nobody to tell
                print(told.format(path=self.baseFilename, reason=sys.exception()), file=sys.stderr)  # noqa: T201
        self._is_failing = True
        self._instead.handle(record)

    def _open(self) -> io.TextIOWrapper:
        return open(  # with an opener, which Path.open does not take
            self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=_open_private
        )


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
