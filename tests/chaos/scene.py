"""What these tests share: a bot process that stands at the real gateway through a proxy, and what arrived where."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.proxy import Proxy
from tests.interop.bots import BotProcess, community, relaying, spoken
from tests.interop.gateway import RealGateway

LABELS = ["101", "102", "103"]
ROOMS = [f"@{label}" for label in LABELS]
OTHERS = ["@102", "@103"]  # than the room in which Alice speaks, unless a test says otherwise
LEAVE_LIMIT = 8.0  # seconds in which the process has to end after a SIGTERM


@dataclass(frozen=True)
class Scene:
    """A bot that has found its rooms, the gateway, and the line between them."""

    gateway: RealGateway
    proxy: Proxy
    bot: BotProcess

    @property
    def alive(self) -> bool:
        return self.bot.process.returncode is None

    async def say(self, texts: Iterable[str], room: str = "@101") -> list[str]:
        """Alice says these texts in a row; they are returned."""
        said = list(texts)
        for text in said:
            await self.gateway.say(talker="alice", room=room, text=text)
        return said

    async def arrived(self, said: list[str], rooms: list[str] = OTHERS, limit: float = 30) -> None:
        """Wait until all of `said` is in all these rooms, or fail with what is missing, and what the bot printed."""
        try:
            await self.gateway.wait(lambda: all(set(said) <= set(heard(self.gateway, room)) for room in rooms), limit)
        except TimeoutError:
            missing = {room: [one for one in said if one not in heard(self.gateway, room)] for room in rooms}
            raise AssertionError(f"not within {limit:.0f} s: {missing}; {self.last_words()}") from None
        await self.gateway.sync()

    async def logged(self, words: str, limit: float, times: int = 1) -> None:
        """Wait until the bot has printed that so often, or fail with what it printed."""
        try:
            await self.bot.said(words, times, limit)
        except TimeoutError:
            raise AssertionError(f"{words!r} was not logged within {limit:.0f} s; {self.last_words()}") from None

    async def online_again(self, seen: int, limit: float = 20) -> None:
        """Wait until the bot has looked for its rooms once more than the `seen` times that it had."""
        try:
            await self.gateway.wait(lambda: self.logins > seen, limit)
        except TimeoutError:
            raise AssertionError(f"not online again within {limit:.0f} s; {self.last_words()}") from None

    @property
    def logins(self) -> int:
        """How often the bot looked for its rooms: the log tells it ten times only."""
        return self.gateway.call_count("roomList")

    def last_words(self) -> str:
        state = "alive" if self.alive else f"ended with {self.bot.process.returncode}"
        lines = [line for line in self.bot.lines if not line.startswith("    at ")]  # not the gateway's tracebacks
        return f"the bot is {state}, its log ends:\n" + "\n".join(lines[-12:])

    def assert_alive(self) -> None:
        assert self.alive, self.last_words()


@asynccontextmanager
async def at_proxy(gateway: RealGateway, state_file: Path, **env: str) -> AsyncIterator[Scene]:
    """A community at that gateway, and a bot at a proxy in front of it until the end of the block."""
    await community(gateway, LABELS)
    async with (
        Proxy(gateway.endpoint) as proxy,
        relaying(gateway, state_file, **{"WECHATY_PUPPET_SERVICE_ENDPOINT": proxy.endpoint, **env}) as bot,
    ):
        yield Scene(gateway, proxy, bot)


@asynccontextmanager
async def standing(state_file: Path, **env: str) -> AsyncIterator[Scene]:
    """The same with a gateway of its own."""
    async with RealGateway() as gateway, at_proxy(gateway, state_file, **env) as scene:
        yield scene


def heard(gateway: RealGateway, room: str, talker: str = "Alice") -> list[str]:
    """What arrived in a room, without headers, one entry for each line."""
    return [line for text in gateway.texts(room) for name, line in spoken(text, LABELS) if name == talker]


def others(room: str) -> list[str]:
    """The rooms that what is said in `room` has to be in."""
    return [one for one in ROOMS if one != room]


def repeats(gateway: RealGateway, room: str) -> int:
    """How many sends to a room were made more than once."""
    return sum(count - 1 for count in Counter(gateway.texts(room)).values())


def check(gateway: RealGateway, said: list[str], room: str, allowed: int = 0) -> int:
    """All of `said` is in `room`, in order, at most that many sends of it repeated; return how many were."""
    found = [one for one in heard(gateway, room) if one in set(said)]
    assert not (lost := [one for one in said if one not in found]), f"lost in {room}: {lost}"
    # A repeat is an earlier send made once more: it moves nothing else.
    assert list(dict.fromkeys(found)) == said, f"order in {room}: {found}"
    extra = repeats(gateway, room)
    assert extra <= allowed, f"{extra} sends repeated in {room}, {allowed} are allowed"
    return extra


def check_all(gateway: RealGateway, said: list[str], rooms: list[str] = OTHERS, allowed: int = 0) -> int:
    """`check` for several rooms; return how many sends were repeated in all of them."""
    return sum(check(gateway, said, room, allowed) for room in rooms)


async def leaves(bot: BotProcess, limit: float = LEAVE_LIMIT) -> float:
    """Send SIGTERM; the process has to end well within `limit` seconds. Return after how many it did."""
    since = time.monotonic()
    bot.process.terminate()
    try:
        await asyncio.wait_for(bot.process.wait(), limit)
    except TimeoutError:
        raise AssertionError(f"the process runs {limit:.0f} s after a SIGTERM") from None
    assert await bot.end(0) == 0, bot.lines[-5:]
    return time.monotonic() - since


async def status_of(scene: Scene, state_file: Path) -> str:
    """What `python bot.py --status` prints."""
    asking = BotProcess(scene.gateway, state_file)
    await asking.start("--status")
    await asking.end(0)
    return "\n".join(asking.lines)


async def until(condition: Callable[[], object], limit: float, what: str) -> None:
    """Wait until `condition()`, or fail with what it was about."""
    try:
        async with asyncio.timeout(limit):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {limit:.0f} s: {what}") from None
