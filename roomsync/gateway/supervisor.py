"""The supervisor: connect, listen, reconnect, for ever; stop only when trying again cannot help."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from roomsync.backoff import backoff
from roomsync.errors import GatewayError, GatewayRefused, GatewayRejected, NoTls
from roomsync.session import Session

log = logging.getLogger(__name__)

PING_INTERVAL = 10.0  # seconds; with the link's own limit for the answer, 15, a frozen gateway is noticed within 30
NOT_LOGGED_IN = "The gateway is connected, but WeChat is not logged in there; the bot waits for the login."


class Link(Protocol):
    """The connection to a gateway. Every method but `disconnect` raises `GatewayError`."""

    @property
    def endpoint(self) -> str: ...
    async def connect(self) -> None: ...
    async def listen(self) -> None: ...  # until the event stream ends
    async def ping(self) -> None: ...  # waits at most 15 s for an answer
    async def disconnect(self) -> None: ...  # WeChat stays logged in


def worth_retrying(error: GatewayError) -> bool:
    """Return whether connecting again can help after `error`."""
    return not isinstance(error, GatewayRejected)


class Supervisor:
    """Keeps `link` connected, and notes in `session` each time that a connection stands or is gone."""

    def __init__(self, link: Link, session: Session, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._link = link
        self._session = session
        self._sleep = sleep

    async def run(self) -> None:
        """Keep the connection until cancelled. Raises `GatewayRejected` when trying again cannot help."""
        delays, has_stood = backoff(), False
        while True:
            try:
                await self._link.connect()
                log.info("Connected to the gateway %s.", self._link.endpoint)
                delays, has_stood = backoff(), True
                self._session.connect()
                await self._live()
                reason = "the gateway ended the event stream"
            except GatewayError as error:
                if not worth_retrying(error) and not (has_stood and isinstance(error, NoTls)):
                    raise
                reason = str(error)
            finally:
                try:
                    if self._session.is_connected:
                        self._session.disconnect()
                finally:
                    await self._link.disconnect()
            delay = next(delays)
            log.warning("No connection: %s; trying again in %.0f s.", reason, delay)
            await self._sleep(delay)

    async def _live(self) -> None:
        """Listen, and watch that the gateway still answers, until one of the two ends."""
        tasks = [
            asyncio.create_task(self._link.listen(), name="listen"),
            asyncio.create_task(self._watch(), name="watchdog"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        """Make a small call now and then: not every gateway answers Ding, and a half-open link looks quiet."""
        await self._sleep(PING_INTERVAL)
        if not self._session.is_logged_in:
            log.warning(NOT_LOGGED_IN)
        while True:
            with contextlib.suppress(GatewayRefused):  # an answer all the same
                await self._link.ping()
            await self._sleep(PING_INTERVAL)
