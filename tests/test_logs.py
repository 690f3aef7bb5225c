"""The log: a line that comes again and again is written once, and then how often it came; LOG_FILE."""

import io
import logging
import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from logging.handlers import QueueHandler
from pathlib import Path

import pytest

from roomsync import errors
from roomsync.cli import log_file
from roomsync.cli.log_file import OLD_FILES, LogFile
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


# LOG_FILE.

LOGGING = (
    "import logging, pathlib, sys; from roomsync.cli.logs import set_up_logs;"
    "set_up_logs('info', 'secret_x', file=pathlib.Path(sys.argv[1]));"
    "logging.getLogger('x').warning('no secret_x, 群')"
)


def write_log(path: Path, stderr: int = subprocess.PIPE) -> str:
    """What a process writes to standard error that logs to that file."""
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", LOGGING, str(path)]
    env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=root, stderr=stderr, timeout=60, check=True, env=env)
    return (done.stderr or b"").decode()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LogFile]:
    """A log file in a folder of its own."""
    (tmp_path / "logs").mkdir()
    found = LogFile(tmp_path / "logs" / "bot.log")
    yield found
    found.close()


def put(file: LogFile, text: str) -> None:
    file.handle(logging.makeLogRecord({"msg": text}))


def test_the_log_goes_to_the_file(tmp_path: Path) -> None:
    """Where standard error is no terminal the file alone has the log, in UTF-8, without the token, for its owner."""
    path = tmp_path / "bot.log"
    assert (write_log(path), write_log(path)) == ("", "")
    assert [line[20:] for line in path.read_text(encoding="utf-8").splitlines()] == ["WARNING no ***, 群"] * 2
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
def test_a_terminal_shows_what_the_file_has(tmp_path: Path) -> None:
    """Who starts the bot in a terminal sees the log there, too."""
    reader, writer = os.openpty()
    write_log(tmp_path / "bot.log", stderr=writer)
    assert os.read(reader, 1000).decode()[20:].split("\r")[0] == "WARNING no ***, 群"
    os.close(reader)
    os.close(writer)


def test_a_long_log_begins_anew(file: LogFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its size a file gets a number, and a new one begins; of the old ones five are kept."""
    monkeypatch.setattr(log_file, "MAX_BYTES", 10)
    file.maxBytes = 10
    for number in range(9):
        put(file, f"line {number}")
    folder = tmp_path / "logs"
    names = ["bot.log", *(f"bot.log.{number}" for number in range(1, OLD_FILES + 1))]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert [(folder / name).read_text() for name in names] == [f"line {8 - number}\n" for number in range(6)]


def test_a_file_that_cannot_be_renamed_grows(file: LogFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a log cannot be renamed, as on Windows one that somebody reads, it goes on in it; no old one is lost."""
    monkeypatch.setattr(log_file, "RETRY_BYTES", 20)
    monkeypatch.setattr(log_file, "MAX_BYTES", 10)
    folder = tmp_path / "logs"
    in_the_way = folder / "bot.log.0"
    in_the_way.mkdir()
    (folder / "bot.log.1").write_text("old\n")
    file.maxBytes = 10
    for number in range(9):
        put(file, f"line {number}")
    assert (folder / "bot.log").read_text() == "".join(f"line {number}\n" for number in range(9))
    assert (folder / "bot.log.1").read_text() == "old\n"
    in_the_way.rmdir()
    for number in range(4):
        put(file, f"more {number}")
    assert (folder / "bot.log.1").read_text().startswith(("line", "more"))


def test_a_log_that_cannot_be_written_is_shown(
    file: LogFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the file cannot be written, the log goes to standard error, the reason first; then to the file again."""
    file._instead.setStream(sys.stderr)
    folder = tmp_path / "logs"
    folder.rmdir()
    put(file, "one")
    put(file, "two")
    told, *lines = capsys.readouterr().err.splitlines()
    assert "cannot be written" in told and "No such file" in told and lines == ["one", "two"]
    folder.mkdir()
    put(file, "three")
    assert ((folder / "bot.log").read_text(), capsys.readouterr().err) == ("three\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_stops_no_log() -> None:
    """On a disk that is full the process goes on and ends as ever, its log on standard error."""
    told, line = write_log(Path("/dev/full")).splitlines()
    assert "No space left" in told and line[20:] == "WARNING no ***, 群"
