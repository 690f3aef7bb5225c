"""What a delivery costs, unpaced: ours, the naive fan-out, and a bare grpclib loop that makes the same calls."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from wechaty_grpc.wechaty import PuppetStub

from bot import RoomSyncBot
from roomsync.model import State
from roomsync.store import StateFile
from tests.bench.naive import NaiveBot, plain_settings
from tests.bench.process import ask, server
from tests.bench.tables import table

ROOMS = 10
TOKEN = "bench_token"


class Measured:
    """Wall and CPU seconds of this process between `start` and `stop`."""

    def __init__(self, name: str) -> None:
        self.name, self.deliveries, self.sends = name, 0, 0
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, deliveries: int, sends: int) -> "Measured":
        self.wall, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        self.deliveries, self.sends = deliveries, sends
        return self

    def row(self, floor: float) -> list[str]:
        cpu = self.cpu / self.deliveries * 1000
        rate = f"{self.deliveries / self.wall:.0f}"
        return [self.name, str(self.deliveries), str(self.sends), rate, f"{cpu:.2f} ms", f"{cpu / floor:.2f}"]

    @property
    def per_delivery(self) -> float:
        return self.cpu / self.deliveries * 1000


@asynccontextmanager
async def our_bot(endpoint: str, folder: str, batching: bool) -> AsyncIterator[RoomSyncBot]:
    bot = RoomSyncBot(plain_settings(endpoint, TOKEN, STATE_FILE=str(Path(folder) / f"{batching}.db")))
    if not batching:
        bot.outbox._max_bytes = 1
    task = asyncio.create_task(bot.run())
    while not bot.session.is_ready:
        await asyncio.sleep(0.01)
    try:
        yield bot
    finally:
        bot.stop()
        await task
        bot.close()


async def ours(messages: int, folder: str, batching: bool) -> Measured:
    async with server(ROOMS) as (process, endpoint), our_bot(endpoint, folder, batching) as bot:
        wanted = messages * (ROOMS - 1)
        measured = Measured("ours" if batching else "ours, one text a send")
        await ask(process, f"say {messages}")
        while bot.outbox.counts().get(State.SENT, 0) < wanted:
            await asyncio.sleep(0.1)
        return measured.stop(wanted, int(await ask(process, "sent")))


async def naive(messages: int, folder: str) -> Measured:
    async with server(ROOMS) as (process, endpoint):
        state = StateFile(Path(folder) / "naive.db")
        bot = NaiveBot(plain_settings(endpoint, TOKEN))
        task = asyncio.create_task(bot.run(state))
        await bot.ready.wait()
        wanted = messages * (ROOMS - 1)
        measured = Measured("naive fan-out, room.say")
        await ask(process, f"say {messages}")
        while int(await ask(process, "sent")) < wanted:
            await asyncio.sleep(0.1)
        measured.stop(wanted, wanted)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.puppet.disconnect()
        state.close()
        return measured


async def bare(messages: int) -> Measured:
    """The floor: for each message its payload, the member's name, and a send to each other room, one at a time."""
    async with server(ROOMS) as (process, endpoint):
        puppet = NaiveBot(plain_settings(endpoint, TOKEN)).puppet
        await puppet.connect()
        stub: Any = PuppetStub(puppet.channel)
        stream, rooms = puppet._stream, list(await puppet.client.topics())
        measured, left = Measured("bare grpclib loop"), messages
        await ask(process, f"say {messages}")
        while left:
            event = await anext(stream)
            if event.type != 2:
                continue
            payload = await stub.message_payload(id=json.loads(event.payload)["messageId"])
            member = await stub.room_member_payload(id=payload.room_id, member_id=payload.from_id)
            for room_id in rooms:
                if room_id != payload.room_id:
                    text = f"[{member.name}@{payload.room_id}]:  {payload.text}"
                    await stub.message_send_text(conversation_id=room_id, text=text, mentonal_ids=[])
            left -= 1
        measured.stop(messages * (ROOMS - 1), messages * (ROOMS - 1))
        await puppet.disconnect()
        return measured


async def run(short: bool) -> None:
    """Print the table."""
    messages = 20 if short else 2000
    with tempfile.TemporaryDirectory() as folder:
        floor = await bare(messages)
        found = [
            await ours(messages, folder, batching=True),
            await ours(messages, folder, batching=False),
            await naive(messages, folder),
            floor,
        ]
    heads = ["", "deliveries", "sends", "deliveries/s", "CPU a delivery", "of the bare loop"]
    rows = [one.row(floor.per_delivery) for one in found]
    table(f"cost: {ROOMS} rooms, {messages} texts, no pace", heads, rows)
