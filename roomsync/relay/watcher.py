"""Who hears of rooms that change."""

from collections.abc import Sequence
from typing import Protocol

from roomsync.model import Room


class Watcher(Protocol):
    """Who wants to know of rooms: staff, and who sends alerts."""

    async def rooms_changed(self, *, settled: bool) -> None:
        """Hear that what is known of some room may have changed; `settled`: all rooms are listed, after a login."""

    async def room_left(self, room: Room) -> None:
        """Hear that the bot was taken out of a room of a community."""

    async def rooms_are_new(self, rooms: Sequence[Room], inviter_id: str) -> None:
        """Hear of rooms that were not there at the last login, and who added the bot to them, if that is known."""
