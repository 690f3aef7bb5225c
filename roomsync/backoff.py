"""How long to wait before the next attempt to connect, or to make a send."""

import random
from collections.abc import Callable, Iterator

FIRST_DELAY = 1.0  # seconds before the second attempt to connect
MAX_DELAY = 60.0
# So gentle that after a minute's absence of the gateway the next attempt is less than 10 s away.
GROWTH = 1.1
JITTER = 0.2
FIRST_RETRY_DELAY = 5.0  # seconds before the second attempt of a send; doubles with each one after
MAX_RETRY_DELAY = 600.0


def backoff(rand: Callable[[], float] = random.random) -> Iterator[float]:
    """Give the seconds before each new attempt to connect: 1 growing to 60, each up to a fifth longer by chance."""
    delay = FIRST_DELAY
    while True:
        yield min(MAX_DELAY, delay * (1 + JITTER * rand()))
        delay = min(MAX_DELAY, delay * GROWTH)


def retry_delay(attempts: int) -> float:
    """Return the seconds to wait after failed attempt number `attempts` of a send, counted from 1."""
    return float(min(MAX_RETRY_DELAY, FIRST_RETRY_DELAY * 2 ** (attempts - 1)))
