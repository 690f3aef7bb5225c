"""Messages on their way to the bot: those of one room one after another, and none holds the others up for long."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from roomsync.errors import AnswerLate, GatewayLost, GatewayRefused, StateFileError, is_gone
from roomsync.inbox.incoming import Incoming
from roomsync.session import Session

log = logging.getLogger(__name__)

PATIENCE = 3.0  # seconds that a message without a payload may hold up those behind it
LANE_PATIENCE = 5.0  # seconds that a message may hold up those behind it in its room
SOON = (0.2, 0.8)  # seconds before what a gateway refused is tried again while those behind it wait
RETRIES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds before what failed is tried again while the others pass
CUTS_MOST = 3  # broken connections over one message until it waits for no further login
FETCHES = 64  # payloads asked for at the same time


@dataclass(frozen=True)
class Asked:
    """A message that the gateway was asked for: `task` gives wechaty's Message, or the error that kept it away."""

    id: str
    task: asyncio.Task[Any]
    since: float  # time.monotonic()


class Lanes:
    """Hands messages to `bot.on_message`; `fetch` gives the wechaty Message of an id, payload loaded.

    While the session is not ready, what is on its way waits, and so does, in the state file, what fails with the
    connection. `tasks` owns all tasks, and ends with `StateFileError` when the state file or the
    outbox cannot be written.
    """

    def __init__(
        self,
        bot: Any,
        session: Session,
        fetch: Callable[[str], Awaitable[Any]],
        incoming: Incoming,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._bot = bot
        self._session = session
        self._fetch = fetch
        self._incoming = incoming
        self._tasks = tasks
        self._slots = asyncio.Semaphore(FETCHES)
        self._lanes: dict[str, deque[Any]] = {}
        self._cuts: Counter[str] = Counter()  # how often the connection broke while a message was asked about
        self._handling: set[str] = set()  # ids of messages that are somewhere between here and the outbox

    async def open(self) -> None:
        """A login is handled: what an earlier connection or process left comes before what is said from now on.

        It comes in its order. What waits in a lane for this login is not asked for again.
        """
        here = {message.message_id: message for lane in self._lanes.values() for message in lane}
        for lane in self._lanes.values():
            lane.clear()
        unfinished = [one for one in self._incoming.unfinished() if one in here or one not in self._handling]
        asked = [self.ask(message_id, here.get(message_id)) for message_id in unfinished]
        self._session.rooms_found()
        for one in asked:
            await self.bring(one)

    def ask(self, message_id: str, known: Any = None) -> Asked:
        """Ask the gateway for a message, unless it is `known` already."""
        self._handling.add(message_id)
        got = _given(known) if known is not None else self._limited(message_id)
        return Asked(message_id, self._tasks.create_task(got), time.monotonic())

    async def bring(self, asked: Asked) -> None:
        """Put a message into its room's lane; one whose payload does not come lets the others pass."""
        await asyncio.wait({asked.task}, timeout=max(0.0, asked.since + PATIENCE - time.monotonic()))
        if asked.task.done() and not isinstance(asked.task.result(), Exception):
            self._enter(asked.task.result())
        elif not (asked.task.done() and await self._is_left_to_login(asked.id, asked.task.result())):
            self._tasks.create_task(self._late(asked.id, asked.task))

    async def _limited(self, message_id: str) -> Any:
        async with self._slots:
            return await _outcome(lambda: self._fetch(message_id))

    def _enter(self, message: Any) -> None:
        """Messages of one room are handled one after another, those of different rooms side by side."""
        room_id = message.payload.room_id
        if room_id in self._lanes:
            self._lanes[room_id].append(message)
            return
        self._lanes[room_id] = deque([message])
        self._tasks.create_task(self._run_lane(room_id))

    async def _run_lane(self, room_id: str) -> None:
        lane = self._lanes[room_id]
        while lane:
            await self._session.until(lambda: self._session.is_ready)
            if not lane:
                break  # taken up again, at a login
            message = lane.popleft()
            handling = self._tasks.create_task(self._handled(message))
            await asyncio.wait({handling}, timeout=LANE_PATIENCE)
            error = handling.result() if handling.done() else None
            if not handling.done() or (error and not await self._is_left_to_login(message.message_id, error)):
                self._tasks.create_task(self._late(message.message_id, handling))
        del self._lanes[room_id]

    async def _handled(self, message: Any) -> Exception | None:
        """Hand a message to the bot; None when it is done with it, else the error that it failed with."""
        error = await _outcome(lambda: self._bot.on_message(message))
        if isinstance(error, Exception):
            return error
        self._handling.discard(message.message_id)
        self._incoming.finish(message.message_id)
        return None

    async def _is_left_to_login(self, message_id: str, error: Exception) -> bool:
        """Whether a message failed with the connection, so that it comes again, in its place, after the next login.

        The end of a connection shows in a call a moment before it is noticed; what was said later waits that long. A
        message over which the connection breaks each time is not left to one login after the other.
        """
        if not isinstance(error, GatewayLost) or isinstance(error, AnswerLate) or self._cuts[message_id] >= CUTS_MOST:
            return False
        try:
            ends = self._session.ends
            async with asyncio.timeout(PATIENCE):
                await self._session.until(lambda: not self._session.is_logged_in or self._session.ends > ends)
        except TimeoutError:
            return False
        if not is_gone(error):
            self._cuts[message_id] += 1
        self._handling.discard(message_id)
        return True

    async def _late(self, message_id: str, first: asyncio.Task[Any]) -> None:
        """Bring a message that others had to pass to the bot after all; give it up after the last of RETRIES.

        One that fails because the connection is gone stays in the state file, and comes again after the next login.
        """
        outcome = await first
        if outcome is not None and not isinstance(outcome, Exception):
            await self._session.until(lambda: self._session.is_ready)
            outcome = await self._handled(outcome)
        for delay in RETRIES:
            if outcome is None:
                break
            if await self._is_left_to_login(message_id, outcome):
                return
            log.info("Message %s is tried again in %.0f s: %s", message_id, delay, outcome)
            await asyncio.sleep(delay)
            found = await self._limited(message_id)
            outcome = found if isinstance(found, Exception) else await self._handled(found)
        self._handling.discard(message_id)
        self._cuts.pop(message_id, None)
        if outcome is not None:
            log.error("Message %s is given up: %s", message_id, outcome, exc_info=outcome)
            self._incoming.give_up(message_id)


async def _outcome(work: Callable[[], Awaitable[Any]]) -> Any:
    """What `work` gives, or the error that it ends with: who awaits a task of this may come late to it.

    What the gateway refuses is tried again SOON, so that a refusal of the moment costs no message its place.
    """
    delays = iter(SOON)
    while True:
        try:
            return await work()
        except StateFileError:
            raise
        except Exception as error:  # noqa: BLE001 - given back as a value, see above
            delay = next(delays, None)
            if delay is None or not isinstance(error, GatewayRefused):
                return error
        await asyncio.sleep(delay)


async def _given(message: Any) -> Any:
    return message
