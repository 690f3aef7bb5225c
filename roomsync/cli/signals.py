"""Stopping: the first Ctrl-C or SIGTERM asks for it, the second does it, and so does time."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType

log = logging.getLogger(__name__)

FLUSH_DELAY = 0.2  # seconds in which the last line of the log is written
LEAVE_TIMEOUT = 7.2  # seconds after the first signal; Docker kills after 10, and systemd can be told to


def stop_on_signals(
    stop: Callable[[], None], leave: Callable[[int], None] = os._exit, more: Iterable[str] = ()
) -> None:
    """Call `stop` in the running loop at the first signal, and `leave` with an exit code, to end it, at the second.

    It ends after LEAVE_TIMEOUT in any case: a disk, or a look-up of a name, that hangs cannot be told to stop; what is
    in the state file is safe from an end at any time.

    `more`: names of signals that ask for it, too. By signal.signal and not by the loop's own handlers, which Windows
    does not have.
    """
    loop = asyncio.get_running_loop()
    asked: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if asked:
            leave(128 + number)
        asked.append(number)
        last = threading.Timer(LEAVE_TIMEOUT, _end, (leave,))
        last.daemon = True
        last.start()
        loop.call_soon_threadsafe(stop)

    for name in ("SIGINT", "SIGTERM", "SIGBREAK", *more):  # the third is Ctrl-Break, on Windows only
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handle)


def _end(leave: Callable[[int], None]) -> None:
    log.warning("The bot leaves without waiting any longer; nothing that was accepted is lost.")
    for handler in logging.getLogger().handlers:
        handler.flush()
    time.sleep(FLUSH_DELAY)
    leave(0)
