"""A gateway's events, handed to the bot's handlers: in order, each failing alone."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from roomsync.errors import GatewayError, is_gone
from roomsync.gateway.protocol import DIRTY_ROOM, IGNORED_EVENTS, Bot, EventType, Fetch, Payload
from roomsync.inbox import room_queues
from roomsync.inbox.dirty_rooms import DirtyRooms
from roomsync.inbox.event_handlers import announcement_of, call_handler, payload_of, string_of, text_of
from roomsync.inbox.incoming import Incoming
from roomsync.inbox.marks import Marks
from roomsync.inbox.room_queues import Fetched, RoomQueues
from roomsync.model import Cursor
from roomsync.session import Phase, Session

log = logging.getLogger(__name__)

ROOM_EVENTS = (EventType.ROOM_JOIN, EventType.ROOM_LEAVE, EventType.ROOM_TOPIC)
KNOWN_EVENTS = frozenset(EventType)
MAX_EVENTS = 10_000  # not taken in yet, because the state file cannot be written; those behind them wait at the gateway
MAX_CHARACTERS = 64_000_000  # likewise, of their payloads
MAX_BATCH = 1000  # events taken in at once


@dataclass(frozen=True)
class Event:
    """An event that is no message. `disconnects` of the session then: a login on a connection that ended is over."""

    type: EventType
    payload: Payload
    disconnects: int


class Entry(NamedTuple):
    """An event in the backlog: a message is its id, and None what has a mark alone. `characters`: of its payload."""

    event: Event | str | None
    mark: Cursor | None
    characters: int


class Backlog:
    """Events that came and are not taken in yet, with how many characters their payloads have: it is bounded."""

    def __init__(self) -> None:
        self._events: deque[Entry] = deque()
        self._characters = 0
        self._changed = asyncio.Event()

    def add(self, entry: Entry) -> None:
        """Add an event."""
        self._events.append(entry)
        self._characters += entry.characters
        self._changed.set()

    def first(self) -> list[Entry]:
        """Return the events that came first, some at the most; they stay until they are removed."""
        return list(islice(self._events, MAX_BATCH))

    def remove(self, count: int) -> None:
        """Remove so many of the first."""
        for _ in range(count):
            self._characters -= self._events.popleft().characters
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition()`, asked again after each change."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    @property
    def is_full(self) -> bool:
        """Whether no more should come."""
        return len(self._events) >= MAX_EVENTS or self._characters >= MAX_CHARACTERS


class Dispatcher:
    """Takes raw events from the gateway and awaits the handlers of `bot` (`on_login`, `on_message`, ...).

    wechaty's own bridge is not used: it runs handlers side by side, so that a message overtakes an earlier one whose
    payload is slow, marks an id as seen before it has the payload, and dies of what it cannot parse. Here a message's
    id is in the state file before anything is asked about it: a crash loses none that the gateway was asked for.
    """

    def __init__(
        self, bot: Bot, session: Session, fetch: Fetch, incoming: Incoming, clock: Callable[[], float]
    ) -> None:
        self._bot = bot
        self._session = session
        self._incoming = incoming
        self._clock = clock
        self.backlog = Backlog()
        self._marks = Marks()
        self._tasks = asyncio.TaskGroup()
        self._room_queues = RoomQueues(bot, session, fetch, incoming, self._tasks)
        self._dirty_rooms = DirtyRooms(self._refresh, self._tasks)
        self._ordered: asyncio.Queue[Event | Fetched] = asyncio.Queue()
        self._last_login: Payload = {}
        self._login_retry: asyncio.Task[None] | None = None

    @property
    def cursor(self) -> Cursor:
        """The last event that is committed, for a gateway that numbers its events."""
        return self._incoming.cursor

    def feed(self, event_type: int, text: str, seq: int = 0) -> None:
        """Put an event into the queue; what cannot be read is passed over. `seq`: its number, if it has one."""
        self._session.last_event = self._clock()
        event = self._read(event_type, text)
        mark = self._marks.mark(seq, self._session.disconnects, _account_of(event))
        if event is not None or mark is not None:
            self.backlog.add(Entry(event, mark, len(text)))

    def _read(self, event_type: int, text: str) -> Event | str | None:
        """Return an event as it waits in the queue: a message is its id; None for what is passed over."""
        if event_type in IGNORED_EVENTS:
            return None
        if event_type not in KNOWN_EVENTS:
            log.debug("Passed over an event of the unknown type %d.", event_type)
            return None
        try:
            payload = payload_of(event_type, text)
            if event_type == EventType.MESSAGE:
                return text_of(payload, "messageId")
            if event_type == EventType.ROOM_ANNOUNCE:
                return announcement_of(payload).id
            return Event(EventType(event_type), payload, self._session.disconnects)
        except (ValueError, RecursionError) as error:
            log.warning("Passed over an event of type %d: %s.", event_type, error)
            return None

    async def has_room(self) -> None:
        """Wait until another event may come: what is not read waits at the gateway, and in the connection to it."""
        await self.backlog.until(lambda: not self.backlog.is_full)

    async def run(self) -> None:
        """Hand events on until cancelled."""
        try:
            async with self._tasks:
                self._tasks.create_task(self._take_in(), name="intake")
                self._tasks.create_task(self._dispatch(), name="dispatch")
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def note_rest(self) -> None:
        """After `run`: note the messages that came and were not taken in, for the next process to ask for."""
        while batch := self.backlog.first():
            await self._note(batch)
            self.backlog.remove(len(batch))

    async def _note(self, batch: list[Entry]) -> list[str]:
        """Commit the ids of messages, and where the events leave the cursor; return the ids that are new."""
        ids = [one.event for one in batch if isinstance(one.event, str)]
        marks = [one.mark for one in batch if one.mark is not None]
        return await self._incoming.state.run(self._incoming.note, ids, self._clock(), marks)

    async def _take_in(self) -> None:
        """Commit the ids of messages as soon as they come, all that have come at once, then ask for their payloads."""
        while True:
            await self.backlog.until(self.backlog.first)
            batch = self.backlog.first()
            new = set(await self._note(batch))
            self.backlog.remove(len(batch))
            for event, *_ in batch:
                if isinstance(event, Event):
                    self._ordered.put_nowait(event)
                elif event in new:
                    new.discard(event)  # the same id may come twice in one batch
                    self._ordered.put_nowait(self._room_queues.fetch(event))

    async def _dispatch(self) -> None:
        while True:
            event = await self._ordered.get()
            if isinstance(event, Fetched):
                await self._room_queues.enqueue(event)
            elif event.type is EventType.LOGIN:
                if event.disconnects == self._session.disconnects:
                    await self._log_in(event)
            elif event.type is EventType.DIRTY and event.payload.get("payloadType") == DIRTY_ROOM:
                self._dirty_rooms.add(string_of(event.payload, "payloadId"))
            else:
                error = await self._handle(event)
                if event.type in ROOM_EVENTS and _may_pass(error):
                    self._tasks.create_task(self._handle_again(event))

    async def _log_in(self, event: Event) -> None:
        """Let messages through once the login is handled, unless it is over by then."""
        self._last_login = event.payload
        error = await self._handle(event)
        if not self._session.is_logged_in:
            return
        if not error:
            await self._room_queues.resume()
        elif not self._login_retry or self._login_retry.done():
            self._login_retry = self._tasks.create_task(self._repeat_login())

    async def _repeat_login(self) -> None:
        """Handle a login again that failed on a good connection: it is not reported again, and all would wait."""
        for delay in room_queues.RETRY_DELAYS:
            await asyncio.sleep(delay)
            if self._session.phase is not Phase.LOGGED_IN:
                return
            self._ordered.put_nowait(Event(EventType.LOGIN, self._last_login, self._session.disconnects))

    async def _handle_again(self, event: Event) -> None:
        """Handle an event of a room again that failed: what is known of the room must not stay wrong for long."""
        for delay in room_queues.RETRY_DELAYS:
            await asyncio.sleep(delay)
            if not _may_pass(await self._handle(event)):
                return

    async def _refresh(self, room_id: str) -> bool:
        """Let what is known of a room be asked for again; return whether that is to be repeated."""
        payload: Payload = {"payloadType": DIRTY_ROOM, "payloadId": room_id}
        return _may_pass(await self._handle(Event(EventType.DIRTY, payload, self._session.disconnects)))

    async def _handle(self, event: Event) -> Exception | None:
        """Handle an event; its failure is logged with its cause and stops no other. Return the failure."""
        try:
            await call_handler(self._bot, self._session, event.type, event.payload)
            return None
        except GatewayError as error:
            log.warning("Could not handle an event of type %d: %s", event.type, error)
            return error
        except Exception as error:
            log.exception("Could not handle an event of type %d.", event.type)
            return error


def _account_of(event: Event | str | None) -> str | None:
    """Return whose login it is, empty for a logout; None for any other event."""
    if not isinstance(event, Event) or event.type not in (EventType.LOGIN, EventType.LOGOUT):
        return None
    contact_id = event.payload.get("contactId")
    return contact_id if event.type is EventType.LOGIN and isinstance(contact_id, str) else ""


def _may_pass(error: Exception | None) -> bool:
    """Return whether a failure is of this moment: not of the event, and not of a connection that is gone."""
    return isinstance(error, GatewayError) and not is_gone(error)
