"""What grows and what does not: picking the next send, accepting, finding rooms, memory, the state file, `--status`."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bot import RoomSyncBot
from roomsync.delivery.housekeeper import prune
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.delivery.picker import Picker
from roomsync.model import Kind, Message, Part, Send
from roomsync.session import Session
from roomsync.store import StateFile
from tests.bench import weight
from tests.bench.naive import plain_settings
from tests.bench.process import TOKEN, server
from tests.bench.tables import table


def message(number: int) -> Message:
    return Message(f"m{number}", "source", "alice", "Alice", Kind.TEXT, f"text {number}")


def accept(outbox: Outbox, number: int, room_ids: list[str]) -> None:
    outbox.accept(message(number), [Part(Kind.TEXT, f"text {number}", f"[{number}]: ")], room_ids, float(number))


def rooms(count: int) -> list[str]:
    return [f"r{number}" for number in range(count)]


def fill(path: Path, messages: int, room_ids: list[str]) -> None:
    """Make a state file in which so many messages wait for those rooms, without waiting for the disk each time."""
    state = StateFile(path)
    state.hurry()
    outbox = Outbox(state, 1)
    for number in range(messages):
        accept(outbox, number, room_ids)
    state.close()


def timed(turns: int, work: Callable[[int], None]) -> str:
    """The median time of one turn, and of its CPU; the first, which finds nothing in memory, does not count."""
    spent, cpu = [], []
    for turn in range(turns + 1):
        began, cpu_began = time.perf_counter(), time.process_time()
        work(turn)
        spent.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
    return " / ".join(f"{statistics.median(one[1:]) * 1000:.2f}" for one in (spent, cpu)) + " ms"


def picking(count: int, messages: int, folder: Path) -> str:
    """Time to choose one of so many rooms, take its next send and mark it, with so many messages waiting for each."""
    path = folder / f"pick{count}-{messages}.db"
    fill(path, messages, rooms(count))
    state = StateFile(path)
    outbox = Outbox(state, 1)  # no text goes with another
    pacer = Pacer(Limits(), Session())
    picker, back = Picker(outbox, pacer), list[str]()

    def one(turn: int) -> None:
        now = float(turn)
        send = picker.pick(now, (), back, {}, quotes=False)
        assert isinstance(send, Send)
        pacer.sent(send.room_id, send.kind, now)
        outbox.sent(send, None, now)
        back[:] = [send.room_id]

    found = timed(80, one)
    state.close()
    return found


def accepting(count: int, folder: Path) -> str:
    """Time to commit a message and a delivery for each of so many rooms."""
    state = StateFile(folder / f"accept{count}.db")
    outbox = Outbox(state, 2000)
    found = timed(50, lambda turn: accept(outbox, turn, rooms(count)))
    state.close()
    return found


async def finding(count: int, folder: Path) -> str:
    """Time from the start of the bot's run until it relays, with that many rooms."""
    async with server(count) as (_, endpoint):
        bot = RoomSyncBot(plain_settings(endpoint, TOKEN, STATE_FILE=str(folder / f"find{count}.db")))
        began = time.perf_counter()
        task = asyncio.create_task(bot.run())
        while not bot.session.is_ready:
            await asyncio.sleep(0.001)
        spent = time.perf_counter() - began
        bot.stop()
        await task
        bot.close()
        return f"{spent:.2f} s"


def through(messages: int, folder: Path) -> list[str]:
    """The size of the state file after so many messages to one room, and after pruning them."""
    path = folder / "through.db"
    state = StateFile(path)
    state.hurry()  # its size is what is measured
    outbox = Outbox(state, 2000)
    for number in range(messages):
        accept(outbox, number, ["r1"])
        send = outbox.take("r1", float(number))
        assert send
        outbox.sent(send, f"s{number}", float(number))
    sizes = [size(path)]
    while prune(state, float(messages + 1)):
        pass
    with state.connection() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    state.close()
    return [*sizes, size(path)]


def size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"


async def run(short: bool, before: Path | None = None) -> None:
    """Print the tables. `before`: another checkout of the project; its memory and `--status` are shown, too."""
    counts, waiting, messages = ((10, 20), [200], 200) if short else ((10, 100, 500), [10_000, 100_000], 100_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [["next send picked, 10 waiting for each room", *(picking(count, 10, folder) for count in counts)]]
        for number in waiting:
            cells = [picking(count, number // count, folder) for count in counts]
            rows.append([f"next send picked, {number} waiting in all", *cells])
        rows.append(["message accepted", *(accepting(count, folder) for count in counts)])
        rows.append(["rooms found at login", *[await finding(count, folder) for count in counts]])
        sizes = through(messages, folder)
    table(
        f"growth: steps (SQLite {sqlite3.sqlite_version})",
        ["", *(f"{count} rooms" for count in counts)],
        rows,
        "other load on the disk, for which every commit here waits as in a bot (synchronous=FULL), and the older code, "
        "whose steps are cut otherwise; a step is given as its median time / its CPU.",
    )
    heads = ["", f"after {messages} messages to one room", "after pruning them"]
    table("growth: state file", heads, [["size", *sizes]], "bodies of pictures and cards, which are pruned sooner.")
    await weight.run(short, before)
