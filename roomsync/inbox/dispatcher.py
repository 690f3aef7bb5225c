"""A gateway's events, handed to the bot's handlers: in order, each failing alone."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from roomsync.errors import GatewayError, StateFileError, is_gone
from roomsync.inbox import room_queues
from roomsync.inbox.handlers import DIRTY, LOGIN, MESSAGE, ROOM_JOIN, ROOM_TOPIC, UNHEARD, Handlers, Payload, text_of
from roomsync.inbox.incoming import Incoming
from roomsync.session import Phase, Session

log = logging.getLogger(__name__)

ROOM_NEWS = (ROOM_JOIN, ROOM_TOPIC, DIRTY)


class Feed(Protocol):
    """What takes events: this module's Events, or something that waits for one of them."""

    def feed(self, event_type: int, text: str) -> None:
        """An event as it came; must not raise."""


class Events:
    """Takes raw events from the gateway and awaits the handlers of `bot` (`on_login`, `on_message`, ...).

    wechaty's own bridge is not used: it runs handlers side by side, so that a message overtakes an earlier one whose
    payload is slow, marks an id as seen before it has the payload, and dies of what it cannot parse.

    `fetch` gives the wechaty Message of an id, payload loaded. An event's id is in the state file before anything is
    asked about it, so that a crash loses no message that the gateway was asked for.
    """

    def __init__(
        self,
        bot: Any,
        session: Session,
        fetch: Callable[[str], Awaitable[Any]],
        incoming: Incoming,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._incoming = incoming
        self._clock = clock
        self._session = session
        self._handlers = Handlers(bot, session).by_type
        self._tasks = asyncio.TaskGroup()
        self._lanes = room_queues.Lanes(bot, session, fetch, incoming, self._tasks)
        self._raw: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        self._ordered: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        self._last_login: Payload = {}
        self._login_again: asyncio.Task[None] | None = None

    def feed(self, event_type: int, text: str) -> None:
        """Take an event as it came; its place in the order is taken now."""
        self._session.last_event = self._clock()
        if event_type in UNHEARD:
            return
        if event_type != MESSAGE and event_type not in self._handlers:
            log.debug("Passed over an event of the unknown type %d.", event_type)
            return
        try:
            payload = json.loads(text)
            if not isinstance(payload, dict):
                raise ValueError("it is no JSON object")
            self._raw.put_nowait((event_type, self._event(event_type, payload)))
        except (ValueError, RecursionError) as error:
            log.warning("Passed over an event of type %d: %s.", event_type, error)

    def _event(self, event_type: int, payload: Payload) -> Any:
        if event_type == MESSAGE:
            return text_of(payload, "messageId")
        return (self._session.disconnects, payload) if event_type == LOGIN else payload

    async def run(self) -> None:
        """Hand events on until cancelled. Raises `StateFileError` when the state file cannot be written."""
        try:
            async with self._tasks:
                self._tasks.create_task(self._intake(), name="intake")
                self._tasks.create_task(self._order(), name="order")
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _intake(self) -> None:
        """Commit the ids of messages as soon as they come, all that have come at once, then ask for their payloads."""
        while True:
            batch = [await self._raw.get()]
            while not self._raw.empty():
                batch.append(self._raw.get_nowait())
            ids = [event for event_type, event in batch if event_type == MESSAGE]
            new = set(self._incoming.note(ids, self._clock())) if ids else set()
            for event_type, event in batch:
                if event_type != MESSAGE:
                    self._ordered.put_nowait((event_type, event))
                elif event in new:
                    new.discard(event)  # the same id twice in one batch
                    self._ordered.put_nowait((MESSAGE, self._lanes.ask(event)))

    async def _order(self) -> None:
        while True:
            event_type, event = await self._ordered.get()
            if event_type == MESSAGE:
                await self._lanes.bring(event)
            elif event_type == LOGIN:
                disconnects, login = event
                if disconnects == self._session.disconnects:  # else the connection that told of it is over
                    await self._login(login)
            else:
                error = await self._handle(event_type, event)
                if event_type in ROOM_NEWS and _may_pass(error):
                    self._tasks.create_task(self._handle_again(event_type, event))

    async def _login(self, event: Payload) -> None:
        """Let messages through once the login is handled, unless it is over by then."""
        self._last_login = event
        error = await self._handle(LOGIN, event)
        if not self._session.is_logged_in:
            return
        if not error:
            await self._lanes.open()
        elif not self._login_again or self._login_again.done():
            self._login_again = self._tasks.create_task(self._repeat_login())

    async def _repeat_login(self) -> None:
        """A login that could not be handled, on a connection that stands: nobody says it again, and all would wait."""
        for delay in room_queues.RETRIES:
            await asyncio.sleep(delay)
            if self._session.phase is not Phase.LOGGED_IN:
                return
            self._ordered.put_nowait((LOGIN, (self._session.disconnects, self._last_login)))

    async def _handle_again(self, event_type: int, event: Payload) -> None:
        """News of a room that could not be handled: a room must not stay what it is no more until the next login."""
        for delay in room_queues.RETRIES:
            await asyncio.sleep(delay)
            if not _may_pass(await self._handle(event_type, event)):
                return

    async def _handle(self, event_type: int, event: Payload) -> Exception | None:
        """One event's failure is logged with its cause and stops no other; the failure."""
        try:
            await self._handlers[event_type](event)
        except StateFileError:
            raise
        except GatewayError as error:
            log.warning("Could not handle an event of type %d: %s", event_type, error)
            return error
        except Exception as error:
            log.exception("Could not handle an event of type %d.", event_type)
            return error
        return None


def _may_pass(error: Exception | None) -> bool:
    """Whether a failure is one of this moment: not of the event, and not of a connection, whose next login mends it."""
    return isinstance(error, GatewayError) and not is_gone(error)
