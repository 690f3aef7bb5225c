"""The process in which one index of samples is measured: `python -m tests.bench.compared URI WHAT [short]`.

An empty URI is the index in the process. WHAT is a number of samples, or a file of adverts; it prints a line of JSON.
"""

import asyncio
import json
import os
import random
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.adverts import FILES, texts
from tests.bench.process import Watched

if TYPE_CHECKING:
    from roomsync.moderation.likeness import Known

COUNTS = (0, 100, 1000, 10_000)
READY_TIMEOUT = 300.0  # seconds until an index outside the process has the samples
PAUSE = 0.01  # seconds before one that did not answer is asked again
NOTHING_KNOWN = "一二三四五六七八九十百千万"  # long enough to be asked for


@dataclass(frozen=True)
class Load:
    """With so many samples: seconds until they are known and for each message, and MB added by all that it takes."""

    samples: int
    filled: float
    memory: float
    ordinary: Sequence[float]
    adverts: Sequence[float]


@dataclass(frozen=True)
class Recall:
    """With the adverts of a file taught: each repost, by its disguise, and each ordinary message, as it was found.

    Found is the number of the sample and its likeness, or nothing.
    """

    file: str
    reposts: Mapping[str, Sequence[Sequence[float]]]
    ordinary: Sequence[Sequence[float]]


def synthetic(count: int) -> dict[int, str]:
    """Samples that look like adverts: 40 to 80 characters, phrases of all the adverts put together at random."""
    draw = random.Random(15)
    adverts = [text for file in FILES for _, _, text in texts(file).adverts]
    phrases = sorted({one for text in adverts for one in re.split("[，。！？、：,!?【】]", text) if len(one) > 3})
    found: dict[int, str] = {}
    for number in range(1, count + 1):
        length, text = draw.randint(40, 80), ""
        while len(text) < length:
            text += draw.choice(phrases) + draw.choice("，！。")
        found[number] = text[:length]
    return found


def disguised(file: str, draws: int) -> dict[str, list[str]]:
    """Reposts of each advert of a file, by disguise, and those that people edited, which are of the first kind."""
    from tests.disguises import ALL_DISGUISES

    found = {kind: texts(file).of_kind(kind) for kind in ("light_edit", "obfuscated")}
    for name, disguise in ALL_DISGUISES.items():
        draw = random.Random(f"{name} {file}")
        found[name] = [disguise(draw, text) for text in texts(file).taught() for _ in range(draws)]
    return found


def said(draws: int) -> list[str]:
    """Ordinary messages, one by one and several as one."""
    every, draw = [text for file in FILES for text in texts(file).said()], random.Random(1)
    return every + ["\n".join(draw.sample(every, draw.randint(2, 10))) for _ in range(100 * draws)]


class Compared:
    """An index, and what is asked of it for each message."""

    def __init__(self, uri: str) -> None:
        from roomsync.moderation.lookups import index_at  # here, as what it takes counts as memory that is added

        self._index = index_at(uri, "")

    async def fill(self, samples: Mapping[int, str]) -> float:
        """Have these samples; return the seconds until they are found."""
        began = time.perf_counter()
        self._index.sync("bench", samples)
        last = samples.get(len(samples), NOTHING_KNOWN)
        async with asyncio.timeout(READY_TIMEOUT):
            while bool(await self.find(last)) is not bool(samples) or self._index.problem:
                await asyncio.sleep(PAUSE)
        filled = time.perf_counter() - began
        async with asyncio.timeout(READY_TIMEOUT):  # Milvus Lite answers before it is done, and more slowly
            while getattr(self._index, "_is_behind", False):
                await asyncio.sleep(PAUSE)
        return filled

    async def find(self, text: str) -> tuple[float, ...]:
        """Return the sample that a text is like, and how much; nothing for none."""
        from roomsync.moderation.grams import units
        from roomsync.moderation.likeness import most_alike

        asked = units(text)
        outside = await self._look_up(asked) if self._index.is_outside else None
        found = most_alike(asked, self._index.candidates(asked) if outside is None else outside)
        return (found.known.number or 0, round(found.score, 6)) if found else ()

    async def _look_up(self, asked: Sequence[str]) -> Sequence["Known"]:
        """Ask until there is an answer: it is the time that a message would wait that counts."""
        from roomsync.errors import LookupFailed

        async with asyncio.timeout(READY_TIMEOUT):
            while True:
                try:
                    return await self._index.look_up(asked)
                except LookupFailed:
                    await asyncio.sleep(PAUSE)

    async def times(self, messages: Sequence[str]) -> list[float]:
        """Seconds that each message takes."""
        found = []
        for text in messages:
            began = time.perf_counter()
            await self.find(text)
            found.append(time.perf_counter() - began)
        return found

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()


async def load(uri: str, count: int, rounds: int) -> Load:
    """Measure an index with so many samples."""
    samples, own = synthetic(count), Watched(os.getpid())
    before = own.memory()
    compared = Compared(uri)
    filled = await compared.fill(samples)
    await compared.times(said(0)[:5])  # what is imported at the first text
    memory = own.memory() - before
    ordinary = await compared.times(said(0) * rounds)
    adverts = await compared.times([text for file in FILES for _, _, text in texts(file).adverts] * rounds)
    compared.close()
    return Load(count, filled, memory, ordinary, adverts)


async def recall(uri: str, file: str, draws: int) -> Recall:
    """Teach the adverts of a file that are unlike each other, and look for their reposts."""
    compared = Compared(uri)
    await compared.fill(dict(enumerate(texts(file).taught(), 1)))
    reposts = {name: [await compared.find(text) for text in found] for name, found in disguised(file, draws).items()}
    ordinary = [await compared.find(text) for text in said(draws)]
    compared.close()
    return Recall(file, reposts, ordinary)


async def main(uri: str, what: str, short: bool) -> None:
    """Print what is asked for: a number of samples or a file."""
    found = await (recall(uri, what, 1 if short else 10) if what in FILES else load(uri, int(what), 1 if short else 5))
    print(json.dumps(asdict(found)), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    asyncio.run(main(sys.argv[1], sys.argv[2], len(sys.argv) > 3))
