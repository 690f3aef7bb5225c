"""Times in which the state file could not be used: said once, and how long each was."""

import logging
import random
import time
from collections.abc import Callable, Iterator

from roomsync.errors import StateFileDamaged, StateFileError
from roomsync.language import N_, _

log = logging.getLogger(__name__)

FIRST_DELAY = 0.1  # seconds before work that failed is done again; doubles
MAX_DELAY = 5.0
WAITING = N_(
    "So it cannot be written for now, and the bot waits: nothing is sent, and what is said is taken in afterwards. It "
    "tries again and goes on by itself."
)
DAMAGED = N_("So it cannot be written, and the bot waits.")


def retry_delays(rand: Callable[[], float] = random.random) -> Iterator[float]:
    """Give the seconds before each new attempt to use the file: 0.1 growing to 5, each up to a fifth shorter."""
    delay = FIRST_DELAY
    while True:
        yield delay * (1 - rand() / 5)
        delay = min(MAX_DELAY, delay * 2)


class Outages:
    """Notes when an outage begins and ends. `clock` gives seconds that never step."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self.reason = ""  # why it cannot be used now; empty while it can
        self.last = 0.0  # how many seconds the last one was, until something takes note of it
        self.on_end: Callable[[], object] = lambda: None

    @property
    def is_on(self) -> bool:
        """Whether the file cannot be used now, as far as was tried."""
        return self._since is not None

    def begin(self, error: StateFileError) -> None:
        """Note that work failed; said when that is news."""
        if self._since is None:
            self._since = self._clock()
        if str(error) != self.reason:
            self.reason = str(error)
            log.error("%s %s", error, _(DAMAGED if isinstance(error, StateFileDamaged) else WAITING))

    def end(self) -> None:
        """Note that work was done."""
        if self._since is not None:
            self.last, self._since, self.reason = self._clock() - self._since, None, ""
            log.warning("The state file can be written again after %.0f s; the bot goes on.", self.last)
            self.on_end()
