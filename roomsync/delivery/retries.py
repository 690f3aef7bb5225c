"""When a send that failed is made again, and when it is given up. Pure."""

from roomsync.model import Send

FIRST_RETRY_DELAY = 5.0  # seconds before the second attempt of a send; doubles with each one after
MAX_RETRY_DELAY = 600.0
LOST_DELAY = 1.0  # seconds; the session is not ready any more when the connection is really gone
MAX_LOST_DELAY = 300.0
APART_AFTER = 2  # failed attempts after which texts that went together go one by one: one of them may be the cause


def retry_delay(attempts: int) -> float:
    """Return the seconds to wait after failed attempt number `attempts` of a send, counted from 1."""
    return float(min(MAX_RETRY_DELAY, FIRST_RETRY_DELAY * 2 ** (attempts - 1)))


def lost_delay(times: int) -> float:
    """Return the seconds to wait after the connection went for the `times`-th time during one send, counted from 1.

    A send that breaks the connection each time it is made must not be made every second.
    """
    return float(min(MAX_LOST_DELAY, LOST_DELAY * 2 ** (times - 1)))


def is_given_up(send: Send, max_attempts: int) -> bool:
    """Return whether a send that failed once more is given up: texts that went together only after they went apart."""
    return send.attempts + 1 >= max_attempts and (len(send.deliveries) == 1 or max_attempts == 1)


def goes_apart(send: Send, max_attempts: int) -> bool:
    """Return whether texts that failed together once more go one by one from now on."""
    return len(send.deliveries) > 1 and send.attempts + 1 >= min(APART_AFTER, max_attempts - 1)
