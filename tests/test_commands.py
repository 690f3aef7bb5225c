"""What staff commands, what is refused, and that it can be undone and survives a restart."""

import json
from pathlib import Path

import pytest

from roomsync.model import Mode, State
from tests.conftest import until
from tests.scripted import ScriptedGateway
from tests.staffed import OFFICE, Staff, staffed

IMAGE = json.dumps({"boxType": 1, "base64": "aGVsbG8=", "name": "a.png"})
LINK = json.dumps({"title": "Milvus 2.7", "url": "https://example.org"})


async def said(staff: Staff, room: str, who: str, text: str, **more: str) -> None:
    """Somebody says something in a room of the community, and it is decided."""
    staff.gateway.say(room, who, text, **more)
    await staff.settled()


def number_of(answer: str) -> str:
    """The number under which an answer says that it can be undone."""
    return answer.rpartition("/撤销 ")[2].rstrip("）")


# --- reports ---


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
    assert "\n101 正常\n102 正常 等待 1" in answer and "\n103 只收 等待 1" in answer


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


# --- rooms ---


@pytest.mark.parametrize(
    ("word", "mode", "hears", "speaks"),
    [("只收", Mode.RECEIVE, True, False), ("send", Mode.SEND, False, True), ("停", Mode.OFF, False, False)],
)
async def test_a_mode_says_what_a_room_hears_and_whether_it_is_heard(
    gateway: ScriptedGateway, state_file: Path, word: str, mode: Mode, hears: bool, speaks: bool
) -> None:
    """A room takes part as its mode says, at once, also after a restart; undone, as before."""
    async with staffed(gateway, state_file) as staff:
        undo = number_of(await staff.ask(f"/群 103 {word}"))
        assert staff.bot.rooms.mode("r103") is mode
    async with staffed(gateway, state_file) as staff:
        before = len(gateway.sent)
        await said(staff, "r103", "bob", "from 103")
        await said(staff, "r101", "alice", "from 101")
        sent = [(one.room_id, one.body.partition("  ")[2]) for one in gateway.sent[before:]]
        assert ("r103", "from 101") in sent if hears else ("r103", "from 101") not in sent
        assert (("r101", "from 103") in sent) is speaks
        await staff.ask(f"/撤销 {undo}")
        await said(staff, "r101", "alice", "again")
        assert staff.said_in("r103")[-1] == "[Alice@101]:  again"


async def test_what_waits_for_a_room_that_is_shut_is_not_sent(gateway: ScriptedGateway, state_file: Path) -> None:
    """Set to 停, a room is not sent what waits for it; undone, it is."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/暂停")
        gateway.say("r101", "alice", "hello")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
        assert "1 条已取消" in await staff.ask("/群 103 停")
        await staff.ask("/恢复")
        await staff.settled()
        assert (staff.said_in("r102"), staff.said_in("r103")) == (["[Alice@101]:  hello"], [])
        assert "1 条继续发送" in await staff.ask("/撤销 3")
        await staff.settled()
        assert staff.said_in("r103") == ["[Alice@101]:  hello"]


@pytest.mark.parametrize("text", ["/群 107 停", "/群 103", "/群 停", "/群 103 乱", "/群 103 正常"])
async def test_a_mode_that_cannot_be_is_refused(gateway: ScriptedGateway, state_file: Path, text: str) -> None:
    """An unknown room, a missing or unknown mode, and the mode that it has: refused, and nothing is changed."""
    async with staffed(gateway, state_file) as staff:
        actions = staff.actions()
        assert (await staff.ask(text)).endswith(("。", "）"))
        assert (staff.actions(), staff.bot.rooms.mode("r103")) == (actions, Mode.NORMAL)


async def test_a_shut_room_does_not_hear_what_the_bot_is(gateway: ScriptedGateway, state_file: Path) -> None:
    """In a room that hears nothing the bot does not introduce itself either."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/群 103 停")
        before = len(gateway.sent)
        gateway.say("r103", "bob", "@小助手 hi", mentions=["bot"])
        await staff.settled()
        assert gateway.sent[before:] == []


async def test_a_new_room_is_told_of(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room that comes after the login takes part at once, and staff reads who brought the bot there."""
    async with staffed(gateway, state_file) as staff:
        gateway.add_room("r104", "Milvus用户交流群104", {"alice": "", "bob": "", "bot": ""})
        gateway.invite("r104", "Milvus用户交流群104")
        await gateway.until(lambda: len(staff.said_in(OFFICE)) == 2)
        assert staff.said_in(OFFICE)[-1].startswith("新群「Milvus用户交流群104」，邀请人 Alice，共 ")
        await said(staff, "r101", "alice", "hello")
        assert staff.said_in("r104") == ["[Alice@101]:  hello"]


async def test_a_new_room_is_asked_about(gateway: ScriptedGateway, state_file: Path) -> None:
    """With NEW_ROOMS=ask it neither hears nor is heard until staff lets it in, also over a restart; that is undone."""
    async with staffed(gateway, state_file, NEW_ROOMS="ask") as staff:
        gateway.invite("r104", "Milvus用户交流群104")
        await gateway.until(lambda: len(staff.said_in(OFFICE)) == 2)
        assert "/接入 104 · /拒绝 104" in staff.said_in(OFFICE)[-1]
    async with staffed(gateway, state_file, NEW_ROOMS="ask") as staff:
        await said(staff, "r104", "bob", "let me in")
        await said(staff, "r101", "alice", "hello")
        assert staff.said_in("r104") == [] and "[Bob@104]:  let me in" not in staff.said_in("r101")
        await staff.ask("/接入 104")
        await said(staff, "r101", "alice", "welcome")
        assert staff.said_in("r104") == ["[Alice@101]:  welcome"]
        await staff.ask("/撤销")
        assert staff.bot.rooms.mode("r104") is Mode.ASKED
        await staff.ask("/拒绝")
        assert staff.bot.rooms.mode("r104") is Mode.OFF


async def test_the_first_rooms_are_not_asked_about(gateway: ScriptedGateway, state_file: Path) -> None:
    """With NEW_ROOMS=ask the rooms of the first start take part; one that came while the bot was away does not."""
    async with staffed(gateway, state_file, NEW_ROOMS="ask") as staff:
        assert staff.said_in(OFFICE)[1:] == []
        assert {staff.bot.rooms.mode(one) for one in ("r101", "r102", "r103")} == {Mode.NORMAL}
    gateway.add_room("r104", "Milvus用户交流群104")
    async with staffed(gateway, state_file, NEW_ROOMS="ask") as staff:
        await gateway.until(lambda: "/接入 104" in staff.said_in(OFFICE)[-1])


# --- pauses ---


async def test_a_pause_keeps_what_is_said_over_a_restart(gateway: ScriptedGateway, state_file: Path) -> None:
    """Paused, nothing is sent and nothing lost, also over a restart; resumed, all of it goes in its order."""
    async with staffed(gateway, state_file) as staff:
        assert "发 /恢复 继续" in await staff.ask("/暂停")
        gateway.say("r101", "alice", "one")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
    async with staffed(gateway, state_file, claim=False) as staff:
        gateway.say("r101", "alice", "two")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 4)
        assert staff.said_in("r102") == []
        assert "补发" in await staff.ask("/恢复")
        await staff.settled()
    assert "\n".join(staff.said_in("r102")) == "[Alice@101]:  one\ntwo"


async def test_a_pause_ends_by_itself(gateway: ScriptedGateway, state_file: Path) -> None:
    """A pause of some minutes is over after them."""
    async with staffed(gateway, state_file) as staff:
        assert "自动恢复" in await staff.ask("/pause 5")
        gateway.say("r101", "alice", "hello")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
        staff.bot.clock.go_on(301)
        staff.bot.courier.wake()
        await gateway.until(lambda: staff.said_in("r102") == ["[Alice@101]:  hello"])


async def test_staff_is_reminded_of_a_pause(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of a pause without an end staff is reminded once an hour, of another one never."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/暂停")
        assert staff.bot.reception.desk
        for hours in (1, 2):
            for _ in range(2):
                staff.bot.clock.go_on(hours * 3600 + 1)
                await staff.bot.reception.desk.remind()
            await staff.settled()
        reminders = [one for one in staff.said_in(OFFICE) if one.startswith("提醒：")]
        assert [one.partition("，")[0] for one in reminders] == ["提醒：已暂停 1 小时", "提醒：已暂停 2 小时"]
        await staff.ask("/恢复")
        await staff.ask("/暂停 600")
        staff.bot.clock.go_on(3 * 3600 + 1)
        await staff.bot.reception.desk.remind()
        await staff.settled()
        assert len([one for one in staff.said_in(OFFICE) if one.startswith("提醒：")]) == 2


async def test_pauses_are_undone(gateway: ScriptedGateway, state_file: Path) -> None:
    """A pause undone is none; a resume undone is the pause as it was."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/暂停 30")
        until_then = dict(staff.bot.session.pauses)
        await staff.ask("/恢复")
        assert not staff.bot.session.pauses
        await staff.ask("/撤销")
        assert dict(staff.bot.session.pauses) == until_then
        await staff.ask("/撤销 2")
        assert not staff.bot.session.pauses


@pytest.mark.parametrize("text", ["/恢复", "/暂停 0", "/暂停 很久", "/暂停 99999"])
async def test_a_pause_that_cannot_be_is_refused(gateway: ScriptedGateway, state_file: Path, text: str) -> None:
    """A resume without a pause, and a pause of no length or of another one than minutes, changes nothing."""
    async with staffed(gateway, state_file) as staff:
        actions = staff.actions()
        await staff.ask(text)
        assert (staff.actions(), dict(staff.bot.session.pauses)) == (actions, {})


async def test_of_several_communities_one_is_paused(gateway: ScriptedGateway, state_file: Path) -> None:
    """A command that names a community is for it alone; without a name it is for all, and the answer says so."""
    gateway.add_room("k1", "Knowhere1")
    gateway.add_room("k2", "Knowhere2")
    async with staffed(gateway, state_file, ROOM_PREFIX="Milvus用户交流群,Knowhere") as staff:
        assert "已暂停「Knowhere」" in await staff.ask("/暂停 know 30")
        gateway.say("k1", "bob", "hi")
        await said(staff, "r101", "alice", "hello")
        await gateway.until(lambda: staff.said_in("r102") == ["[Alice@101]:  hello"])
        assert staff.said_in("k2") == []
        assert "已恢复发送「Knowhere」" in await staff.ask("/恢复 Knowhere")
        await staff.settled()
        assert staff.said_in("k2") == ["[Bob@1]:  hi"]
        assert "已暂停全部社群" in await staff.ask("/暂停")


# --- people ---


async def test_who_is_muted_is_relayed_nowhere(gateway: ScriptedGateway, state_file: Path) -> None:
    """What a muted member says in any room is relayed nowhere, also after a restart; undone, it is again."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "bob", "spam")
        number = (await staff.ask("/最近 101")).split()[0]
        undo = number_of(await staff.ask(f"/静音 {number}"))
    async with staffed(gateway, state_file) as staff:
        before = len(gateway.sent)
        await said(staff, "r101", "bob", "spam")
        await said(staff, "r102", "bob", "spam")
        await said(staff, "r101", "alice", "hello")
        assert {one.body for one in gateway.sent[before:]} == {"[Alice@101]:  hello"}
        last = (await staff.ask("/最近")).split("\n")[-2]
        assert "Bob" in last and "（未转发）" in last
        assert "没有转发过" in await staff.ask(f"/撤回 {last.split()[0]}")
        assert f"Bob 长期 · /撤销 {undo}" in await staff.ask("/黑名单")
        await staff.ask(f"/撤销 {undo}")
        await said(staff, "r101", "bob", "sorry")
        assert staff.said_in("r102")[-1] == "[Bob@101]:  sorry"
        assert await staff.ask("/muted") == "没有被静音的人。"


async def test_a_mute_of_minutes_ends(gateway: ScriptedGateway, state_file: Path) -> None:
    """A mute by name and for minutes is over after them."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "bob", "hi")
        assert "已静音「Bob」，到" in await staff.ask("/mute bob 60")
        await said(staff, "r101", "bob", "spam")
        staff.bot.clock.go_on(3601)
        await said(staff, "r101", "bob", "again")
        assert [one.rpartition("  ")[2] for one in staff.said_in("r102")] == ["hi", "again"]


async def test_of_two_of_a_name_none_is_muted(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where two people of that name spoke lately the answer lists them with numbers, and mutes nobody."""
    gateway.add_contact("bob2", "Bob")
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "bob", "first")
        await said(staff, "r102", "bob2", "second")
        answer = await staff.ask("/静音 Bob")
        first, second = answer.split("\n")[1:]
        assert "first" in first and "second" in second
        await staff.ask(f"/静音 {second.split()[0]} 10")
        assert await staff.ask("/黑名单") == "Bob 还剩 10 分钟 · /撤销 2"
        await said(staff, "r101", "bob", "third")
        assert staff.said_in("r103")[-1] == "[Bob@101]:  third"


@pytest.mark.parametrize("text", ["/静音", "/静音 谁也不是", "/静音 #99999", "/静音 Alice 0", "/静音 张主管"])
async def test_a_mute_that_cannot_be_is_refused(gateway: ScriptedGateway, state_file: Path, text: str) -> None:
    """Nobody, an unknown name or number, no length, and somebody of the staff: nobody is muted."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "alice", "hello")
        await said(staff, "r101", "chief", "hello")
        actions = staff.actions()
        await staff.ask(text)
        assert (staff.actions(), await staff.ask("/黑名单")) == (actions, "没有被静音的人。")


async def test_staff_adds_whom_it_mentions(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who is mentioned is listed by id, not by name; taken off, it is not heard; each is undone."""
    async with staffed(gateway, state_file) as staff:
        await staff.ignores("/状态", who="bob")
        assert "「Bob」现在是管理员" in await staff.ask("/管理员 加 @Bob", mentions=["bob"])
        assert "已连接" in await staff.ask("/状态", who="bob")
        assert await staff.ask("/管理员", who="bob") == "1 张主管\n2 Bob"
        assert "不再是管理员" in await staff.ask("/管理员 删 2")
        await staff.ignores("/状态", who="bob")
        await staff.ask("/撤销")
        assert "已连接" in await staff.ask("/状态", who="bob")
        await staff.ask("/撤销 2")
        await staff.ignores("/状态", who="bob")


async def test_the_last_of_the_staff_stays(gateway: ScriptedGateway, state_file: Path) -> None:
    """The last one cannot be taken off the list, nor who is not on it."""
    async with staffed(gateway, state_file) as staff:
        assert "最后一位" in await staff.ask("/管理员 删 1")
        assert "用法" in await staff.ask("/管理员 删 7")
        assert await staff.ask("/管理员") == "1 张主管"


async def test_where_nobody_is_mentioned_a_code_is_given(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where the gateway names nobody that is mentioned, a code can be passed on, once."""
    async with staffed(gateway, state_file) as staff:
        answer = await staff.ask("/管理员 加 @Bob")
        assert f"/认领 {staff.code()}" in answer and len(staff.code()) == 6
        assert "认领成功" in await staff.ask(f"/认领 {staff.code()}", who="bob", where="")
        assert staff.code() == ""


# --- messages ---


async def test_the_last_messages_have_numbers(gateway: ScriptedGateway, state_file: Path) -> None:
    """The last ten messages, of all rooms or of one, each on one line with its room, name, time and start."""
    async with staffed(gateway, state_file) as staff:
        for number in range(11):
            await said(staff, "r101", "alice", f"line {number}\n#1 102 Bob")
        await said(staff, "r102", "bob", "", kind="image", content=IMAGE)
        lines = (await staff.ask("/最近")).split("\n")
        assert len(lines) == 10
        assert lines[-1].endswith("[图片]") and lines[-1].split()[1:3] == ["102", "Bob"]
        assert lines[-2].split()[1:3] == ["101", "Alice"] and "line 10 #1 102 Bob" in lines[-2]
        assert len((await staff.ask("/最近 102")).split("\n")) == 1


async def test_staff_takes_a_message_back(gateway: ScriptedGateway, state_file: Path) -> None:
    """A message is taken back in all rooms as if its author had; undone, it is sent again."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "alice", "wrong room")
        number = (await staff.ask("/最近")).split()[0]
        assert "2 处撤回" in await staff.ask(f"/撤回 {number}")
        await gateway.until(lambda: len(gateway.recalled) == 2)
        assert "已经撤回" in await staff.ask(f"/撤回 {number}")
        assert "（已撤回）" in await staff.ask("/最近")
        await staff.settled()
        await staff.ask("/撤销")
        await staff.settled()
        assert staff.said_in("r102") == ["[Alice@101]:  wrong room"] * 2


async def test_what_waits_is_taken_back_unsent(gateway: ScriptedGateway, state_file: Path) -> None:
    """A message that still waits goes nowhere; undone, it goes."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/暂停")
        gateway.say("r101", "alice", "hello")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
        assert "还没有发出" in await staff.ask("/撤回 " + (await staff.ask("/最近")).split()[0])
        await staff.ask("/恢复")
        await staff.settled()
        assert staff.said_in("r102") == []
        await staff.ask("/撤销 3")
        await staff.settled()
        assert staff.said_in("r102") == ["[Alice@101]:  hello"]


@pytest.mark.parametrize("text", ["/撤回", "/撤回 #99999", "/撤回 hello", "/撤销 99", "/撤销 1", "/撤销 x"])
async def test_what_is_not_there_cannot_be_taken_back(gateway: ScriptedGateway, state_file: Path, text: str) -> None:
    """An unknown message or action, and one that nothing undoes: refused, nothing changed."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "alice", "hello")
        actions = staff.actions()
        await staff.ask(text)
        assert (staff.actions(), gateway.recalled) == (actions, [])


# --- announcements ---


async def test_an_announcement_is_shown_confirmed_and_sent(gateway: ScriptedGateway, state_file: Path) -> None:
    """Words are shown with where they go, sent once confirmed to every room as they are, once."""
    async with staffed(gateway, state_file) as staff:
        shown = await staff.ask("/公告 Milvus 2.7 发布了\n详见官网")
        assert shown == "公告 1 → 3 个群（101、102、103）：\nMilvus 2.7 发布了\n详见官网\n———\n/确认 1 发出"
        await staff.settled()
        assert staff.said_in("r101") == []
        assert "正在发往 3 个群" in await staff.ask("/确认 1")
        await staff.settled()
        for room in ("r101", "r102", "r103"):
            assert staff.said_in(room) == ["Milvus 2.7 发布了\n详见官网"]
        assert "已经发出" in await staff.ask("/确认 1")


async def test_an_announcement_is_collected(gateway: ScriptedGateway, state_file: Path) -> None:
    """Texts, pictures and links that its author posts become one announcement, over a restart; others' posts do not."""
    async with staffed(gateway, state_file) as staff:
        assert "/完成" in await staff.ask("/公告")
        gateway.say(OFFICE, "chief", "Milvus 2.7")
        gateway.say(OFFICE, "chief", kind="image", content=IMAGE)
        await staff.settled()
    async with staffed(gateway, state_file) as staff:
        gateway.say(OFFICE, "bob", "nice!")
        gateway.say(OFFICE, "chief", kind="url", content=LINK)
        await staff.settled()
        shown = await staff.ask("/完成")
        assert shown.split("\n")[1:4] == ["Milvus 2.7", "[图片]", "[链接] Milvus 2.7"]
        await staff.ask("/确认 1")
        await staff.settled()
        sent = [(one.kind, one.body) for one in gateway.sent if one.room_id == "r102"]
        assert [kind for kind, _ in sent] == ["text", "image", "url"]
        assert (sent[0][1], sent[2][1]) == ("Milvus 2.7", LINK)


async def test_an_announcement_is_taken_back(gateway: ScriptedGateway, state_file: Path) -> None:
    """Undone within two minutes it is taken back in every room; later that is refused."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/公告 oops")
        await staff.ask("/确认 1")
        await staff.settled()
        assert "3 处撤回" in await staff.ask("/撤销")
        await gateway.until(lambda: len(gateway.recalled) == 3)
        await staff.ask("/公告 again")
        undo = number_of(await staff.ask("/确认 2"))
        await staff.settled()
        staff.bot.clock.go_on(125)
        assert "超过两分钟" in await staff.ask(f"/撤销 {undo}")
        await staff.settled()
        assert len(gateway.recalled) == 3


@pytest.mark.parametrize("text", ["/确认", "/确认 7", "/完成", "/公告 " + "长" * 14_000])
async def test_an_announcement_that_is_none_is_refused(gateway: ScriptedGateway, state_file: Path, text: str) -> None:
    """Without an announcement there is nothing to confirm and nothing to end, and one may not be endless."""
    async with staffed(gateway, state_file) as staff:
        actions = staff.actions()
        await staff.ask(text)
        assert staff.actions() == actions


async def test_an_empty_announcement_is_dropped(gateway: ScriptedGateway, state_file: Path) -> None:
    """One to which nothing was posted ends without being sent, and what is posted later is no part of it."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/公告")
        assert "不能放进公告" in await staff.ask("", kind="audio")
        assert "已取消" in await staff.ask("/完成")
        await staff.ignores("just talking")
        assert "没有正在收集" in await staff.ask("/完成")


async def test_an_announcement_goes_to_rooms_that_hear(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room that hears nothing gets no announcement, and one that only hears does."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/群 102 只发")
        await staff.ask("/群 103 只收")
        await staff.ask("/公告 news")
        await staff.ask("/确认 1")
        await staff.settled()
        assert [staff.said_in(room) for room in ("r101", "r102", "r103")] == [["news"], [], ["news"]]
