"""Adverts: what a message costs with so many samples, and which reposts are found, by each index of samples."""

import importlib.util
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.adverts import FILES
from tests.bench.compared import COUNTS, Load, Recall
from tests.bench.process import line_of, spawn
from tests.bench.tables import figure, percentile, table

LOCAL, LITE = "in the process", "Milvus Lite"


def indexes() -> list[str]:
    """The indexes that can be measured here."""
    return [LOCAL, *([LITE] if all(map(importlib.util.find_spec, ("pymilvus", "milvus_lite"))) else [])]


async def asked(index: str, what: str, short: bool) -> str:
    """What the process of an index prints, each with an empty base."""
    with tempfile.TemporaryDirectory() as folder:
        uri = "" if index == LOCAL else str(Path(folder) / "ads.db")
        process = await spawn("-m", "tests.bench.compared", uri, what, *(["short"] if short else []))
        line = await line_of(process)
        await process.wait()
    assert line, f"{index} failed with {what}"
    return line


async def run(short: bool) -> None:
    """Print the tables."""
    counts = COUNTS[:2] if short else COUNTS
    loads = [
        (index, Load(**json.loads(await asked(index, str(count), short)))) for count in counts for index in indexes()
    ]
    show_loads(loads)
    for file in FILES:
        show_recall([(one, Recall(**json.loads(await asked(one, file, short)))) for one in indexes()])


def show_loads(loads: Sequence[tuple[str, Load]]) -> None:
    """Print what a message costs, and an index."""
    rows = [
        [
            f"{load.samples} samples, {index}",
            *(
                figure(percentile(times, share) * 1000, ".2f", " ms")
                for times in (load.ordinary, load.adverts)
                for share in (0.5, 0.99)
            ),
            f"{load.filled:.2f} s",
            figure(load.memory, ".1f", " MB"),
        ]
        for index, load in loads
    ]
    heads = ["a message", "ordinary, p50", "p99", "an advert, p50", "p99", "until known", "memory added"]
    table(
        "moderation: cost",
        heads,
        rows,
        "the other checks and the state file. The samples are phrases of the adverts put together at random, so that "
        "every advert is like many of them: the worst case. Memory is VmRSS of one process for each figure, with what "
        "is imported (pypinyin; pymilvus and Milvus Lite, which is in the process, too).",
    )


def show_recall(found: Sequence[tuple[str, Recall]]) -> None:
    """Print how many reposts were found, by disguise, and how many ordinary messages were taken for one."""
    _, first = found[0]
    rows = [
        [name, str(len(first.reposts[name])), *(_share(one.reposts[name]) for _, one in found)]
        for name in first.reposts
    ]
    rows.append(["ordinary", str(len(first.ordinary)), *(str(sum(map(bool, one.ordinary))) for _, one in found)])
    every = [[*one.ordinary, *(text for name in one.reposts for text in one.reposts[name])] for _, one in found]
    differ = sum(len({tuple(answer) for answer in answers}) > 1 for answers in zip(*every, strict=True))
    if len(found) > 1:
        rows.append(["answers that differ", str(len(every[0])), *("" for _ in found[1:]), str(differ)])
    table(
        f"moderation: {first.file}, found",
        ["", "texts", *(index for index, _ in found)],
        rows,
        "adverts told in other words, which are not found; pictures; what was never taught.",
    )


def _share(answers: Sequence[Sequence[float]]) -> str:
    return f"{100 * sum(map(bool, answers)) / len(answers):.1f} %"
