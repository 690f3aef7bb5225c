"""`python bot.py` as a process of its own, for the tests of what a person runs."""

import asyncio
import compileall
import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.conftest import PLAIN
from tests.scripted import ScriptedGateway

ROOT = Path(__file__).parent.parent
if sys.platform == "win32":  # there is one way to ask another process to leave, and only for a group of its own
    LEAVE, GROUP = [signal.CTRL_BREAK_EVENT], subprocess.CREATE_NEW_PROCESS_GROUP
else:
    LEAVE, GROUP = [signal.SIGINT, signal.SIGTERM], 0


def copy_bot(tmp_path: Path) -> Path:
    """Return the folder of a copy of the bot, with no `.env`."""
    home = tmp_path / "home"
    home.mkdir()
    _compile()
    shutil.copy(ROOT / "bot.py", home)
    shutil.copytree(ROOT / "roomsync", home / "roomsync")
    return home


@functools.cache
def _compile() -> None:
    """Compile the bot once: a process would spend most of its time on it."""
    compileall.compile_dir(ROOT / "roomsync", quiet=1)


def environment(**more: str) -> dict[str, str]:
    """The environment of this process without settings of a gateway, with `more`."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("WECHATY")}
    return {**ours, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8", **more}


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the bot to its end."""
    command = [sys.executable, str(folder / "bot.py"), *arguments]
    return subprocess.run(
        command, cwd=folder.parent, env=environment(**env), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip


def write_env(folder: Path, gateway: ScriptedGateway, *lines: str) -> None:
    """Write its `.env`: an unpaced bot at that gateway, and more lines."""
    values = [
        f"WECHATY_PUPPET_SERVICE_TOKEN={gateway.token}",
        f"WECHATY_PUPPET_SERVICE_ENDPOINT=127.0.0.1:{gateway.port}",
        f"{PLAIN}=true",
        "SEND_INTERVAL=0",
        "ROOM_INTERVAL=0",
        "SENDS_PER_MINUTE=0",
        *lines,
    ]
    (folder / ".env").write_text("\n".join(values), encoding="utf-8")


async def start(folder: Path, *arguments: str, **env: str) -> asyncio.subprocess.Process:
    """Start the bot."""
    return await asyncio.create_subprocess_exec(
        sys.executable, str(folder / "bot.py"), *arguments, cwd=folder.parent, env=environment(**env),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, creationflags=GROUP,
    )  # fmt: skip


async def output(process: asyncio.subprocess.Process) -> str:
    """Return what it shows until its end."""
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return out.decode()
