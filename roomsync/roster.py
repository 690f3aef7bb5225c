"""Finding rooms at the gateway, and keeping what is known of them true."""

import asyncio
import logging
from typing import Protocol

from roomsync.errors import GatewayError, is_gone
from roomsync.journal import Journal
from roomsync.rooms import Room, Rooms
from roomsync.supervisor import backoff

log = logging.getLogger(__name__)


class Topics(Protocol):
    """What knows the topics of rooms: the gateway."""

    async def topics(self) -> dict[str, str | None]:
        """Topic of every room of the account, None where it is not told. Raises `GatewayError`."""

    async def topic(self, room_id: str) -> str:
        """A room's topic as it is now. Raises `GatewayError`."""


class Roster:
    """Asks `gateway` and fills `rooms`; what it finds is logged and remembered in `journal`."""

    def __init__(self, gateway: Topics, rooms: Rooms, journal: Journal) -> None:
        self._gateway = gateway
        self._rooms = rooms
        self._journal = journal

    async def find(self) -> None:
        """Find the rooms of every community among all rooms of the account, until the gateway answers."""
        told, before = await self._topics(), self._journal.topics()
        # A room that does not tell its topic today is what it was.
        known = {room_id: topic if topic is not None else before.get(room_id) for room_id, topic in told.items()}
        topics = {room_id: topic for room_id, topic in known.items() if topic is not None}
        for old, new in self._journal.moved(topics).items():
            log.info("What waits for %s goes to its new id %s (was %s).", topics[new], new, old)
        self._rooms.clear()
        for room_id, topic in topics.items():
            self._rooms.place(room_id, topic)
        for prefix in self._rooms.prefixes:
            found = self._rooms.community(prefix)
            log.info("%s: %d rooms: %s", prefix, len(found), ", ".join(room.label for room in found) or "none")
            if len(found) < 2:
                log.warning("%s has fewer than two rooms; there is nothing to relay until it has more.", prefix)

    async def _topics(self) -> dict[str, str | None]:
        delays = backoff()
        while True:
            try:
                return await self._gateway.topics()
            except GatewayError as error:
                if is_gone(error):
                    raise
                delay = next(delays)
                log.warning("The gateway does not list its rooms (%s); asked again in %.0f s.", error, delay)
                await asyncio.sleep(delay)

    async def look_at(self, room_id: str, told: str = "") -> None:
        """Ask for the topic of one room again, and say so when it came into a community or left it.

        `told`: what an event says that its topic is now, which is believed where the gateway does not answer.
        """
        try:
            topic = await self._gateway.topic(room_id)
        except GatewayError:
            if not told:
                raise
            topic = told
        before, now = self._rooms.get(room_id), self._rooms.place(room_id, topic)
        if now != before:
            self._journal.topic(room_id, topic)
        if now and now != before:
            log.info("Room %s (%s) is in %s.", now.label, now.topic, now.community)
        elif before and not now:
            log.info("Room %s (%s) is in no community any more.", before.label, before.topic)

    async def room(self, room_id: str) -> Room | None:
        """The room of a message, if it is in a community; a room never seen before is looked at."""
        if not self._rooms.knows(room_id):
            await self.look_at(room_id)
        return self._rooms.get(room_id)
