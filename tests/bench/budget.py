"""Ten rooms, one message a second, an account that takes one send a second: who delivers what, and how late."""

import asyncio
import json
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.process import line_of, spawn
from tests.bench.tables import percentile, table
from tests.interop.bots import BotProcess, community
from tests.interop.gateway import RealGateway, missing

LABELS = [str(101 + number) for number in range(10)]
INTERVAL = 1.5  # our SEND_INTERVAL, the default
PEER = Path(__file__).parent / "peer.mjs"
Start = Callable[[RealGateway, str], Awaitable[Callable[[], Awaitable[None]]]]


@dataclass
class Load:
    """What was said when, and what arrived where when (seconds, of one clock)."""

    said: dict[str, tuple[str, float]] = field(default_factory=dict)
    arrived: dict[tuple[str, str], float] = field(default_factory=dict)

    def look(self, gateway: RealGateway, seen: int) -> int:
        """Take note of the sends after the first `seen`; how many there are now."""
        now = time.monotonic()
        for sent in gateway.sent[seen:]:
            for word in re.findall(r"\bm\d+\b", sent.text):
                self.arrived.setdefault((word, sent.room), now)
        return len(gateway.sent)

    def delays(self) -> list[float]:
        return [at - self.said[word][1] for (word, room), at in self.arrived.items() if room != self.said[word][0]]


async def offer(gateway: RealGateway, seconds: int, drain: float) -> Load:
    """Say a message a second for so long, then wait until all has arrived, `drain` seconds at most."""
    load, seen = Load(), 0
    began = time.monotonic()
    while len(load.said) < seconds or (
        time.monotonic() < began + seconds + drain and len(load.arrived) < seconds * (len(LABELS) - 1)
    ):
        if len(load.said) < seconds and time.monotonic() >= began + len(load.said):
            word, room = f"m{len(load.said)}", f"@{LABELS[len(load.said) % len(LABELS)]}"
            load.said[word] = (room, time.monotonic())
            await gateway.say(talker="alice", room=room, text=f"{word} is what I say about it")
        await asyncio.sleep(0.02)
        seen = load.look(gateway, seen)
    return load


async def ours(gateway: RealGateway, folder: str) -> Callable[[], Awaitable[None]]:
    paces = {"SEND_INTERVAL": str(INTERVAL), "ROOM_INTERVAL": "3", "SENDS_PER_MINUTE": "40"}
    bot = BotProcess(gateway, Path(folder) / "s.db", **paces)
    await bot.relaying()

    async def stop() -> None:
        await bot.end()

    return stop


async def naive(gateway: RealGateway, folder: str) -> Callable[[], Awaitable[None]]:
    process = await spawn("-m", "tests.bench.naive", gateway.endpoint, gateway.token, str(Path(folder) / "n.db"))
    assert await line_of(process) == "ready"
    return _killer(process)


async def many_to_many(gateway: RealGateway, folder: str) -> Callable[[], Awaitable[None]]:
    options = json.dumps({"endpoint": gateway.endpoint, "token": gateway.token})
    process = await asyncio.create_subprocess_exec(
        "node", str(PEER), options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    while "ready" not in (line := await line_of(process)):
        assert line, "the peer ended before it was ready"
    return _killer(process)


def _killer(process: asyncio.subprocess.Process) -> Callable[[], Awaitable[None]]:
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


async def one(name: str, start: Start, seconds: int) -> list[str]:
    """The row of one bot."""
    async with gateway_with_budget() as gateway:
        with tempfile.TemporaryDirectory() as folder:
            stop = await start(gateway, folder)
            await gateway.budget(1, 5)
            load = await offer(gateway, seconds, drain=60 if seconds > 10 else 20)
            await stop()
        wanted, delays = seconds * (len(LABELS) - 1), load.delays()
        sends = len(gateway.sent) / len(delays) if delays else float("nan")
        return [
            name,
            f"{len(delays) / wanted:.0%}",
            str(len(gateway.refused)),
            f"{sends:.2f}",
            f"{percentile(delays, 0.5):.1f} s",
            f"{percentile(delays, 0.99):.1f} s",
            f"{percentile(delays, 0.99) / (len(LABELS) * INTERVAL):.2f}",
        ]


def peers() -> dict[str, Start]:
    """The bots that can be run here."""
    found: dict[str, Start] = {"ours": ours, "naive fan-out": naive}
    if shutil.which("node") and (PEER.parent / "node_modules").is_dir():
        found["ManyToManyRoomConnector"] = many_to_many
    return found


async def run(short: bool) -> None:
    """Print the table."""
    if reason := missing():
        print(f"\nbudget: left out, {reason}")
        return
    seconds = 3 if short else 60
    rows = [await one(name, start, seconds) for name, start in peers().items()]
    heads = ["", "delivered", "refused", "sends a delivery", "p50", "p99", "p99 in rounds"]
    table(f"budget: {len(LABELS)} rooms, a message a second for {seconds} s, 1 send a second allowed", heads, rows)
    print(
        f"\nA round is {len(LABELS)} rooms at {INTERVAL} s: {len(LABELS) * INTERVAL:.0f} s. Delays are of what arrived."
    )
    if len(rows) < 3:
        print("ManyToManyRoomConnector: left out, npm ci has not been run in tests/bench.")
