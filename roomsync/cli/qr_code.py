"""QR codes in the terminal: whoever runs the bot there logs in by looking."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TextIO

QUIET_ZONE = 4  # modules of white around a code: ISO/IEC 18004
DEFAULT_SIZE = 80, 24  # columns and lines of a terminal that does not say
# Of a module above another: one character is as wide as a module, and as high as two.
HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
# Black on white of the 256 colours, which no theme changes: dark on light is what every phone reads.
BLACK_ON_WHITE, PLAIN = "\033[38;5;16;48;5;231m", "\033[0m"


class QrCodes:
    """Draws each new code once on standard error: a gateway repeats its last scan event."""

    def __init__(self) -> None:
        self._last, self._is_drawing, self._lock = "", False, threading.Lock()

    def show(self, content: str) -> None:
        """Draw a code, unless it is the last one; a thread does, as a terminal may stand still.

        There is one at a time. What comes while it draws is drawn after that, the newest alone: no other is of use.
        """
        with self._lock:
            if content == self._last:
                return
            self._last, is_drawing, self._is_drawing = content, self._is_drawing, True
        if not is_drawing:
            threading.Thread(target=self._draw, name="QR code", daemon=True).start()

    def _draw(self) -> None:
        drawn = ""
        while content := self._next(drawn):
            _show(content)
            drawn = content

    def _next(self, drawn: str) -> str:
        """Return the code to draw; empty when the last one is drawn."""
        with self._lock:
            self._is_drawing = self._last != drawn
            return self._last if self._is_drawing else ""


def _show(content: str) -> None:
    stream = sys.stderr
    if drawn := drawing(content, stream):
        with suppress(OSError, ValueError):  # the terminal is gone
            stream.write(f"{drawn}\n")
            stream.flush()


def drawing(content: str, stream: TextIO | None) -> str:
    """Return a QR code as lines for the terminal that `stream` is; empty where it would not be seen as one."""
    if stream is None or not _is_terminal(stream):
        return ""
    lines = lines_of(content)
    columns, rows = _size(stream)
    if not lines or len(lines[0]) > columns or len(lines) > rows:
        return ""
    return "\n".join(f"{BLACK_ON_WHITE}{line}{PLAIN}" for line in lines)


def lines_of(content: str) -> list[str]:
    """Return a QR code as lines of half blocks, its quiet zone with it; none for what is too long for one."""
    from qrcode.constants import ERROR_CORRECT_L  # a twentieth of a second, for whom it is drawn alone
    from qrcode.exceptions import DataOverflowError
    from qrcode.main import QRCode

    code = QRCode(error_correction=ERROR_CORRECT_L, border=QUIET_ZONE)  # the smallest: a screen has no stains
    code.add_data(content)
    try:
        code.make()
    except (DataOverflowError, ValueError):
        return []
    return list(_lines(code.get_matrix()))


def _lines(modules: Sequence[Sequence[bool]]) -> Iterator[str]:
    below = [*modules[1:], [False] * len(modules[0])]
    for above, under in zip(modules[::2], below[::2], strict=True):
        yield "".join(HALVES[bool(high), bool(low)] for high, low in zip(above, under, strict=True))


def _is_terminal(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows half blocks and obeys colours."""
    try:
        "".join(HALVES.values()).encode(stream.encoding or "ascii")
        return stream.isatty() and _obeys_colours(stream)
    except (OSError, ValueError, LookupError):  # it is closed, or writes in another encoding
        return False


def _obeys_colours(stream: TextIO) -> bool:
    if sys.platform != "win32":
        return os.environ.get("TERM", "") not in ("", "dumb")
    import ctypes
    import msvcrt

    # Consoles of Windows obey after they were asked to: ENABLE_VIRTUAL_TERMINAL_PROCESSING of SetConsoleMode.
    kernel, mode = ctypes.windll.kernel32, ctypes.c_ulong()
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
    return bool(kernel.GetConsoleMode(handle, ctypes.byref(mode)) and kernel.SetConsoleMode(handle, mode.value | 4))


def _size(stream: TextIO) -> tuple[int, int]:
    """Return columns and lines of a terminal."""
    try:
        found = os.get_terminal_size(stream.fileno())
    except OSError:
        return DEFAULT_SIZE
    return found.columns or DEFAULT_SIZE[0], found.lines or DEFAULT_SIZE[1]
