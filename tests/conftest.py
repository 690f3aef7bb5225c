"""What the tests share: a loopback gateway with a community in it, and a bot that is running against it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import hypothesis
import pytest

os.environ["BOT_LANGUAGE"] = "en"  # the tests read English, also of processes, whatever this machine's locale is

from bot import RoomSyncBot
from roomsync.clock import SteadyClock
from roomsync.config.settings import Settings
from tests.scripted import ScriptedGateway

if TYPE_CHECKING:
    from tests.numbered import NumberedGateway

G = TypeVar("G", bound=ScriptedGateway)


def thorough(number: int) -> int:
    """How many examples a test draws: all in CI, a tenth by hand, so that nobody waits a minute for the tests."""
    return number if os.environ.get("CI") else max(1, number // 10)


# A machine that is busy with something else must not fail a property.
hypothesis.settings.register_profile("patient", deadline=None, max_examples=thorough(100))
hypothesis.settings.load_profile("patient")

PREFIX = "Milvus用户交流群"
PLAIN = "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT"


def settings(gateway: ScriptedGateway, **more: str) -> Settings:
    """Settings for a bot at `gateway`, unpaced, reached in plain text."""
    values = {
        "WECHATY_PUPPET_SERVICE_TOKEN": gateway.token,
        "WECHATY_PUPPET_SERVICE_ENDPOINT": f"127.0.0.1:{gateway.port}",
        PLAIN: "true",
        "SEND_INTERVAL": "0",
        "ROOM_INTERVAL": "0",
        "SENDS_PER_MINUTE": "0",
    }
    return Settings.parse({**values, **more})


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    """A gateway with three rooms of one community, a room outside, and two people."""
    async with _populated(ScriptedGateway()) as found:
        yield found


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What is started listens to Ctrl-C, also when the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
async def numbered() -> AsyncIterator["NumberedGateway"]:
    """The same gateway, but one that numbers its events."""
    from tests.numbered import NumberedGateway  # not above: the benchmarks take this file to older checkouts

    async with _populated(NumberedGateway()) as found:
        yield found


@asynccontextmanager
async def _populated(found: G) -> AsyncIterator[G]:
    """Let a gateway listen that has two people, three rooms of the community, and one outside."""
    found.add_contact("alice", "Alice")
    found.add_contact("bob", "Bob")
    for label in ("101", "102", "103"):
        found.add_room(f"r{label}", PREFIX + label)
    found.add_room("family", "家庭群")
    await found.start()
    yield found
    await found.close()


@asynccontextmanager
async def running(
    gateway: ScriptedGateway, state_file: Path, *, paused: bool = False, **more: str
) -> AsyncIterator[RoomSyncBot]:
    """A bot that has found its rooms; it leaves at the end, its send in hand finished.

    `paused`: it sends nothing, from its first moment on, until the session is resumed.
    """
    bot = RoomSyncBot(settings(gateway, STATE_FILE=str(state_file), **more))
    if paused:
        bot.session.pause()
    task = asyncio.create_task(bot.run())
    try:
        await until(lambda: bot.session.is_ready or task.done())
        yield bot
    finally:
        bot.stop()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)
        bot.close()


async def until(condition: Callable[[], Any], limit: float = 10.0) -> None:
    """Let the loop turn until `condition()`; it fails the test after `limit` seconds."""
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.002)


class Clock(SteadyClock):
    """A clock that stands still until it is moved: seconds since the epoch."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        super().__init__(lambda: self.now, lambda: self.now)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def no_long_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway here lists all its rooms at once, or in the next hundredth of a second."""
    monkeypatch.setattr("roomsync.relay.roster.SETTLE_DELAYS", (0.01, 0.01))


@pytest.fixture(autouse=True)
def touched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The stand-ins that a test touches, also where somebody swallows the error; a test must leave none here."""
    from roomsync.gateway.stand_ins import StandInUsed  # not above: the benchmarks take this file to older checkouts

    found: list[str] = []
    made = StandInUsed.__init__

    def note(error: StandInUsed, what: str) -> None:
        found.append(what)
        made(error, what)

    monkeypatch.setattr(StandInUsed, "__init__", note)
    yield found
    assert found == []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "roomsync.db"
