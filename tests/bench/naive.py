"""The peer: a bot as the article has it, every text or picture said to every other room at once, with `room.say`.

It stands on the same patched client as ours, so that what differs is the relaying, not the import. As a process
(`python -m tests.bench.naive ENDPOINT TOKEN STATE_FILE`) it prints `ready` when it knows its rooms. With an interval in
seconds as a fourth argument it is the fair peer: all waits in memory, and one sender keeps that pace.
"""

import asyncio
import contextlib
import logging
import sys
import time
from pathlib import Path
from typing import Any

from grpclib.exceptions import GRPCError

from roomsync.config.settings import Settings
from roomsync.gateway.puppet import GatewayPuppet, Wechaty, options, prepare
from roomsync.inbox.dispatcher import Dispatcher
from roomsync.inbox.incoming import Incoming
from roomsync.model import Kind
from roomsync.session import Session
from roomsync.store import StateFile
from tests.conftest import PLAIN, PREFIX


def plain_settings(endpoint: str, token: str, **more: str) -> Settings:
    """Settings for a plain gateway, with no pace."""
    values = {
        "WECHATY_PUPPET_SERVICE_TOKEN": token,
        "WECHATY_PUPPET_SERVICE_ENDPOINT": endpoint,
        PLAIN: "true",
        "SEND_INTERVAL": "0",
        "ROOM_INTERVAL": "0",
        "SENDS_PER_MINUTE": "0",
    }
    return Settings.parse({**values, **more})


class NaiveBot(Wechaty):  # type: ignore[misc, unused-ignore]
    """Finds rooms at login and forwards in `on_message`: no outbox, no pace, what is refused is gone."""

    def __init__(self, settings: Settings) -> None:
        self.session = Session()
        super().__init__(options(GatewayPuppet(settings, self.session)))
        # wechaty keeps rooms and contacts on their classes: those of an earlier bot hold its dead connection.
        self.Room._pool.clear()
        self.Contact._pool.clear()
        self.rooms: dict[str, Any] = {}
        self.ready = asyncio.Event()

    async def on_login(self, contact: Any) -> None:
        for room_id, topic in (await self.puppet.client.topics()).items():
            if (topic or "").startswith(PREFIX):
                room = self.Room.load(room_id)
                await room.ready()
                self.rooms[room_id] = room
        self.ready.set()

    async def on_message(self, msg: Any) -> None:
        room = msg.room()
        if room is None or room.room_id not in self.rooms or msg.payload.from_id == self.puppet.login_user_id:
            return
        talker = msg.talker()
        await talker.ready()
        label = self.rooms[room.room_id].payload.topic.removeprefix(PREFIX)
        words: Any = f"[{talker.name}@{label}]:  {msg.text()}"
        if msg.payload.kind is Kind.IMAGE:
            words = await msg.to_file_box()  # nobody is told whose it is: that would be one more send
        # wechaty's own bridge logs what a handler raises: the rest of the fan-out is lost with it, and nothing retried.
        with contextlib.suppress(GRPCError):
            for other in self.rooms.values():
                if other.room_id != room.room_id:
                    await self.send(other, words)

    async def send(self, room: Any, words: Any) -> None:
        """Send it now."""
        await room.say(words)

    async def run(self, state: StateFile) -> None:
        """Relay until cancelled. `state`: where events are noted, which the patched client needs."""
        state.hurry()  # it has no promise to keep, so it does not wait for the disk
        events = self.puppet.events = Dispatcher(self, self.session, await prepare(self), Incoming(state), time.time)
        await self.puppet.connect()
        self.session.connect()
        await asyncio.gather(events.run(), self.puppet.listen())


class PacedBot(NaiveBot):
    """The fair peer: as much may be sent as ours sends. What waits when it ends is gone, and so is what is refused."""

    def __init__(self, settings: Settings, interval: float) -> None:
        super().__init__(settings)
        self._interval = interval
        self._waiting: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue()

    async def run(self, state: StateFile) -> None:
        await asyncio.gather(super().run(state), self._send_all())

    async def send(self, room: Any, words: Any) -> None:
        self._waiting.put_nowait((room, words))

    async def _send_all(self) -> None:
        while True:
            room, words = await self._waiting.get()
            with contextlib.suppress(GRPCError):
                await room.say(words)
            await asyncio.sleep(self._interval)  # never too fast: nothing of it is refused


async def main(endpoint: str, token: str, state_file: str, interval: str = "") -> None:
    settings = plain_settings(endpoint, token)
    bot = PacedBot(settings, float(interval)) if interval else NaiveBot(settings)
    running = asyncio.create_task(bot.run(StateFile(Path(state_file))))
    await asyncio.wait([running, asyncio.create_task(bot.ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    print("ready", flush=True)
    await running


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(main(*sys.argv[1:5]))
