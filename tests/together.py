"""The tests with a real gateway do little but wait, so several run at the same time, each with processes of its own.

Each test is shown, passes or fails by itself: the first that is to run starts them all, and each then waits for what
became of it. `TESTS_AT_ONCE=1`, or -x, runs them one after the other.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path

import pytest

AT_ONCE = int(os.environ.get("TESTS_AT_ONCE", "4"))

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
        """Let a test, which needs no fixture but `tmp_path` and parameters, wait for what becomes of it here."""
        test = item.obj
        given = item.callspec.params if hasattr(item, "callspec") else {}
        wants_folder = "tmp_path" in inspect.signature(test).parameters
        self._tests[item.nodeid] = lambda folder: test(**given, **({"tmp_path": folder} if wants_folder else {}))
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if "tmp_path" not in item.fixturenames:
            item.fixturenames.append("tmp_path")  # that of the first to run holds the folders of all

        @functools.wraps(test)
        async def wait(**_: object) -> None:
            tmp_path = item.funcargs["tmp_path"]
            assert isinstance(tmp_path, Path)
            if item.nodeid not in self._running:
                # With -x, none that nobody waits for any more may be under way.
                names = [one.nodeid for one in item.session.items if one.nodeid in self._tests]
                alone = item.config.getoption("maxfail")
                self._start([item.nodeid] if alone else names, tmp_path)
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
