"""From process start to relaying, beside the import of wechaty alone."""

import statistics
import tempfile
import time
from pathlib import Path

from roomsync.loopback.gateway import LoopbackGateway
from tests.bench.process import line_of, spawn
from tests.bench.tables import table
from tests.conftest import PLAIN, PREFIX


async def importing() -> float:
    began = time.perf_counter()
    process = await spawn("-c", "import roomsync.gateway.puppet; print('here', flush=True)")
    assert await line_of(process) == "here"
    spent = time.perf_counter() - began  # what the interpreter does at its end is not counted
    await process.wait()
    return spent


async def relaying() -> float:
    """Until the last topic of ten rooms was asked for, which is when the bot begins to send."""
    gateway = LoopbackGateway(token="bench_token")
    for number in range(10):
        gateway.add_room(f"r{number}", f"{PREFIX}{number}")
    endpoint = await gateway.start()
    with tempfile.TemporaryDirectory() as folder:
        env = {
            "WECHATY_PUPPET_SERVICE_TOKEN": gateway.token,
            "WECHATY_PUPPET_SERVICE_ENDPOINT": endpoint,
            PLAIN: "true",
            "STATE_FILE": str(Path(folder) / "s.db"),
        }
        began = time.perf_counter()
        process = await spawn("bot.py", **env)
        await gateway.until(lambda: gateway.calls.count("RoomPayload") == 10)
        spent = time.perf_counter() - began
        process.kill()
        await process.wait()
    await gateway.close()
    return spent


async def run(short: bool) -> None:
    """Print the table: the median of five, of one in the short form."""
    times = 1 if short else 5
    rows = [
        ["import wechaty, patched", f"{statistics.median([await importing() for _ in range(times)]):.2f} s"],
        ["python bot.py until it relays", f"{statistics.median([await relaying() for _ in range(times)]):.2f} s"],
    ]
    table("start", ["what", "median"], rows)
