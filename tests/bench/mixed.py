"""One person posts a picture a second, nine rooms talk, an account takes one send a second: who waits for whom.

A picture costs nine sends, so nobody can keep up with them. Bots, gRPC, the loopback gateway and the state file are
real; time is virtual (`VirtualLoop`). Each bot has a process of its own: it may be that of another checkout.
"""

import asyncio
import json
import random
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from unittest import mock

import betterproto
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bot import RoomSyncBot
from roomsync.clock import SteadyClock
from roomsync.loopback.account import Answer, Fields, Sent
from roomsync.loopback.gateway import LoopbackGateway
from roomsync.store import StateFile
from tests.bench.naive import NaiveBot, PacedBot, plain_settings
from tests.bench.process import ROOT, TOKEN, line_of, spawn
from tests.bench.tables import percentile, table
from tests.bench.virtual import VirtualLoop
from tests.conftest import PREFIX

ROOMS = 10
TEXT_INTERVAL = 5.0  # seconds between two texts of one room
EPOCH = 1_700_000_000.0  # when it begins, in seconds since the epoch: all in the loopback gateway is said then
RATE, BURST = 1.0, 5.0  # sends a second that the account takes, and how many at once
TOO_FAST = "1204 == 0"  # the error of a send that is too much, as the real gateway's budget in tests/interop has it
LIMIT = 7200.0  # seconds after the last word; what has not arrived then is lost
BOX = {"boxType": 1, "base64": "iVBORw0KGgo=", "metadata": {}}  # a small picture, which comes inline
# `tests` is of this checkout, `bot` and `roomsync` are of the one that is named first.
WORKER = "import sys, tests.bench; sys.path.insert(0, sys.argv[1]); from tests.bench import mixed; mixed.main()"


@dataclass(frozen=True)
class Line:
    """One thing that is said: seconds after the start, in which room, and the word that it is known by."""

    at: float
    room: int
    word: str


def is_picture(word: str) -> bool:
    """Whether what is known by that word is a picture, not a text."""
    return word.startswith("p")


@dataclass
class Found:
    """What became of it all: delays in seconds of what arrived, and `last`: of the last picture, after all was said."""

    refused: int
    texts: list[float] = field(default_factory=list)
    pictures: list[float] = field(default_factory=list)
    last: float = 0.0


def script(seconds: int) -> list[Line]:
    """What is said in so many seconds: pictures `p0`, `p1`, ... in the first room, texts `t0`, ... in the others."""
    pictures = [Line(float(number), 0, f"p{number}") for number in range(seconds)]
    others = ROOMS - 1
    texts = [
        Line(number * TEXT_INTERVAL / others, 1 + number % others, f"t{number}")
        for number in range(int(seconds / TEXT_INTERVAL * others))
    ]
    return sorted([*pictures, *texts], key=lambda line: line.at)


@dataclass
class LimitedGateway(LoopbackGateway):
    """A gateway that refuses what is too much for its account, and notes when which word arrived in which room."""

    refused: int = 0
    arrived: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._tokens, self._filled = BURST, 0.0
        self.on_sent = self._arrive

    async def answer(self, name: str, answer: Answer, request: betterproto.Message) -> Fields:
        if name.startswith("MessageSend"):
            now = asyncio.get_running_loop().time()
            self._tokens, self._filled = min(BURST, self._tokens + (now - self._filled) * RATE), now
            if self._tokens < 1:
                self.refused += 1
                raise GRPCError(Status.UNKNOWN, TOO_FAST)
            self._tokens -= 1
        return await super().answer(name, answer, request)

    def _arrive(self, sent: Sent) -> None:
        for word in re.findall(r"\b[pt]\d+\b", sent.body):
            self.arrived.setdefault((word, sent.room_id), asyncio.get_running_loop().time())

    def hear(self, line: Line) -> None:
        """Let the one member of a room say something there."""
        room_id, talker_id = f"r{line.room}", f"member-{line.room}"
        if is_picture(line.word):
            box = json.dumps({**BOX, "name": f"{line.word}.png"})
            self.say(room_id, talker_id, kind="image", content=box)
        else:
            self.say(room_id, talker_id, f"{line.word} is what I say about it")


@asynccontextmanager
async def ours(endpoint: str, state_file: Path) -> AsyncIterator[None]:
    """Our bot, which relays now, at the pace that the account takes."""
    pace = {"SEND_INTERVAL": f"{1 / RATE:g}", "ROOM_INTERVAL": "3"}
    time = asyncio.get_running_loop().time
    with mock.patch("bot.SteadyClock", lambda: SteadyClock(lambda: EPOCH + time(), time)):
        bot = RoomSyncBot(plain_settings(endpoint, TOKEN, STATE_FILE=str(state_file), **pace))
    task = asyncio.create_task(bot.run())
    await bot.session.until(lambda: bot.session.is_ready)
    yield
    bot.stop()
    await task
    bot.close()


@asynccontextmanager
async def naive(endpoint: str, state_file: Path, paced: bool = False) -> AsyncIterator[None]:
    """The naive fan-out, which knows its rooms now; `paced`: at the pace that the account takes."""
    settings, state = plain_settings(endpoint, TOKEN), StateFile(state_file)
    bot = PacedBot(settings, 1 / RATE) if paced else NaiveBot(settings)
    task = asyncio.create_task(bot.run(state))
    await bot.ready.wait()
    yield
    task.cancel()
    await asyncio.wait({task})
    await bot.puppet.disconnect()
    state.close()


Bot = Callable[[str, Path], AbstractAsyncContextManager[None]]
BOTS: Mapping[str, Bot] = {"ours": ours, "naive": naive, "paced": partial(naive, paced=True)}


async def measure(name: str, seconds: int) -> Found:
    """Let all be said while the bot of that name relays, and wait for what arrives."""
    random.seed(1)  # the pace is never even
    gateway, lines, loop = LimitedGateway(token=TOKEN), script(seconds), asyncio.get_running_loop()
    for room in range(ROOMS):
        gateway.add_room(f"r{room}", f"{PREFIX}{101 + room}")
        gateway.add_contact(f"member-{room}", f"Member {room}")
    endpoint = await gateway.start()
    with tempfile.TemporaryDirectory() as folder:
        async with BOTS[name](endpoint, Path(folder) / "s.db"):
            began = loop.time()
            for line in lines:
                await asyncio.sleep(began + line.at - loop.time())
                gateway.hear(line)
            with suppress(TimeoutError):
                await gateway.until(lambda: len(gateway.arrived) == len(lines) * (ROOMS - 1), LIMIT)
    await gateway.close()
    said, found = {line.word: began + line.at for line in lines}, Found(gateway.refused)
    for (word, _), at in gateway.arrived.items():
        if is_picture(word):
            found.pictures.append(at - said[word])
            found.last = max(found.last, at - began - seconds)
        else:
            found.texts.append(at - said[word])
    return found


def main() -> None:
    """Be the process of one bot: its arguments are the checkout, the bot's name and for how long all is said."""
    _, name, seconds = sys.argv[1:]
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        print(json.dumps(asdict(runner.run(measure(name, int(seconds))))))


async def row(title: str, checkout: Path, name: str, seconds: int) -> list[str]:
    """The row of one bot."""
    process = await spawn("-c", WORKER, str(checkout), name, str(seconds))
    printed = await line_of(process)
    assert printed, f"the run of {title} ended without a result"
    await process.wait()
    found, words = Found(**json.loads(printed)), [line.word for line in script(seconds)]
    all_pictures = sum(map(is_picture, words)) * (ROOMS - 1)
    all_texts = len(words) * (ROOMS - 1) - all_pictures
    last = f"{found.last:.0f} s" if len(found.pictures) == all_pictures else "never"
    return [title, *cells(found.texts, all_texts), *cells(found.pictures, all_pictures), last, str(found.refused)]


def cells(delays: list[float], wanted: int) -> list[str]:
    """How much arrived, and half and nearly all of it after how long."""
    return [f"{len(delays) / wanted:.0%}", *(f"{percentile(delays, share):.1f} s" for share in (0.5, 0.99))]


async def run(short: bool, before: Path | None = None) -> None:
    """Print the table. `before`: another checkout of the project, whose bot is shown, too."""
    seconds = 5 if short else 60
    rows = [await row("ours", ROOT, "ours", seconds)]
    if before:
        rows.append(await row("ours, before", before.resolve(), "ours", seconds))
    rows.append(await row("naive fan-out", ROOT, "naive", seconds))
    rows.append(await row("naive, paced, in memory", ROOT, "paced", seconds))
    heads = ["", "texts", "p50", "p99", "pictures", "p50", "p99", "last picture", "refused"]
    offered = f"a picture a second in one for {seconds} s, a text every {TEXT_INTERVAL:g} s in each other"
    table(
        f"mixed: {ROOMS} rooms, {offered}, {RATE:g} send a second allowed",
        heads,
        rows,
        "time on lines and disks, because time is virtual, and what has not arrived, of which there is no delay; the "
        "last picture counts from when all is said, to the last room.",
    )
