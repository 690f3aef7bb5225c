"""How long to wait before the next attempt to connect; sends have delivery/retries.py."""

import random
from collections.abc import Callable, Iterator

FIRST_DELAY = 1.0  # seconds before the second attempt to connect
MAX_DELAY = 60.0
# So gentle that after a minute's absence of the gateway the next attempt is less than 10 s away.
GROWTH = 1.1
JITTER = 0.2
MAX_AT_ONCE = 0.2


def at_once(rand: Callable[[], float] = random.random) -> float:
    """Return the seconds before the first attempt after a good connection: hardly any, for many bots not the same."""
    return MAX_AT_ONCE * rand()


def backoff(rand: Callable[[], float] = random.random) -> Iterator[float]:
    """Give the seconds before each new attempt to connect: 1 growing to 60, each up to a fifth longer by chance."""
    delay = FIRST_DELAY
    while True:
        yield min(MAX_DELAY, delay * (1 + JITTER * rand()))
        delay = min(MAX_DELAY, delay * GROWTH)
