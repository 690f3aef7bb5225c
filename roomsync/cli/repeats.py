"""Lines of the log that come again and again: the first is written, of the others how many there were. Pure."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from roomsync.language import _

WINDOW = 600.0  # seconds after a line in which the same one is counted, and not written
MAX_INFO = 10  # times that a line of the level INFO is written before: it tells what happens
MAX_LINES = 1000  # different lines that are remembered
MAX_SHOWN = 200  # characters of a line in the line that counts it
DIGITS = re.compile(r"\d+")


@dataclass
class Repeated:
    """A line that was written, and how often it came again and was not; `text` is as it came last."""

    name: str
    level: int
    text: str
    until: float
    free: int
    times: int = 0


class Repeats:
    """Tells what is written. `now` is in seconds that never step."""

    def __init__(self) -> None:
        self._lines: dict[int, Repeated] = {}  # by what is the same in them, the oldest first

    def see(self, record: logging.LogRecord, now: float) -> list[logging.LogRecord]:
        """Return what is to be written when a line comes: counts that are over, and the line, if it is new.

        Of the level DEBUG every line is: who asks for those wants all of them. After a line of the level INFO, such as
        that the gateway is connected, what its module warns of is news again.
        """
        if record.levelno <= logging.DEBUG:
            return [record]
        written = self.over(now)
        key, text = _sameness(record), message_of(record)[:MAX_SHOWN]
        found = self._lines.get(key)
        if found and not found.free:
            found.text, found.times = text, found.times + 1
            return written
        if record.levelno <= logging.INFO:
            written += self._forget(lambda line: line.name == record.name and line.level > logging.INFO, now)
        if found:
            found.free -= 1
            return [*written, record]
        if len(self._lines) >= MAX_LINES:
            written += _counted([self._lines.pop(next(iter(self._lines)))], now)
        free = MAX_INFO - 1 if record.levelno <= logging.INFO else 0
        self._lines[key] = Repeated(record.name, record.levelno, text, now + WINDOW, free)
        return [*written, record]

    def over(self, now: float) -> list[logging.LogRecord]:
        """Forget the lines whose time is over; return what is to be written of them."""
        over = takewhile(lambda one: one[1].until <= now, self._lines.items())  # the oldest are the first
        return _counted([self._lines.pop(key) for key in [key for key, _ in over]], now)

    def rest(self, now: float) -> list[logging.LogRecord]:
        """Forget all lines; return what is to be written of them before the bot leaves."""
        return self._forget(lambda line: True, now)

    def _forget(self, condition: Callable[[Repeated], bool], now: float) -> list[logging.LogRecord]:
        keys = [key for key, line in self._lines.items() if condition(line)]
        return _counted([self._lines.pop(key) for key in keys], now)

    def wait(self, now: float) -> float | None:
        """Return the seconds until the time of a line is over; None when there is none."""
        first = next(iter(self._lines.values()), None)
        return max(0.0, first.until - now) if first else None


def message_of(record: logging.LogRecord) -> str:
    """Return what a record says, in the operator's language. Raises what its arguments raise."""
    text = _(record.msg) if isinstance(record.msg, str) else str(record.msg)
    return text % record.args if record.args else text


def _sameness(record: logging.LogRecord) -> int:
    """Return what is the same in lines that are: numbers that a line is made with, and those in an error, may differ.

    Those in names and ids tell rooms, messages and people apart.
    """
    given = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
    same = [
        DIGITS.sub("0", repr(one)) if isinstance(one, BaseException) else one
        for one in (*given, record.exc_info and record.exc_info[1])
        if not isinstance(one, int | float)
    ]
    return hash((record.name, record.levelno, str(record.msg), *map(str, same)))


def _counted(lines: Iterable[Repeated], now: float) -> list[logging.LogRecord]:
    return [_record_of(line, now) for line in lines if line.times]


def _record_of(line: Repeated, now: float) -> logging.LogRecord:
    minutes = max(1, round((WINDOW - max(0.0, line.until - now)) / 60))
    text = _("... {times} times more in {minutes} min: {line}")
    text = text.format(times=line.times, minutes=minutes, line=line.text)
    return logging.LogRecord(line.name, line.level, "", 0, text, None, None)
