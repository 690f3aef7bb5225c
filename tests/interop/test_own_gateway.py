"""deploy/gateway/gateway.mjs, the gateway of one's own: the bot's `.env` is all that it needs."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.interop.gateway import HERE
from tests.interop.ports import free_port

ROOT = HERE.parents[1]
TOKEN = "insecure_d3b0"
SETTINGS = 2  # the exit code for what a restart cannot mend


def checkout(tmp_path: Path) -> Path:
    """A folder of the bot with the gateway in it, over a scripted account, and an `.env` with a token."""
    (tmp_path / "deploy" / "gateway").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "gateway" / "gateway.mjs", tmp_path / "deploy" / "gateway")
    (tmp_path / "deploy" / "gateway" / "node_modules").symlink_to(HERE / "node_modules")
    (tmp_path / ".env").write_text(f"WECHATY_PUPPET_SERVICE_TOKEN={TOKEN}\n", encoding="utf-8")
    return tmp_path


@asynccontextmanager
async def started(folder: Path, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        "node", str(folder / "deploy" / "gateway" / "gateway.mjs"),
        env={"PATH": os.environ["PATH"], "BOT_LANGUAGE": "en", "GATEWAY_PUPPET": "wechaty-puppet-mock", **env},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(folder: Path, **env: str) -> tuple[int | None, str]:
    """How a gateway ended by itself, and what it said."""
    async with started(folder, **env) as process:
        assert process.stdout
        text = (await asyncio.wait_for(process.stdout.read(), 120)).decode()
        return await process.wait(), text


@pytest.mark.parametrize("plain", ["true", "false"])
async def test_bot_and_gateway_share_one_env(tmp_path: Path, plain: str) -> None:
    """With one `.env` for both, with TLS or without, the bot's `--check` connects; SIGTERM ends the gateway with 0."""
    folder, endpoint = checkout(tmp_path), f"127.0.0.1:{free_port()}"
    with (folder / ".env").open("a", encoding="utf-8") as file:
        file.write(f"WECHATY_PUPPET_SERVICE_ENDPOINT={endpoint}\n")
        file.write(f"WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT={plain}\n")
    async with started(folder) as process:
        assert process.stdout
        async with asyncio.timeout(120):
            while not (line := (await process.stdout.readline()).decode()).startswith("The gateway is at"):
                assert line  # its library warns first
        assert line == f"The gateway is at {endpoint} ({'plain' if plain == 'true' else 'TLS'}).\n"
        check = await _check(folder)
        assert f"gateway     {endpoint} ({'plain' if plain == 'true' else 'TLS'}) is connected" in check
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 120) == 0


async def _check(folder: Path) -> str:
    """What the bot says whose `.env` is the one in the folder."""
    code = (
        "import asyncio, pathlib; from roomsync.cli.check import check; "
        "from roomsync.config.settings import read_settings; "
        f"asyncio.run(check(read_settings(pathlib.Path({str(folder)!r}), {{}}), 10))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    found, _ = await asyncio.wait_for(process.communicate(), 120)
    return found.decode()


async def test_a_gateway_without_token_says_so(tmp_path: Path) -> None:
    """Without a token it ends with 2 and one sentence."""
    folder = checkout(tmp_path)
    (folder / ".env").unlink()
    assert await ended(folder) == (SETTINGS, "WECHATY_PUPPET_SERVICE_TOKEN is not set; put it into .env.\n")


async def test_a_puppet_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A puppet that is not installed ends it with 2 and the command that installs it, and shows no token."""
    code, text = await ended(checkout(tmp_path), GATEWAY_PUPPET="wechaty-puppet-none")
    assert (code, TOKEN in text) == (SETTINGS, False)
    assert text == "wechaty-puppet-none is not installed; run npm install wechaty-puppet-none in this folder\n"


async def test_no_plain_gateway_for_the_network(tmp_path: Path) -> None:
    """It refuses to listen without TLS where others reach it."""
    plain = {"WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "true", "GATEWAY_LISTEN": "0.0.0.0:8788"}
    assert await ended(checkout(tmp_path), **plain) == (SETTINGS, "Without TLS it listens at 127.0.0.1 alone.\n")


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """A port that another program has ends it with 1 and a sentence that names the port."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with server:
        endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        code, text = await ended(checkout(tmp_path), GATEWAY_LISTEN=endpoint)
    assert (code, text) == (1, f"Cannot listen at {endpoint}: EADDRINUSE\n")


async def test_an_env_of_notepad_is_read(tmp_path: Path) -> None:
    """The mark with which Notepad begins a file is no part of the first name in `.env`, as it is not for the bot."""
    folder = checkout(tmp_path)
    (folder / ".env").write_text(f"WECHATY_PUPPET_SERVICE_TOKEN={TOKEN}\n", encoding="utf-8-sig")
    code, text = await ended(folder, GATEWAY_PUPPET="wechaty-puppet-none")
    assert code == SETTINGS and text.startswith("wechaty-puppet-none is not installed")


async def test_a_node_that_is_too_old_is_named(tmp_path: Path) -> None:
    """Under a Node without what it needs, as before 20.12, it ends with 2 and the version that it needs."""
    (tmp_path / "old.cjs").write_text("delete require('node:util').parseEnv\n", encoding="utf-8")
    old = f"--require {tmp_path / 'old.cjs'}"
    code, text = await ended(checkout(tmp_path), NODE_OPTIONS=old)
    assert (code, text.startswith("It needs Node 20.12 or newer; this is v")) == (SETTINGS, True)
