"""What grows and what does not: picking the next send, finding rooms, memory, the state file."""

import asyncio
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from bot import RoomSyncBot
from roomsync.delivery.housekeeper import prune
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.delivery.picker import Picker
from roomsync.model import Kind, Message, Part, Send
from roomsync.session import Session
from roomsync.store import StateFile
from tests.bench.naive import plain_settings
from tests.bench.process import TOKEN, server
from tests.bench.tables import table

ROOMS = [f"r{number}" for number in range(10)]


def message(number: int) -> Message:
    return Message(f"m{number}", "source", "alice", "Alice", Kind.TEXT, f"text {number}")


def fast(state: StateFile) -> None:
    """Without waiting for the disk: memory and size are measured here, not the disk."""
    with state.connection() as db:
        db.execute("PRAGMA synchronous = OFF")


def picking(waiting: int, folder: Path) -> str:
    """Time to choose a room, take its next send and mark it, with that many deliveries waiting behind it."""
    state = StateFile(folder / f"pick{waiting}.db")
    fast(state)
    outbox = Outbox(state, 1)  # no text goes with another
    for number in range(max(1, waiting // len(ROOMS))):
        outbox.accept(message(number), [Part(Kind.TEXT, f"text {number}", f"[{number}]: ")], ROOMS, 0.0)
    pacer, rounds = Pacer(Limits(), Session()), min(50, max(len(ROOMS), waiting))
    picker = Picker(outbox, pacer)
    back: list[str] = []
    for turn in range(rounds):
        if turn == 1:
            began = time.perf_counter()  # the first finds nothing in memory yet
        send = picker.pick(float(turn), (), back, {}, quotes=False)
        assert isinstance(send, Send)
        pacer.sent(send.room_id, send.kind, float(turn))
        outbox.sent(send, None, float(turn))
        back = [send.room_id]
    spent = (time.perf_counter() - began) / (rounds - 1)
    state.close()
    return f"{spent * 1e6:.0f} µs"


async def finding(rooms: int, folder: Path) -> str:
    """Time from the start of the bot's run until it relays, with that many rooms."""
    async with server(rooms) as (_, endpoint):
        bot = RoomSyncBot(plain_settings(endpoint, TOKEN, STATE_FILE=str(folder / "find.db")))
        began = time.perf_counter()
        task = asyncio.create_task(bot.run())
        while not bot.session.is_ready:
            await asyncio.sleep(0.005)
        spent = time.perf_counter() - began
        bot.stop()
        await task
        bot.close()
        return f"{spent:.2f} s"


def memory() -> float:
    """The most memory that this process ever held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def through(messages: int, folder: Path) -> list[list[str]]:
    """Memory and file size after so many messages went through, and the size after pruning them."""
    path = folder / "through.db"
    state = StateFile(path)
    fast(state)
    outbox = Outbox(state, 2000)
    rows = []
    for number in range(messages):
        outbox.accept(message(number), [Part(Kind.TEXT, f"text {number}", "[Alice@1]: ")], ["r1"], float(number))
        send = outbox.take("r1", float(number))
        assert send
        outbox.sent(send, f"s{number}", float(number))
        if number + 1 in (messages // 10, messages):
            rows.append([f"peak memory after {number + 1} messages", f"{memory():.0f} MB"])
    rows.append([f"state file with {messages} messages", size(path)])
    while prune(state, float(messages + 1)):
        pass
    with state.connection() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    rows.append(["state file after pruning them", size(path)])
    state.close()
    return rows


def size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"


async def run(short: bool) -> None:
    """Print the table."""
    waiting, rooms, messages = ((0, 10, 100), 20, 200) if short else ((0, 1000, 100_000), 500, 100_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [[f"next send picked, {number} waiting", picking(number, folder)] for number in waiting]
        rows.append([f"{rooms} rooms found at login", await finding(rooms, folder)])
        rows += through(messages, folder)
    table(f"growth (SQLite {sqlite3.sqlite_version})", ["what", "measured"], rows, "to be said")
