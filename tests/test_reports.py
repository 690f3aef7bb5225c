"""What staff reads of the bot: the commands, its status, what was done."""

from pathlib import Path

from roomsync.model import State
from tests.conftest import until
from tests.scripted import ScriptedGateway
from tests.staffed import said, staffed


async def test_help_fits_one_screen(gateway: ScriptedGateway, state_file: Path) -> None:
    """The list of commands is one message of at most 18 short lines, in either language."""
    async with staffed(gateway, state_file) as staff:
        answer = await staff.ask("/帮助")
        assert await staff.ask("/HELP") == answer
        lines = answer.split("\n")
        assert len(lines) <= 18 and all(len(line) < 40 for line in lines)


async def test_an_unknown_command_gets_the_nearest(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command that is not known is answered with the nearest, and with where all are listed."""
    async with staffed(gateway, state_file) as staff:
        assert "是不是 /pause？" in await staff.ask("/puase 30")
        assert "/帮助" in await staff.ask("/什么")


async def test_status_tells_how_each_room_is_doing(gateway: ScriptedGateway, state_file: Path) -> None:
    """The status has the connection, the pause, the delays of the last hour, and each room's mode and what waits."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "alice", "hello")
        await staff.ask("/群 103 只收")
        await staff.ask("/暂停")
        gateway.say("r101", "alice", "later")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
        answer = await staff.ask("/状态")
    assert answer.startswith("已连接\n已暂停")
    assert "近一小时到达：通常 0 秒，最慢 0 秒" in answer
    assert "\n102 正常 等待 1" in answer and "\n103 只收 等待 1" in answer
    assert answer.endswith("\n其余 1 个群正常，没有等待")


async def test_the_log_has_who_did_what(gateway: ScriptedGateway, state_file: Path) -> None:
    """The last actions are listed with who, what, and whether and by whom they were undone."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/群 103 停")
        await staff.ask("/撤销")
        answer = await staff.ask("/记录")
    assert [line.partition("：")[2] for line in answer.split("\n")][1:] == [
        "103：正常 → 停（张主管 已撤销）",
        "撤销第 2 步",
    ]
