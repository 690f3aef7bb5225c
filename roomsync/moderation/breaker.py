"""The circuit breaker: a filter that holds too much must be wrong, and is stopped. Pure."""

from collections import deque

WINDOW = 600.0  # seconds
MIN_MESSAGES = 30  # that were judged in the window, before it says anything
MAX_SHARE = 1 / 3  # of them that may be held
MIN_AUTHORS = 3  # of what is held: else one member who posts thirty adverts stops the filter, and posts the next


class Breaker:
    """Knows how many messages of the last ten minutes were held."""

    def __init__(self) -> None:
        self._judged: deque[tuple[float, str | None]] = deque()

    def note(self, held_of: str | None, now: float) -> bool:
        """Note a message that was judged; return whether more than a third of 30 or more are held now, of several.

        `held_of`: whose it is, if it is held.
        """
        self._judged.append((now, held_of))
        while self._judged[0][0] <= now - WINDOW:
            self._judged.popleft()
        held = [author for _, author in self._judged if author is not None]
        is_much = len(self._judged) >= MIN_MESSAGES and len(held) > MAX_SHARE * len(self._judged)
        return is_much and len(set(held)) >= MIN_AUTHORS

    def take_back(self) -> None:
        """Forget the message that was noted last: it was not written, and comes again."""
        if self._judged:
            self._judged.pop()

    def reset(self) -> None:
        """Begin anew."""
        self._judged.clear()
