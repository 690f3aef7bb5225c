"""A TCP proxy between the bot and a gateway that does to their line what the internet does to lines.

    async with Proxy(gateway.endpoint) as proxy:
        ...  # the bot connects to proxy.endpoint
        proxy.latency = 0.3
        proxy.reset()

`up` is from the bot to the gateway, `down` from the gateway to the bot. All settings may change while it runs, and
what is under way keeps its order through every change.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from enum import Flag
from types import TracebackType
from typing import Self, cast

CHUNK = 64 * 1024
# So that a throttle that is lifted, or a line that is cut, is noticed at once.
SLICE = 0.05
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 s: closing sends a RST and forgets what was not sent


class Way(Flag):
    """A direction of the line, or both."""

    NONE = 0
    UP = 1
    DOWN = 2
    BOTH = 3


class _Pipe:
    """One direction of one connection: read, and later written."""

    def __init__(self, proxy: Proxy, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._way = way
        self._reader = reader
        self.writer = writer
        self._chunks: deque[tuple[float, bytes]] = deque()  # when to write it, and what; b"" is the end
        self._news = asyncio.Event()
        self._closed = False  # half: nothing is written any more, and all that is read is dropped

    async def run(self) -> None:
        """Carry bytes until one of the two sides is gone."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            tasks.create_task(self._write())

    async def _read(self) -> None:
        while True:
            data = await self._reader.read(CHUNK)
            if self._closed or self._proxy.black_hole & self._way:
                if not data:
                    return
                continue
            due = asyncio.get_running_loop().time() + self._proxy.latency
            self._chunks.append((due, self._proxy.spoil(self._way, data)))
            self._news.set()
            if not data:
                return

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed:
            while not self._chunks:
                self._news.clear()
                await self._news.wait()
            due, data = self._chunks.popleft()
            # Not in the loop that reads: a delay must not make the line narrower.
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                self.half_close()
            while data and not self._closed:
                data = await self._write_some(data)

    async def _write_some(self, data: bytes) -> bytes:
        """Write as much as may go now; return the rest."""
        rate = self._proxy.throttle
        size = max(1, int(rate * SLICE)) if rate else len(data)
        self.writer.write(data[:size])
        await self.writer.drain()
        if rate:
            await asyncio.sleep(size / rate)
        return data[size:]

    def half_close(self) -> None:
        """Tell the receiver that nothing more comes, and let the sender believe that all is well."""
        self._closed = True
        self._news.set()
        with contextlib.suppress(OSError):
            self.writer.write_eof()


class _Connection:
    """A connection of the bot, with the one to the gateway that belongs to it."""

    def __init__(self, up: _Pipe, down: _Pipe) -> None:
        self.up, self.down = up, down

    async def run(self) -> None:
        """Carry bytes both ways until both have ended, or one breaks."""
        with contextlib.suppress(ExceptionGroup):  # of connection errors
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.up.run())
                tasks.create_task(self.down.run())

    def close(self) -> None:
        for pipe in (self.up, self.down):
            pipe.writer.close()

    def reset(self) -> None:
        for pipe in (self.up, self.down):
            # asyncio gives out a wrapper that knows no more than the socket's options.
            sock = cast(socket.socket, pipe.writer.get_extra_info("socket"))
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            pipe.writer.transport.abort()


class Proxy:
    """A line to `target` (`host:port`), which may be changed for connections to come."""

    def __init__(self, target: str, seed: int = 20260101) -> None:
        self.target = target
        self.latency = 0.0  # seconds each way
        self.throttle = 0.0  # bytes a second each way of each connection; 0 is no limit
        self.black_hole = Way.NONE  # bytes of these directions are swallowed, and connections stay open
        self.flip_every = 0  # one bit is flipped in each n-th chunk of bytes of these directions; 0 is never
        self.flip_ways = Way.BOTH
        self.refuse = False  # new connections are closed at once
        self.accepted = 0  # connections, those that were refused not among them
        self.refused = 0
        self.flipped = 0  # bits
        self._chance = random.Random(seed)
        self._chunks = 0
        self._connections: dict[_Connection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    @property
    def endpoint(self) -> str:
        """Where the bot is to connect to."""
        assert self._server
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        tasks = list(self._connections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            self.refused += 1
            writer.close()
            return
        host, _, port = self.target.rpartition(":")
        try:
            there, back = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        self.accepted += 1
        connection = _Connection(_Pipe(self, Way.UP, reader, back), _Pipe(self, Way.DOWN, there, writer))
        self._connections[connection] = asyncio.create_task(connection.run(), name="connection")
        try:
            await asyncio.wait({self._connections[connection]})
        finally:
            del self._connections[connection]
            connection.close()

    def spoil(self, way: Way, data: bytes) -> bytes:
        """Return a chunk of bytes as it goes on: one bit of it flipped, when it is its turn."""
        if not data or not self.flip_every or not way & self.flip_ways:
            return data
        self._chunks += 1
        if self._chunks % self.flip_every:
            return data
        self.flipped += 1
        spoiled = bytearray(data)
        spoiled[self._chance.randrange(len(spoiled))] ^= 1 << self._chance.randrange(8)
        return bytes(spoiled)

    def reset(self) -> int:
        """Break all connections with a RST to both sides; return how many there were."""
        for connection in self._connections:
            connection.reset()
        return len(self._connections)

    def half_close(self, way: Way) -> None:
        """Send a FIN in these directions; the senders do not notice, and what they send from now on is lost."""
        for connection in self._connections:
            for pipe, pipe_way in ((connection.up, Way.UP), (connection.down, Way.DOWN)):
                if way & pipe_way:
                    pipe.half_close()
