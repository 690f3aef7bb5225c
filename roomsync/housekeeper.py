"""What has to be done from time to time: deliveries that are too old given up, the file kept small, the status told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from roomsync.journal import Journal
from roomsync.outbox import Outbox
from roomsync.settings import Settings

log = logging.getLogger(__name__)

ROUND_EVERY = 10.0  # seconds


def missed_notice(messages: int) -> str:
    """The line for a room that messages did not reach in time."""
    return f"（有 {messages} 条消息未能及时转发到本群，请到其他群查看）"


class Housekeeper:
    """`last_event` gives when the last event came, `clock` what time it is, both in seconds since the epoch."""

    def __init__(
        self,
        outbox: Outbox,
        journal: Journal,
        settings: Settings,
        clock: Callable[[], float],
        last_event: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._journal = journal
        self._ttl = settings.relay_ttl_hours * 3600
        self._retention = settings.retention_days * 86400
        self._clock = clock
        self._last_event = last_event
        self._told = 0.0

    def round(self) -> None:
        """Do what is due. Raises `StateFileError`."""
        now = self._clock()
        if expired := self._outbox.expire(now - self._ttl, missed_notice, now):
            log.error("%d deliveries were older than RELAY_TTL_HOURS and are given up.", expired)
        while self._outbox.prune(now - self._retention):
            pass
        if self._last_event() != self._told:
            self._told = self._last_event()
            self._journal.status(last_event=str(self._told))

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """A round every ten seconds, until cancelled."""
        while True:
            self.round()
            await sleep(ROUND_EVERY)
