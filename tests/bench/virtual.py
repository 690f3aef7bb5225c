"""An event loop in virtual time: it waits for no timer, so that hours of pacing take seconds."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

# Real seconds without news from any socket after which nothing is on its way: both ends of each are in this process.
GRACE = 0.002


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose `time()` is 0 at first, in seconds, and moves to the next timer when nothing else can happen.

    What sockets bring and what threads work at comes first, however long it takes. Both ends of a socket have to be in
    this process.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.working = 0  # how many calls threads have in hand
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(  # type: ignore[override]  # typeshed's has the types of all arguments
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self.working += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._worked)
        return future

    def _worked(self, future: asyncio.Future[Any]) -> None:
        self.working -= 1


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; `timeout` is the time until the loop's next timer, None when it has none."""
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if timeout is None or self._loop.working:
            return super().select(None)
        events = super().select(GRACE)
        if not events:
            self._loop.now += timeout
        return events
