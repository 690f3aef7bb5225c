"""What the bot shows to the person who runs it."""

import atexit
import logging
import queue
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext, suppress
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from types import TracebackType

from roomsync.cli.repeats import Repeats
from roomsync.language import _
from roomsync.text.characters import harmless

MAX_RECORDS = 10_000  # that wait to be written
MAX_LINE = 4000  # characters of a record's message; the longest of our own has some hundred
MAX_TRACEBACK = 20_000  # characters; an error's own text may be endless


class _Safe(logging.Formatter):
    """A formatter that never lets a secret through, nor what a terminal obeys, whatever a library logs.

    A record is one line. Those of its traceback are indented, so that none can be taken for a record.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in the operator's language, with its traceback, which another handler may have noted."""
        record.exc_text = None
        record.msg = _(record.msg) if isinstance(record.msg, str) else record.msg
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the record on one line; logging adds the traceback to it."""
        record.message = harmless(self._masked(record.message), MAX_LINE)
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
        lines = self._masked(text).split("\n")
        return "\n".join(f"    {harmless(line, MAX_LINE)}" for line in lines)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


class _Waiting(QueueHandler):
    """Lets formatted records wait for the thread that writes them; what comes again and again is only counted."""

    def __init__(self, records: "queue.Queue[logging.LogRecord]", clock: Callable[[], float]) -> None:
        super().__init__(records)
        self._repeats, self._clock = Repeats(), clock

    def emit(self, record: logging.LogRecord) -> None:
        """Let a record wait, unless it is counted; logging holds the handler's lock around this."""
        try:
            written = self._repeats.see(record, self._clock())
        except Exception:  # noqa: BLE001 - a record with the wrong arguments: its author hears of it, as everywhere
            self.handleError(record)
            return
        for one in written:
            super().emit(one)

    def flush(self) -> None:
        """Let the counts wait that are left when the bot leaves."""
        with self.lock or nullcontext():
            for one in self._repeats.rest(self._clock()):
                super().emit(one)

    def note_over(self) -> float | None:
        """Let the counts wait whose time is over; return the seconds until the next may be, None when there is none."""
        with self.lock or nullcontext():
            now = self._clock()
            for one in self._repeats.over(now):
                super().emit(one)
            return self._repeats.wait(now)

    def enqueue(self, record: logging.LogRecord) -> None:
        """Add a record, unless too many wait."""
        with suppress(queue.Full):
            self.queue.put_nowait(record)


class _Writer(QueueListener):
    """Writes records, and looks after the counts whose time is over when nothing else is to be written."""

    def __init__(
        self, records: "queue.Queue[logging.LogRecord]", waiting: _Waiting, handlers: Sequence[logging.Handler]
    ) -> None:
        super().__init__(records, *handlers)
        self._records, self._waiting = records, waiting

    def dequeue(self, block: bool) -> logging.LogRecord:
        """Return the next record."""
        while True:
            try:
                return self._records.get(block, self._waiting.note_over())
            except queue.Empty:
                continue


def _finish(waiting: _Waiting, writer: QueueListener) -> None:
    """Write what waits, if anybody takes it."""
    waiting.flush()
    with suppress(queue.Full):
        writer.stop()


def _handlers(file: Path | None) -> list[logging.Handler]:
    """Return what writes: a file that is set, and standard error; beside a file only where somebody looks at it."""
    if file is None:
        return [logging.StreamHandler()]
    from roomsync.cli.log_file import LogFile  # which no bot without one needs

    is_looked_at = sys.stderr is not None and sys.stderr.isatty()
    return [LogFile(file), *([logging.StreamHandler()] if is_looked_at else [])]


def set_up_logs(
    level: str, *secrets: str, clock: Callable[[], float] = time.monotonic, file: Path | None = None
) -> None:
    """Log to standard error from `level` on, with `***` for each secret. `clock` gives seconds that never step.

    `file`: log there, and to standard error only where it is a terminal.

    A line that comes again and again is written once, and then how often it came in ten minutes.

    A thread of its own writes: a terminal in which somebody selects text, or a pipe that nobody reads, stops who writes
    to it, and must not stop the bot. What is too much for it meanwhile is left out.
    """
    records: queue.Queue[logging.LogRecord] = queue.Queue(MAX_RECORDS)
    handler = _Waiting(records, clock)
    handler.setFormatter(_Safe(secrets))
    writer = _Writer(records, handler, _handlers(file))
    writer.start()
    atexit.register(_finish, handler, writer)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Their debug lines are about bytes, not about messages.
    for name in ("urllib3", "hpack", "asyncio", "grpclib"):
        logging.getLogger(name).setLevel(logging.WARNING)


def set_up_output() -> None:
    """Show `?` for a character that the terminal (an old Windows console) cannot show, instead of failing.

    Likewise for what somebody types in another encoding.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
