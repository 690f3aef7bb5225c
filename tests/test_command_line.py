"""`python bot.py` as a process: its modes, exit codes and signals, and what it leaves behind."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from roomsync import __version__
from roomsync.model import Cursor
from roomsync.store import StateFile, read_only
from tests.conftest import until
from tests.numbered import NumberedGateway
from tests.processes import LEAVE, copy_bot, environment, output, run, start, write_env
from tests.scripted import Fault, ScriptedGateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bot, with no `.env`."""
    return copy_bot(tmp_path)


def test_demo_relays_all_and_leaves_nothing_behind(folder: Path) -> None:
    """The demo ends with 0 after texts, a picture and a mini-program have arrived, and makes no file and no folder."""
    before = sorted(folder.parent.rglob("*"))
    done = run(folder, "--demo", WECHATY_LOG="debug", TOKEN="other")
    assert done.returncode == 0, done.stderr
    for words in (
        "[Alice@101]:  Hi all",
        "[陈工@103]:  [图片]",
        "[小程序] Meetup",
        "0 in 家庭群",
    ):
        assert words in done.stdout
    assert done.stderr == ""
    assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt", reason="pipes are others")
async def test_demo_whose_reader_leaves_ends_quietly(folder: Path) -> None:
    """Piped into `head`, the demo ends with 1 and shows no traceback."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f"{{ '{sys.executable}' '{folder / 'bot.py'}' --demo; echo code $? >&2; }} | head -n 1",
        env=environment(), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, shown = await asyncio.wait_for(process.communicate(), 30)
    assert shown.decode() == "code 1\n"


def test_help_fits_on_a_screen(folder: Path) -> None:
    """The help has at most 24 lines and says where the settings are."""
    shown = run(folder, "--help").stdout
    assert len(shown.splitlines()) <= 24 and ".env" in shown


def test_version_is_told(folder: Path) -> None:
    """The version is that of the newest section of the changelog, and Python's stands beside it."""
    done = run(folder, "--version")
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["roomsync", __version__])
    assert f"Python {sys.version.split()[0]}" in done.stdout
    changelog = (Path(__file__).parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\d.*?)\]", changelog, re.MULTILINE)[0] == __version__


@pytest.mark.parametrize(
    "arguments",
    [["--json"], ["--prometheus"], ["--status", "--json", "--prometheus"], ["--yes"], ["--status", "--demo"]],
)
def test_options_that_do_not_go_together_are_refused(folder: Path, arguments: list[str]) -> None:
    """What goes with another option does not go without it; the code is that of wrong settings."""
    done = run(folder, *arguments)
    assert done.returncode == 2 and done.stderr.startswith("usage: python bot.py")


def test_bad_settings_are_all_told_at_once(folder: Path) -> None:
    """Every bad setting gets its sentence, no traceback; the code is 2 and nothing is started."""
    (folder / ".env").write_text('ROOM_PREFX=a\nHEADER="{who}"\nLOG_LEVEL=loud\n', encoding="utf-8")
    done = run(folder)
    assert done.returncode == 2
    for words in ("ROOM_PREFX", "did you mean ROOM_PREFIX", "HEADER", "LOG_LEVEL", "WECHATY_PUPPET_SERVICE_TOKEN"):
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "roomsync.db").exists()


@pytest.mark.parametrize("number", LEAVE)
async def test_first_signal_finishes_the_send_in_hand(
    folder: Path, gateway: ScriptedGateway, number: signal.Signals
) -> None:
    """After a signal the send in hand is finished, the code is 0, WeChat stays logged in, no token was printed."""
    write_env(folder, gateway, "LOG_LEVEL=debug")
    process = await start(folder)
    await gateway.until(lambda: "RoomMemberPayload" in gateway.calls or gateway.calls.count("RoomPayload") == 4)
    gateway.script("MessageSendText", Fault(delay=0.3))
    gateway.say("r101", "alice", "in hand")
    await gateway.until(lambda: "MessageSendText" in gateway.calls)
    process.send_signal(number)
    shown = await output(process)
    assert process.returncode == 0, shown
    assert len(gateway.sent) == 1
    assert "has left" in shown and gateway.token not in shown
    assert not {"Stop", "Logout"} & set(gateway.calls)


@pytest.mark.skipif(os.name == "nt", reason="Windows gives Ctrl-C to no other group of processes")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("mode", ["--demo", "--check"])
async def test_ctrl_c_ends_a_mode_quietly(folder: Path, gateway: ScriptedGateway, mode: str) -> None:
    """Ctrl-C in the demo and in a check that waits ends it with the code of an interrupt and no traceback."""
    write_env(folder, gateway)
    await gateway.close()
    process = await start(folder, mode)
    assert process.stdout
    shown = (await process.stdout.readline()).decode()
    process.send_signal(signal.SIGINT)
    shown += await output(process)
    assert process.returncode == 130, shown
    assert "Traceback" not in shown


@pytest.mark.skipif(os.name == "nt", reason="sizes of pipes differ")
async def test_a_log_that_nobody_reads_stops_nothing(folder: Path, gateway: ScriptedGateway) -> None:
    """While nobody reads what the bot logs, far more than a pipe holds, it relays; it leaves when it is told to."""
    write_env(folder, gateway)
    process = await start(folder)
    await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4)
    for _ in range(1500):
        gateway.emit(16, {"data": "x" * 480})
    gateway.say("r101", "alice", "hello")
    try:
        await gateway.until(lambda: len(gateway.sent) == 2)
        process.send_signal(LEAVE[-1])
        await output(process)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0


async def test_second_signal_leaves_at_once(folder: Path, gateway: ScriptedGateway) -> None:
    """A second signal does not wait for a send that takes long."""
    write_env(folder, gateway)
    process = await start(folder)
    await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4)
    gateway.script("MessageSendText", Fault(delay=30))
    gateway.say("r101", "alice", "slow")
    await gateway.until(lambda: "MessageSendText" in gateway.calls, limit=5)
    process.send_signal(LEAVE[-1])
    await asyncio.sleep(0.1)
    process.send_signal(LEAVE[-1])
    await output(process)
    assert process.returncode not in (0, None)


@pytest.mark.parametrize("number", LEAVE)
async def test_dry_run_sends_nothing_and_removes_its_state_file(
    folder: Path, gateway: ScriptedGateway, number: signal.Signals
) -> None:
    """Beside a bot on its state file a dry run prints what it would send; a signal ends it with 0, nothing is left."""
    write_env(folder, gateway)
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    with contextlib.closing(StateFile(folder / "roomsync.db")):
        before = {path: path.read_bytes() for path in folder.glob("roomsync.db*")}
        process = await start(folder, "--dry-run", **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)))
        await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4, limit=30)
        gateway.say("r101", "alice", "hello")
        assert process.stdout
        lines: list[str] = []
        while sum("hello" in line for line in lines) < 2:
            lines.append((await asyncio.wait_for(process.stdout.readline(), 30)).decode())
            assert lines[-1], lines
        assert any("This is a dry run: nothing is sent." in line for line in lines)
        assert len(list(temporary.iterdir())) == 1
        process.send_signal(number)
        shown = await output(process)
        assert {path: path.read_bytes() for path in folder.glob("roomsync.db*")} == before
    assert process.returncode == 0, shown
    (end,) = [line for line in shown.splitlines() if "The dry run is over" in line]
    assert "2 sends would have been made, and none was." in end and end.endswith(" and is removed.")
    assert list(temporary.iterdir()) == []
    assert not gateway.sent and not {"Stop", "Logout"} & set(gateway.calls)


def test_dry_run_goes_with_no_other_mode(folder: Path) -> None:
    """A dry run together with another mode is refused with 2."""
    assert run(folder, "--dry-run", "--demo").returncode == 2


def sends_in(state_file: Path) -> int:
    """How many sends are in a state file."""
    with read_only(state_file) as db:
        return int(db.execute("SELECT count(*) FROM sends").fetchone()[0])


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is open")
async def test_dry_run_that_nobody_reads_is_ended_at_once(folder: Path, gateway: ScriptedGateway) -> None:
    """While nobody takes what it prints, a dry run hears on; a second signal ends it, and its state file is removed."""
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    write_env(folder, gateway)
    reader, writer = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(folder / "bot.py"), "--dry-run", env=environment(TMPDIR=str(temporary)),
        stdout=writer, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4, limit=30)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x")
        os.set_blocking(writer, True)
        for text in ("waits to be printed", "heard all the same"):
            gateway.say("r101", "alice", text)
        await gateway.until(lambda: gateway.calls.count("MessagePayload") == 2)
        (own,) = temporary.iterdir()
        await until(lambda: sends_in(own / "roomsync.db"))
        for number in (signal.SIGINT, signal.SIGTERM):  # two, for one that comes twice at once counts once
            process.send_signal(number)
        code = await asyncio.wait_for(process.wait(), 5)
    finally:
        os.close(reader)
        os.close(writer)
        if process.returncode is None:
            process.kill()
    assert (code, list(temporary.iterdir()), gateway.sent) == (128 + signal.SIGTERM, [], [])


@pytest.mark.skipif(os.name == "nt", reason="pipes are others")
async def test_dry_run_whose_reader_leaves_ends_quietly(folder: Path, gateway: ScriptedGateway) -> None:
    """Piped into `head`, a dry run ends with 1, removes its state file and shows no traceback."""
    write_env(folder, gateway)
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f"{{ '{sys.executable}' '{folder / 'bot.py'}' --dry-run; echo code $? >&2; }} | head -n 1",
        env=environment(TMPDIR=str(temporary)), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4, limit=30)
    ending = asyncio.create_task(process.communicate())
    async with asyncio.timeout(30):
        while not ending.done():  # until the pipe is broken
            gateway.say("r101", "alice", "hello")
            await asyncio.wait({ending}, timeout=0.05)
    _, shown = ending.result()
    assert shown.decode().endswith("code 1\n") and "Traceback" not in shown.decode()
    assert list(temporary.iterdir()) == []


async def test_what_is_said_while_a_killed_bot_is_away_is_relayed(folder: Path, numbered: NumberedGateway) -> None:
    """A bot that was killed and starts again tells a gateway that numbers its events where it was, and misses none."""
    write_env(folder, numbered)
    texts = [str(number) for number in range(40)]

    def heard() -> list[str]:
        lines = [line for one in numbered.sent if one.room_id == "r102" for line in one.body.split("\n")]
        return [line.removeprefix("[Alice@101]:  ") for line in lines]

    def say(*some: str) -> None:
        for text in some:
            numbered.say("r101", "alice", text)

    for first, *others in (texts[:20], texts[20:]):
        process = await start(folder)
        await numbered.until(lambda: numbered.streams, limit=30)
        say(first, *others[:9])
        while first not in heard():
            await asyncio.sleep(0.002)
        process.kill()
        await process.wait()
        say(*others[9:])
    process = await start(folder)
    await numbered.until(lambda: texts[-1] in heard(), limit=30)
    process.send_signal(LEAVE[-1])
    await output(process)
    # What was in hand when it was killed may have been sent twice; nothing else is, and nothing is missing.
    assert [one for number, one in enumerate(heard()) if one not in heard()[:number]] == texts
    assert numbered.cursors[0] == Cursor() and all(cursor.account_id == "bot" for cursor in numbered.cursors[1:])


async def test_verify_code_is_a_mode(folder: Path, gateway: ScriptedGateway) -> None:
    """A code goes to the gateway and to no log; what is no code is refused before that, with 2, and not shown."""
    write_env(folder, gateway, "LOG_LEVEL=debug")
    process = await start(folder, "--verify-code", "987654")
    shown = await output(process)
    assert "WeChat asks for no verify code now." in shown and "987654" not in shown
    assert (process.returncode, gateway.calls) == (1, ["Event", "Start"])
    process = await start(folder, "--verify-code", "98765x")
    assert "4 to 8 digits" in (shown := await output(process)) and "98765x" not in shown
    assert process.returncode == 2


async def test_wrong_token_ends_the_bot_with_one_line(folder: Path, gateway: ScriptedGateway) -> None:
    """A token that the gateway refuses is one clear line, and 3; a log file has it, too."""
    write_env(folder, gateway, "LOG_FILE=bot.log")
    process = await start(folder, WECHATY_PUPPET_SERVICE_TOKEN="not_this_one")
    shown = await output(process)
    assert process.returncode == 3
    assert "refuses the token" in shown and "Traceback" not in shown and "not_this_one" not in shown
    logged = (folder / "bot.log").read_text(encoding="utf-8")
    assert "The bot ends: " in logged and "refuses the token" in logged and "Traceback" not in logged


async def test_second_bot_on_one_state_file_is_refused(folder: Path, gateway: ScriptedGateway) -> None:
    """A second bot beside the first ends with one line and 4, before it connects."""
    write_env(folder, gateway)
    first = await start(folder)
    await gateway.until(lambda: "Start" in gateway.calls)
    second = await start(folder)
    assert "is in use by another bot" in await output(second)
    assert second.returncode == 4
    first.send_signal(LEAVE[-1])
    await output(first)
    assert gateway.calls.count("Event") == 1


@pytest.mark.skipif(os.name == "nt", reason="the check reads /proc or lsof")
async def test_bot_listens_on_no_port(folder: Path, gateway: ScriptedGateway) -> None:
    """A running bot has no listening socket."""
    write_env(folder, gateway)
    process = await start(folder)
    await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4)
    inodes = {
        link.readlink().name for link in Path(f"/proc/{process.pid}/fd").iterdir() if "socket:" in str(link.readlink())
    }
    listening = {
        f"socket:[{line.split()[9]}]"
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    process.send_signal(LEAVE[-1])
    await output(process)
    assert inodes and not inodes & listening
