"""The bot as a separate process beside the real gateway."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from roomsync.text.headers import HeaderTemplate
from tests.interop.gateway import RealGateway

ROOT = Path(__file__).parents[2]
PREFIX = "Milvus用户交流群"
BOT = "bot"


FORM = HeaderTemplate("[{name}@{room}]:  ")


def spoken(text: str, labels: list[str]) -> list[tuple[str, str]]:
    """Who says what in a text that arrived, line by line: texts that travel together may share a header."""
    return [(one.name, line) for one in FORM.parse_batch(text, labels) for line in one.text.split("\n")]


async def community(gateway: RealGateway, labels: list[str]) -> None:
    """A logged-in account, Alice and Bob, a room for each label (`@101`), and a room outside."""
    await gateway.contact(BOT, "小助手")
    await gateway.contact("alice", "Alice")
    await gateway.contact("bob", "Bob")
    for label in labels:
        await gateway.room(f"@{label}", PREFIX + label, [BOT, "alice", "bob"])
    await gateway.room("@family", "家庭群", [BOT, "alice"])
    await gateway.login(BOT)


class BotProcess:
    """`python bot.py` with its own state file; what it printed is in `lines`."""

    def __init__(self, gateway: RealGateway, state_file: Path, **env: str) -> None:
        self._gateway = gateway
        ours = {k: v for k, v in os.environ.items() if not k.startswith("WECHATY")}
        self._env = {
            **ours,
            "PYTHONIOENCODING": "utf-8",
            "WECHATY_PUPPET_SERVICE_TOKEN": gateway.token,
            "WECHATY_PUPPET_SERVICE_ENDPOINT": gateway.endpoint,
            "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "true",
            "SEND_INTERVAL": "0",
            "ROOM_INTERVAL": "0",
            "SENDS_PER_MINUTE": "0",
            "STATE_FILE": str(state_file),
            **env,
        }
        self.lines: list[str] = []

    async def start(self, *arguments: str) -> None:
        """Start the process; does not wait for it to be connected."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "bot.py"), *arguments, env=self._env,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read(), name="bot's output")

    async def _read(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip())

    async def relaying(self) -> None:
        """Wait until the bot has found its rooms."""
        opened = self._gateway.streams.count("open")
        await self.start()
        await self._gateway.wait(lambda: self._gateway.streams.count("open") > opened)
        await self.said("rooms:")

    async def said(self, words: str, times: int = 1, limit: float = 30) -> None:
        """Wait until `words` were printed `times` times. Raises TimeoutError."""
        async with asyncio.timeout(limit):
            while sum(words in line for line in self.lines) < times:
                await asyncio.sleep(0.01)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal (0: none) and wait for the end; the exit code."""
        if number and self.process.returncode is None:
            self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), 30)
        await self._reader
        return code


@asynccontextmanager
async def relaying(gateway: RealGateway, state_file: Path, **env: str) -> AsyncIterator[BotProcess]:
    """A bot process that has found its rooms, until the end of the block."""
    bot = BotProcess(gateway, state_file, **env)
    try:
        await bot.relaying()
        yield bot
    finally:
        if bot.process.returncode is None:
            bot.process.kill()
        await bot.end()
