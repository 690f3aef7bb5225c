"""What the bot shows to the person who runs it."""

import atexit
import logging
import queue
import sys
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from types import TracebackType

from roomsync.text.characters import harmless

MAX_RECORDS = 10_000  # that wait to be written
MAX_LINE = 4000  # characters of a record's message; the longest of our own has some hundred
MAX_TRACEBACK = 20_000  # characters; an error's own text may be endless


class _Safe(logging.Formatter):
    """A formatter that never lets the token through, nor what a terminal obeys, whatever a library logs.

    A record is one line. Those of its traceback are indented, so that none can be taken for a record.
    """

    def __init__(self, token: str) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        """Return the record with its traceback, which another handler may have noted in it as it was."""
        record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the record on one line; logging adds the traceback to it."""
        record.message = harmless(record.message.replace(self._token, "***"), MAX_LINE)
        return super().formatMessage(record)

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Return a traceback, of one that is too long its start and its end."""
        return self._indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        """Return the lines of a stack."""
        return self._indented(stack_info)

    def _indented(self, text: str) -> str:
        if len(text) > MAX_TRACEBACK:
            half = MAX_TRACEBACK // 2
            text = f"{text[:half]}\n...\n{text[-half:]}"
        lines = text.replace(self._token, "***").split("\n")
        return "\n".join(f"    {harmless(line, MAX_LINE)}" for line in lines)


class _Waiting(QueueHandler):
    """Lets formatted records wait for the thread that writes them."""

    def enqueue(self, record: logging.LogRecord) -> None:
        """Add a record, unless too many wait."""
        with suppress(queue.Full):
            self.queue.put_nowait(record)


def _finish(writer: QueueListener) -> None:
    """Write what waits, if anybody takes it."""
    with suppress(queue.Full):
        writer.stop()


def set_up_logs(level: str, token: str) -> None:
    """Log to standard error from `level` on, with `***` for `token`.

    A thread of its own writes: a terminal in which somebody selects text, or a pipe that nobody reads, stops who writes
    to it, and must not stop the bot. What is too much for it meanwhile is left out.
    """
    records: queue.Queue[logging.LogRecord] = queue.Queue(MAX_RECORDS)
    handler = _Waiting(records)
    handler.setFormatter(_Safe(token))
    writer = QueueListener(records, logging.StreamHandler())
    writer.start()
    atexit.register(_finish, writer)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Their debug lines are about bytes, not about messages.
    for name in ("urllib3", "hpack", "asyncio", "grpclib"):
        logging.getLogger(name).setLevel(logging.WARNING)


def set_up_output() -> None:
    """Show `?` for a character that the terminal (an old Windows console) cannot show, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
