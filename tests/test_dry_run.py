"""The dry run, over the loopback gateway: all is heard, each send is printed, and the gateway sees none."""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot import RoomSyncBot
from roomsync.cli.dry_run import DryRun
from roomsync.errors import GatewayRejected, StateFileError
from tests.conftest import settings, until
from tests.scripted import ScriptedGateway

# All that a dry run may ask of a gateway: these read, and Start logs nobody in or out.
READING = {
    "Event", "Start", "Version", "RoomList", "RoomPayload", "RoomMemberPayload", "ContactPayload", "MessagePayload",
    "MessageImage", "MessageFile", "MessageUrl", "MessageMiniProgram", "MessageContact",
}  # fmt: skip
PICTURE = json.dumps({"boxType": 7, "uuid": "2", "name": "a.png", "size": 100_000, "metadata": {}})
LINK = json.dumps({"url": "https://milvus.io", "title": "Hybrid\nSearch", "description": ""})
SEND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}  #[0-9]+  (.*)")


class Output:
    """What was printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        self._text += self._capsys.readouterr().out
        return self._text

    @property
    def sends(self) -> list[str]:
        """Each send without its time and number, sorted: rooms take turns."""
        return sorted(found[1] for line in self.text.splitlines() if (found := SEND.fullmatch(line)))


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Output:
    return Output(capsys)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    found = tmp_path / "temporary"
    found.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found


@asynccontextmanager
async def rehearsing(gateway: ScriptedGateway, state_file: Path, **more: str) -> AsyncIterator[None]:
    """A dry run that has found its rooms; it ends with the block."""
    made: list[RoomSyncBot] = []

    def make(*args: object) -> RoomSyncBot:
        made.append(RoomSyncBot(*args))  # type: ignore[arg-type]
        return made[0]

    dry = DryRun(make, settings(gateway, STATE_FILE=str(state_file), **more))
    task = asyncio.create_task(dry.run())
    try:
        await until(lambda: task.done() or (made and made[0].session.is_ready))
        yield
    finally:
        dry.stop()
        await asyncio.wait_for(task, 10)


@pytest.mark.usefixtures("temporary")
async def test_every_kind_is_printed_and_none_is_sent(
    gateway: ScriptedGateway, state_file: Path, output: Output
) -> None:
    """Texts, pictures and links are printed for every other room, and of the gateway's calls none changes anything."""
    async with rehearsing(gateway, state_file):
        gateway.say("r101", "alice", "Hi all")
        await until(lambda: len(output.sends) == 2)
        gateway.say("r102", "bob", kind="image", content=PICTURE)
        await until(lambda: len(output.sends) == 6)
        gateway.say("r103", "bob", kind="url", content=LINK)
        await until(lambda: len(output.sends) == 10)
    assert set(output.sends) == {
        "Milvus用户交流群102  [Alice@101]:  Hi all",
        "Milvus用户交流群103  [Alice@101]:  Hi all",
        "Milvus用户交流群101  [Bob@102]:  [图片]",
        "Milvus用户交流群103  [Bob@102]:  [图片]",
        "Milvus用户交流群101  [图片]",
        "Milvus用户交流群103  [图片]",
        "Milvus用户交流群101  [Bob@103]:  [链接] Hybrid Search",
        "Milvus用户交流群102  [Bob@103]:  [链接] Hybrid Search",
        "Milvus用户交流群101  [链接] Hybrid Search",
        "Milvus用户交流群102  [链接] Hybrid Search",
    }
    assert set(gateway.calls) <= READING and not gateway.sent and not gateway.recalled
    assert output.text.splitlines()[-1].startswith("The dry run is over: 10 sends would have been made, and none was.")


@pytest.mark.usefixtures("temporary")
async def test_recall_and_quote_name_the_send_that_they_are_about(
    gateway: ScriptedGateway, state_file: Path, output: Output
) -> None:
    """A recall is printed with the number of what it takes back, a reply with that of what it quotes; none is made."""
    async with rehearsing(gateway, state_file):
        said = gateway.say("r101", "alice", "hello")
        await until(lambda: len(output.sends) == 2)
        gateway.say("r101", "bob", "hi", quote_id=said)
        await until(lambda: len(output.sends) == 4)
        gateway.say("r101", "alice", said, kind="recalled")
        await until(lambda: len(output.sends) == 6)
    for label in ("102", "103"):
        number = re.search(rf"#([0-9]+)  \S+{label}  \[Alice@101\]:  hello", output.text)
        assert number
        assert f"Milvus用户交流群{label}  (takes back #{number[1]})" in output.sends
        assert f"Milvus用户交流群{label}  (quotes #{number[1]}) [Bob@101]:  hi" in output.sends
    assert set(gateway.calls) <= READING and not gateway.recalled


@pytest.mark.usefixtures("temporary")
async def test_nobody_can_forge_a_line(gateway: ScriptedGateway, state_file: Path, output: Output) -> None:
    """The lines of a text after its first are indented, and what a terminal obeys is shown and not obeyed."""
    async with rehearsing(gateway, state_file):
        gateway.say("r101", "alice", "one\n2026-01-01 00:00:00  #9  a  forged\r\u2028three \x1b[2J\u202e")
        await until(lambda: len(output.sends) == 2)
    assert all(line.startswith(("This", "The", "20", "    ")) for line in output.text.split("\n") if line)
    assert "\n    2026-01-01 00:00:00  #9  a  forged\n" in output.text
    assert not {"\x1b", "\u202e", "\u2028", "\r"} & set(output.text)


async def test_state_file_is_its_own_and_is_removed(
    gateway: ScriptedGateway, state_file: Path, temporary: Path, output: Output
) -> None:
    """The bot's state file is not opened; the one of the run is where its first line says, and is gone at the end."""
    state_file.write_text("not looked at", encoding="utf-8")
    before = sorted(state_file.parent.iterdir())
    async with rehearsing(gateway, state_file):
        (own,) = temporary.iterdir()
        assert output.text.startswith("This is a dry run: nothing is sent.") and f" in {own} " in output.text
        assert (own / "roomsync.db").exists()
    assert list(temporary.iterdir()) == [] and sorted(state_file.parent.iterdir()) == before
    assert state_file.read_text(encoding="utf-8") == "not looked at"
    assert output.text.endswith(f"The state file of this run was in {own} and is removed.\n")


async def test_state_file_is_removed_after_an_error(
    gateway: ScriptedGateway, state_file: Path, temporary: Path, output: Output
) -> None:
    """A gateway that refuses the bot ends the run with its error, nothing left behind and that said."""
    more = {"WECHATY_PUPPET_SERVICE_TOKEN": "not_this_one"}
    with pytest.raises(GatewayRejected):
        await DryRun(RoomSyncBot, settings(gateway, STATE_FILE=str(state_file), **more)).run()
    assert list(temporary.iterdir()) == []
    assert output.text.endswith(" and is removed.\n")


async def test_no_temporary_folder_is_one_sentence(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no temporary folder can be made the run does not begin, and says why."""
    monkeypatch.setattr(tempfile, "tempdir", str(state_file.parent / "missing"))
    with pytest.raises(StateFileError, match="A dry run needs a temporary folder"):
        await DryRun(RoomSyncBot, settings(gateway)).run()
    assert gateway.calls == []


async def test_folder_that_stays_is_said(
    gateway: ScriptedGateway, state_file: Path, temporary: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be removed, as one with open files on Windows, is said to be there still."""
    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", lambda folder: None)
    async with rehearsing(gateway, state_file):
        (own,) = temporary.iterdir()
    assert output.text.endswith(f"could not be removed: remove {own} yourself.\n")


async def test_account_that_logs_in_late(
    gateway: ScriptedGateway, state_file: Path, temporary: Path, output: Output
) -> None:
    """The run waits for a login as the bot does, and then finds its rooms and hears them."""
    gateway.logged_in = False
    dry = DryRun(RoomSyncBot, settings(gateway, STATE_FILE=str(state_file)))
    task = asyncio.create_task(dry.run())
    await gateway.until(lambda: "Start" in gateway.calls)
    gateway.login()
    await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4)
    gateway.say("r101", "alice", "hello")
    await until(lambda: len(output.sends) == 2)
    dry.stop()
    await asyncio.wait_for(task, 10)
    assert not gateway.sent and list(temporary.iterdir()) == []
