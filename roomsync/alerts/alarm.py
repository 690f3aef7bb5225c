"""The alarm: looks at how the bot is doing, and hands what the operator has to hear of to the senders."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from roomsync import store
from roomsync.alerts.conditions import Facts, conditions
from roomsync.alerts.heartbeat import BEAT_INTERVAL, Heartbeat, beat_while_alive
from roomsync.alerts.hooks import Hook
from roomsync.alerts.sender import Sender
from roomsync.alerts.watch import AlertKind, Due, Watch
from roomsync.alerts.wording import Alert, alert_of, end_of
from roomsync.clock import elapsed
from roomsync.model import Room
from roomsync.session import Phase, Session
from roomsync.store import StateFile

log = logging.getLogger(__name__)

TICK = 1.0  # seconds between two looks at the session
LOOK_INTERVAL = 10.0  # seconds between two looks into the state file
FAREWELL_TIMEOUT = 2.0  # seconds for what is still to be sent when the bot leaves
END_TIMEOUT = 5.0  # likewise for the alert that it ends with an error


@dataclass(frozen=True)
class Signs:
    """What shows how the bot is doing. `clock`: seconds since the epoch, which never step.

    `least`: of a room and a time the least priority of what may go there then, -infinity for all. `trips`: how often
    moderation's breaker acted. `ping`: asks the gateway for an answer, and raises `GatewayError` without one.
    """

    session: Session
    state: StateFile
    clock: Callable[[], float]
    least: Callable[[str, float], float]
    trips: Callable[[], int]
    ping: Callable[[], Awaitable[None]]


class Alarm:
    """Watches the bot, sends alerts to all of `urls`, and fetches `heartbeat_url` while it relays.

    `community`: what the bot is called in alerts. A watcher of the roster: it hears of rooms that were left.
    """

    def __init__(self, urls: Sequence[str], heartbeat_url: str, community: str, signs: Signs) -> None:
        self._signs, self._community = signs, community
        self._senders = [Sender(Hook.parse(url), number) for number, url in enumerate(urls, 1)]
        self._heartbeat = Heartbeat(heartbeat_url) if heartbeat_url else None
        self._left_at: float | None = None
        self._watch = Watch()
        self._phase, self._phase_at, self._unready_at, self._ready_at = signs.session.phase, 0.0, 0.0, 0.0
        self._asked_at: float | None = None  # when the state file was asked, which has not answered yet
        self._delay: float | None = None
        self._given_up, self._trips = 0, 0
        self._since = math.inf  # from when on deliveries that are given up count
        self._shut_at: dict[str, float] = {}  # when nothing might go to a room last, of rooms that something waits for

    async def run(self) -> None:
        """Watch until cancelled, also while the state file keeps the bot from its work: its clock may still be set."""
        for thread in self._threads():
            thread.start()
        signs = self._signs
        self._phase_at = self._unready_at = elapsed()
        signs.session.listen(self._note_phase)
        self._note_phase()
        async with asyncio.TaskGroup() as tasks:
            if self._heartbeat:
                beats = partial(beat_while_alive, signs.session, signs.ping, signs.clock, self._heartbeat.beat)
                tasks.create_task(self._repeat(beats, BEAT_INTERVAL), name="heartbeat")
            if self._senders:
                tasks.create_task(self._repeat(self._look, LOOK_INTERVAL), name="looks into the state file")
                tasks.create_task(self._repeat(self._tick, TICK), name="alerts")

    def leave(self) -> None:
        """Send what waits, each alert once, and nothing after it: the bot leaves."""
        if self._left_at is None:
            self._left_at = time.monotonic()
            for thread in self._threads():
                thread.leave()

    def close(self) -> None:
        """Leave, and give what waits a few seconds from then on to be sent."""
        self.leave()
        assert self._left_at is not None
        _join([one for one in self._threads() if one.is_alive()], self._left_at + FAREWELL_TIMEOUT)

    def _threads(self) -> list[Sender | Heartbeat]:
        return [*self._senders, *([self._heartbeat] if self._heartbeat else [])]

    # --- of the roster ---

    async def rooms_changed(self, *, settled: bool) -> None:
        """Hear that rooms changed, which is no alert."""

    async def rooms_are_new(self, rooms: Sequence[Room], inviter_id: str) -> None:
        """Hear of new rooms, which is no alert."""

    async def room_left(self, room: Room) -> None:
        """Hear that the bot was taken out of a room."""
        self._watch.happened(AlertKind.ROOM_LEFT, room.topic)

    # --- how the bot is doing ---

    def _note_phase(self) -> None:
        session, now = self._signs.session, elapsed()
        if session.phase is self._phase:
            return
        self._since = min(self._since, self._signs.clock())
        was_ready, self._phase, self._phase_at = self._phase is Phase.READY, session.phase, now
        if session.is_ready:
            self._ready_at = self._signs.clock()
        elif was_ready:
            self._unready_at = now

    async def _repeat(self, work: Callable[[], Coroutine[Any, Any, None]], interval: float) -> None:
        while True:
            await _guarded(work())
            await asyncio.sleep(interval)

    async def _tick(self) -> None:
        trips = self._signs.trips()
        if trips > self._trips:
            self._watch.happened(AlertKind.BREAKER, count=trips - self._trips)
        self._trips = trips
        now = elapsed()
        for due in self._watch.see(conditions(self._facts(now)), now):
            self._send(due)

    def _facts(self, now: float) -> Facts:
        session = self._signs.session
        return Facts(
            phase=session.phase,
            unready=0.0 if session.is_ready else now - self._unready_at,
            in_phase=now - self._phase_at,
            scan_link=session.scan_link,
            asks_code=bool(session.verify_id),
            cooldown=session.cooldown.until - self._signs.clock(),
            delay=self._delay,
            outage=0.0 if self._asked_at is None else now - self._asked_at,
            outage_reason=self._signs.state.outages.reason,
        )

    def _send(self, due: Due) -> None:
        alert = alert_of(due, time.time(), self._community)
        log.warning("Alert: %s", alert.title)
        for sender in self._senders:
            sender.send(alert)

    async def _look(self) -> None:
        """Read what waits and what was given up; it is answered when the state file can be used."""
        self._asked_at = elapsed()
        try:
            oldest, given_up = await self._signs.state.run(self._read)
        finally:
            self._asked_at = None
        if given_up > self._given_up:
            self._watch.happened(AlertKind.GIVEN_UP, count=given_up - self._given_up)
        self._given_up = given_up  # fewer when old messages are forgotten
        delay = self._delay_of(oldest, self._signs.clock())
        self._delay = delay if self._signs.session.is_ready else None

    def _read(self) -> tuple[dict[str, float], int]:
        with self._signs.state.connection() as db:
            return store.report.oldest(db), store.report.given_up(db, self._since)

    def _delay_of(self, oldest: Mapping[str, float], now: float) -> float:
        """Return how long the oldest waits that could have gone: not of what staff paused, or the night held back."""
        for one in oldest:
            if self._signs.least(one, now) > -math.inf:
                self._shut_at[one] = now
        self._shut_at = {one: at for one, at in self._shut_at.items() if one in oldest}
        waits = [now - max(since, self._shut_at.get(one, 0.0), self._ready_at) for one, since in oldest.items()]
        return max(waits, default=0.0)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    """Do some work whose failure must not end the bot."""
    try:
        await work
    except Exception:
        log.exception("An alert failed in a way that was not foreseen; the bot goes on.")


def _join(threads: Sequence[Sender | Heartbeat], until: float) -> None:
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def tell_end(urls: Sequence[str], community: str, reason: str, kind: AlertKind) -> None:
    """Send an alert that the bot ends, and wait a few seconds for it at the most."""
    alert: Alert = end_of(reason, kind, time.time(), community)
    senders = [Sender(Hook.parse(url), number) for number, url in enumerate(urls, 1)]
    for sender in senders:
        sender.start()
        sender.send(alert)
        sender.leave()
    _join(senders, time.monotonic() + END_TIMEOUT)
