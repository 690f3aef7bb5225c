"""The bot end to end: the real Wechaty client over real gRPC to the loopback gateway."""

import asyncio
import json
import time
from contextlib import closing
from pathlib import Path

import pytest
from grpclib.const import Status

from bot import RoomSyncBot
from roomsync import store
from roomsync.delivery.outbox import Outbox
from roomsync.gateway.protocol import WechatyContact
from roomsync.gateway.supervisor import NOT_LOGGED_IN
from roomsync.model import Kind, Message, Part, State
from roomsync.store import StateFile
from tests.conftest import PREFIX, running, settings, until
from tests.scripted import Fault, ScriptedGateway, refused

IMAGE = json.dumps({"boxType": 1, "base64": "aGVsbG8=", "name": "a.png", "metadata": {}})
HANDLE = json.dumps({"boxType": 7, "uuid": "1234", "name": "big.png", "size": 1_000_000, "metadata": {}})
CARD = json.dumps({"url": "https://example.org", "title": "Title", "description": "d", "thumbnailUrl": "t", "new": 1})
PROGRAM = json.dumps({"appid": "wx1", "title": "Meetup", "pagePath": "p", "unknownField": "kept"})


def lines(gateway: ScriptedGateway, room_id: str) -> list[str]:
    """The lines of text that arrived in a room: texts that waited together travel together."""
    return [
        line for one in gateway.sent if one.room_id == room_id and one.kind == "text" for line in one.body.split("\n")
    ]


def sent(gateway: ScriptedGateway) -> set[tuple[str, str, str]]:
    return {(one.room_id, one.kind, one.body) for one in gateway.sent}


async def test_text_goes_to_every_other_room_of_the_community(gateway: ScriptedGateway, state_file: Path) -> None:
    """A text said in one room arrives in all others with the article's header, and nowhere else."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert sent(gateway) == {("r102", "text", "[Alice@101]:  hello"), ("r103", "text", "[Alice@101]:  hello")}


@pytest.mark.parametrize(
    ("kind", "content", "caption", "arrives"),
    [
        ("image", IMAGE, "[Alice@101]:  [图片]", "image"),
        ("image", HANDLE, "[Alice@101]:  [图片]", "image"),
        ("url", CARD, "[Alice@101]:  [链接] Title", "url"),
        ("miniprogram", PROGRAM, "[Alice@101]:  [小程序] Meetup", "miniprogram"),
    ],
)
async def test_cards_and_pictures_go_unchanged_behind_a_caption(
    gateway: ScriptedGateway, state_file: Path, kind: str, content: str, caption: str, arrives: str
) -> None:
    """A picture or card arrives as the gateway gave it, every field of it, after a line that says who sent it."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", kind=kind, content=content)
        await gateway.until(lambda: len(gateway.sent) == 4)
    for room_id in ("r102", "r103"):
        here = [(one.kind, one.body) for one in gateway.sent if one.room_id == room_id]
        assert here == [("text", caption), (arrives, content)]


async def test_url_box_is_readable_to_both_sides(gateway: ScriptedGateway, state_file: Path) -> None:
    """A picture given as a URL is sent with both names that file boxes have for it."""
    box = {"boxType": 2, "remoteUrl": "https://example.org/a.png", "name": "a.png"}
    async with running(gateway, state_file):
        gateway.say("r101", "alice", kind="image", content=json.dumps(box))
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert json.loads(gateway.sent[-1].body) == {**box, "url": box["remoteUrl"]}


async def test_other_kinds_show_as_a_line(gateway: ScriptedGateway, state_file: Path) -> None:
    """A kind that is not relayed, and a type that nobody knows, show as a line."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", kind="audio")
        await gateway.until(lambda: len(lines(gateway, "r102")) == 1)
        gateway.say("r101", "alice", kind=99)
        await gateway.until(lambda: len(lines(gateway, "r102")) == 2)
    assert lines(gateway, "r102") == ["[Alice@101]:  [语音]", "[Alice@101]:  [未知消息]"]


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (17, "[视频号]"),
        (19, "# Meetup"),
        (20, "[通话]"),
        (21, "[未知消息] # Meetup"),
        (22, "[笔记]"),
        (23, "[视频号]"),
        (24, "[未知消息] # Meetup"),
        (26, "[商品]"),
        (27, "[订单]"),
    ],
)
async def test_kinds_of_other_gateways_are_known(
    gateway: ScriptedGateway, state_file: Path, number: int, line: str
) -> None:
    """Numbers that only WeCom's gateway has: Markdown goes as a text, of the others a reader sees what there was."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "# Meetup", kind=number)
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert lines(gateway, "r102") == [f"[Alice@101]:  {line}"]


async def test_picture_that_cannot_be_had_shows_as_a_line(gateway: ScriptedGateway, state_file: Path) -> None:
    """When the gateway refuses a picture, the other rooms read that there was one."""
    async with running(gateway, state_file):
        gateway.script("MessageImage", *[Fault(refused("gone"))] * 2)
        gateway.say("r101", "alice", kind="image", content=IMAGE)
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert gateway.sent[0].body == "[Alice@101]:  [图片] 未能转发，仅原群可见"


async def test_nothing_goes_where_it_does_not_belong(gateway: ScriptedGateway, state_file: Path) -> None:
    """Private chats, rooms outside, WeChat's own notices and the bot's own words are not relayed."""
    async with running(gateway, state_file):
        gateway.say("", "alice", "private")
        gateway.say("family", "alice", "family")
        gateway.say("r101", "bot", "my own")
        gateway.say("r101", "alice", kind=18, text="Bob joined")
        gateway.say("r101", "alice", "last")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.body for one in gateway.sent} == {"[Alice@101]:  last"}


async def test_communities_never_mix(gateway: ScriptedGateway, state_file: Path) -> None:
    """With two prefixes there are two communities; a text stays in its own."""
    gateway.add_room("k1", "Knowhere 1")
    gateway.add_room("k2", "Knowhere 2")
    async with running(gateway, state_file, ROOM_PREFIX="Milvus用户交流群,Knowhere"):
        gateway.say("k1", "bob", "for us")
        await gateway.until(lambda: len(gateway.sent) == 1)
        gateway.say("r103", "bob", "for them")
        await gateway.until(lambda: len(gateway.sent) == 3)
    assert [(one.room_id, one.body) for one in gateway.sent[:1]] == [("k2", "[Bob@1]:  for us")]
    assert {one.room_id for one in gateway.sent[1:]} == {"r101", "r102"}


async def test_name_in_the_room_comes_first(gateway: ScriptedGateway, state_file: Path) -> None:
    """The sender is called as in that room where the gateway tells, else by the contact's own name."""
    gateway.add_room("r101", "Milvus用户交流群101", {"alice": "Alice (maintainer)"})
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "a")
        await gateway.until(lambda: len(gateway.sent) == 2)
        gateway.script("RoomMemberPayload", Fault(refused("no members here")))
        gateway.say("r101", "bob", "b")
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert [one.body for one in gateway.sent[::2]] == ["[Alice (maintainer)@101]:  a", "[Bob@101]:  b"]


async def test_room_that_the_bot_is_added_to_belongs(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room that the bot is invited to later gets what is said, and is heard."""
    async with running(gateway, state_file) as bot:
        gateway.invite("r104", "Milvus 用户交流群 104")
        await until(lambda: bot.rooms.get("r104"))
        gateway.say("r104", "alice", "new here")
        await gateway.until(lambda: len(gateway.sent) == 3)
    assert {one.body for one in gateway.sent} == {"[Alice@104]:  new here"}


async def test_renamed_rooms_come_and_go(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room renamed into the prefix belongs from then on, one renamed out of it no longer."""
    async with running(gateway, state_file) as bot:
        gateway.rename("family", "Milvus用户交流群999")
        gateway.rename("r103", "something else")
        await until(lambda: bot.rooms.get("family") and not bot.rooms.get("r103"))
        gateway.say("r101", "alice", "who is here?")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.room_id for one in gateway.sent} == {"r102", "family"}


async def test_rename_is_believed_where_the_gateway_does_not_answer(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room made private is out at once and after a restart, though its topic cannot be asked for."""
    async with running(gateway, state_file) as bot:
        gateway.script("RoomPayload", Fault(refused("no")))
        gateway.rename("r103", "something else")
        await until(lambda: not bot.rooms.get("r103"))
    # The rooms are asked in their order, each refused one twice: r103 comes third.
    gateway.script("RoomPayload", Fault(), Fault(), Fault(refused("no")), Fault(), Fault(refused("no")))
    async with running(gateway, state_file) as bot:
        assert [room.label for room in bot.rooms.community(PREFIX)] == ["101", "102"]


async def test_room_that_the_bot_is_removed_from_stays_out(gateway: ScriptedGateway, state_file: Path) -> None:
    """WeChat's notice in it, or the gateway's word that it changed, does not bring it back; an invitation does."""
    async with running(gateway, state_file) as bot:
        gateway.remove("r103")
        gateway.add_room("r103", f"{PREFIX}103")  # gateways go on answering for it
        gateway.say("r103", "alice", "你被移出群聊", kind="system")
        gateway.emit(27, {"payloadType": 3, "payloadId": "r103"})
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 1)
        assert not bot.rooms.get("r103")
        gateway.invite("r103", f"{PREFIX}103")
        await until(lambda: bot.rooms.get("r103"))
    assert gateway.sent[0].room_id == "r102"


async def test_leaving_a_room_is_understood_after_the_connection_broke(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the bot was removed from a room, told just before the connection broke, cancels what waits for that room."""
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    async with running(gateway, state_file, paused=True) as bot:
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 2)
        gateway.script("MessagePayload", Fault(delay=0.3))
        gateway.say("r101", "alice", "its payload is slow")
        await gateway.until(lambda: gateway.calls.count("MessagePayload") == 2)
        gateway.remove("r103")
        gateway.end_stream()
        await until(lambda: bot.outbox.counts().get(State.CANCELLED) == 1)
        assert bot.rooms.has_left("r103") or not bot.rooms.get("r103")


async def test_what_waits_for_a_room_that_leaves_is_not_sent_there(gateway: ScriptedGateway, state_file: Path) -> None:
    """What waits for a room that is renamed out of its community, into another even, is cancelled."""
    communities = f"{PREFIX},Knowhere"
    async with running(gateway, state_file, paused=True, ROOM_PREFIX=communities) as bot:
        gateway.say("r101", "alice", "only for the community")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 2)
        gateway.rename("r103", "Knowhere 3")
        await until(lambda: bot.outbox.counts().get(State.CANCELLED) == 1)
        gateway.add_room("r102", "Knowhere 2")  # while the bot is away
    async with running(gateway, state_file, ROOM_PREFIX=communities) as bot:
        assert bot.outbox.counts() == {State.CANCELLED: 2}
    assert gateway.sent == []


async def test_invitation_is_taken_where_the_gateway_does_not_answer_at_once(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A room that was left, and is joined again while its topic is refused once, belongs soon after."""
    monkeypatch.setattr("roomsync.inbox.room_queues.RETRY_DELAYS", (0.01, 0.01))
    async with running(gateway, state_file) as bot:
        gateway.remove("r103")
        await until(lambda: not bot.rooms.get("r103"))
        gateway.script("RoomPayload", Fault(refused("not yet")))
        gateway.invite("r103", f"{PREFIX}103")
        await until(lambda: bot.rooms.get("r103"))


async def test_what_is_said_around_a_login_goes_out_after_it_in_order(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """Nothing that is said while nobody is logged in, or while the rooms are found, is lost or overtaken."""
    gateway.logged_in = False
    bot = RoomSyncBot(settings(gateway, STATE_FILE=str(state_file)))
    task = asyncio.create_task(bot.run())
    await until(lambda: bot.session.is_connected)
    gateway.say("r101", "alice", "one")
    await gateway.until(lambda: "MessagePayload" in gateway.calls)
    gateway.script("MessagePayload", Fault(delay=0.05))
    gateway.script("RoomPayload", *[Fault(delay=0.02)] * 4)
    gateway.say("r101", "alice", "two")
    gateway.login()
    gateway.say("r101", "alice", "three")
    await gateway.until(lambda: len(lines(gateway, "r102") + lines(gateway, "r103")) == 6)
    bot.stop()
    await task
    bot.close()
    spoken = " ".join(lines(gateway, "r102")).replace("[Alice@101]:  ", "")
    assert spoken == "one two three"


async def test_what_a_broken_connection_cut_off_keeps_its_place(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message whose payload was on the way when the connection broke is not overtaken by the one behind it."""
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "zero")
        await gateway.until(lambda: len(gateway.sent) == 2)
        gateway.script("MessagePayload", Fault(delay=0.2))
        gateway.say("r101", "alice", "one")
        gateway.say("r101", "alice", "two")
        await gateway.until(lambda: gateway.calls.count("MessagePayload") == 3)
        gateway.end_stream()
        await gateway.until(lambda: gateway.calls.count("RoomList") == 2)
        gateway.say("r101", "alice", "three")
        await gateway.until(lambda: len(lines(gateway, "r102")) == 4)
    assert " ".join(lines(gateway, "r102")).replace("[Alice@101]:  ", "") == "zero one two three"


async def test_login_of_an_ended_connection_lets_nobody_wait(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login that is still in the queue when its connection ends does not count: nothing waits for it."""
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    monkeypatch.setattr("roomsync.inbox.room_queues.PAYLOAD_TIMEOUT", 60.0)
    async with running(gateway, state_file):
        gateway.script("MessagePayload", Fault(delay=0.2), Fault(delay=0.2))
        gateway.say("r101", "alice", "one")
        gateway.login()
        gateway.say("r101", "alice", "two")
        await gateway.until(lambda: gateway.calls.count("MessagePayload") == 2)
        gateway.end_stream()
        await gateway.until(lambda: len(lines(gateway, "r102")) == 2)
    assert " ".join(lines(gateway, "r102")).replace("[Alice@101]:  ", "") == "one two"


async def test_rooms_that_are_listed_late_are_waited_for(gateway: ScriptedGateway, state_file: Path) -> None:
    """A gateway that lists one room at login, and the others a moment later, loses nothing said in between."""
    for room_id in ("r102", "r103"):
        gateway.remove(room_id)
    gateway.script("RoomList", Fault(delay=0.01))
    bot = RoomSyncBot(settings(gateway, STATE_FILE=str(state_file)))
    task = asyncio.create_task(bot.run())
    await gateway.until(lambda: "RoomPayload" in gateway.calls)
    gateway.say("r101", "alice", "early")
    for label in ("102", "103"):
        gateway.add_room(f"r{label}", f"{PREFIX}{label}")
    await gateway.until(lambda: len(gateway.sent) == 2)
    bot.stop()
    await task
    bot.close()


async def test_bot_says_that_wechat_is_logged_out(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody logs in for some time after the connection, the log says so; when somebody does, it does not."""
    monkeypatch.setattr("roomsync.gateway.supervisor.PING_INTERVAL", 0.05)
    async with running(gateway, state_file):
        await asyncio.sleep(0.1)
    assert NOT_LOGGED_IN not in caplog.text
    gateway.logged_in = False
    bot = RoomSyncBot(settings(gateway, STATE_FILE=str(state_file)))
    task = asyncio.create_task(bot.run())
    await until(lambda: NOT_LOGGED_IN in caplog.text)
    bot.stop()
    await task
    bot.close()


async def test_room_that_the_bot_is_removed_from_gets_nothing(gateway: ScriptedGateway, state_file: Path) -> None:
    """After the bot is removed from a room, nothing is sent there."""
    async with running(gateway, state_file) as bot:
        gateway.remove("r103")
        await until(lambda: not bot.rooms.get("r103"))
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 1)
    assert gateway.sent[0].room_id == "r102"


async def test_room_first_seen_through_a_message_belongs(gateway: ScriptedGateway, state_file: Path) -> None:
    """A room that no event announced is found when someone speaks in it."""
    async with running(gateway, state_file):
        gateway.add_room("r105", "Milvus用户交流群105")
        gateway.say("r105", "alice", "silent room")
        await gateway.until(lambda: len(gateway.sent) == 3)
    assert gateway.sent[0].body == "[Alice@105]:  silent room"


async def test_a_slow_payload_is_not_overtaken(gateway: ScriptedGateway, state_file: Path) -> None:
    """Messages of a room go out in the order of their events, although the first one's payload comes last."""
    async with running(gateway, state_file):
        gateway.script("MessagePayload", Fault(delay=0.1))
        for number in range(5):
            gateway.say("r101", "alice", f"{number}")
        await gateway.until(lambda: len(lines(gateway, "r102")) == 5)
    assert [line[-1] for line in lines(gateway, "r102")] == list("01234")


async def test_a_payload_that_is_refused_once_keeps_its_place(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message whose payload is refused is asked for again at once, and is not overtaken."""
    monkeypatch.setattr("roomsync.inbox.room_queues.QUICK_RETRY_DELAYS", (0.01,))
    async with running(gateway, state_file):
        gateway.script("MessagePayload", Fault(refused("not now")))
        gateway.say("r101", "alice", "first")
        gateway.say("r101", "alice", "second")
        await gateway.until(lambda: len(lines(gateway, "r102")) == 2)
    assert " ".join(lines(gateway, "r102")).replace("[Alice@101]:  ", "") == "first second"


async def test_a_payload_that_is_refused_for_a_while_lets_others_pass(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message whose payload is refused again and again is relayed all the same, behind those said later."""
    monkeypatch.setattr("roomsync.inbox.room_queues.QUICK_RETRY_DELAYS", ())
    monkeypatch.setattr("roomsync.inbox.room_queues.RETRY_DELAYS", (0.05, 0.05))
    async with running(gateway, state_file):
        gateway.script("MessagePayload", Fault(refused("not now")), Fault(), Fault(refused("not yet")))
        gateway.say("r101", "alice", "first")
        gateway.say("r101", "alice", "second")
        await gateway.until(lambda: len(lines(gateway, "r102")) == 2)
    assert " ".join(lines(gateway, "r102")).replace("[Alice@101]:  ", "") == "second first"


async def test_a_message_that_is_tried_again_waits_for_the_rooms(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message whose payload was refused before the login, and comes while rooms are found, goes to all of them."""
    monkeypatch.setattr("roomsync.inbox.room_queues.QUICK_RETRY_DELAYS", ())
    monkeypatch.setattr("roomsync.inbox.room_queues.RETRY_DELAYS", (0.05,) * 5)
    gateway.logged_in = False
    gateway.script("MessagePayload", Fault(refused("not now")))
    bot = RoomSyncBot(settings(gateway, STATE_FILE=str(state_file)))
    task = asyncio.create_task(bot.run())
    await until(lambda: bot.session.is_connected)
    gateway.say("r101", "alice", "early")
    await gateway.until(lambda: "MessagePayload" in gateway.calls)
    gateway.script("RoomList", Fault(delay=0.3))
    gateway.login()
    await gateway.until(lambda: len(gateway.sent) == 2)
    bot.stop()
    await task
    bot.close()


async def test_login_that_cannot_be_handled_is_handled_again(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error that nobody foresaw at a login the bot does not stay deaf until the next one."""
    monkeypatch.setattr("roomsync.inbox.room_queues.RETRY_DELAYS", (0.01, 0.01))
    faults = [RuntimeError("odd"), RuntimeError("odd again")]
    found = RoomSyncBot.on_login

    async def on_login(self: RoomSyncBot, contact: WechatyContact) -> None:
        if faults:
            raise faults.pop()
        await found(self, contact)

    monkeypatch.setattr(RoomSyncBot, "on_login", on_login)
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)


async def test_what_was_in_hand_does_not_expire_by_a_clock_that_was_set(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """When the machine's clock was set ahead by two days under a bot that was then killed, what it had in hand goes."""
    with closing(StateFile(state_file)) as state:
        outbox, earlier = Outbox(state, 2000), time.time() - 2 * 86400
        with state.transaction() as db:
            store.rooms.replace_all(db, {"r102": f"{PREFIX}102"})
            store.health.note_written(db, earlier, -2 * 86400.0)
        message = Message("m1", "r101", "alice", "Alice", Kind.TEXT)
        assert outbox.accept(message, [Part(Kind.TEXT, "in hand")], ["r102"], earlier)
        assert outbox.take("r102", earlier)
    async with running(gateway, state_file):
        await gateway.until(lambda: lines(gateway, "r102") == ["in hand"])


async def test_the_account_is_never_stopped_or_logged_out(gateway: ScriptedGateway, state_file: Path) -> None:
    """From connecting to leaving the gateway sees the stream opened before Start, and neither Stop nor Logout."""
    for _ in range(2):
        async with running(gateway, state_file):
            pass
    assert [call for call in gateway.calls if call in ("Event", "Start")] == ["Event", "Start"] * 2
    assert not {"Stop", "Logout"} & set(gateway.calls)


async def test_the_same_event_twice_is_one_message(gateway: ScriptedGateway, state_file: Path) -> None:
    """An event that the gateway repeats, also after a restart of the bot, is not relayed again."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "once", id="m1")
        await gateway.until(lambda: len(gateway.sent) == 2)
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "once", id="m1")
        gateway.say("r101", "alice", "twice", id="m2")
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert sorted(one.body[-5:] for one in gateway.sent) == [" once", " once", "twice", "twice"]


async def test_nothing_is_sent_while_wechat_is_logged_out(gateway: ScriptedGateway, state_file: Path) -> None:
    """What is accepted while WeChat is logged out goes out after the next login."""
    async with running(gateway, state_file) as bot:
        gateway.logout()
        await until(lambda: not bot.session.is_ready)
        gateway.say("r101", "alice", "wait for me")
        await gateway.until(lambda: "MessagePayload" in gateway.calls)
        assert gateway.sent == []
        gateway.login()
        await gateway.until(lambda: len(gateway.sent) == 2)


async def test_a_refused_send_is_tried_again(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A send that the gateway refuses is made again, and nothing is sent twice."""
    monkeypatch.setattr("roomsync.delivery.retries.FIRST_RETRY_DELAY", 0.01)
    async with running(gateway, state_file):
        gateway.script("MessageSendText", Fault(refused("not now")))
        gateway.say("r101", "alice", "again")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.room_id for one in gateway.sent} == {"r102", "r103"}


async def test_hostile_events_cost_only_themselves(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Events that kill python-wechaty's read loop, and plain rubbish, are passed over; none shows a traceback."""
    async with running(gateway, state_file):
        events: list[tuple[int, dict[str, object] | str]] = [
            (16, {"gerror": "{}"}),
            (22, {"status": 6}),
            (99, {"what": "ever"}),
            (2, "not json"),
            (2, {"noMessageId": 1}),
            (2, {"messageId": ["a"]}),
            (2, "[]"),
            (19, {}),
            (20, {"roomId": None}),
            (21, {"roomId": "r101", "timestamp": "soon"}),
            (25, {}),
            (27, {"payloadType": 3}),
            (32, {"roomId": "r101"}),
            (33, {}),
            (33, {"id": ["a"]}),
            (34, {"sliderExeUrl": 7}),
            (19, {"roomId": "", "inviteeIdList": "bot"}),
            (20, {"roomId": ["r101"], "removeeIdList": [["bot"], None, 7]}),
            (20, {"roomId": "r999", "removeeIdList": {"bot": 1}, "removerId": 5, "timestamp": 1e308}),
            (21, {"roomId": "r101", "newTopic": ["a"], "oldTopic": 7, "timestamp": True}),
            (22, {"status": [6], "qrcode": ["x"], "data": {}}),
            (25, {"contactId": 7}),
            (25, {"contactId": None}),
            (26, {"contactId": ["bot"]}),
            (16, {"gerror": {"message": 1}}),
            (16, {"data": [1]}),
            (21, '{"roomId": "r101", "timestamp": ' + "9" * 5000 + "}"),
            (2, {"messageId": "\ud800"}),
            (2, '{"messageId": "\\ud800"}'),
        ]
        for event_type, payload in events:
            gateway.emit(event_type, payload)
        gateway.emit_bytes(2, b'{"messageId": "\xff"}')
        gateway.login()
        gateway.say("r101", "alice", "still here")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert not [record.getMessage() for record in caplog.records if record.exc_info]


async def test_message_that_the_gateway_never_gives_is_given_up_in_a_line(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A message whose payload is refused each time is one line in the log when it is given up, and no traceback."""
    monkeypatch.setattr("roomsync.inbox.room_queues.RETRY_DELAYS", (0.01,))
    monkeypatch.setattr("roomsync.inbox.room_queues.QUICK_RETRY_DELAYS", ())
    async with running(gateway, state_file):
        gateway.script("MessagePayload", *[Fault(refused("Error: no\n    at index.js:7"))] * 2)
        gateway.say("r101", "alice", "lost", id="m1")
        await until(lambda: "A message is given up: Error: no" in caplog.messages)
    assert not [record.getMessage() for record in caplog.records if record.exc_info]


async def test_stream_that_ends_at_once_is_tried_again(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that ends the event stream, cleanly and at any time, is connected to again, and rooms found again."""
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    async with running(gateway, state_file):
        for times in (2, 3):
            gateway.end_stream()
            await gateway.until(lambda times=times: gateway.calls.count("RoomPayload") == 4 * times)  # type: ignore[misc]
        gateway.say("r101", "alice", "still here")
        await gateway.until(lambda: len(gateway.sent) == 2)


async def test_room_list_that_fails_at_login_is_asked_for_again(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the gateway refuses its list of rooms at login, the bot asks until it gets it."""
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    gateway.script("RoomList", Fault(refused("not ready")))
    async with running(gateway, state_file) as bot:
        assert len(bot.rooms.community("Milvus用户交流群")) == 3


@pytest.mark.parametrize("status", [Status.INVALID_ARGUMENT, Status.PERMISSION_DENIED, Status.UNKNOWN])
async def test_room_that_does_not_tell_its_topic_keeps_no_other_from_relaying(
    gateway: ScriptedGateway, state_file: Path, status: Status
) -> None:
    """A room whose topic cannot be had at login is what it was before, and the others are relayed to."""
    async with running(gateway, state_file):
        pass
    gateway.script("RoomPayload", *[Fault(refused("no", status))] * 2)
    async with running(gateway, state_file):
        gateway.say("r102", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.room_id for one in gateway.sent} == {"r101", "r103"}
