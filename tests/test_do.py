"""Commands from the machine: handed over through the state file, answered once, taken back when nobody answers."""

import asyncio
import time
from pathlib import Path

import pytest

from roomsync import store
from roomsync.admin import machine
from roomsync.admin.machine import NOT_RUNNING
from roomsync.cli.do import do
from roomsync.store import read_write
from tests.conftest import running
from tests.scripted import Fault, ScriptedGateway
from tests.staffed import OFFICE, staffed


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot looks for commands without waiting a second between two looks."""
    monkeypatch.setattr(machine, "POLL_INTERVAL", 0.005)


async def done(state_file: Path, command: str, *, yes: bool = False) -> int:
    return await asyncio.to_thread(do, state_file, command, yes, lambda seconds: time.sleep(seconds / 20))


async def test_a_command_from_the_machine_is_carried_out(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command, with a slash or without, is done at once; the answer is printed, the exit code 0; it is on record."""
    async with running(gateway, state_file) as bot:
        assert await done(state_file, "/群 103 停") == 0
        assert "103：正常 → 停" in capsys.readouterr().out
        assert bot.rooms.mode("r103") == "off"
        assert await done(state_file, "记录") == 0
        assert "本机：103：正常 → 停" in capsys.readouterr().out
        assert gateway.sent == []


async def test_a_command_that_is_refused_exits_with_1(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is unknown, refused, or needs a person who posts, is told, with 1."""
    async with running(gateway, state_file):
        for command in ("/xyz", "/恢复", "/公告", "", "/暂停 0"):
            assert await done(state_file, command) == 1
        assert len(capsys.readouterr().out.strip().splitlines()) == 5


async def test_an_announcement_from_the_machine_needs_yes(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --yes it is shown and waits to be confirmed, with it it goes at once."""
    async with running(gateway, state_file):
        assert await done(state_file, "/公告 Milvus 2.7 发布了") == 1
        assert "加上 --yes 直接发出" in capsys.readouterr().out
        assert gateway.sent == []
        assert await done(state_file, "/公告 Milvus 2.8 发布了", yes=True) == 0
        await gateway.until(lambda: len(gateway.sent) == 3)
        assert {one.body for one in gateway.sent} == {"Milvus 2.8 发布了"}


async def test_the_machine_pauses_what_staff_resumes(gateway: ScriptedGateway, state_file: Path) -> None:
    """What one does from the machine others see, and undo, on WeChat."""
    async with staffed(gateway, state_file) as staff:
        assert await done(state_file, "/暂停") == 0
        assert staff.bot.session.pauses
        assert "本机：暂停" in await staff.ask("/记录")
        await staff.ask("/撤销")
        assert not staff.bot.session.pauses
        assert staff.said_in(OFFICE)[-1].startswith("已撤销")


def test_without_a_bot_nothing_is_done(state_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When no bot runs that is said, with 1, and no file is made."""
    assert do(state_file, "/状态", False) == 1
    assert "No bot runs" in capsys.readouterr().out
    assert not state_file.exists()


async def test_a_command_that_nobody_answers_is_taken_back(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot that hangs does not do later what nobody waits for."""
    monkeypatch.setattr(machine, "POLL_INTERVAL", 3600.0)
    async with running(gateway, state_file) as bot:
        assert await asyncio.to_thread(do, state_file, "/暂停", False, lambda seconds: None) == 1
        assert "nothing was done" in capsys.readouterr().out
        with bot.state.connection() as db:
            assert store.requests.open_ones(db) == []


async def test_what_was_asked_of_an_earlier_bot_is_not_done(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command that a bot left without an answer is not carried out by the next one."""
    async with running(gateway, state_file):
        pass
    with read_write(state_file) as db:
        number = store.requests.add(db, "/暂停", False, time.time())
    async with running(gateway, state_file) as bot:
        await asyncio.sleep(0.05)
        with bot.state.connection() as db:
            assert store.requests.answer_to(db, number) == (NOT_RUNNING, False)
        assert not bot.session.pauses


async def test_a_command_that_fails_ends_no_bot(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own is told, logged with its cause, and the bot goes on."""

    def fail(*arguments: object) -> None:
        raise RuntimeError("a fault")

    async with running(gateway, state_file):
        with monkeypatch.context() as patch:
            patch.setattr("roomsync.admin.commands.carry_out", fail)
            assert await done(state_file, "/状态") == 1
        assert "出错" in capsys.readouterr().out
        assert await done(state_file, "/状态") == 0


async def test_a_send_that_hangs_does_not_hold_a_command_up(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command is carried out while a send has no answer."""
    gateway.script("MessageSendText", Fault(delay=0.1))
    async with running(gateway, state_file) as bot:
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: "MessageSendText" in gateway.calls)
        assert await done(state_file, "/暂停") == 0
        assert bot.session.pauses
