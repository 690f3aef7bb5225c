"""What has to be done from time to time: give up deliveries that are too old, keep the file small."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection

from roomsync import store
from roomsync.clock import SteadyClock
from roomsync.delivery.outbox import add_missed
from roomsync.delivery.outcomes import ECHO_TTL
from roomsync.delivery.retries import MAX_RETRY_DELAY
from roomsync.model import State
from roomsync.session import Cooldown, Phase, Session
from roomsync.store import StateFile
from roomsync.store.health import Health
from roomsync.text.kinds import SILENT

log = logging.getLogger(__name__)

Spared = Callable[[store.Connection, float], Collection[str]]  # since a time, in a transaction: ids of rooms

ROUND_INTERVAL = 8.0  # seconds; a state file that is gone is noticed within ten
EXPIRE_BATCH = 1000  # deliveries given up in one transaction
PRUNE_BATCH = 2000  # messages in one transaction, so that none takes long
PAYLOAD_BATCH = 50  # likewise pictures


class Housekeeper:
    """Keeps `state` in order. What is older than `ttl` is given up, what is older than `retention` forgotten (seconds).

    It notes there how `session` is doing. `clock` gives seconds since the epoch. Nothing is given up that waits for
    rooms which are `spared`, as those of a community that was paused at some time since then.
    """

    def __init__(
        self,
        state: StateFile,
        session: Session,
        ttl: float,
        retention: float,
        clock: SteadyClock,
        spared: Spared = lambda db, since: (),
    ) -> None:
        self._state, self._session, self._spared = state, session, spared
        self._run = state.run
        self._ttl, self._retention = ttl, retention
        self._clock = clock
        self._noted: tuple[Phase, Cooldown, str] | None = None
        self._last_round = float("inf")
        self._last_rescue = ""
        self._news = asyncio.Event()
        session.listen(self._news.set)
        state.outages.on_end = self._news.set

    async def run_once(self) -> None:
        """Do what is due, in many small pieces of work: what is said meanwhile goes between them."""
        now = self._clock()
        await self.look_after_file()
        if now < self._last_round:
            await self._run(clamp_clock, self._state, now)
        self._last_round = now
        await self.expire()
        await self._run(drop_payloads, self._state, now - ECHO_TTL)
        await self._run(prune, self._state, now - self._retention)  # some each round
        await self.note_health()

    async def expire(self) -> None:
        """Give up what became too old to be sent."""
        now, expired = self._clock(), 0
        while count := await self._run(expire, self._state, now - self._ttl, now, self._spared):
            expired += count
        if expired:
            log.error("%d deliveries were older than RELAY_TTL_HOURS and are given up.", expired)

    async def look_after_file(self) -> None:
        """Save what is open when somebody took the state file away."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(self._clock()))
        said = await self._run(self._state.rescue, stamp)
        if said and said != self._last_rescue:
            log.error("%s", said)
        self._last_rescue = said

    def last_health(self) -> Health:
        """Return what was noted last. Raises `StateFileError`."""
        with self._state.connection() as db:
            return store.health.read(db)

    async def note_health(self) -> None:
        """Note how the session is doing: for `--status`, and for the next process."""
        session = self._session
        await self._run(self._note, session.phase, session.cooldown, session.verify_id, session.last_event)

    def _note(self, phase: Phase, cooldown: Cooldown, verify_id: str, last_event: float) -> None:
        now, outage = self._clock(), self._state.outages.last
        with self._state.transaction() as db:
            if not self._noted or phase != self._noted[0]:
                store.health.note_phase(db, phase, now)
            store.health.note_cooldown(db, cooldown)
            if not self._noted or verify_id != self._noted[2]:
                store.health.note_verify_id(db, verify_id)
            if last_event:
                store.health.note_last_event(db, last_event)
            store.health.note_written(db, now, self._clock.ahead)
            if outage:
                store.health.note_outage(db, now, outage)
        self._noted, self._state.outages.last = (phase, cooldown, verify_id), 0.0

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Do what is due every few seconds, and note each change of the session, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._do_rounds(sleep), name="rounds")
            tasks.create_task(self._note_changes(), name="notes of the session")

    async def _do_rounds(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        while True:
            await _guarded(self.run_once())
            await sleep(ROUND_INTERVAL)

    async def _note_changes(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            session = self._session
            if (session.phase, session.cooldown, session.verify_id) != self._noted or self._state.outages.last:
                await _guarded(self.note_health())


async def _guarded(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        log.exception("The housekeeper failed in a way that was not foreseen; it goes on.")


def expire(state: StateFile, accepted_before: float, now: float, spared: Spared = lambda db, since: ()) -> int:
    """Give up what was accepted before that time and still waits, some of it; return how many deliveries that were.

    Each room gets one line that says how many messages it missed; one that still waits there is brought up to date.
    """
    with state.transaction() as db:
        old = store.waiting.older(db, accepted_before, EXPIRE_BATCH, spared(db, accepted_before))
        store.deliveries.change(db, [one.id for one in old], State.WAITING, State.EXPIRED, now)
        said = {(one.room_id, one.message_id) for one in old if one.kind not in SILENT}
        for room_id, missed in Counter(room_id for room_id, _ in said).items():
            add_missed(db, room_id, missed, now)
        store.held.expire(db, accepted_before, now)
        return len(old)


def clamp_clock(state: StateFile, now: float) -> None:
    """Let nothing have been later than now, and nothing be tried later than any delay could make it.

    The machine's clock may have been set back before this start; while the bot runs its own does not step.
    """
    with state.transaction() as db:
        store.deliveries.clamp(db, now, now + MAX_RETRY_DELAY)
        store.sends.clamp(db, now)
        store.messages.clamp(db, now)
        store.lately.clamp(db, now)


def drop_payloads(state: StateFile, before: float) -> int:
    """Blank pictures and files that were carried as bytes, once none of their deliveries needs them; return how many.

    `before`: when the last of them must have been settled, so that WeChat's notice does not ask for one again.
    """
    with state.transaction() as db:
        return store.parts.drop_payloads(db, before, PAYLOAD_BATCH)


def prune(state: StateFile, before: float) -> int:
    """Forget messages with which nothing happened since then, some at once; return how many were forgotten."""
    with state.transaction() as db:
        count = store.messages.prune(db, before, PRUNE_BATCH)
        store.sends.prune(db, before)
        store.call_log.prune(db, before)
        store.incoming.prune(db, before)
        store.peers.prune(db, before)
        for table in (store.drafts, store.requests, store.mutes, store.pauses):
            table.prune(db, before)
    if count:
        state.give_pages_back()
    return count
