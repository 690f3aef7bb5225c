"""These tests do little but wait, so several of them run at the same time, each with processes of its own.

Each test is shown, passes or fails by itself: the first that is to run starts them all, and each then waits for what
became of it. `CHAOS_AT_ONCE=1`, or -x, runs them one after the other.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path

import pytest

AT_ONCE = int(os.environ.get("CHAOS_AT_ONCE", "4"))

_figures: ContextVar[list[str]] = ContextVar("figures")


def figures(text: str) -> None:
    """Print `text` where the test that is running is shown: others run at the same time."""
    _figures.get().append(text)


class Together:
    """Runs the tests that it is given, in their order, some at the same time."""

    def __init__(self) -> None:
        self._tests: dict[str, Callable[[Path], Awaitable[None]]] = {}  # by the names that pytest gives them
        self._running: dict[str, asyncio.Task[None]] = {}
        self._printed: dict[str, list[str]] = {}

    def take(self, item: pytest.Function) -> None:
        """Let a test, whose only fixture is `tmp_path`, wait for what becomes of it here."""
        test = item.obj
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        self._tests[item.nodeid] = functools.partial(test, **parameters)

        @functools.wraps(test)
        async def wait(tmp_path: Path, **_: object) -> None:
            if item.nodeid not in self._running:
                # With -x, none that nobody waits for any more may be under way.
                names = [one.nodeid for one in item.session.items if one.nodeid in self._tests]
                self._start([item.nodeid] if item.config.getoption("maxfail") else names, tmp_path)
            try:
                await self._running[item.nodeid]
            finally:
                print(*self._printed[item.nodeid], sep="\n")

        item.obj = wait

    def _start(self, names: list[str], folder: Path) -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        for number, name in enumerate(names):
            (own := folder / str(number)).mkdir()
            self._printed[name] = []
            self._running[name] = asyncio.create_task(self._run(name, own, slots), name=name)

    async def _run(self, name: str, folder: Path, slots: asyncio.Semaphore) -> None:
        async with slots:
            _figures.set(self._printed[name])
            await self._tests[name](folder)
