"""A gateway's events, handed to the bot's handlers: in order, one at a time for each room, each failing alone."""

import asyncio
import json
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from roomsync.errors import AnswerLate, GatewayError, GatewayLost, StateFileError, is_gone
from roomsync.handlers import DIRTY, LOGIN, LOGOUT, MESSAGE, ROOM_JOIN, ROOM_TOPIC, UNHEARD, Handlers, Payload, text_of
from roomsync.journal import Journal

log = logging.getLogger(__name__)

ROOM_NEWS = (ROOM_JOIN, ROOM_TOPIC, DIRTY)
PATIENCE = 3.0  # seconds that a message without a payload may hold up those behind it
LANE_PATIENCE = 5.0  # seconds that a message may hold up those behind it in its room
CUTS_MOST = 3
FETCHES = 64  # payloads asked for at the same time
RETRIES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds before a message that failed is tried again


class Feed(Protocol):
    """What takes events: this module's Events, or something that waits for one of them."""

    def feed(self, event_type: int, text: str) -> None:
        """An event as it came; must not raise."""


class Events:
    """Takes raw events from the gateway and awaits the handlers of `bot` (`on_login`, `on_message`, ...).

    wechaty's own bridge is not used: it runs handlers side by side, so that a message overtakes an earlier one whose
    payload is slow, marks an id as seen before it has the payload, and dies of what it cannot parse.

    `fetch` gives the wechaty Message of an id, payload loaded. An event's id is in the journal before anything is
    asked about it, so that a crash loses no message that the gateway was asked for.
    """

    def __init__(
        self, bot: Any, fetch: Callable[[str], Awaitable[Any]], journal: Journal, clock: Callable[[], float] = time.time
    ) -> None:
        self._bot = bot
        self._fetch = fetch
        self._journal = journal
        self._clock = clock
        self._raw: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        self._ordered: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        self._slots = asyncio.Semaphore(FETCHES)
        self._lanes: dict[str, deque[Any]] = {}
        self._open = asyncio.Event()  # between a login whose rooms were found and the end of it: else messages wait
        self._shut = asyncio.Event()  # from the end of a connection or login to the next login
        self._shut.set()
        self._cuts: Counter[str] = Counter()  # how often the connection broke while a message was asked about
        self._tasks: set[asyncio.Task[Any]] = set()
        self._handling: set[str] = set()  # ids of messages that are somewhere between here and the outbox
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.last = 0.0  # when the last event came, seconds since the epoch; 0 before the first
        self._handlers = Handlers(bot).by_type

    def feed(self, event_type: int, text: str) -> None:
        """Take an event as it came; its place in the order is taken now."""
        self.last = self._clock()
        if event_type in UNHEARD:
            return
        if event_type != MESSAGE and event_type not in self._handlers:
            log.debug("Passed over an event of the unknown type %d.", event_type)
            return
        try:
            payload = json.loads(text)
            if not isinstance(payload, dict):
                raise ValueError("it is no JSON object")
            self._raw.put_nowait((event_type, text_of(payload, "messageId") if event_type == MESSAGE else payload))
        except (ValueError, RecursionError) as error:
            log.warning("Passed over an event of type %d: %s.", event_type, error)

    def hold(self) -> None:
        """Let messages wait until the next login is handled: the connection is gone, or WeChat is logged out."""
        self._open.clear()
        self._shut.set()

    async def run(self) -> None:
        """Hand events on until cancelled. Raises `StateFileError` when the journal or the outbox cannot be written."""
        works = [asyncio.create_task(self._intake(), name="intake"), asyncio.create_task(self._order(), name="order")]
        self._tasks.update(works)
        try:
            await asyncio.wait([*works, self._broken], return_when=asyncio.FIRST_COMPLETED)
            for work in (*works, self._broken):
                if work.done():
                    work.result()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _intake(self) -> None:
        """Commit the ids of messages as soon as they come, all that have come at once, then ask for their payloads."""
        while True:
            batch = [await self._raw.get()]
            while not self._raw.empty():
                batch.append(self._raw.get_nowait())
            ids = [event for event_type, event in batch if event_type == MESSAGE]
            new = set(self._journal.note(ids, self._clock())) if ids else set()
            for event_type, event in batch:
                if event_type != MESSAGE:
                    self._ordered.put_nowait((event_type, event))
                elif event in new:
                    new.discard(event)  # the same id twice in one batch
                    self._ask_for(event)

    def _ask_for(self, message_id: str) -> None:
        self._ordered.put_nowait((MESSAGE, self._asked(message_id)))

    def _asked(self, message_id: str, known: Any = None) -> tuple[str, asyncio.Task[Any], float]:
        """What `_message` takes: the id, the task that gets the message, unless it is `known`, and the time."""
        self._handling.add(message_id)
        return message_id, self._spawn(self._limited(message_id) if known is None else _given(known)), time.monotonic()

    async def _take_up(self) -> None:
        """At a login: what an earlier connection or process left unfinished comes before what is said from now on.

        It comes in its order. What waits in a lane for this login is not asked for again.
        """
        here = {message.message_id: message for lane in self._lanes.values() for message in lane}
        for lane in self._lanes.values():
            lane.clear()
        unfinished = [one for one in self._journal.unfinished() if one in here or one not in self._handling]
        asked = [self._asked(message_id, here.get(message_id)) for message_id in unfinished]
        self._open.set()
        for one in asked:
            await self._message(*one)

    async def _order(self) -> None:
        while True:
            event_type, event = await self._ordered.get()
            if event_type == MESSAGE:
                await self._message(*event)
                continue
            if event_type == LOGOUT:
                self.hold()
            if event_type == LOGIN:
                self._shut.clear()
            error = await self._guarded(self._handlers[event_type](event), event_type)
            if event_type == LOGIN and not error and not self._shut.is_set():  # else it is over already
                await self._take_up()
            elif event_type in ROOM_NEWS and _may_pass(error):
                self._spawn(self._again(event_type, event))

    async def _again(self, event_type: int, event: Payload) -> None:
        """News of a room that could not be handled: a room must not stay what it is no more until the next login."""
        for delay in RETRIES:
            await asyncio.sleep(delay)
            try:
                error = await self._guarded(self._handlers[event_type](event), event_type)
            except StateFileError as broken:
                self._break(broken)
                return
            if not _may_pass(error):
                return

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Awaitable[None], event_type: int) -> Exception | None:
        """One event's failure is logged with its cause and stops no other; the failure."""
        try:
            await work
        except StateFileError:
            raise
        except GatewayError as error:
            log.warning("Could not handle an event of type %d: %s", event_type, error)
            return error
        except Exception as error:
            log.exception("Could not handle an event of type %d.", event_type)
            return error
        return None

    async def _limited(self, message_id: str) -> Any:
        """The message, or the error that kept it away: the task that awaits this may come late to it."""
        async with self._slots:
            try:
                return await self._fetch(message_id)
            except Exception as error:  # noqa: BLE001 - passed on as a value, see above
                return error

    async def _message(self, message_id: str, fetching: asyncio.Task[Any], came: float) -> None:
        """Put a message into its room's lane; one whose payload does not come lets the others pass."""
        await asyncio.wait({fetching}, timeout=max(0.0, came + PATIENCE - time.monotonic()))
        if fetching.done() and not isinstance(fetching.result(), Exception):
            self._enter_lane(fetching.result())
        elif not (fetching.done() and await self._is_left_to_login(message_id, fetching.result())):
            self._spawn(self._late(message_id, fetching))

    def _enter_lane(self, message: Any) -> None:
        """Messages of one room are handled one after another, those of different rooms side by side."""
        room_id = message.payload.room_id
        if room_id in self._lanes:
            self._lanes[room_id].append(message)
            return
        self._lanes[room_id] = deque([message])
        self._spawn(self._run_lane(room_id))

    async def _run_lane(self, room_id: str) -> None:
        lane = self._lanes[room_id]
        while lane:
            await self._open.wait()
            if not lane:
                break  # taken up again, at a login
            message = lane.popleft()
            handling = self._spawn(self._tried(message))
            await asyncio.wait({handling}, timeout=LANE_PATIENCE)
            outcome = handling.result() if handling.done() else None
            if not handling.done() or (outcome and not await self._is_left_to_login(message.message_id, outcome)):
                self._spawn(self._late(message.message_id, handling))
        del self._lanes[room_id]

    async def _is_left_to_login(self, message_id: str, error: Exception) -> bool:
        """Whether a message failed with the connection, so that it comes again, in its place, after the next login.

        The end of a connection shows in a call a moment before it is noticed; what was said later waits that long. A
        message over which the connection breaks each time is not left to one login after the other.
        """
        if not isinstance(error, GatewayLost) or isinstance(error, AnswerLate) or self._cuts[message_id] >= CUTS_MOST:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                await self._shut.wait()
        except TimeoutError:
            return False
        if not is_gone(error):
            self._cuts[message_id] += 1
        self._handling.discard(message_id)
        return True

    async def _tried(self, message: Any) -> Exception | None:
        """Hand a message to the bot; None when it is done with it, else the error that it failed with."""
        try:
            await self._bot.on_message(message)
        except StateFileError as error:
            self._break(error)
            return None
        except Exception as error:  # noqa: BLE001 - passed on as a value: who awaits it may come late
            return error
        self._handling.discard(message.message_id)
        self._journal.finish(message.message_id)
        return None

    async def _late(self, message_id: str, first: asyncio.Task[Any]) -> None:
        """Bring a message that others had to pass to the bot after all; give it up after the last of RETRIES.

        One that fails because the connection is gone stays in the journal, and comes again after the next login.
        """
        outcome = await first
        if outcome is not None and not isinstance(outcome, Exception):
            await self._open.wait()
            outcome = await self._tried(outcome)
        for delay in RETRIES:
            if outcome is None:
                break
            if await self._is_left_to_login(message_id, outcome):
                return
            log.info("Message %s is tried again in %.0f s: %s", message_id, delay, outcome)
            await asyncio.sleep(delay)
            found = await self._limited(message_id)
            outcome = found if isinstance(found, Exception) else await self._tried(found)
        self._handling.discard(message_id)
        self._cuts.pop(message_id, None)
        if outcome is not None:
            log.error("Message %s is given up: %s", message_id, outcome, exc_info=outcome)
            try:
                self._journal.fail(message_id)
            except StateFileError as error:
                self._break(error)

    def _break(self, error: StateFileError) -> None:
        """Let `run` end with `error`: it came in a task that nobody awaits."""
        if not self._broken.done():
            self._broken.set_exception(error)


def _may_pass(error: Exception | None) -> bool:
    """Whether a failure is one of this moment: not of the event, and not of a connection, whose next login mends it."""
    return isinstance(error, GatewayError) and not is_gone(error)


async def _given(message: Any) -> Any:
    return message
