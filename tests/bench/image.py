"""A picture of 1 MB to nine rooms: how many bytes go through the bot, by handle and the naive way."""

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from roomsync.gateway.puppet import GatewayPuppet
from roomsync.session import Session
from tests.bench.naive import plain_settings
from tests.bench.tables import table
from tests.interop.bots import BotProcess, community
from tests.interop.gateway import Media, RealGateway, missing

LABELS = [str(101 + number) for number in range(10)]
PICTURE = Media("photo.png", bytes(range(256)) * 4096)


class Counter:
    """A TCP proxy that counts what goes through it, both ways."""

    def __init__(self, port: int) -> None:
        self._port, self.bytes = port, 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.bytes += len(data)
            writer.write(data)
            await writer.drain()
        writer.close()


async def ours(gateway: RealGateway, folder: str) -> int:
    counter = Counter(gateway.port)
    async with counter.listening() as endpoint:
        bot = BotProcess(gateway, Path(folder) / "s.db", WECHATY_PUPPET_SERVICE_ENDPOINT=endpoint)
        await bot.relaying()
        before = counter.bytes
        await gateway.say(talker="alice", room="@101", kind="image", file=PICTURE)
        await gateway.wait(lambda: sum(sent.kind == "file" for sent in gateway.sent) == 9, 30)
        await bot.end()
        return counter.bytes - before


async def naive(gateway: RealGateway) -> int:
    """Download the picture as a stream, send it to each room as base64."""
    counter = Counter(gateway.port)
    async with counter.listening() as endpoint:
        puppet = GatewayPuppet(plain_settings(endpoint, gateway.token), Session())
        await puppet.connect()
        before, done = counter.bytes, len(gateway.sent)
        message = await gateway.say(talker="alice", room="@101", kind="image", file=PICTURE)
        chunks = [
            answer.file_box_chunk.data async for answer in puppet.puppet_stub.message_image_stream(id=message, type=2)
        ]
        data = base64.b64encode(b"".join(chunks)).decode()
        box = json.dumps({"boxType": 1, "base64": data, "name": "photo.png", "metadata": {}})
        for label in LABELS[1:]:
            await puppet.puppet_stub.message_send_file(conversation_id=f"@{label}", filebox=box)
        await gateway.wait_sent(done + 9, 30)
        await puppet.disconnect()
        return counter.bytes - before


async def run(short: bool) -> None:
    """Print the table."""
    if reason := missing():
        print(f"\nimage: left out, {reason}")
        return
    async with RealGateway() as gateway:
        await community(gateway, LABELS)
        with tempfile.TemporaryDirectory() as folder:
            counted = [
                ("ours, by handle", await ours(gateway, folder)),
                ("naive, bytes down and up", await naive(gateway)),
            ]
    rows = [[name, f"{count / 1e6:.2f} MB"] for name, count in counted]
    table(
        f"image: {len(PICTURE.content) / 1e6:.2f} MB to 9 rooms",
        ["", "through the bot"],
        rows,
        "what the gateway itself loads from WeChat and to it, which is the same for both, and TCP's own headers.",
    )
