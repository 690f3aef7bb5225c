"""When a send that failed is made again, and when it is given up. Pure."""

from roomsync.model import Send
from roomsync.text.kinds import CARDS, MEDIA

FIRST_RETRY_DELAY = 5.0  # seconds before the second attempt of a send; doubles with each one after
MAX_RETRY_DELAY = 600.0
# Seconds before the second and third attempt of a picture, file or card that the gateway refuses; there is no fourth.
# For the second its room waits, so that a refusal of the moment costs it no place; during the third others pass.
MEDIA_RETRY_DELAYS = (2.0, 6.0)
LOST_DELAY = 1.0  # seconds; the session is not ready any more when the connection is really gone
MAX_LOST_DELAY = 300.0
PATIENCE = 16  # how often the connection may go during one send before that is taken for the cause
APART_AFTER = 2  # failed attempts after which texts that went together go one by one: one of them may be the cause


def retry_delay(send: Send) -> float:
    """Return the seconds to wait after one more failed attempt of `send`."""
    if is_media(send):
        return MEDIA_RETRY_DELAYS[min(send.attempts, len(MEDIA_RETRY_DELAYS) - 1)]
    return float(min(MAX_RETRY_DELAY, FIRST_RETRY_DELAY * 2**send.attempts))


def lost_delay(times: int) -> float:
    """Return the seconds to wait after the connection went for the `times`-th time during one send, counted from 1.

    A send that breaks the connection each time it is made must not be made every second for ever.
    """
    return float(min(MAX_LOST_DELAY, LOST_DELAY * 2 ** max(0, times - PATIENCE)))


def is_media(send: Send) -> bool:
    """Return whether a send is a picture, file or card: what a room can read a line in the place of."""
    return send.kind in (*MEDIA, *CARDS)


def is_given_up(send: Send, max_attempts: int) -> bool:
    """Return whether a send that failed once more is given up: texts that went together only after they went apart."""
    attempts = send.attempts + 1
    if is_media(send):
        return attempts > len(MEDIA_RETRY_DELAYS) or attempts >= max_attempts
    return attempts >= max_attempts and (len(send.deliveries) == 1 or max_attempts == 1)


def is_passed(send: Send) -> bool:
    """Return whether the others of its room pass a send that failed once more and is made again."""
    return is_media(send) and send.attempts + 1 == len(MEDIA_RETRY_DELAYS)


def goes_apart(send: Send, max_attempts: int) -> bool:
    """Return whether texts that failed together once more go one by one from now on."""
    return len(send.deliveries) > 1 and send.attempts + 1 >= min(APART_AFTER, max_attempts - 1)
