"""Finding rooms at the gateway, and keeping what is known of them true."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from roomsync import store
from roomsync.backoff import backoff
from roomsync.delivery.outbox import Outbox
from roomsync.errors import GatewayError, is_gone
from roomsync.language import _
from roomsync.model import Mode, Room
from roomsync.relay.rooms import Rooms
from roomsync.relay.watcher import Watcher

log = logging.getLogger(__name__)

FIRST_ROOMS_TIME = 600.0  # seconds after the very first start in which rooms come that need not be asked about
SETTLE_DELAYS = (1.0, 2.0, 4.0, 8.0)  # seconds between looks at a list of rooms that is not complete yet


class Topics(Protocol):
    """What knows the topics of rooms: the gateway."""

    async def topics(self) -> dict[str, str | None]:
        """Return the topic of every room of the account, None where it is not known. Raises `GatewayError`."""

    async def topic(self, room_id: str) -> str:
        """Return a room's topic as it is now. Raises `GatewayError`."""


class Roster:
    """Asks `gateway` and fills `rooms`; what it finds is logged and remembered. `clock`: seconds since the epoch.

    `asks`: a room that was not there at the last login takes no part until staff says so. The `watchers` hear of it.
    """

    def __init__(
        self, gateway: Topics, rooms: Rooms, outbox: Outbox, clock: Callable[[], float], *, asks: bool = False
    ) -> None:
        self._gateway = gateway
        self.rooms = rooms
        self.watchers: list[Watcher] = []
        self._state = outbox.state
        self._outbox = outbox
        self._clock = clock
        self._asks, self._asks_from = asks, 0.0
        self._numbers = itertools.count()  # of questions about topics, in the order in which they are asked
        self._found_at = next(self._numbers)  # the question about all rooms that was asked last
        self._news: dict[str, tuple[int, str]] = {}  # what later ones brought, each with its number, by room

    async def find(self, *, settle: bool = False) -> None:
        """Find the rooms of every community among all rooms of the account, until the gateway answers.

        `settle`: some gateways list their rooms only bit by bit after a login. So they are asked again for a while
        when rooms are missing that were there before, or when there are too few to relay.
        """
        before = await self._state.run(self._noted_topics)
        self._found_at, self._news = next(self._numbers), {}
        found = await self._settled_topics(before) if settle else await self._topics()
        # A room that does not tell its topic today is what it was.
        known = {room_id: topic if topic is not None else before.get(room_id) for room_id, topic in found.items()}
        topics = {room_id: topic for room_id, topic in known.items() if topic is not None}
        await self._take_over(topics, before, settled=settle)
        self._log_communities()

    def _noted_topics(self) -> dict[str, str]:
        with self._state.connection() as db:
            return store.rooms.topics(db)

    def _replace_topics(self, topics: Mapping[str, str], before: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Note all topics; return the ids that changed, and the rooms that are new where there were others before."""
        with self._state.transaction() as db:
            moves = store.rooms.replace_all(db, topics, strict=self._asks)
            store.rooms.leave_others(db, topics, self._clock())
            if staff_room_id := moves.get(self.rooms.staff_room_id):
                store.staff.note_room(db, self.rooms.staff_topic, staff_room_id)
                self.rooms.staff_room_id = staff_room_id
            decided = store.rooms.modes(db).keys()
            if not decided:
                self._asks_from = self._clock() + FIRST_ROOMS_TIME
            noted = [topic for one, topic in before.items() if moves.get(one, one) in decided]
            new = self._admit(db, topics, decided, {self.rooms.community_of(topic) for topic in noted})
        return moves, new

    def _note_topic(self, room_id: str, topic: str) -> list[str]:
        """Note a topic; return the room if it is new."""
        with self._state.transaction() as db:
            store.rooms.note_topics(db, {room_id: topic})
            return self._admit(db, {room_id: topic}, store.rooms.modes(db).keys(), {self.rooms.community_of(topic)})

    def _admit(
        self, db: store.Connection, topics: Mapping[str, str], decided: Collection[str], known: Collection[str | None]
    ) -> list[str]:
        """Decide how rooms of communities take part about which nothing was decided yet; return those to tell of.

        The first that are found of a community, of those that are not `known`, are what it begins with; and after the
        first start some gateways list their rooms bit by bit.
        """
        asks = self._asks and self._clock() >= self._asks_from
        known_ones = {*decided, self.rooms.staff_room_id}
        undecided = {one: self.rooms.community_of(topic) for one, topic in topics.items() if one not in known_ones}
        new = [one for one, community in undecided.items() if community and community in known]
        for one, community in undecided.items():
            if community:
                store.rooms.set_mode(db, one, Mode.ASKED if one in new and asks else Mode.NORMAL)
        self.rooms.decide(store.rooms.modes(db), store.rooms.numbers(db))
        return new

    async def _take_over(self, topics: Mapping[str, str], before: Mapping[str, str], *, settled: bool) -> None:
        """Note the rooms as they are now; cancel what waits for one that changed its community since `before`."""
        # Of rooms that never were in a community nothing has to be remembered.
        topics = {**topics, **self._latest()}
        ours = {one: topic for one, topic in topics.items() if one in before or self.rooms.community_of(topic)}
        moves, new = await self._state.run(self._replace_topics, ours, before)
        for old, now in moves.items():
            log.info("What waits for %s goes to its new id %s (was %s).", topics[now], now, old)
        topics |= self._latest()
        self.rooms.replace_all(topics)
        for room_id, topic in topics.items():
            earlier = self.rooms.community_of(before.get(room_id, ""))
            if earlier and earlier != self.rooms.community_of(topic):
                await self._cancel(room_id, topic)
        await self._tell(new, settled=settled)

    async def _tell(self, new: Sequence[str], inviter_id: str = "", *, settled: bool = False) -> None:
        """Let staff know of a change, and of rooms that are new."""
        rooms = [room for room in map(self.rooms.get, new) if room]
        for room in rooms:
            mode = self.rooms.mode(room.id)
            log.info("Room %s (%s) is new: %s.", room.label, room.topic, _(mode))
            if mode is Mode.ASKED:
                log.warning("It takes no part until staff says so: /接入 %s (also by --do).", room.label)
        for watcher in self.watchers:
            await watcher.rooms_changed(settled=settled)
            if rooms:
                await watcher.rooms_are_new(rooms, inviter_id)

    def _latest(self) -> dict[str, str]:
        """Return the topics that were asked for, room by room, since all rooms were asked about: they are newer."""
        return {room_id: topic for room_id, (_, topic) in self._news.items() if not self.rooms.has_left(room_id)}

    def _log_communities(self) -> None:
        for prefix in self.rooms.prefixes:
            rooms = self.rooms.community(prefix)
            log.info("%s: %d rooms: %s", prefix, len(rooms), ", ".join(room.label for room in rooms) or _("none"))
            if len(rooms) < 2:
                log.warning("%s has fewer than two rooms; there is nothing to relay until it has more.", prefix)

    async def _settled_topics(self, before: Mapping[str, str]) -> dict[str, str | None]:
        found = await self._topics()
        for delay in SETTLE_DELAYS:
            if self._is_complete(found, before):
                break
            log.info("The gateway lists too few rooms; asked again in %.0f s.", delay)
            await asyncio.sleep(delay)
            found = await self._topics()
        return found

    def _is_complete(self, found: Mapping[str, str | None], before: Mapping[str, str]) -> bool:
        if self.rooms.staff_room_id and self.rooms.staff_room_id not in found:
            return False
        earlier = {room_id: topic for room_id, topic in before.items() if self.rooms.community_of(topic)}
        topics = [topic for topic in found.values() if topic]
        if earlier:
            return all(room_id in found or topic in topics for room_id, topic in earlier.items())
        return sum(self.rooms.community_of(topic) is not None for topic in topics) > 1

    async def _cancel(self, room_id: str, topic: str) -> None:
        """Cancel what waits for a room: it was meant for its community, which it is no longer in."""
        if cancelled := await self._state.run(self._outbox.cancel_room, room_id, self._clock()):
            log.warning("%d deliveries that waited for %s are cancelled.", cancelled, topic)

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

    async def refresh(self, room_id: str, reported: str = "", inviter_id: str = "") -> None:
        """Ask for the topic of one room again, and say so when it came into a community or left it.

        `reported`: what an event says that its topic is now, which is believed where the gateway does not answer. An
        answer that comes when a later question has its own already is out of date. `inviter_id`: who added the bot to
        it, where that is known.
        """
        had_left, number = self.rooms.has_left(room_id), next(self._numbers)
        try:
            topic = await self._gateway.topic(room_id)
        except GatewayError:
            if not reported:
                raise
            topic = reported
        if number < max(self._found_at, self._news.get(room_id, (0, ""))[0]) and self.rooms.knows(room_id):
            return
        if self.rooms.has_left(room_id) and not had_left:
            return  # meanwhile; gateways go on answering for it
        self._news[room_id] = number, topic
        before = self.rooms.get(room_id)
        is_ours, new = self.rooms.community_of(topic) is not None, list[str]()
        if (before.topic if before else None) != (topic if is_ours else None):
            new = await self._state.run(self._note_topic, room_id, topic)
        if self.rooms.has_left(room_id) and not had_left:
            return  # meanwhile
        now = self.rooms.place(room_id, topic)
        if now != before:
            self._log_change(before, now)
        if before and (now is None or now.community != before.community):
            await self._cancel(room_id, topic)
        await self._tell(new, inviter_id)

    @staticmethod
    def _log_change(before: Room | None, now: Room | None) -> None:
        if now:
            log.info("Room %s (%s) is in %s.", now.label, now.topic, now.community)
        elif before:
            log.info("Room %s (%s) is in no community any more.", before.label, before.topic)

    async def leave(self, room_id: str) -> None:
        """Note that the bot was taken out of a room, and cancel what waits for it."""
        left = self.rooms.remove(room_id)
        await self._state.run(self._note_left, room_id)
        cancelled = await self._state.run(self._outbox.cancel_room, room_id, self._clock())
        if left:
            log.warning("The bot is no longer in %s; %d waiting deliveries to it are cancelled.", left.topic, cancelled)
        await self._tell([])
        if left:
            for watcher in self.watchers:
                await watcher.room_left(left)

    def _note_left(self, room_id: str) -> None:
        with self._state.transaction() as db:
            store.rooms.leave(db, room_id, self._clock())

    async def room(self, room_id: str) -> Room | None:
        """Return the room of a message, if it is in a community; a room never seen before is looked at."""
        if not self.rooms.knows(room_id):
            await self.refresh(room_id)
        return self.rooms.get(room_id)
