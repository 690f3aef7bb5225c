"""The queue of rooms that wait for a turn: a look at who is next costs the same with ten of them as with 500."""

import heapq
import math
from collections.abc import Iterable
from typing import NamedTuple


class Place(NamedTuple):
    """A room's place in the queue; the lowest goes first. `served_at`: when it had its last turn, 0 for never."""

    served_at: float
    number: int  # of those that were served at the same time the one that came first
    room_id: str


class ReadyQueue:
    """Rooms that something waits for: staff's, urgent ones, others. Nothing here knows what waits, nor reads a clock.

    A room leaves its place when it is served, and joins again when something else waits for it. One may stand here for
    which nothing waits any more: who takes its turn finds out, and lets it leave.
    """

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._staff: list[Place] = []
        self._urgent: list[Place] = []
        self._others: list[Place] = []
        self._later: list[tuple[float, str]] = []
        self._number = 0

    def join(self, room_id: str, served_at: float, *, urgent: bool = False, staff: bool = False) -> None:
        """Give a room its place, staff's before urgent ones; one that stands here already gets a new one."""
        self._number += 1
        place = self._places[room_id] = Place(served_at, self._number, room_id)
        heapq.heappush(self._staff if staff else self._urgent if urgent else self._others, place)

    def has(self, room_id: str) -> bool:
        """Return whether a room has a place."""
        return room_id in self._places

    def leave(self, room_id: str) -> None:
        """Let a room have no place."""
        self._places.pop(room_id, None)

    def first(self, rest: float, now: float) -> str | None:
        """Return whose turn it is: staff's, an urgent room, else the one served longest ago; none served in `rest`."""
        tops = [place for place in map(self._top, (self._staff, self._urgent, self._others)) if place]
        return next((place.room_id for place in tops if place.served_at + rest <= now), None)

    def oldest(self) -> float:
        """Return when the room was served that was served longest ago of all; infinity when none has a place."""
        tops = [place for place in map(self._top, (self._staff, self._urgent, self._others)) if place]
        return min((place.served_at for place in tops), default=math.inf)

    def look_later(self, room_id: str, at: float) -> None:
        """Let that room be looked at again at that time: what waits for it may not go before."""
        heapq.heappush(self._later, (at, room_id))

    def due(self, now: float) -> Iterable[str]:
        """Give, and forget, the rooms that are to be looked at again by now."""
        while self._later and self._later[0][0] <= now:
            yield heapq.heappop(self._later)[1]

    def next_look(self) -> float:
        """Return when the next room is to be looked at again; infinity when none is."""
        return self._later[0][0] if self._later else math.inf

    def _top(self, heap: list[Place]) -> Place | None:
        """Return the first of a heap, without those that have another place by now, or none."""
        while heap and self._places.get(heap[0].room_id) is not heap[0]:
            heapq.heappop(heap)
        return heap[0] if heap else None
