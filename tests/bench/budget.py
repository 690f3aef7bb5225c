"""Ten rooms, one message a second, an account that takes one send a second: who delivers what, and how late.

Once with texts alone, and once with every tenth a small picture.
"""

import asyncio
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bench.process import line_of, spawn
from tests.bench.tables import percentile, table
from tests.interop.bots import PREFIX, BotProcess, community
from tests.interop.gateway import Media, RealGateway, missing

LABELS = [str(101 + number) for number in range(10)]
PEER = Path(__file__).parent / "peer.mjs"
PICTURE = bytes(range(256)) * 20  # 5 KB
Stop = Callable[[], Awaitable[None]]
Start = Callable[[RealGateway, str, "Scale"], Awaitable[Stop]]


@dataclass(frozen=True)
class Scale:
    """How much is said how fast, against what limits. Seconds, and so many a second."""

    messages: int = 60
    rate: float = 1  # messages offered, and sends that the account takes, with `burst` at once
    burst: int = 5
    interval: float = 1.5  # our SEND_INTERVAL, the default
    room_interval: float = 3
    per_minute: int = 40
    drain: float = 60  # wait so long after the last message
    pictures: int = 0  # every so-manieth message is one; 0: none


SHORT = Scale(messages=10, rate=20, interval=0.075, room_interval=0.15, per_minute=0, drain=1)


@dataclass
class Load:
    """What was said when, and what arrived where when (seconds, of one clock)."""

    said: dict[str, tuple[str, float]] = field(default_factory=dict)
    arrived: dict[tuple[str, str], float] = field(default_factory=dict)

    def look(self, gateway: RealGateway, seen: int) -> int:
        """Take note of the sends after the first `seen`; how many there are now."""
        now = time.monotonic()
        for sent in gateway.sent[seen:]:
            for word in re.findall(r"\bm\d+\b", sent.text or str(sent.data.get("name"))):
                self.arrived.setdefault((word, sent.room), now)
        return len(gateway.sent)

    def delays(self) -> list[float]:
        return [at - self.said[word][1] for (word, room), at in self.arrived.items() if room != self.said[word][0]]


async def offer(gateway: RealGateway, scale: Scale) -> Load:
    """Say messages at their rate, then wait until all has arrived, `scale.drain` seconds at most."""
    load, seen = Load(), 0
    began = time.monotonic()
    end, wanted = began + scale.messages / scale.rate + scale.drain, scale.messages * (len(LABELS) - 1)
    while len(load.said) < scale.messages or (time.monotonic() < end and len(load.arrived) < wanted):
        if len(load.said) < scale.messages and time.monotonic() >= began + len(load.said) / scale.rate:
            word, room = f"m{len(load.said)}", f"@{LABELS[len(load.said) % len(LABELS)]}"
            load.said[word] = (room, time.monotonic())
            await say(gateway, room, word, scale)
        await asyncio.sleep(0.02)
        seen = load.look(gateway, seen)
    return load


async def say(gateway: RealGateway, room: str, word: str, scale: Scale) -> None:
    """Say a text that the word is in, or send a picture whose name it is."""
    if scale.pictures and int(word[1:]) % scale.pictures == scale.pictures - 1:
        await gateway.say(talker="alice", room=room, kind="image", file=Media(f"{word}.png", PICTURE))
    else:
        await gateway.say(talker="alice", room=room, text=f"{word} is what I say about it")


async def ours(gateway: RealGateway, folder: str, scale: Scale) -> Stop:
    paces = {
        "SEND_INTERVAL": str(scale.interval),
        "ROOM_INTERVAL": str(scale.room_interval),
        "SENDS_PER_MINUTE": str(scale.per_minute),
    }
    bot = BotProcess(gateway, Path(folder) / "s.db", **paces)
    await bot.relaying()

    async def stop() -> None:
        await bot.end()

    return stop


async def naive(gateway: RealGateway, folder: str, scale: Scale, *interval: str) -> Stop:
    state_file = str(Path(folder) / "n.db")
    process = await spawn("-m", "tests.bench.naive", gateway.endpoint, gateway.token, state_file, *interval)
    assert await line_of(process) == "ready"
    return _killer(process)


async def paced(gateway: RealGateway, folder: str, scale: Scale) -> Stop:
    return await naive(gateway, folder, scale, str(scale.interval))


async def many_to_many(gateway: RealGateway, folder: str, scale: Scale) -> Stop:
    options = json.dumps({"endpoint": gateway.endpoint, "token": gateway.token, "prefix": PREFIX})
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    # It keeps what it learned of rooms and contacts in the home folder.
    env = {**os.environ, "HOME": folder, "USERPROFILE": folder}
    process = await asyncio.create_subprocess_exec("node", str(PEER), options, stdout=pipe, stderr=nowhere, env=env)
    while "ready" not in (line := await line_of(process)):
        assert line, "the peer ended before it was ready"
    return _killer(process)


def _killer(process: asyncio.subprocess.Process) -> Stop:
    async def stop() -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()

    return stop


@asynccontextmanager
async def gateway_with_budget() -> AsyncIterator[RealGateway]:
    async with RealGateway(echo=True) as gateway:
        await community(gateway, LABELS)
        yield gateway


async def one(name: str, start: Start, scale: Scale) -> list[str]:
    """The row of one bot."""
    async with gateway_with_budget() as gateway:
        with tempfile.TemporaryDirectory() as folder:
            stop = await start(gateway, folder, scale)
            await gateway.budget(scale.rate, scale.burst)
            load = await offer(gateway, scale)
            await stop()
        wanted, delays = scale.messages * (len(LABELS) - 1), load.delays()
        sends = len(gateway.sent) / len(delays) if delays else float("nan")
        return [
            name,
            f"{len(delays) / wanted:.0%}",
            str(len(gateway.refused)),
            f"{sends:.2f}",
            f"{percentile(delays, 0.5):.1f} s",
            f"{percentile(delays, 0.99):.1f} s",
            f"{percentile(delays, 0.99) / (len(LABELS) * scale.interval):.2f}",
        ]


TEXT_BOTS: Mapping[str, Start] = {
    "ours": ours,
    "naive fan-out": naive,
    "naive, paced, in memory": paced,
    "ManyToManyRoomConnector": many_to_many,
}
PICTURE_BOTS = {name: start for name, start in TEXT_BOTS.items() if start is not many_to_many}


def peer_is_there() -> bool:
    """Whether the connector of npm can be run here."""
    return bool(shutil.which("node")) and (PEER.parent / "node_modules").is_dir()


async def run(short: bool) -> None:
    """Print both tables."""
    if reason := missing():
        print(f"\nbudget: left out, {reason}")
        return
    scale, there = SHORT if short else Scale(), peer_is_there()
    bots = {name: start for name, start in TEXT_BOTS.items() if there or start is not many_to_many}
    note = "" if there else " ManyToManyRoomConnector: left out, npm ci has not been run in tests/bench."
    await show("texts", scale, bots, note)
    every = 5 if short else 10
    note = " ManyToManyRoomConnector: left out, it relays what its function makes, which is a text."
    bots = {"ours": ours} if short else PICTURE_BOTS
    await show(f"1 in {every} a picture", replace(scale, pictures=every), bots, note)


async def show(what: str, scale: Scale, bots: Mapping[str, Start], note: str) -> None:
    """Print the table of these bots."""
    rows = [await one(name, start, scale) for name, start in bots.items()]
    heads = ["", "delivered", "refused", "sends a delivery", "p50", "p99", "p99 in rounds"]
    offered = f"{scale.messages} messages ({what}) at {scale.rate:g} a second, as many sends allowed"
    alone = scale.messages * (len(LABELS) - 1) * scale.interval
    round_ = len(LABELS) * scale.interval
    table(
        f"budget: {len(LABELS)} rooms, {offered}",
        heads,
        rows,
        f"what has not arrived {scale.drain:g} s after the last message, of which there is no delay (at this pace one "
        f"send for each delivery takes {alone:.0f} s), and WeChat's own rules, which nobody publishes; a round is "
        f"{len(LABELS)} rooms at {scale.interval:g} s, {round_:g} s.{note}",
    )
