"""Stopping: the first Ctrl-C or SIGTERM asks for it, the second does it."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` in the running loop at the first signal, and end the process at the second.

    By signal.signal and not by the loop's own handlers, which Windows does not have.
    """
    loop = asyncio.get_running_loop()
    asked: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if asked:
            os._exit(128 + number)
        asked.append(number)
        loop.call_soon_threadsafe(stop)

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # the last is Ctrl-Break, on Windows only
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handle)
