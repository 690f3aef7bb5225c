"""What time it is: seconds since the epoch, and never a step while the bot runs.

The machine's clock is set back or ahead by a person, by NTP, by a virtual machine that was asleep. A retry that is due,
a pause of the account, the age of a message: all that would wait for a day, or be over at once.
"""

import time
from collections.abc import Callable

# These go on while the machine sleeps, where it has them: Linux, then macOS.
ELAPSING = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
SMALL = 1.0  # seconds that two clocks may differ by without one of them having been set


def elapsed() -> float:
    """Return seconds since some moment; no step of the machine's clock changes them."""
    return time.monotonic() if ELAPSING is None else time.clock_gettime(ELAPSING)


class SteadyClock:
    """Tells the time that it was when the clock was made, and what has elapsed since then."""

    def __init__(self, wall: Callable[[], float] = lambda: time.time(), elapsed: Callable[[], float] = elapsed) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._start = wall() - elapsed()

    def __call__(self) -> float:
        """Return the time."""
        return self._start + self._elapsed()

    @property
    def ahead(self) -> float:
        """How many seconds this clock is ahead of the machine's: 0 unless that one was set."""
        ahead = self() - self._wall()
        return ahead if abs(ahead) > SMALL else 0.0

    def go_on(self, ahead: float) -> None:
        """Go on from where the clock of an earlier process was, which was so far ahead of the machine's."""
        self._start = self._wall() + ahead - self._elapsed()
