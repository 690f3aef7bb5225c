"""Messages that staff takes back, and announcements."""

import json
import time
from pathlib import Path

import pytest

from roomsync.gateway.protocol import EventType
from roomsync.loopback.account import Sent
from roomsync.model import State
from tests.conftest import until
from tests.scripted import ScriptedGateway
from tests.staffed import OFFICE, number_of, said, staffed

IMAGE = json.dumps({"boxType": 1, "base64": "aGVsbG8=", "name": "a.png"})
LINK = json.dumps({"title": "Milvus 2.7", "url": "https://example.org"})


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


async def test_echoes_are_none_of_the_last_messages(gateway: ScriptedGateway, state_file: Path) -> None:
    """With RELAY_OWN the pictures that the gateway shows of the bot's own sends are none that somebody said."""

    def echo(one: Sent) -> None:
        gateway.emit(EventType.MESSAGE, {"messageId": one.id})

    gateway.on_sent = echo
    async with staffed(gateway, state_file, RELAY_OWN="true") as staff:
        await said(staff, "r101", "alice", "", kind="image", content=IMAGE)
        await said(staff, "r102", "bot", "hello")
        answer = await staff.ask("/最近")
        assert [line.split()[1:3] for line in answer.split("\n")] == [["101", "Alice"], ["102", "小助手"]]


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


@pytest.mark.parametrize("who", ["author", "staff"])
async def test_what_was_taken_back_comes_with_no_undo(gateway: ScriptedGateway, state_file: Path, who: str) -> None:
    """A message that its author took back, or staff, is not sent by undoing what shut its room before."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/暂停")
        gateway.say("r101", "alice", "secret", id="m1")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
        shut = number_of(await staff.ask("/群 103 停"))
        if who == "author":
            gateway.say("r101", "alice", "m1", kind="recalled")
            await until(lambda: not staff.bot.outbox.counts().get(State.WAITING))
        else:
            await staff.ask("/撤回 " + (await staff.ask("/最近")).split()[0])
        await staff.ask(f"/撤销 {shut}")
        await staff.ask("/恢复")
        await staff.settled()
        assert staff.said_in("r103") == []


async def test_what_its_author_took_back_is_not_sent_again(gateway: ScriptedGateway, state_file: Path) -> None:
    """Undoing a recall of staff's sends nothing that its author took back, too, and nothing to a room that is shut."""
    async with staffed(gateway, state_file) as staff:
        for message_id in ("m1", "m2"):
            await said(staff, "r101", "alice", message_id, id=message_id)
            undo = number_of(await staff.ask("/撤回 " + (await staff.ask("/最近 101")).split("\n")[-1].split()[0]))
            await staff.settled()
            before = len(staff.said_in("r102")), len(staff.said_in("r103"))
            if message_id == "m1":
                await said(staff, "r101", "alice", "m1", kind="recalled")
                assert "没有要重发的" in await staff.ask(f"/撤销 {undo}")
                expected = before
            else:
                await staff.ask("/群 103 停")
                assert "重新发往 1 处" in await staff.ask(f"/撤销 {undo}")
                expected = before[0] + 1, before[1]
            await staff.settled()
            assert (len(staff.said_in("r102")), len(staff.said_in("r103"))) == expected


async def test_what_is_not_there_cannot_be_taken_back(gateway: ScriptedGateway, state_file: Path) -> None:
    """An unknown message or action, and one that nothing undoes: refused, nothing changed."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "alice", "hello")
        for text in ["/撤回", "/撤回 #99999", "/撤回 hello", "/撤销 99", "/撤销 1", "/撤销 x"]:
            actions = staff.actions()
            await staff.ask(text)
            assert (staff.actions(), gateway.recalled) == (actions, [])


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


async def test_one_that_waits_needs_no_number(gateway: ScriptedGateway, state_file: Path) -> None:
    """`/确认` alone sends the one announcement that waits; of two it names both; after a day none can be sent."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/公告 one")
        await staff.ask("/公告 two")
        assert "等待确认的：1、2" in await staff.ask("/确认")
        await staff.ask("/确认 2")
        assert "公告 1 正在发往" in await staff.ask("/确认")
        await staff.ask("/公告 three")
        staff.bot.clock.go_on(86401)
        assert "不能再确认" in await staff.ask("/确认 3")


async def test_one_that_was_taken_back_is_not_sent_again(gateway: ScriptedGateway, state_file: Path) -> None:
    """An announcement that was undone cannot be confirmed once more."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/公告 oops")
        await staff.ask("/确认 1")
        await staff.ask("/撤销")
        assert "已撤回，要再发" in await staff.ask("/确认 1")


async def test_what_is_collected_ends_by_itself(gateway: ScriptedGateway, state_file: Path) -> None:
    """After half an hour without a post nothing is collected any more."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/公告")
        staff.bot.clock.go_on(1801)
        await staff.ignores("just talking")
        assert "没有正在收集" in await staff.ask("/完成")


async def test_in_quiet_hours_it_is_said_that_it_goes_at_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """In quiet hours staff reads that an announcement wakes everybody, and that what waits goes later."""
    hours = time.strftime("%H:00-", time.localtime()) + time.strftime("%H:00", time.localtime(time.time() + 7200))
    async with staffed(gateway, state_file, QUIET_HOURS=hours) as staff:
        assert "免打扰时段，确认后会立即发出" in await staff.ask("/公告 news")
        await staff.ask("/暂停")
        assert "起补发" in await staff.ask("/恢复")


async def test_an_announcement_that_is_none_is_refused(gateway: ScriptedGateway, state_file: Path) -> None:
    """Without an announcement there is nothing to confirm and nothing to end, and one may not be endless."""
    async with staffed(gateway, state_file) as staff:
        for text in ["/确认", "/确认 7", "/完成", "/公告 " + "长" * 14_000]:
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


async def test_an_announcement_is_for_one_community(gateway: ScriptedGateway, state_file: Path) -> None:
    """With an @ it is for one community; without one for all, though its first word is the name of one."""
    gateway.add_room("k1", "Knowhere1")
    async with staffed(gateway, state_file, ROOM_PREFIX="Milvus用户交流群,Knowhere") as staff:
        assert "「Knowhere」 1 个群（Knowhere 1）：\nKnowhere 2.7" in await staff.ask("/公告 @Knowhere Knowhere 2.7")
        assert "全部社群 4 个群" in await staff.ask("/公告 Knowhere 2.7")


async def test_a_new_announcement_drops_what_is_collected(gateway: ScriptedGateway, state_file: Path) -> None:
    """Begun anew, an announcement has nothing of the one before."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/公告")
        gateway.say(OFFICE, "chief", "old")
        await staff.settled()
        await staff.ask("/公告")
        gateway.say(OFFICE, "chief", "new")
        await staff.settled()
        assert "old" not in await staff.ask("/完成")
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
