"""Messages on their way to the bot: those of one room one after another, and none holds the others up for long."""

import asyncio
import itertools
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from roomsync.errors import AnswerLate, GatewayError, GatewayLost, GatewayRefused, Unreadable, is_gone
from roomsync.gateway.protocol import Bot, Fetch, RawMessage
from roomsync.inbox.incoming import Incoming
from roomsync.session import Session

T = TypeVar("T")
log = logging.getLogger(__name__)

PAYLOAD_TIMEOUT = 3.0  # seconds that a message without a payload may hold up those behind it that have theirs
MAX_PAYLOAD_WAIT = 10.0  # seconds that a message without a payload may hold up other events while none has its payload
HANDLER_TIMEOUT = 12.0  # seconds that a message may hold up those behind it in its room
QUICK_RETRY_DELAYS = (0.2, 0.8)  # seconds before what a gateway refused is tried again while those behind it wait
GONE_DELAY = 1.0  # seconds until the end of a connection is noticed for sure
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds before what failed is tried again while the others pass
SUSPECT_AFTER = 3  # broken connections over a message until it is asked for alone, so that its like are innocent
MAX_DISCONNECTS = 9  # until it waits for no further login, and others pass
MAX_FETCHES = 64  # payloads asked for at the same time


@dataclass(eq=False)
class Fetched:
    """A message that the gateway is asked for: `task` returns wechaty's Message, or the error that kept it away.

    `passed`: one that was asked for later is here, and this one is not.
    """

    id: str
    number: int  # in the order in which messages are asked for
    task: asyncio.Task[RawMessage | Exception] = field(init=False)
    passed: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class RoomQueues:
    """Hands messages to `bot.on_message`.

    While the session is not ready, what is on its way waits, and so does, in the state file, what fails with the
    connection. `tasks` owns all tasks.
    """

    def __init__(self, bot: Bot, session: Session, fetch: Fetch, incoming: Incoming, tasks: asyncio.TaskGroup) -> None:
        self._bot = bot
        self._session = session
        self._fetch = fetch
        self._incoming = incoming
        self._tasks = tasks
        self._slots = asyncio.Semaphore(MAX_FETCHES)
        self._numbers = itertools.count()
        self._asked: dict[Fetched, None] = {}  # which are asked for now, in their order
        self._suspects = asyncio.Lock()  # which are asked for one at a time
        self._queues: dict[str, deque[RawMessage]] = {}  # by room
        self._disconnects: Counter[str] = Counter()  # how often the connection broke while a message was asked about
        self._handling: set[str] = set()  # ids of messages that are somewhere between here and the outbox

    async def resume(self) -> None:
        """Take up, after a login, what an earlier connection or process left; then let through what is said now.

        It comes in its order. What waits in a queue for this login is not asked for again.
        """
        here = {}
        for queue in self._queues.values():
            here.update({message.message_id: message for message in queue})
            queue.clear()
        noted = await self._incoming.state.run(self._incoming.unfinished)
        unfinished = [one for one in noted if one in here or one not in self._handling]
        messages = [here[one] if one in here else self.fetch(one) for one in unfinished]
        self._session.rooms_found()
        for message in messages:
            if isinstance(message, Fetched):
                await self.enqueue(message)
            else:
                self._add(message)

    def fetch(self, message_id: str) -> Fetched:
        """Ask the gateway for a message."""
        self._handling.add(message_id)
        fetched = Fetched(message_id, next(self._numbers))
        fetched.task = self._tasks.create_task(self._fetch_limited(fetched))
        return fetched

    async def enqueue(self, fetched: Fetched) -> None:
        """Put a message into its room's queue; one whose payload does not come lets the others pass."""
        await self._wait_for_payload(fetched)
        outcome = fetched.task.result() if fetched.task.done() else None
        if outcome is not None and not isinstance(outcome, Exception):
            self._add(outcome)
        elif outcome is None or not await self._is_left_to_login(fetched.id, outcome):
            self._tasks.create_task(self._retry_later(fetched.id, fetched.task))

    async def _wait_for_payload(self, fetched: Fetched) -> None:
        """Wait for a payload as long as that holds nothing up that could go: so order holds on any line.

        Patience begins when all before it are done with, not when it came, and lasts while none that was asked for
        later is here.
        """
        if fetched.task.done():
            return
        either: set[asyncio.Future[None] | asyncio.Future[RawMessage | Exception]] = {fetched.task, fetched.passed}
        await asyncio.wait(either, timeout=MAX_PAYLOAD_WAIT, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({fetched.task}, timeout=PAYLOAD_TIMEOUT)

    async def _fetch_limited(self, fetched: Fetched) -> RawMessage | Exception:
        is_suspect = self._disconnects[fetched.id] >= SUSPECT_AFTER
        async with self._suspects if is_suspect else nullcontext(), self._slots:
            self._asked[fetched] = None
            outcome = await _outcome(lambda: self._fetch(fetched.id))
            del self._asked[fetched]
            if not isinstance(outcome, Exception):
                self._let_pass(fetched)
            return outcome

    def _let_pass(self, fetched: Fetched) -> None:
        """Tell those that were asked for before this one that it is here, and they are not."""
        for earlier in self._asked:
            if earlier.number > fetched.number:
                break
            if not earlier.passed.done():
                earlier.passed.set_result(None)

    def _add(self, message: RawMessage) -> None:
        """Add to a room's queue; queues of different rooms are worked off side by side."""
        room_id = message.payload.room_id
        if room_id in self._queues:
            self._queues[room_id].append(message)
            return
        self._queues[room_id] = deque([message])
        self._tasks.create_task(self._work_off(room_id))

    async def _work_off(self, room_id: str) -> None:
        queue = self._queues[room_id]
        while queue:
            await self._session.until(lambda: self._session.is_ready)
            if not queue:
                break  # taken up again, at a login
            message = queue.popleft()
            handling = self._tasks.create_task(self._handle(message))
            await asyncio.wait({handling}, timeout=HANDLER_TIMEOUT)
            error = handling.result() if handling.done() else None
            if not handling.done() or (error and not await self._is_left_to_login(message.message_id, error)):
                self._tasks.create_task(self._retry_later(message.message_id, handling))
        del self._queues[room_id]

    async def _handle(self, message: RawMessage) -> Exception | None:
        """Hand a message to the bot. Return None when it is done with it, else the error that it failed with."""
        error = await _outcome(lambda: self._bot.on_message(message))
        if error is None:
            self._handling.discard(message.message_id)
            self._disconnects.pop(message.message_id, None)
            self._incoming.finish(message.message_id)
        return error

    async def _handle_when_ready(self, message: RawMessage) -> Exception | None:
        await self._session.until(lambda: self._session.is_ready)  # before, not all rooms are known
        return await self._handle(message)

    async def _is_left_to_login(self, message_id: str, error: Exception) -> bool:
        """Return whether a message failed with the connection: it comes again, in its place, after the next login.

        The end of a connection shows in a call a moment before it is noticed; what was said later waits that long. A
        message over which the connection breaks each time is not left to one login after the other.
        """
        is_lost = isinstance(error, GatewayLost) and not isinstance(error, AnswerLate)
        if not is_lost or self._disconnects[message_id] >= MAX_DISCONNECTS:
            return False
        session, ends = self._session, self._session.ends
        try:
            async with asyncio.timeout(PAYLOAD_TIMEOUT):
                await session.until(lambda: not session.is_logged_in or session.ends > ends)
        except TimeoutError:
            return False
        if not is_gone(error):
            self._disconnects[message_id] += 1
        self._handling.discard(message_id)
        return True

    async def _retry_later(self, message_id: str, first: Awaitable[RawMessage | Exception | None]) -> None:
        """Bring a message that others had to pass to the bot after all; give it up after the last of RETRY_DELAYS.

        One that fails because the connection is gone stays in the state file, and comes again after the next login. A
        try counts only when the gateway was asked, on a connection that stood.
        """
        outcome = await first
        if outcome is not None and not isinstance(outcome, Exception):
            outcome = await self._handle_when_ready(outcome)
        delays = iter(RETRY_DELAYS)
        while outcome is not None and not isinstance(outcome, Unreadable):
            if await self._is_left_to_login(message_id, outcome):
                return
            delay = GONE_DELAY if is_gone(outcome) else next(delays, None)
            if delay is None:
                break
            log.info("A message is tried again in %.0f s: %s", delay, outcome)
            log.debug("It is message %.100s.", message_id)
            await asyncio.sleep(delay)
            outcome = await self._try_again(message_id)
        self._handling.discard(message_id)
        self._disconnects.pop(message_id, None)
        if outcome is not None:
            shown = None if isinstance(outcome, GatewayError) else outcome  # a traceback is for faults of our own
            log.error("A message is given up: %s", outcome, exc_info=shown)
            log.debug("It is message %.100s.", message_id)
            await self._incoming.state.run(self._incoming.give_up, message_id)

    async def _try_again(self, message_id: str) -> Exception | None:
        """Ask for a message once more when WeChat is logged in; return None when the bot is done with it."""
        await self._session.until(lambda: self._session.is_ready)
        found = await self._fetch_limited(Fetched(message_id, next(self._numbers)))
        return found if isinstance(found, Exception) else await self._handle_when_ready(found)


async def _outcome(work: Callable[[], Awaitable[T]]) -> T | Exception:
    """Return what `work` returns, or the error that it ends with: who awaits a task of this may come late to it.

    What the gateway refuses is tried again after QUICK_RETRY_DELAYS, so that a refusal of the moment costs no message
    its place.
    """
    delays = iter(QUICK_RETRY_DELAYS)
    while True:
        try:
            return await work()
        except Exception as error:  # noqa: BLE001 - given back as a value, see above
            delay = next(delays, None)
            if delay is None or not isinstance(error, GatewayRefused):
                return error
        await asyncio.sleep(delay)
