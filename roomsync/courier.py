"""The courier: the one task that sends. Takes the next delivery, sends it, marks what became of it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from roomsync.errors import AnswerLate, AnswerLost, GatewayError, GatewayLost, Unsendable
from roomsync.outbox import Delivery, Outbox
from roomsync.pacer import Pacer
from roomsync.relay import WORDS, Kind

log = logging.getLogger(__name__)

RETRY_FIRST = 5.0  # seconds until the second attempt; doubles with each one after
RETRY_MOST = 600.0
LOST_DELAY = 1.0  # seconds; the supervisor pauses the courier when the connection is really gone


class Sender(Protocol):
    """What can send: the gateway."""

    async def send(self, room_id: str, kind: Kind, body: str) -> str | None:
        """One call to the gateway; the id of what was sent, where it gives one. Raises `GatewayError`."""


def retry_delay(attempts: int) -> float:
    """Seconds to wait after failed attempt number `attempts`, counted from 1."""
    return float(min(RETRY_MOST, RETRY_FIRST * 2 ** (attempts - 1)))


class Courier:
    """Sends what waits in the outbox, as the pacer allows, while the gateway is there.

    `clock` gives seconds since the epoch. A delivery that failed `max_attempts` times is given up.
    """

    def __init__(
        self, outbox: Outbox, pacer: Pacer, sender: Sender, clock: Callable[[], float], max_attempts: int
    ) -> None:
        self._outbox = outbox
        self._pacer = pacer
        self._sender = sender
        self._clock = clock
        self._max_attempts = max_attempts
        self.online = False
        self._leaving = False
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something new waits in the outbox."""
        self._news.set()

    def resume(self) -> None:
        """The gateway is there, and WeChat is logged in."""
        self.online = True
        self._news.set()

    def pause(self) -> None:
        """Send nothing until `resume`."""
        self.online = False

    def leave(self) -> None:
        """Finish the send in hand, then let `run` return."""
        self._leaving = True
        self._news.set()

    async def run(self) -> None:
        """Send until `leave`. Raises `StateFileError` when the outbox cannot be written."""
        while not self._leaving:
            self._news.clear()
            wait = await self.step() if self.online else None
            if wait == 0:
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def step(self) -> float | None:
        """Make at most one send; seconds until the next can be made, None when nothing waits."""
        heads = self._outbox.heads()
        if not heads:
            return None
        now = self._clock()
        turn = self._pacer.choose(heads, now)
        if turn.room_id is None:
            return turn.wait
        delivery = self._outbox.take(turn.room_id, now)
        if delivery:
            self._pacer.sent(turn.room_id, now)
            await self._send(delivery)
        return 0.0

    async def _send(self, delivery: Delivery) -> None:
        try:
            sent_id = await self._sender.send(delivery.room_id, delivery.kind, delivery.body)
        except Unsendable as error:
            self._replace(delivery, error)
        except AnswerLate as error:
            self._retry(delivery, error)
        except GatewayLost as error:
            log.info("Delivery %d waits for the gateway: %s", delivery.id, error)
            now = self._clock()
            self._outbox.put_back(delivery, now + LOST_DELAY, now, uncertain=isinstance(error, AnswerLost))
        except GatewayError as error:
            self._retry(delivery, error)
        else:
            self._outbox.sent(delivery, sent_id, self._clock())

    def _retry(self, delivery: Delivery, error: GatewayError) -> None:
        now, attempts = self._clock(), delivery.attempts + 1
        if attempts >= self._max_attempts:
            log.error(
                "Delivery %d to %s is given up after %d attempts: %s", delivery.id, delivery.room_id, attempts, error
            )
            self._outbox.fail(delivery, str(error), now)
            return
        delay = retry_delay(attempts)
        log.warning("Delivery %d to %s is tried again in %.0f s: %s", delivery.id, delivery.room_id, delay, error)
        self._outbox.retry(delivery, now + delay, str(error), now)

    def _replace(self, delivery: Delivery, error: GatewayError) -> None:
        if delivery.kind is Kind.TEXT:
            log.error("Delivery %d to %s cannot be sent: %s", delivery.id, delivery.room_id, error)
            self._outbox.fail(delivery, str(error), self._clock())
            return
        log.warning("Delivery %d to %s goes as a line of text: %s", delivery.id, delivery.room_id, error)
        line = f"[{WORDS[delivery.kind]}] 未能转发，请到原群查看"
        self._outbox.replace(delivery, line, str(error), self._clock())
