"""An idle bot hears one text, no pace: how long until the first of nine copies is at the gateway, and the last."""

from pathlib import Path

from tests.bench.process import FLOOR, NAIVE, Contender, ours_and, reported, server
from tests.bench.server import Report
from tests.bench.tables import percentile, table

ROOMS = 10
PAUSE = 0.05  # seconds between the last copy of a text and the next text: the bot has nothing left to do then
WARM_UP = 3  # texts that do not count


async def measure(contender: Contender, texts: int) -> Report:
    """Times of so many texts, one at a time."""
    async with server(ROOMS) as (gateway, endpoint), contender.running(gateway, endpoint):
        await reported(gateway, f"each {WARM_UP} {PAUSE}")
        return await reported(gateway, f"each {texts} {PAUSE}")


async def run(short: bool, before: Path | None = None) -> None:
    """Print the table. `before`: another checkout of the project, whose bot is shown, too."""
    turns, texts = (1, 5) if short else (4, 25)
    contenders = [*ours_and(before), NAIVE, FLOOR]
    first: dict[str, list[float]] = {one.title: [] for one in contenders}
    last: dict[str, list[float]] = {one.title: [] for one in contenders}
    for _ in range(turns):
        for one in contenders:
            report = await measure(one, texts)
            first[one.title] += report.first
            last[one.title] += report.last
    shares = (0.5, 0.95)
    rows = [
        [name, *(f"{percentile(times[name], share) * 1000:.1f} ms" for times in (first, last) for share in shares)]
        for name in first
    ]
    heads = ["", "first copy, p50", "p95", "last copy, p50", "p95"]
    table(
        f"latency: {ROOMS} rooms, {turns * texts} texts one at a time, no pace",
        heads,
        rows,
        "the pace (by default the last of nine copies leaves about 12 s after the first) and the way from the gateway "
        "to WeChat; ours waits for this machine's disk, the others write nothing that they wait for.",
    )
