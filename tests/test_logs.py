"""The log: a line that comes again and again is written once, and then how often it came."""

import io
import logging
import queue
import subprocess
import sys
from collections.abc import Iterator
from logging.handlers import QueueHandler
from pathlib import Path

import pytest

from roomsync import errors
from roomsync.cli.logs import set_up_logs
from roomsync.cli.repeats import MAX_LINES, WINDOW
from tests.conftest import until

log = logging.getLogger("tests.log")
RETRY = "A send to %s is tried again in %.0f s (attempt %d failed): %s"


class Log:
    """The bot's own handler, beside that of pytest; the lines that it wrote, and its clock."""

    def __init__(self, stream: io.StringIO) -> None:
        self.now = 1000.0
        self.stream = stream
        self.handler: QueueHandler

    def lines(self) -> list[str]:
        """What was written since it was last asked, without the time."""
        assert isinstance(self.handler.queue, queue.Queue)
        self.handler.queue.join()
        written = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        return [line[20:] if line[0].isdigit() else line for line in written.splitlines()]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A log of the level debug that is set up as the bot's."""
    made: list[QueueHandler] = []
    found = Log(io.StringIO())
    level = logging.getLogger().level
    monkeypatch.setattr("logging.basicConfig", lambda level, handlers, force: made.extend(handlers))
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", found.stream)
        set_up_logs("debug", "insecure_secret", clock=lambda: found.now)
    (found.handler,) = made
    logging.getLogger().addHandler(found.handler)
    logging.getLogger().setLevel("DEBUG")
    yield found
    logging.getLogger().removeHandler(found.handler)
    logging.getLogger().setLevel(level)


def test_a_line_that_comes_again_is_counted(shown: Log) -> None:
    """The first is there at once; the others are one line when ten minutes are over and anything is written."""
    for _ in range(42):
        log.warning("The gateway reports an error: %s", "no net")
        shown.now += 1
    assert shown.lines() == ["WARNING The gateway reports an error: no net"]
    shown.now += WINDOW
    log.info("other")
    assert shown.lines() == [
        "WARNING ... 41 times more in 10 min: The gateway reports an error: no net",
        "INFO    other",
    ]
    log.warning("The gateway reports an error: %s", "no net")
    assert shown.lines() == ["WARNING The gateway reports an error: no net"]


def test_lines_that_differ_by_a_delay_are_the_same(shown: Log) -> None:
    """Numbers that a line is made with, and those in an error, make no other line of it; the last is shown."""
    for attempt in range(1, 5):
        log.warning(RETRY, "群101", 5.0 * attempt, attempt, errors.GatewayRefused(f"request {attempt}: no"))
    shown.now += WINDOW
    log.warning("other")
    assert shown.lines() == [
        "WARNING A send to 群101 is tried again in 5 s (attempt 1 failed): request 1: no",
        "WARNING ... 3 times more in 10 min: A send to 群101 is tried again in 20 s (attempt 4 failed): request 4: no",
        "WARNING other",
    ]


def test_lines_about_different_things_are_all_there(shown: Log) -> None:
    """Other rooms, ids, errors and levels are other lines, though a digit alone tells them apart."""
    for room in ("群101", "群102"):
        for why in ("no", "not now"):
            log.warning(RETRY, room, 5.0, 1, errors.GatewayRefused(why))
    for message_id in ("1", "2"):
        log.error("Message %s is given up", message_id)
        log.info("Message %s is given up", message_id)
    assert len(shown.lines()) == 8


def test_what_happens_is_told_ten_times(shown: Log) -> None:
    """Of a line of the level INFO the first ten are written, the others counted."""
    for _ in range(12):
        log.info("Connected to the gateway %s.", "host:1")
    assert shown.lines() == ["INFO    Connected to the gateway host:1."] * 10
    shown.now += WINDOW
    log.warning("other")
    assert shown.lines()[0] == "INFO    ... 2 times more in 10 min: Connected to the gateway host:1."


def test_after_better_news_a_warning_is_news(shown: Log) -> None:
    """When the gateway was connected meanwhile, that it is away is said at once, behind the count of before."""
    for _ in range(3):
        log.warning("No connection: %s", "refused")
    logging.getLogger("tests.other").info("something else")
    log.info("Connected")
    log.warning("No connection: %s", "refused")
    assert shown.lines() == [
        "WARNING No connection: refused",
        "INFO    something else",
        "WARNING ... 2 times more in 1 min: No connection: refused",
        "INFO    Connected",
        "WARNING No connection: refused",
    ]


def test_debug_lines_are_all_there(shown: Log) -> None:
    """Who asks for lines of the level debug gets every one."""
    for _ in range(3):
        log.debug("bytes")
    assert shown.lines() == ["DEBUG   bytes"] * 3


def test_of_lines_without_end_few_are_remembered(shown: Log) -> None:
    """Beyond so many different lines the oldest is forgotten, its count written."""
    for number in range(MAX_LINES):
        log.warning("line %s", str(number))
        log.warning("line %s", str(number))
    shown.lines()
    log.warning("one more")
    assert shown.lines() == ["WARNING ... 1 times more in 1 min: line 0", "WARNING one more"]


def test_a_traceback_that_comes_again_is_counted(shown: Log) -> None:
    """A fault of our own that comes with each step has its traceback once."""
    for number in range(3):
        try:
            raise RuntimeError(f"odd {number}")
        except RuntimeError:
            log.exception("It failed.")
    assert sum("Traceback" in line for line in shown.lines()) == 1


async def test_the_count_does_not_wait_for_another_line(shown: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the ten minutes are over the count is written, though nothing else happens."""
    monkeypatch.setattr("roomsync.cli.repeats.WINDOW", 0.01)
    log.warning("no net")
    log.warning("no net")
    shown.now += 1
    await until(lambda: "... 1 times more" in shown.stream.getvalue())


def test_a_record_with_wrong_arguments_stops_nobody(shown: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that cannot be written is told of on standard error, and its writer goes on."""
    handlers = logging.getLogger().handlers[:]
    logging.getLogger().handlers[:] = [shown.handler]  # pytest's own raises
    try:
        log.warning("%d", "x")
    finally:
        logging.getLogger().handlers[:] = handlers
    assert shown.lines() == [] and "Logging error" in capsys.readouterr().err


def test_the_count_is_not_lost_at_the_end() -> None:
    """A process that ends within the ten minutes writes the count, and waits for nothing."""
    script = (
        "import logging; from roomsync.cli.logs import set_up_logs; set_up_logs('info', 'secret_x');"
        "[logging.getLogger('x').warning('no net') for _ in range(8)]"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, timeout=60, check=True)
    assert [line[20:] for line in done.stderr.decode().splitlines()] == [
        "WARNING no net",
        "WARNING ... 7 times more in 1 min: no net",
    ]
