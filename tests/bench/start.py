"""From process start to relaying, beside the import of wechaty alone: seconds, and memory then."""

import statistics
import time
from pathlib import Path

from tests.bench.process import Contender, Watched, line_of, ours_and, server, spawn
from tests.bench.tables import figure, table

ROOMS = 10
# As bot.py has it: today within quick_imports, of which older checkouts know nothing.
IMPORT = """
try:
    from roomsync.cli.imports import quick_imports
except ImportError:
    from contextlib import nullcontext as quick_imports
with quick_imports():
    import roomsync.gateway.puppet
print("here", flush=True)
input()
"""


async def importing(contender: Contender) -> tuple[float, float]:
    """Seconds until wechaty is imported, as the bot of that checkout does it, and MB held then."""
    began = time.perf_counter()
    process = await spawn("-c", IMPORT, cwd=contender.checkout)
    assert await line_of(process) == "here"
    found = time.perf_counter() - began, Watched(process.pid).memory()
    process.kill()
    await process.wait()
    return found


async def relaying(contender: Contender) -> tuple[float, float]:
    """Until the last topic of ten rooms was asked for, which is when the bot begins to send."""
    async with server(ROOMS) as (gateway, endpoint):
        began = time.perf_counter()
        async with contender.running(gateway, endpoint) as bot:
            return time.perf_counter() - began, bot.memory()


async def run(short: bool, before: Path | None = None) -> None:
    """Print the table: the median of five, of one in the short form. `before`: another checkout, which is shown, too.

    The checkouts have their turns.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(1 if short else 5):
        for one in ours_and(before):
            found.setdefault(f"{one.title}: import wechaty", []).append(await importing(one))
            found.setdefault(f"{one.title}: python bot.py until it relays", []).append(await relaying(one))
    rows = []
    for what, measured in found.items():
        seconds, held = map(statistics.median, zip(*measured, strict=True))
        rows.append([what, f"{seconds:.2f} s", figure(held, ".0f", " MB")])
    table(
        "start",
        ["", "median", "memory then"],
        rows,
        "a disk that has not read Python and its packages before, and the time that a real gateway takes to list its "
        "rooms and WeChat to log in.",
    )
