"""The supervisor: connect, listen, reconnect, for ever; stop only when trying again cannot help."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from roomsync.errors import GatewayError, GatewayRejected

log = logging.getLogger(__name__)

DELAY_FIRST = 1.0  # seconds before the second attempt to connect
DELAY_MOST = 60.0
DELAY_GROWTH = 1.8
JITTER = 0.2


class Link(Protocol):
    """The connection to a gateway."""

    async def connect(self) -> None:
        """Open the event stream, then call Start. Raises `GatewayError`."""

    async def listen(self) -> None:
        """Hand on events until the stream ends. Raises `GatewayError`."""

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
    """Keeps `link` connected. `on_lost` is called each time a connection that stood is gone."""

    def __init__(
        self,
        link: Link,
        on_lost: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._link = link
        self._on_lost = on_lost
        self._sleep = sleep

    async def run(self) -> None:
        """Keep the connection until cancelled. Raises `GatewayRejected` when trying again cannot help."""
        delays = backoff()
        while True:
            connected = False
            try:
                await self._link.connect()
                connected = True
                await self._link.listen()
                reason = "the gateway ended the event stream"
            except GatewayError as error:
                if not worth_retrying(error):
                    raise
                reason = str(error)
            finally:
                if connected:
                    self._on_lost()
                await self._link.disconnect()
            if connected:
                delays = backoff()
            delay = next(delays)
            log.warning("%s Trying again in %.0f s.", _sentence(reason), delay)
            await self._sleep(delay)


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}".rstrip(".") + "."
