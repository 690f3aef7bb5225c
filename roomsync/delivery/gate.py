"""The gate in front of the rooms: which of them may be sent to now, and what. Pure: the time is an argument."""

import math
from collections.abc import Callable, Collection
from typing import Protocol

from roomsync.model import Kind
from roomsync.session import Session
from roomsync.store.waiting import ANNOUNCED, Waiting

ALL = -math.inf  # the least priority that passes an open room
NOTHING = math.inf  # likewise a room whose community is paused


class QuietHours(Protocol):
    """When nothing is said in rooms unasked."""

    def end(self, now: float) -> float:
        """Return when the quiet hours end that `now` is in, seconds since the epoch; 0 when it is in none."""

    def start(self, now: float) -> float:
        """Return when the next quiet hours after `now` start."""


class Gate:
    """Says what may pass: nothing where the community is paused, in quiet hours what staff announces alone.

    What takes a message back passes always. `community_of` gives the community of a room; a room of none is staff's,
    and always open; of one whose community is not known (empty) any pause counts. `shut` gives the rooms that hear
    nothing, whatever was meant for them before, and `changes` a number that is another one when rooms are found, come
    or go.
    """

    def __init__(
        self,
        session: Session,
        community_of: Callable[[str], str | None] = lambda room_id: "",
        quiet: QuietHours | None = None,
        shut: Callable[[], tuple[str, ...]] = tuple,
        changes: Callable[[], int] = int,
    ) -> None:
        self._session = session
        self._shut_rooms, self._changes = shut, changes
        self._community_of = community_of
        self.quiet = quiet

    def least(self, room_id: str, now: float) -> float:
        """Return the least priority of what may go to that room now; ALL for everything."""
        if not self.is_shut(now):
            return ALL
        community = self._community_of(room_id)
        if community is None:
            return ALL
        is_paused = self._session.is_paused(community, now) if community else self._session.paused_at(now)
        if is_paused or room_id in self._shut_rooms():
            return NOTHING
        return ANNOUNCED if self.quiet and self.quiet.end(now) else ALL

    def is_staffs(self, room_id: str) -> bool:
        """Return whether a room is of no community: what goes there are answers to staff."""
        return self._community_of(room_id) is None

    def is_shut(self, now: float) -> bool:
        """Return whether it is shut to any room."""
        return bool(self._shut(now))

    def _shut(self, now: float) -> Collection[str]:
        """Return what keeps it shut: the paused communities (empty: all), rooms, and the quiet hours."""
        kept = (*self._session.paused_at(now), *self._shut_rooms())
        return (*kept, "quiet") if self.quiet and self.quiet.end(now) else kept

    def state(self, now: float) -> Collection[str]:
        """Return what tells this moment from others: while it stays the same, so does every answer of `least`."""
        shut = self._shut(now)
        return (*shut, str(self._changes())) if shut else shut

    def quiet_until(self, now: float) -> float:
        """Return when the quiet hours end that it is in; 0 when it is in none."""
        return self.quiet.end(now) if self.quiet else 0.0

    def next_change(self, now: float) -> float:
        """Return when it opens or shuts next by itself; infinity when it does not."""
        ends = [until for until in self._session.pauses.values() if until > now]
        if self.quiet:
            ends.append(self.quiet.end(now) or self.quiet.start(now))
        return min(ends, default=math.inf)


def passes(row: Waiting, least: float) -> bool:
    """Return whether a delivery passes where `least` is the least priority."""
    return row.priority >= least or row.kind == Kind.RECALLED
