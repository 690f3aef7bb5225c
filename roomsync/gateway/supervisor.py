"""The supervisor: connect, listen, reconnect, for ever; stop only when trying again cannot help."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from roomsync.backoff import at_once, backoff
from roomsync.errors import GatewayError, GatewayRefused, GatewayRejected
from roomsync.language import N_, _
from roomsync.session import Session
from roomsync.tasks import until_one_ends

log = logging.getLogger(__name__)

PING_INTERVAL = 10.0  # seconds; with the link's own limit for the answer, 15, a frozen gateway is noticed within 30
MIN_STANDING = 5.0  # seconds that a connection must have stood for the next one to be made at once
NOT_LOGGED_IN = N_("The gateway is connected, but WeChat is not logged in there; the bot waits for the login.")


class Link(Protocol):
    """The connection to a gateway. Every method but `disconnect` raises `GatewayError`."""

    @property
    def endpoint(self) -> str: ...
    async def connect(self) -> None: ...
    async def listen(self) -> None: ...  # until the event stream ends
    async def ping(self) -> None: ...  # waits at most 15 s for an answer
    async def disconnect(self) -> None: ...  # WeChat stays logged in


class Supervisor:
    """Keeps `link` connected, and notes in `session` each time that a connection stands or is gone.

    `clock` gives seconds that never step.
    """

    def __init__(
        self,
        link: Link,
        session: Session,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._session = session
        self._sleep = sleep
        self._clock = clock

    async def run(self) -> None:
        """Keep the connection until cancelled.

        Raises `GatewayRejected` when trying again cannot help: before a first connection stood. Later it is no longer a
        wrong setting, but a gateway that is being changed, or somebody else in its place.
        """
        delays, has_stood, connected_at = backoff(), False, math.inf
        reason: GatewayError | str
        while True:
            try:
                await self._link.connect()
                log.info("Connected to the gateway %s.", self._link.endpoint)
                delays, has_stood, connected_at = backoff(), True, self._clock()
                self._session.connect()
                await self._live()
                reason = _("the gateway ended the event stream")
            except GatewayError as error:
                if isinstance(error, GatewayRejected) and not has_stood:
                    raise
                reason = error
            finally:
                try:
                    if self._session.is_connected:
                        self._session.disconnect()
                finally:
                    await self._link.disconnect()
            # One that breaks at once when it stands is not made again at once.
            delay = at_once() if self._clock() - connected_at > MIN_STANDING else next(delays)
            connected_at = math.inf
            if delay < 1:
                log.warning("No connection: %s; trying again at once.", reason)
            else:
                log.warning("No connection: %s; trying again in %.0f s.", reason, delay)
            await self._sleep(delay)

    async def _live(self) -> None:
        """Listen, and watch that the gateway still answers, until one of the two ends."""
        await until_one_ends({"listen": self._link.listen(), "watchdog": self._watch()})

    async def _watch(self) -> None:
        """Make a small call now and then: not every gateway answers Ding, and a half-open link looks quiet."""
        await self._sleep(PING_INTERVAL)
        if not self._session.is_logged_in:
            log.warning(NOT_LOGGED_IN)
        while True:
            with contextlib.suppress(GatewayRefused):  # an answer all the same
                await self._link.ping()
            await self._sleep(PING_INTERVAL)
