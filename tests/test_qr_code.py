"""The QR code in the terminal: what a phone reads from it, when it is drawn, and when not."""

import asyncio
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
import zxingcpp
from PIL import Image

from roomsync.cli.check import check
from roomsync.cli.qr_code import BLACK_ON_WHITE, PLAIN, QUIET_ZONE, QrCodes, drawing, lines_of
from roomsync.gateway.protocol import EventType
from tests.conftest import running, settings, until
from tests.scripted import ScriptedGateway

if sys.platform == "win32":
    pytest.skip("Windows has no pty", allow_module_level=True)

import fcntl
import pty
import struct
import termios

CONTENT = "http://weixin.qq.com/x/AZ4u_8ZbQxk1vY2gSOME"
OTHER = "http://weixin.qq.com/x/A_LATER_ONE_THAT_COMES"
HEIGHT = 19  # lines of a code for either
UPPER, LOWER = "▀█", "▄█"
MODULE = 8  # pixels


def pixels(lines: list[str], dark: int = 0, light: int = 255) -> Image.Image:
    """What a camera sees of half blocks in a terminal whose background is as the code's own."""
    image = Image.new("L", (len(lines[0]), 2 * len(lines)), light)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            image.putpixel((column, 2 * row), dark if character in UPPER else light)
            image.putpixel((column, 2 * row + 1), dark if character in LOWER else light)
    return image.resize((image.width * MODULE, image.height * MODULE), Image.Resampling.NEAREST)


def read(lines: list[str]) -> list[str]:
    return [one.text for one in zxingcpp.read_barcodes(pixels(lines))]


class Terminal:
    """A real terminal: what is written to `stream`, and what it shows."""

    def __init__(self, columns: int = 80, rows: int = 24, encoding: str = "utf-8") -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self._master, False)
        self.stream: TextIO = os.fdopen(slave, "w", encoding=encoding, buffering=1)
        self.shown = ""

    def look(self) -> str:
        """All that was shown until now."""
        try:
            while data := os.read(self._master, 65_536):
                self.shown += data.decode()
        except (BlockingIOError, OSError):
            pass
        return self.shown

    def codes(self) -> list[str]:
        """The contents of all codes that are shown, each of 37 modules."""
        drawn = re.findall(re.escape(BLACK_ON_WHITE) + "(.*?)" + re.escape(PLAIN), self.look())
        whole = len(drawn) - len(drawn) % HEIGHT
        return [text for start in range(0, whole, HEIGHT) for text in read(drawn[start : start + HEIGHT])]

    def close(self) -> None:
        self.stream.close()
        os.close(self._master)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal as most are."""
    found = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    yield found
    found.close()


@pytest.mark.parametrize("content", [CONTENT, "https://login.weixin.qq.com/l/4Z_x-==", "中文", "x" * 300])
def test_phone_reads_what_the_gateway_gave(content: str) -> None:
    """The half blocks, seen as modules, are a QR code of just that content, with the quiet zone that phones need."""
    lines = lines_of(content)
    assert read(lines) == [content]
    assert len({len(line) for line in lines}) == 1 and not "".join(lines[: QUIET_ZONE // 2]).strip()
    assert all(not (line[:QUIET_ZONE] + line[-QUIET_ZONE:]).strip() for line in lines)


def test_terminal_shows_dark_on_light(terminal: Terminal) -> None:
    """Every line of the code says itself what is black and what white, and ends that: themes change nothing."""
    lines = drawing(CONTENT, terminal.stream).split("\n")
    assert all(line.startswith(BLACK_ON_WHITE) and line.endswith(PLAIN) for line in lines)


@pytest.mark.parametrize(("columns", "rows", "fits"), [(37, 19, True), (36, 24, False), (80, 18, False), (0, 0, True)])
def test_code_is_drawn_where_it_fits(columns: int, rows: int, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code of 37 columns and 19 lines is drawn in a terminal of that size, or of none, and in no smaller one."""
    monkeypatch.setenv("TERM", "xterm")
    small = Terminal(columns, rows)
    assert bool(drawing(CONTENT, small.stream)) is fits
    small.close()


def test_nothing_is_drawn_where_nobody_would_see_a_code(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, a pipe, a closed or missing stream, a terminal without those characters or colours: no code."""
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        assert drawing(CONTENT, file) == ""
    assert drawing(CONTENT, file) == "" and drawing(CONTENT, None) == ""
    latin = Terminal(encoding="latin-1")
    assert drawing(CONTENT, latin.stream) == ""
    latin.close()
    assert drawing("x" * 5000, terminal.stream) == ""
    monkeypatch.setenv("TERM", "dumb")
    assert drawing(CONTENT, terminal.stream) == ""


async def test_each_new_code_is_drawn_once(
    gateway: ScriptedGateway, state_file: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan event that is repeated draws its code once, another one draws the other; none when logged in."""
    gateway.logged_in = False
    monkeypatch.setattr("sys.stderr", terminal.stream)

    async def scan_and_log_in() -> None:
        await until(lambda: gateway.streams)
        for content in (CONTENT, CONTENT, OTHER, OTHER):
            gateway.emit(EventType.SCAN, {"qrcode": content, "status": 2})
            await until(lambda content=content: content in terminal.codes())  # type: ignore[misc]
        gateway.login()

    scanning = asyncio.create_task(scan_and_log_in())
    async with running(gateway, state_file):
        gateway.emit(EventType.SCAN, {"qrcode": CONTENT, "status": 2})
        gateway.say("r101", "alice", "after it")
        await gateway.until(lambda: len(gateway.sent) == 2)
    await scanning
    assert terminal.codes() == [CONTENT, OTHER]


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "QR code"]


async def test_a_terminal_that_stands_still_has_one_thread(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes that come while nobody reads the terminal wait in one thread; then the newest is drawn, and it ends."""
    monkeypatch.setattr("sys.stderr", terminal.stream)
    codes = QrCodes()
    for number in range(20):
        codes.show(f"{CONTENT}{number}")
        assert len(threads()) <= 1
    await until(lambda: f"{CONTENT}19" in terminal.codes())
    await until(lambda: not threads())


async def test_check_draws_the_code(
    gateway: ScriptedGateway, state_file: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody is logged in, `--check` in a terminal shows the code below the link."""
    gateway.logged_in = False
    monkeypatch.setattr("sys.stdout", terminal.stream)
    checking = asyncio.create_task(check(settings(gateway, STATE_FILE=str(state_file)), limit=1.0))
    await until(lambda: gateway.streams)
    gateway.emit(EventType.SCAN, {"qrcode": CONTENT, "status": 2})
    assert await checking == 1
    assert terminal.codes() == [CONTENT]
    assert terminal.shown.index("https://wechaty.js.org/qrcode/") < terminal.shown.index(BLACK_ON_WHITE)
