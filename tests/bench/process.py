"""Starting the processes that are measured, or measured against."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.server import Report
from tests.bench.tables import PROC
from tests.conftest import PLAIN

ROOT = Path(__file__).parents[2]
TOKEN = "bench_token"


async def spawn(*arguments: str, cwd: Path = ROOT, **env: str) -> asyncio.subprocess.Process:
    """A Python process at the root of a checkout of the project, its input and output piped."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=cwd,
        env=env or None,
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.DEVNULL,
        limit=2**24,  # a report of many texts is one line
    )


async def line_of(process: asyncio.subprocess.Process) -> str:
    """The next line that a process prints; empty at its end."""
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


async def ask(process: asyncio.subprocess.Process, command: str) -> str:
    """The answer of the server process to a command."""
    assert process.stdin
    process.stdin.write(f"{command}\n".encode())
    answer = await line_of(process)
    assert answer, f"no answer to: {command}"
    return answer


async def reported(process: asyncio.subprocess.Process, command: str) -> Report:
    """What the server process reports of `burst N` or `each N SECONDS`."""
    return Report(**json.loads(await ask(process, command)))


@asynccontextmanager
async def server(rooms: int, echo: bool = False) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A loopback gateway in its own process, and its endpoint."""
    process = await spawn("-m", "tests.bench.server", str(rooms), *(["echo"] if echo else []))
    try:
        yield process, await line_of(process)
    finally:
        process.kill()
        await process.wait()


@dataclass(frozen=True)
class Watched:
    """A bot's process, and what it has used."""

    pid: int

    def cpu(self) -> float:
        """Seconds of CPU so far; not a number where there is no /proc."""
        if not PROC.is_dir():
            return float("nan")
        # proc(5): fields 14 and 15, counted from behind the name, which is in brackets.
        fields = (PROC / str(self.pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MB of memory now (VmRSS); not a number where there is no /proc."""
        if not PROC.is_dir():
            return float("nan")
        status = (PROC / str(self.pid) / "status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


@dataclass(frozen=True)
class Contender:
    """A bot that can be started as a process: `module` with its arguments, or (empty) the `bot.py` of a checkout."""

    title: str
    module: tuple[str, ...] = ()
    checkout: Path = ROOT

    @asynccontextmanager
    async def running(self, gateway: asyncio.subprocess.Process, endpoint: str, **env: str) -> AsyncIterator[Watched]:
        """Let it relay at that server, unpaced, in the block. `env`: more for `bot.py`."""
        with tempfile.TemporaryDirectory() as folder:
            state_file = str(Path(folder) / "s.db")
            if self.module:
                process = await spawn("-m", *self.module, endpoint, TOKEN, state_file)
            else:
                process = await spawn("bot.py", cwd=self.checkout, **environment(endpoint, state_file), **env)
            try:
                if self.module:
                    assert await line_of(process) == "ready", f"{self.title} ended before it was ready"
                await ask(gateway, "relaying")
                yield Watched(process.pid)
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()


OURS = Contender("ours")
NAIVE = Contender("naive fan-out", ("tests.bench.naive",))
FLOOR = Contender("bare grpclib, one call at a time", ("tests.bench.floor", "one"))
FLOOR_AT_ONCE = Contender("bare grpclib, nine sends at once", ("tests.bench.floor", "all"))


def ours_and(before: Path | None) -> list[Contender]:
    """The bot of this checkout, and of another one."""
    return [OURS, *([Contender("ours, before", checkout=before.resolve())] if before else [])]


def environment(endpoint: str, state_file: str) -> dict[str, str]:
    """Settings of a `bot.py` at a plain gateway, with no pace."""
    return {
        "WECHATY_PUPPET_SERVICE_TOKEN": TOKEN,
        "WECHATY_PUPPET_SERVICE_ENDPOINT": endpoint,
        PLAIN: "true",
        "SEND_INTERVAL": "0",
        "ROOM_INTERVAL": "0",
        "SENDS_PER_MINUTE": "0",
        "STATE_FILE": state_file,
    }
