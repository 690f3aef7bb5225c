"""The heartbeat: an address that is fetched once a minute while all is well. Its silence is the alarm."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

import requests

from roomsync.alerts.sender import HEADERS, TIMEOUT, reason_of
from roomsync.errors import GatewayError, GatewayRefused
from roomsync.session import Session

log = logging.getLogger(__name__)

BEAT_INTERVAL = 60.0  # seconds
EVENT_TTL = 60.0  # seconds after an event in which nobody asks whether the gateway still lives


class Heartbeat(threading.Thread):
    """Fetches an address each time that it is asked to, in a thread of its own; never says what address."""

    def __init__(self, url: str, session: requests.Session | None = None) -> None:
        super().__init__(name="heartbeat", daemon=True)  # one that hangs must not keep the process
        self._url, self._session = url, session or requests.Session()
        self._due, self._is_leaving, self._problem = threading.Event(), False, ""

    def beat(self) -> None:
        """Fetch the address soon; what is asked for while it is being fetched is one more time."""
        self._due.set()

    def leave(self) -> None:
        """Let the thread end."""
        self._is_leaving = True
        self._due.set()

    def run(self) -> None:
        """Fetch until `leave`; a failure is logged when it is a new one, and once when it is over."""
        while True:
            self._due.wait()
            self._due.clear()
            if self._is_leaving:
                return
            problem = self.attempt()
            if problem and problem != self._problem:
                log.error("HEARTBEAT_URL cannot be fetched (%s); tried again each minute.", problem)
            elif self._problem and not problem:
                log.warning("HEARTBEAT_URL is fetched again.")
            self._problem = problem

    def attempt(self) -> str:
        """Fetch the address; return why that failed, which never has the address in it; empty when it did not."""
        try:
            with self._session.get(
                self._url, headers=HEADERS, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                return "" if 200 <= answer.status_code < 300 else f"HTTP {answer.status_code}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the address may stand in its text
            return reason_of(error)


async def is_alive(session: Session, ping: Callable[[], Awaitable[None]], now: float) -> bool:
    """Return whether the bot can relay: it is ready, and an event came lately or the gateway answers `ping` now."""
    if not session.is_ready:
        return False
    if now - session.last_event < EVENT_TTL:
        return True
    try:
        await ping()
    except GatewayRefused:  # an answer all the same
        return True
    except GatewayError:
        return False
    return session.is_ready


async def beat_while_alive(
    session: Session, ping: Callable[[], Awaitable[None]], clock: Callable[[], float], beat: Callable[[], None]
) -> None:
    """Call `beat` once a minute while the bot can relay, until cancelled."""
    while True:
        await session.until(lambda: session.is_ready)
        if await is_alive(session, ping, clock()):
            beat()
        await asyncio.sleep(BEAT_INTERVAL)
