"""A slow disk: one text to nine rooms, no pace, with an fsync that takes 0, 5 and 20 ms longer than it does here."""

import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.process import Contender, ours_and, reported, server
from tests.bench.tables import percentile, table
from tests.chaos.disk import FaultyDisk

ROOMS = 10
DELAYS = (0.0, 0.005, 0.02)  # seconds


def pause(delay: float) -> float:
    """Seconds between two texts, in which a bot writes what there is to write after the last copy."""
    return 0.1 + 20 * delay


@dataclass
class Found:
    """Times of the last copy in seconds, by how long an fsync took, and how many fsyncs so many texts took."""

    last: dict[float, list[float]] = field(default_factory=lambda: {delay: [] for delay in DELAYS})
    syncs: int = 0
    texts: int = 0


async def measure(found: Found, contender: Contender, echo: bool, texts: int, disk: FaultyDisk) -> None:
    """Add to what was found: so many texts with each kind of disk."""
    async with (
        server(ROOMS, echo) as (gateway, endpoint),
        contender.running(gateway, endpoint, **disk.env),
    ):
        await reported(gateway, f"each 2 {pause(0)}")  # the first finds nothing in memory yet
        for delay in DELAYS:
            with disk.slow(delay):
                before = disk.syncs
                # One more than counts: the pause is before each, and what a text leaves to write comes behind it.
                report = await reported(gateway, f"each {texts + 1} {pause(delay)}")
                found.syncs += disk.syncs - before
            found.texts += texts + 1
            found.last[delay] += report.last[1:]


async def run(short: bool, before: Path | None = None) -> None:
    """Print the table. `before`: another checkout of the project, whose bot is shown, too."""
    if sys.platform != "linux" or not shutil.which("gcc"):
        print("\ndisk: left out, it needs Linux and gcc")
        return
    turns, texts = (1, 1) if short else (2, 8)
    contenders = [(one, echo) for echo in (False, True) for one in ours_and(before)]
    results = {one: Found() for one in contenders}
    with tempfile.TemporaryDirectory() as folder:
        disk = FaultyDisk(Path(folder))
        for _ in range(turns):
            for one, echo in contenders:
                await measure(results[one, echo], one, echo, texts, disk)
    rows = [
        [
            f"{one.title}, {'with' if echo else 'no'} echoes",
            f"{found.syncs / found.texts:.1f}",
            *(f"{percentile(found.last[delay], 0.5) * 1000:.0f} ms" for delay in DELAYS),
        ]
        for (one, echo), found in results.items()
    ]
    heads = ["last of nine copies, p50", "fsyncs a text", *(f"fsync +{delay * 1000:.0f} ms" for delay in DELAYS)]
    table(
        f"disk: {ROOMS} rooms, {turns * texts} texts one at a time, no pace",
        heads,
        rows,
        "what this machine's own fsync takes, which is in every figure, other load on the disk, and the pace; the few "
        "fsyncs of the housekeeper are counted with those of the texts.",
    )
