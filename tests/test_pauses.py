"""Pauses of a community or of all: nothing is lost, all is undone."""

import contextlib
from pathlib import Path

from roomsync.model import State
from roomsync.store import StateFile
from tests.conftest import until
from tests.scripted import ScriptedGateway
from tests.staffed import OFFICE, number_of, said, staffed


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
                await staff.bot.reception.desk.do_chores()
            await staff.settled()
        reminders = [one for one in staff.said_in(OFFICE) if one.startswith("提醒：")]
        assert [one.partition("，")[0] for one in reminders] == ["提醒：已暂停 1 小时", "提醒：已暂停 2 小时"]
        await staff.ask("/恢复")
        await staff.ask("/暂停 600")
        staff.bot.clock.go_on(3 * 3600 + 1)
        await staff.bot.reception.desk.do_chores()
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


async def test_a_pause_that_cannot_be_is_refused(gateway: ScriptedGateway, state_file: Path) -> None:
    """A resume without a pause, and a pause of no length or of another one than minutes, changes nothing."""
    async with staffed(gateway, state_file) as staff:
        for text in ["/恢复", "/暂停 0", "/暂停 很久", "/暂停 99999"]:
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


async def test_a_pause_longer_than_messages_last_loses_nothing(gateway: ScriptedGateway, state_file: Path) -> None:
    """What waits for a paused community does not become too old, neither in the pause nor right after it."""
    async with staffed(gateway, state_file, RELAY_TTL_HOURS="1") as staff:
        await staff.ask("/暂停")
        gateway.say("r101", "alice", "hello")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
        staff.bot.clock.go_on(5 * 3600)
        await staff.bot.housekeeper.expire()
        await staff.ask("/恢复")
        await staff.bot.housekeeper.expire()
        await staff.settled()
        assert staff.said_in("r102") == ["[Alice@101]:  hello"]


async def test_in_a_pause_of_all_one_alone_is_not_resumed(gateway: ScriptedGateway, state_file: Path) -> None:
    """While all communities are paused one cannot be resumed alone; one that is not paused neither."""
    async with staffed(gateway, state_file, ROOM_PREFIX="Milvus用户交流群,Knowhere") as staff:
        await staff.ask("/暂停")
        assert "全部暂停" in await staff.ask("/恢复 Knowhere")
        await staff.ask("/恢复")
        await staff.ask("/暂停 Milvus")
        assert "没有暂停" in await staff.ask("/恢复 Knowhere")
        assert list(staff.bot.session.pauses) == ["Milvus用户交流群"]


async def test_a_long_pause_outlasts_a_restart(gateway: ScriptedGateway, state_file: Path) -> None:
    """What waits in a pause is not given up at a start either, before any room is found, or by a late list of rooms."""
    async with staffed(gateway, state_file, RELAY_TTL_HOURS="1") as staff:
        await staff.ask("/暂停")
        gateway.say("r101", "alice", "hello")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
    with contextlib.closing(StateFile(state_file)) as state, state.transaction() as db:
        db.execute("UPDATE messages SET accepted_at = accepted_at - 7200")
    room = gateway._rooms.pop("r103")
    async with staffed(gateway, state_file, claim=False, RELAY_TTL_HOURS="1") as staff:
        await staff.bot.housekeeper.expire()
        gateway._rooms["r103"] = room
        await staff.ask("/恢复")
        await staff.settled()
        assert staff.said_in("r102") == staff.said_in("r103") == ["[Alice@101]:  hello"]


async def test_a_room_that_is_listed_later_gets_what_waits(gateway: ScriptedGateway, state_file: Path) -> None:
    """While another community is paused a room that is found again gets what waits for it."""
    gateway.add_room("k1", "Knowhere1")
    gateway.add_room("k2", "Knowhere2")
    both = "Milvus用户交流群,Knowhere"
    async with staffed(gateway, state_file, ROOM_PREFIX=both) as staff:
        await staff.ask("/暂停")
        gateway.say("k1", "bob", "hi")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 1)
        await staff.ask("/恢复")
        await staff.ask("/暂停 Milvus")
        await staff.settled()
    room = gateway._rooms.pop("k2")
    async with staffed(gateway, state_file, claim=False, ROOM_PREFIX=both) as staff:
        gateway.say("k1", "bob", "there?")
        await staff.settled()
        gateway._rooms["k2"] = room
        gateway.say("k2", "alice", "here")
        await gateway.until(lambda: "[Alice@2]:  here" in staff.said_in("k1"))


async def test_undoing_one_pause_leaves_the_other(gateway: ScriptedGateway, state_file: Path) -> None:
    """An action is undone for the communities that it was about, and for no other."""
    gateway.add_room("k1", "Knowhere1")
    async with staffed(gateway, state_file, ROOM_PREFIX="Milvus用户交流群,Knowhere") as staff:
        first = number_of(await staff.ask("/暂停 Knowhere"))
        await staff.ask("/暂停 Milvus")
        await staff.ask(f"/撤销 {first}")
        assert list(staff.bot.session.pauses) == ["Milvus用户交流群"]


async def test_a_room_that_is_not_listed_is_paused_too(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room of a paused community that the gateway does not list after a restart gets nothing either."""
    async with staffed(gateway, state_file) as staff:
        await staff.ask("/暂停 Milvus")
        gateway.say("r101", "alice", "hello")
        await until(lambda: staff.bot.outbox.counts().get(State.WAITING) == 2)
    room = gateway._rooms.pop("r102")
    async with staffed(gateway, state_file, claim=False) as staff:
        gateway._rooms["r102"] = room
        await staff.ask("/状态")
        assert staff.said_in("r102") == []
        await staff.ask("/恢复")
        await staff.settled()
        assert staff.said_in("r102") == ["[Alice@101]:  hello"]
