"""The commands of the documents, each run as a process in a copy of the bot, at a gateway with three rooms."""

import asyncio
import re
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from roomsync import store
from roomsync.store import StateFile
from roomsync.store.samples import SampleKind
from tests.conftest import running
from tests.documents import DOCUMENTS, blocks_of, text_of
from tests.hooked import hooked
from tests.moderated import ADVERT
from tests.processes import GROUP, LEAVE, copy_bot, environment, output, run, write_env
from tests.scripted import ScriptedGateway

# Each command that a document marks as run, with its name, once.
RUN = sorted(
    {found for name in DOCUMENTS for block in blocks_of(name) if block.kind == "run" for found in block.named()}
)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bot, with no `.env`."""
    return copy_bot(tmp_path)


class Desk:
    """Somebody at a terminal in the bot's folder, who types a command as it stands in a document."""

    def __init__(self, folder: Path, gateway: ScriptedGateway, command: str) -> None:
        self.folder, self.gateway, self.command = folder, gateway, command
        self.state_file = folder / "roomsync.db"

    async def start(self) -> asyncio.subprocess.Process:
        """Start the command; `python` is the one that runs the tests."""
        program, *arguments = shlex.split(self.command)
        assert program == "python"
        return await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=self.folder, env=environment(), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, creationflags=GROUP,
        )  # fmt: skip

    async def type(self) -> tuple[int | None, str]:
        """Return the exit code of a command that ends by itself, and what it printed."""
        process = await self.start()
        shown = await output(process)
        return process.returncode, shown

    async def type_and_leave(self) -> tuple[int | None, str]:
        """The same of one that runs until it is told to leave: here once it has asked for the rooms."""
        process = await self.start()
        await self.gateway.until(lambda: self.gateway.calls.count("RoomPayload") == 4, limit=60)
        process.send_signal(LEAVE[-1])
        shown = await output(process)
        return process.returncode, shown


async def token(desk: Desk) -> None:
    code, shown = await desk.type()
    assert code == 0 and re.fullmatch(r"insecure_[0-9a-f-]{36}\s+", shown)


async def check(desk: Desk) -> None:
    code, shown = await desk.type()
    assert (code, "3 rooms" in shown, desk.gateway.sent) == (0, True, []), shown


async def alert(desk: Desk) -> None:
    with hooked() as server:
        write_env(desk.folder, desk.gateway, f"ALERT_URLS={server.url}")
        code, shown = await desk.type()
    assert (code, server.kinds) == (0, ["test"]), shown


async def dry_run(desk: Desk) -> None:
    code, shown = await desk.type_and_leave()
    assert code == 0 and "The dry run is over" in shown, shown


async def bot(desk: Desk) -> None:
    code, shown = await desk.type_and_leave()
    assert code == 0 and "has left" in shown, shown


async def status(desk: Desk) -> None:
    assert "connected" in await _type_until_well(desk)


async def prometheus(desk: Desk) -> None:
    await _type_until_well(desk)
    file = desk.folder / shlex.split(desk.command)[-1]
    assert "roomsync_well 1.0" in file.read_text(encoding="utf-8")


async def _type_until_well(desk: Desk) -> str:
    """Return what a command printed about a bot that relays; it notes only every few seconds how it is."""
    async with running(desk.gateway, desk.state_file), asyncio.timeout(60):
        while True:
            code, shown = await desk.type()
            if code == 0:
                return shown


async def announce(desk: Desk) -> None:
    async with running(desk.gateway, desk.state_file):
        code, shown = await desk.type()
        assert code == 0, shown
        await desk.gateway.until(lambda: len(desk.gateway.sent) == 3)
    assert {one.body for one in desk.gateway.sent} == {"Milvus 2.7 发布了"}


async def verify_code(desk: Desk) -> None:
    code, shown = await desk.type()
    assert code == 1 and "verify code" in shown, shown  # nobody asks for one here


async def set_aside(desk: Desk) -> None:
    desk.state_file.write_text("this is no database", encoding="utf-8")
    code, shown = await desk.type()
    assert (code, desk.state_file.exists()) == (0, False), shown


async def writes(desk: Desk) -> None:
    """It makes a new file, named last in the command or by itself, out of the state file."""
    _teach(desk.state_file)
    before = set(desk.folder.iterdir())
    code, shown = await desk.type()
    (made,) = [path for path in set(desk.folder.iterdir()) - before if not path.name.startswith("roomsync.db")]
    assert code == 0 and made.name in shown and made.stat().st_size > 0, shown


def _teach(state_file: Path) -> None:
    """Make a state file, with an advert in it that staff taught."""
    state = StateFile(state_file)
    with state.transaction() as db:
        store.samples.add(db, SampleKind.TEXT, ADVERT, "101 Bob", "chief", 0.0)
    state.close()


async def samples(desk: Desk) -> None:
    """Both ways: what is exported is there, and what is imported was exported before."""
    _teach(desk.state_file)
    file = shlex.split(desk.command)[-1]
    if "import" in desk.command:
        run(desk.folder, "--samples", "export", str(desk.folder / file))
    code, shown = await desk.type()
    assert (code, ADVERT in (desk.folder / file).read_text(encoding="utf-8")) == (0, True), shown


WAYS: dict[str, Callable[[Desk], Awaitable[None]]] = {
    "alert": alert,
    "backup": writes,
    "bot": bot,
    "check": check,
    "do": announce,
    "dry-run": dry_run,
    "prometheus": prometheus,
    "report": writes,
    "samples": samples,
    "set-aside": set_aside,
    "status": status,
    "token": token,
    "verify-code": verify_code,
}


@pytest.mark.parametrize(("name", "command"), RUN, ids=[f"{name}-{number}" for number, (name, _) in enumerate(RUN)])
async def test_command_of_a_document_works(name: str, command: str, folder: Path, gateway: ScriptedGateway) -> None:
    """A command that is marked as run does what the documents say of it."""
    write_env(folder, gateway)
    await WAYS[name](Desk(folder, gateway, command))


def test_every_way_is_used() -> None:
    """No way to run a command is kept that no document names."""
    assert {name for name, _ in RUN} == WAYS.keys()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_options_in_a_document_exist(document: str, folder: Path) -> None:
    """Every option behind `python bot.py`, in a block or in a line, is one that `--help` shows."""
    typed = {one for line in re.findall(r"python bot\.py ([^`\n]+)", text_of(document)) for one in OPTION.findall(line)}
    known = set(OPTION.findall(run(folder, "--help").stdout))
    assert typed - known == set()
