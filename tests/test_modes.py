"""Rooms as staff sets them, and new ones: refusals, undo, restarts."""

from pathlib import Path
from unittest.mock import patch

import pytest
from grpclib.const import Status

from roomsync.admin import notices
from roomsync.gateway.protocol import EventType
from roomsync.model import Mode, State
from tests.conftest import until
from tests.scripted import Fault, ScriptedGateway, refused
from tests.staffed import OFFICE, number_of, said, staffed


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


async def test_a_mode_that_cannot_be_is_refused(gateway: ScriptedGateway, state_file: Path) -> None:
    """An unknown room, a missing or unknown mode, and the mode that it has: refused, and nothing is changed."""
    async with staffed(gateway, state_file) as staff:
        for text in ["/群 107 停", "/群 103", "/群 停", "/群 103 乱", "/群 103 正常"]:
            actions = staff.actions()
            assert (await staff.ask(text)).endswith(("。", "）"))
            assert (staff.actions(), staff.bot.rooms.mode("r103")) == (actions, Mode.NORMAL)


async def test_rooms_of_one_label_have_numbers(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of two rooms of one label none is meant by it; each has a number, in every answer, by which it is."""
    gateway.add_room("evil", "Milvus用户交流群 101")
    async with staffed(gateway, state_file) as staff:
        number = staff.bot.rooms.numbers["evil"]
        answer = await staff.ask("/群 101 停")
        assert answer.startswith("有 2 个群叫「101」") and f"#{number}（101）" in answer
        assert f"#{number}（101）：正常 → 停" in await staff.ask(f"/群 #{number} 停")
        assert f"#{number}（101） 停" in await staff.ask("/群")
        assert "→ 只收" in await staff.ask(f"/群 #{number}（101）只收")
        assert (staff.bot.rooms.mode("evil"), staff.bot.rooms.mode("r101")) == (Mode.RECEIVE, Mode.NORMAL)


async def test_rooms_that_are_listed_late_at_first_are_not_asked_about(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """With NEW_ROOMS=ask a room that comes within minutes of the very first start takes part; later ones do not."""
    async with staffed(gateway, state_file, NEW_ROOMS="ask") as staff:
        gateway.invite("r104", "Milvus用户交流群104")
        await until(lambda: staff.bot.rooms.get("r104"))
        staff.bot.clock.go_on(601)
        gateway.invite("r105", "Milvus用户交流群105")
        await until(lambda: staff.bot.rooms.get("r105"))
        assert [staff.bot.rooms.mode(one) for one in ("r104", "r105")] == [Mode.NORMAL, Mode.ASKED]


async def test_a_strangers_room_takes_nobodys_place(gateway: ScriptedGateway, state_file: Path) -> None:
    """With NEW_ROOMS=ask a room that has the topic of one that is not listed any more is new all the same."""
    async with staffed(gateway, state_file, NEW_ROOMS="ask"):
        pass
    del gateway._rooms["r103"]
    gateway.add_room("evil", "Milvus用户交流群103")
    async with staffed(gateway, state_file, claim=False, NEW_ROOMS="ask") as staff:
        assert staff.bot.rooms.mode("evil") is Mode.ASKED


async def test_without_a_room_staff_is_told_in_private(gateway: ScriptedGateway, state_file: Path) -> None:
    """While no room is the staff's, of new rooms each of the staff is told in private."""
    del gateway._rooms["family"]
    async with staffed(gateway, state_file, claim=False, ADMIN_ROOM="没有这个群") as staff:
        await staff.ask(f"/claim {staff.code()}", where="")
        gateway.invite("r104", "Milvus用户交流群104")
        await gateway.until(lambda: staff.said_in("chief")[-1].startswith("新群「Milvus用户交流群104」"))


async def test_a_slow_list_of_members_holds_nobody_up(gateway: ScriptedGateway, state_file: Path) -> None:
    """While the gateway is asked about a new room messages go on, and staff is told though it does not answer."""
    async with staffed(gateway, state_file) as staff:
        gateway.script("RoomMemberList", Fault(delay=30.0))
        with patch.object(notices, "ASK_TIMEOUT", 0.5):
            gateway.invite("r104", "Milvus用户交流群104")
            await gateway.until(lambda: "RoomMemberList" in gateway.calls)
            await said(staff, "r101", "alice", "hello")
            assert staff.said_in("r102") == ["[Alice@101]:  hello"] and len(staff.said_in(OFFICE)) == 1
            await gateway.until(lambda: "邀请人 Alice · 已加入" in staff.said_in(OFFICE)[-1])


async def test_many_new_rooms_are_one_notice(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of many rooms at once staff reads one line."""
    async with staffed(gateway, state_file):
        pass
    for number in range(104, 120):
        gateway.add_room(f"r{number}", f"Milvus用户交流群{number}")
    async with staffed(gateway, state_file, claim=False) as staff:
        await gateway.until(lambda: staff.said_in(OFFICE)[-1].startswith("新群 16 个：104、105"))


async def test_what_was_changed_since_is_not_undone(gateway: ScriptedGateway, state_file: Path) -> None:
    """A mode that was changed again, or whose room is in no community any more, is left as it is."""
    async with staffed(gateway, state_file) as staff:
        undo = number_of(await staff.ask("/群 103 停"))
        await staff.ask("/群 103 只收")
        assert "之后又改过" in await staff.ask(f"/撤销 {undo}")
        await staff.ask("/群 103 停")
        gateway.rename("r103", "别的群")
        await until(lambda: staff.bot.rooms.get("r103") is None)
        assert "不在社群里" in await staff.ask(f"/撤销 {undo}")


async def test_a_shut_room_is_shut_when_it_comes_again(gateway: ScriptedGateway, state_file: Path) -> None:
    """What staff decided about a room is not forgotten while the bot is out of it."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/群 103 停")
    room = gateway._rooms.pop("r103")
    async with staffed(gateway, state_file, claim=False):
        pass
    gateway._rooms["r103"] = room
    async with staffed(gateway, state_file, claim=False) as staff:
        assert staff.bot.rooms.mode("r103") is Mode.OFF


async def test_a_recall_goes_to_a_room_that_was_shut(gateway: ScriptedGateway, state_file: Path) -> None:
    """What was said there before is taken back in a room that hears nothing any more, too."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "alice", "hello", id="m1")
        await staff.ask("/群 103 停")
        gateway.say("r101", "alice", "m1", kind="recalled")
        await gateway.until(lambda: len(gateway.recalled) == 2)


async def test_nobodys_room_opens_one_that_was_shut(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room that has the topic of a shut one that is not listed does not take its place: that one stays shut."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/群 103 停")
    room = gateway._rooms.pop("r103")
    gateway.add_room("evil", "Milvus用户交流群103")
    async with staffed(gateway, state_file, claim=False) as staff:
        assert staff.bot.rooms.mode("evil") is Mode.NORMAL
    gateway._rooms["r103"] = room
    async with staffed(gateway, state_file, claim=False) as staff:
        assert staff.bot.rooms.mode("r103") is Mode.OFF


async def test_what_may_have_gone_is_not_sent_again_by_undo(gateway: ScriptedGateway, state_file: Path) -> None:
    """A send whose answer was lost when its room was shut is settled by its echo; undoing that makes it not again."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/群 102 停")
        gateway.script("MessageSendText", Fault(refused("lost", Status.UNAVAILABLE), after=True))
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: bool(staff.said_in("r103")))
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 1)
        staff.bot.session.pause()  # so that it is not made again by itself
        undo = number_of(await staff.ask("/群 103 停"))
        gateway.emit(EventType.MESSAGE, {"messageId": next(one.id for one in gateway.sent if one.room_id == "r103")})
        await until(lambda: not staff.bot.outbox.counts().get(State.WAITING))
        await staff.ask(f"/撤销 {undo}")
        staff.bot.session.resume()
        await staff.settled()
        assert staff.said_in("r103") == ["[Alice@101]:  hello"]


async def test_a_room_called_off_is_no_room(gateway: ScriptedGateway, state_file: Path) -> None:
    """An English mode stands behind a blank: `kickoff` is no room `kick`."""
    gateway.add_room("k", "Milvus用户交流群kick")
    async with staffed(gateway, state_file) as staff:
        assert "用法" in await staff.ask("/room kickoff")
        assert "→ 停" in await staff.ask("/room kick off")


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
    async with staffed(gateway, state_file):
        pass
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
