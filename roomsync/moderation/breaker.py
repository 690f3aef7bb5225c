"""The circuit breaker: a filter that holds too much must be wrong, and is stopped. Pure."""

from collections import deque

WINDOW = 600.0  # seconds
MIN_MESSAGES = 30  # that were judged in the window, before it says anything
MAX_SHARE = 1 / 3  # of them that may be held


class Breaker:
    """Knows how many messages of the last ten minutes were held."""

    def __init__(self) -> None:
        self._judged: deque[tuple[float, bool]] = deque()

    def note(self, is_held: bool, now: float) -> bool:
        """Note a message that was judged; return whether more than a third of 30 or more are held now."""
        self._judged.append((now, is_held))
        while self._judged[0][0] <= now - WINDOW:
            self._judged.popleft()
        held = sum(is_held for _, is_held in self._judged)
        return len(self._judged) >= MIN_MESSAGES and held > MAX_SHARE * len(self._judged)

    def take_back(self) -> None:
        """Forget the message that was noted last: it was not written, and comes again."""
        if self._judged:
            self._judged.pop()

    def reset(self) -> None:
        """Begin anew."""
        self._judged.clear()
