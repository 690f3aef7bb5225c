"""When the next send may go, and to whom. Pure: the clock is passed in."""

from collections.abc import Sequence
from dataclasses import dataclass

from roomsync.outbox import Head


@dataclass(frozen=True)
class Turn:
    """A room whose turn it is, or how many seconds until one can have it."""

    room_id: str | None
    wait: float = 0.0


class Pacer:
    """One account, one pacer: everything that is sent asks here first.

    `interval`: seconds between two sends of the account.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last = 0.0
        self._served: dict[str, float] = {}

    def choose(self, heads: Sequence[Head], now: float) -> Turn:
        """The room served longest ago among those that are due; `heads` is not empty."""
        self._last = min(self._last, now)  # a clock set back must not stop the bot
        free_at = self._last + self._interval
        earliest = min(head.next_try for head in heads)
        if max(free_at, earliest) > now:
            return Turn(None, max(free_at, earliest) - now)
        due = [head.room_id for head in heads if head.next_try <= now]
        return Turn(min(due, key=lambda room_id: self._served.get(room_id, 0.0)))

    def sent(self, room_id: str, now: float) -> None:
        """A send to that room began at `now`."""
        self._last = self._served[room_id] = now
