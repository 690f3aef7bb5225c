"""The supervisor: connect, listen, reconnect, for ever; stop only when trying again cannot help."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from roomsync.errors import GatewayError, GatewayRefused, GatewayRejected, NoTls
from roomsync.session import Session

log = logging.getLogger(__name__)

DELAY_FIRST = 1.0  # seconds before the second attempt to connect
DELAY_MOST = 60.0
# So gentle that after a minute's absence of the gateway the next attempt is less than 10 s away.
DELAY_GROWTH = 1.1
JITTER = 0.2
PING_EVERY = 10.0  # seconds; with the link's own limit for the answer, 15, a frozen gateway is noticed within 30


NOT_LOGGED_IN = "The gateway is connected, but WeChat is not logged in there; the bot waits for the login."


class Link(Protocol):
    """The connection to a gateway."""

    endpoint: str

    async def connect(self) -> None:
        """Open the event stream, then call Start. Raises `GatewayError`."""

    async def listen(self) -> None:
        """Hand on events until the stream ends. Raises `GatewayError`."""

    async def ping(self) -> None:
        """Make a small call, and wait at most 15 s for its answer. Raises `GatewayError`."""

    async def disconnect(self) -> None:
        """Close the connection; WeChat stays logged in."""


def worth_retrying(error: GatewayError) -> bool:
    """Whether connecting again can help after `error`."""
    return not isinstance(error, GatewayRejected)


def backoff(rand: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait before each new attempt: 1 growing to 60, each up to a fifth longer by chance."""
    delay = DELAY_FIRST
    while True:
        yield min(DELAY_MOST, delay * (1 + JITTER * rand()))
        delay = min(DELAY_MOST, delay * DELAY_GROWTH)


class Supervisor:
    """Keeps `link` connected, and tells `session` each time a connection stands or is gone."""

    def __init__(
        self,
        link: Link,
        session: Session,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._link = link
        self._session = session
        self._sleep = sleep

    async def run(self) -> None:
        """Keep the connection until cancelled. Raises `GatewayRejected` when trying again cannot help."""
        delays, stood = backoff(), False
        while True:
            connected = False
            try:
                await self._link.connect()
                connected = stood = True
                log.info("Connected to the gateway %s.", self._link.endpoint)
                self._session.connect()
                await self._live()
                reason = "the gateway ended the event stream"
            except GatewayError as error:
                if not worth_retrying(error) and not (stood and isinstance(error, NoTls)):
                    raise
                reason = str(error)
            finally:
                try:
                    if connected:
                        self._session.disconnect()
                finally:
                    await self._link.disconnect()
            if connected:
                delays = backoff()
            delay = next(delays)
            log.warning("No connection: %s; trying again in %.0f s.", reason, delay)
            await self._sleep(delay)

    async def _live(self) -> None:
        """Listen, and watch that the gateway still answers, until one of the two ends."""
        works = [
            asyncio.create_task(self._link.listen(), name="listen"),
            asyncio.create_task(self._watch(), name="watchdog"),
        ]
        try:
            done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            for work in done:
                work.result()
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def _watch(self) -> None:
        """Not every gateway answers Ding, and a half-open connection looks like a quiet one: so a call is made."""
        reminded = False
        while True:
            await self._sleep(PING_EVERY)
            if not reminded and not self._session.is_logged_in:
                reminded = True
                log.warning(NOT_LOGGED_IN)
            try:
                await self._link.ping()
            except GatewayRefused:
                continue  # an answer all the same
