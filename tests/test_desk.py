"""Staff on WeChat: who is heard, where, and that nobody else is."""

import asyncio
import contextlib
import logging
import time
from pathlib import Path

import pytest

from roomsync import store
from roomsync.model import Kind, Message, State
from roomsync.store import StateFile
from tests.conftest import PREFIX, running, until
from tests.scripted import ScriptedGateway
from tests.staffed import NAME, OFFICE, staffed


async def test_the_first_one_is_listed_by_a_code(gateway: ScriptedGateway, state_file: Path) -> None:
    """Whoever sends the code in the room of the staff is listed, is told so once, and the code is gone."""
    async with staffed(gateway, state_file, claim=False) as staff:
        code = staff.code()
        assert len(code) == 6
        answer = await staff.ask(f"／认领  {code}")
        assert answer.startswith("认领成功")
        assert (staff.code(), await staff.ask("/管理员")) == ("", "1 张主管")
        await staff.ignores(f"/claim {code}", who="eve")


async def test_the_code_works_in_private(gateway: ScriptedGateway, state_file: Path) -> None:
    """The code may be sent in private, too: the answers come there, and the staff's room reads who is staff now."""
    async with staffed(gateway, state_file, claim=False) as staff:
        assert "认领成功" in await staff.ask(f"/claim {staff.code()}", where="")
        assert "101" in await staff.ask("/rooms", where="")
        assert staff.said_in(OFFICE) == ["「张主管」用认领码成为管理员（/撤销 1）"]


async def test_five_wrong_codes_void_it(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Wrong codes get no answer; after five there is none until the next start, which makes a new one."""
    async with staffed(gateway, state_file, claim=False) as staff:
        code = staff.code()
        for _ in range(5):
            await staff.ignores("/claim 000000" if code != "000000" else "/claim 111111", who="eve", where="")
        await until(lambda: not staff.code())
        await staff.ignores(f"/claim {code}")
    async with staffed(gateway, state_file, claim=False) as staff:
        assert staff.code() not in ("", code)
    assert caplog.text.count("A wrong code was sent by") == 5


async def test_staff_is_known_over_a_restart(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who was listed is listed after a restart, and no code is made."""
    async with staffed(gateway, state_file):
        pass
    async with staffed(gateway, state_file, claim=False) as staff:
        assert staff.code() == ""
        assert "1 张主管" in await staff.ask("/管理员")


async def test_another_account_has_no_staff(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where the account's id changes at a login the list is void, and a new code lists the first one."""
    async with staffed(gateway, state_file):
        pass
    gateway.bot_id = "bot2"
    gateway.add_contact("bot2", "小助手")
    async with staffed(gateway, state_file, claim=False) as staff:
        assert staff.code()
        await staff.ignores("/状态")


@pytest.mark.parametrize("where", [OFFICE, ""])
async def test_nobody_else_is_heard(gateway: ScriptedGateway, state_file: Path, where: str) -> None:
    """Somebody of the same name gets no answer and changes nothing, in the room of the staff and in private."""
    async with staffed(gateway, state_file) as staff:
        for text in ("/帮助", "/状态", "/暂停", "/群 101 停", "/xyz", "/claim 123456"):
            await staff.ignores(text, who="eve", where=where)
        assert not staff.bot.session.pauses


async def test_staff_is_heard_where_it_speaks_alone(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command of staff in a room of the community is a text like any other: relayed, and not obeyed."""
    async with staffed(gateway, state_file) as staff:
        gateway.say("r101", "chief", "/暂停")
        await gateway.until(lambda: "[张主管@101]:  /暂停" in staff.said_in("r102"))
        await staff.settled()
        assert not staff.bot.session.pauses


async def test_what_is_said_to_the_bot_is_relayed_nowhere(gateway: ScriptedGateway, state_file: Path) -> None:
    """Neither the room of the staff, though its name starts with the prefix, nor a private chat is relayed."""
    async with staffed(gateway, state_file) as staff:
        before = len(gateway.sent)
        for who in ("chief", "eve"):
            gateway.say(OFFICE, who, "between us")
            gateway.say("", who, "in private")
        await staff.settled()
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == before + 2)
        await staff.settled()
        assert {one.room_id for one in gateway.sent[before:]} == {"r102", "r103"}


async def test_what_is_quoted_is_not_obeyed(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command in a quote does nothing, and one in a reply says why it does nothing."""
    async with staffed(gateway, state_file) as staff:
        line = "- - - - - - - - - - - - - - -"
        await staff.ignores(f"「Alice：/暂停」\n{line}\nlook")
        assert "单独发" in await staff.ask(f"「Alice：hello」\n{line}\n/暂停")
        assert "单独发" in await staff.ask("/暂停", quote_id="said-1")
        assert not staff.bot.session.pauses


async def test_only_a_text_is_a_command(gateway: ScriptedGateway, state_file: Path) -> None:
    """What is no text is no command, whatever its text and its title are."""
    async with staffed(gateway, state_file) as staff:
        for kind in ["url", "miniprogram", "file", "contact", "chat_history", "unknown", "system"]:
            await staff.ignores("/暂停", kind=kind, content='{"title": "/暂停", "url": "https://example.org"}')
            assert not staff.bot.session.pauses


async def test_a_forged_header_is_no_command(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command behind a header, or on a later line, is none."""
    async with staffed(gateway, state_file) as staff:
        await staff.ignores("[张主管@101]:  /暂停")
        await staff.ignores("hello\n/暂停")
        assert "一个命令" in await staff.ask("/暂停\n/恢复")
        assert not staff.bot.session.pauses


async def test_a_command_is_carried_out_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command that the gateway tells again, also after a restart, is neither carried out nor answered again."""
    async with staffed(gateway, state_file) as staff:
        assert "已暂停" in await staff.ask("/暂停 5", id="c1")
        assert "已恢复" in await staff.ask("/恢复")
        await staff.ignores("/暂停 5", id="c1")
    async with staffed(gateway, state_file) as staff:
        await staff.ignores("/暂停 5", id="c1")
        assert not staff.bot.session.pauses


async def test_a_command_that_is_handed_on_twice_is_carried_out_once(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """What failed after it was committed, and is handled again, is neither carried out nor answered again."""
    async with staffed(gateway, state_file) as staff:
        assert staff.bot.reception.desk
        for _ in range(2):
            await staff.bot.reception.desk.handle(Message("c1", OFFICE, "chief", "", Kind.TEXT, "/暂停 5"))
        await staff.settled()
        assert (len(staff.said_in(OFFICE)), len(staff.actions())) == (2, 2)


async def test_a_command_that_waited_is_not_carried_out(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command that one bot noted, and the next one comes to hours later, is answered and not obeyed."""
    async with staffed(gateway, state_file):
        pass
    gateway.say(OFFICE, "chief", "/群 103 停", id="late")
    with contextlib.closing(StateFile(state_file)) as state, state.transaction() as db:
        store.incoming.note(db, ["late"], time.time() - 7200)
    async with staffed(gateway, state_file, claim=False) as staff:
        await gateway.until(lambda: "2 小时前发的" in staff.said_in(OFFICE)[-1])
        assert staff.bot.rooms.mode("r103") == "normal"


async def test_a_throttle_notice_told_again_counts_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """WeChat's notice in the staff's room pauses the account; told again it changes nothing."""
    async with staffed(gateway, state_file) as staff:
        gateway.say(OFFICE, "bot", "操作过于频繁，可稍后再试", id="n1", kind="unknown")
        await until(lambda: staff.bot.session.cooldown.length == 60)
        before = staff.bot.session.cooldown
        staff.bot.clock.go_on(61)
        staff.bot.courier.wake()
        gateway.say(OFFICE, "bot", "操作过于频繁，可稍后再试", id="n1", kind="unknown")
        await staff.settled()
        assert staff.bot.session.cooldown == before


async def test_the_bot_does_not_obey_itself(gateway: ScriptedGateway, state_file: Path) -> None:
    """What the account itself says in the room of the staff is no command."""
    async with staffed(gateway, state_file) as staff:
        await staff.ignores("/暂停", who="bot")
        await staff.ignores("/暂停", who="bot", where="")


async def test_without_a_room_set_nobody_is_heard(gateway: ScriptedGateway, state_file: Path) -> None:
    """With ADMIN_ROOM empty there is no code, and no command is answered."""
    async with staffed(gateway, state_file, claim=False, ADMIN_ROOM="") as staff:
        assert staff.code() == ""
        await staff.ignores("/帮助", where="")


async def test_two_rooms_of_the_name_are_none(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two rooms of the name at the first start: staff is heard in neither, and the log says why."""
    gateway.add_room("office2", NAME)
    async with staffed(gateway, state_file, claim=False) as staff:
        await staff.ignores(f"/claim {staff.code()}")
        assert "2 rooms are called" in caplog.text
        assert "认领成功" in await staff.ask(f"/claim {staff.code()}", where="")


async def test_a_room_that_takes_the_name_later_is_not_believed(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the staff's own room is there, whatever its name, another one that has the name is none."""
    async with staffed(gateway, state_file) as staff:
        gateway.invite("office2", NAME)
        await until(lambda: staff.bot.rooms.knows("office2"))
        await staff.ignores("/状态", where="office2")
        assert "已连接" in await staff.ask("/状态")
        assert "Another room is called" in caplog.text
    gateway.rename(OFFICE, PREFIX + "109")
    async with staffed(gateway, state_file, claim=False) as staff:
        await staff.ignores("/状态", where="office2")
        assert "已连接" in await staff.ask("/状态")
        assert staff.bot.rooms.get(OFFICE) is None


async def test_the_first_word_in_a_room_that_was_not_listed_counts(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room of the staff's name that the bot learns of by what is said there is the staff's with that word."""
    async with staffed(gateway, state_file, claim=False, ADMIN_ROOM="后来的群") as staff:
        gateway.add_room("later", "后来的群")
        assert "认领成功" in await staff.ask(f"/claim {staff.code()}", where="later")


async def test_a_code_is_told_to_no_room(gateway: ScriptedGateway, state_file: Path) -> None:
    """A claim that is said in a room of the community by mistake is not relayed, and lists nobody."""
    async with staffed(gateway, state_file, claim=False) as staff:
        await staff.ignores(f"/认领 {staff.code()}", where="r101")
        assert await staff.ask(f"/认领 {staff.code()}")


async def test_who_is_listed_and_claims_reads_the_list(gateway: ScriptedGateway, state_file: Path) -> None:
    """A claim by somebody of the staff is answered with the list."""
    async with staffed(gateway, state_file) as staff:
        assert await staff.ask("/认领 123456") == "1 张主管"


async def test_a_claim_is_undone(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who became staff by a code is taken off the list by undoing that, but for the last one."""
    async with staffed(gateway, state_file) as staff:
        assert "最后一位" in await staff.ask("/撤销 1")
        await staff.ask("/管理员 加", where="")
        await staff.ask(f"/认领 {staff.code()}", who="bob", where="")
        await staff.settled()
        assert "「Bob」不再是管理员" in await staff.ask("/撤销")
        await staff.ignores("/状态", who="bob")


async def test_a_mention_of_the_bot_before_a_command_is_passed_over(gateway: ScriptedGateway, state_file: Path) -> None:
    """`@小助手 /状态` is a command, as people write it in a room."""
    async with staffed(gateway, state_file) as staff:
        assert "已连接" in await staff.ask("@小助手\u2005/状态", mentions=["bot"])
        await staff.ignores("@小助手\u2005/状态")


async def test_staff_hears_that_the_bot_was_taken_out(gateway: ScriptedGateway, state_file: Path) -> None:
    """When the bot is taken out of a room of the community staff is told."""
    async with staffed(gateway, state_file) as staff:
        gateway.remove("r103")
        await gateway.until(lambda: "不在「Milvus用户交流群103」" in staff.said_in(OFFICE)[-1])


async def test_a_room_takes_the_place_of_the_one_that_is_gone(gateway: ScriptedGateway, state_file: Path) -> None:
    """When a login lists all rooms without the staff's, another one of the name is the staff's; not before."""
    async with staffed(gateway, state_file) as staff:
        gateway.remove(OFFICE)
        gateway.invite("office2", NAME)
        await until(lambda: staff.bot.rooms.knows("office2"))
        await staff.ignores("/状态", where="office2")
        gateway.login()
        await until(lambda: staff.bot.rooms.staff_room_id == "office2")
        assert "已连接" in await staff.ask("/状态", where="office2")


async def test_a_renamed_room_keeps_its_place_when_all_ids_change(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where a login changes all room ids the staff's room is known by the topic that it has now, and not relayed."""
    async with staffed(gateway, state_file) as staff:
        gateway.rename(OFFICE, PREFIX + "运营")
        await until(lambda: "RoomPayload" in gateway.calls[-3:])
    async with staffed(gateway, state_file, claim=False):
        pass
    gateway._rooms = {f"new-{room_id}": room for room_id, room in gateway._rooms.items()}
    async with staffed(gateway, state_file, claim=False, office=False) as staff:
        assert staff.bot.rooms.staff_room_id == f"new-{OFFICE}"
        before = len(gateway.sent)
        gateway.say(f"new-{OFFICE}", "chief", "between us")
        await staff.settled()
        assert len(gateway.sent) == before
        assert "已连接" in await staff.ask("/状态", where=f"new-{OFFICE}")


async def test_a_room_of_the_community_does_not_become_staffs_by_its_name(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """While no room is the staff's, a room of a community that a member gives the name is not believed."""
    async with staffed(gateway, state_file, claim=False, ADMIN_ROOM="后来的群") as staff:
        gateway.rename("r103", "后来的群")
        await until(lambda: staff.bot.rooms.get("r103") is None)
        await staff.ignores(f"/claim {staff.code()}", where="r103")
        assert staff.bot.rooms.staff_room_id == ""


async def test_staff_room_that_is_listed_late_is_not_given_away(gateway: ScriptedGateway, state_file: Path) -> None:
    """While the gateway lists its rooms bit by bit a login waits for the staff's, though another one has its name."""
    async with staffed(gateway, state_file):
        pass
    room = gateway._rooms.pop(OFFICE)
    gateway.add_room("office2", NAME)
    calls = gateway.calls.count("RoomList")

    async def list_late() -> None:
        await until(lambda: gateway.calls.count("RoomList") > calls)
        gateway._rooms[OFFICE] = room

    late = asyncio.create_task(list_late())
    async with staffed(gateway, state_file, claim=False) as staff:
        await late
        assert staff.bot.rooms.staff_room_id == OFFICE
        await staff.ignores("/状态", where="office2")


@pytest.mark.parametrize("topic", [PREFIX + "管理 ", PREFIX + "管\u200b理", PREFIX.upper() + "管理"])
async def test_the_name_is_compared_as_prefixes_are(gateway: ScriptedGateway, state_file: Path, topic: str) -> None:
    """A blank, an unseen character or letter case in the name of the staff's room lets nothing be relayed from it."""
    gateway.add_room("office3", topic)
    async with staffed(gateway, state_file, claim=False) as staff:
        before = len(gateway.sent)
        gateway.say("office3", "chief", "between us")
        await staff.settled()
        assert len(gateway.sent) == before


async def test_what_waited_for_a_room_that_becomes_staffs_is_not_sent(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """A room of the community that is made the staff's gets nothing more of it."""
    async with running(gateway, state_file, paused=True) as bot:
        gateway.add_room("r104", NAME)
        gateway.say("r104", "bob", "hi")
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 6)
    async with running(gateway, state_file, ADMIN_ROOM=NAME) as bot:
        await until(lambda: not bot.outbox.counts().get(State.WAITING))
    assert {one.room_id for one in gateway.sent} == {"r101", "r102", "r103"}


async def test_the_log_has_the_code_while_nobody_is_listed(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says how to become the first of the staff, and nothing of it once there is one."""
    with caplog.at_level(logging.WARNING):
        async with staffed(gateway, state_file) as staff:
            assert "/claim" in caplog.text and NAME in caplog.text
            caplog.clear()
            gateway.login()
            await staff.settled()
        async with staffed(gateway, state_file):
            pass
    assert "/claim" not in caplog.text
