"""Starting the processes that are measured, or measured against."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


async def spawn(*arguments: str, **env: str) -> asyncio.subprocess.Process:
    """A Python process at the root of the project, its input and output piped."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env=env or None,
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def line_of(process: asyncio.subprocess.Process) -> str:
    """The next line that a process prints; empty at its end."""
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


async def ask(process: asyncio.subprocess.Process, command: str) -> str:
    """The answer of the server process to a command."""
    assert process.stdin
    process.stdin.write(f"{command}\n".encode())
    return await line_of(process)


@asynccontextmanager
async def server(rooms: int) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A loopback gateway in its own process, and its endpoint."""
    process = await spawn("-m", "tests.bench.server", str(rooms))
    try:
        yield process, await line_of(process)
    finally:
        process.kill()
        await process.wait()
