"""What a process of the bot holds after so many messages, and how long `--status` takes with a million deliveries."""

import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.bench.process import Contender, environment, ours_and, reported, server, spawn
from tests.bench.tables import figure, table

ROOMS = 10
SOURCES = 50  # rooms in which the messages of the million deliveries were said
AT_ONCE = 100  # messages said at once, until all are in the other rooms
CREATE = (
    "import sys; from pathlib import Path; from roomsync.store import StateFile; StateFile(Path(sys.argv[1])).close()"
)
# Names that every version of the schema has. Nine deliveries of each message, each in a room of its own.
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
ADD_ROOMS = f"{NUMBERS} INSERT INTO rooms (id, gateway_id, topic) SELECT i, 'r' || i, 'Room ' || i FROM n"
ADD_MESSAGES = f"""{NUMBERS} INSERT INTO messages (id, gateway_id, room, talker_id, name, kind, accepted_at)
SELECT i, 'm' || i, 1, 'alice', 'Alice', 'text', ? FROM n"""
ADD_DELIVERIES = f"""{NUMBERS} INSERT INTO deliveries (message_id, part, room, source, state, changed)
SELECT 1 + (i - 1) / 9, 0, 2 + (i - 1) % 9, 1 + (i - 1) / 9 % ?, ?, ? FROM n"""


async def memory(contender: Contender, messages: int) -> float:
    """MB that a bot holds when so many messages are in nine other rooms, each its own process."""
    async with server(ROOMS) as (gateway, endpoint), contender.running(gateway, endpoint) as bot:
        for done in range(0, messages, AT_ONCE):
            await reported(gateway, f"burst {min(AT_ONCE, messages - done)}")
        return bot.memory()


async def status(contender: Contender, deliveries: int, state: str) -> str:
    """Time of `python bot.py --status` of a file with so many deliveries in that state, all of the last day."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.db"
        await (await spawn("-c", CREATE, str(path), cwd=contender.checkout)).wait()
        now = time.time()
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute("BEGIN")
            db.execute(ADD_ROOMS, (SOURCES,))
            db.execute(ADD_MESSAGES, (1 + deliveries // 9, now))
            db.execute(ADD_DELIVERIES, (deliveries, SOURCES, state, now))
            db.execute("COMMIT")
        spent = []
        for _ in range(3):
            began = time.perf_counter()
            process = await spawn("bot.py", "--status", cwd=contender.checkout, **environment("127.0.0.1:1", str(path)))
            printed, _ = await process.communicate()
            spent.append(time.perf_counter() - began)
            assert f"{deliveries // 9}" in printed.decode(), printed
        return f"{statistics.median(spent):.2f} s"


async def run(short: bool, before: Path | None = None) -> None:
    """Print the table. `before`: another checkout of the project, whose bot is shown, too."""
    counts, deliveries = ((0, 10), 900) if short else ((0, 1000, 10_000), 1_000_000)
    bots = ours_and(before)
    rows = [
        [f"memory after {count} messages", *[figure(await memory(one, count), ".0f", " MB") for one in bots]]
        for count in counts
    ]
    for state in ("sent",) if short else ("sent", "waiting"):
        rows.append([f"--status, {deliveries} {state}", *[await status(one, deliveries, state) for one in bots]])
    table(
        "growth: processes",
        ["", *(one.title for one in bots)],
        rows,
        "pictures, members and rooms by the thousand, which need memory, too, and a file that is not in the system's "
        "cache; memory is VmRSS of one process for each figure.",
    )
