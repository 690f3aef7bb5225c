"""The gateways themselves, without a bot: that what other tests stand on is what happens on the wire."""

import json

import pytest
from grpclib.exceptions import GRPCError

from tests.interop.bots import BOT, community
from tests.interop.client import (
    ChatHistory,
    Client,
    MessagePayload,
    SendText,
    Strings,
    connected,
    listening,
    message_ids,
)  # fmt: skip
from tests.interop.gateway import Media, RealGateway, Which
from tests.interop.workpro import WorkPro, record

MESSAGE, LOGIN, DIRTY, ANNOUNCE, VERIFY_CODE, VERIFY_SLIDE = 2, 25, 27, 32, 33, 34
LARGE = Media("large.png", bytes(range(256)) * 400)


async def say(gateway: RealGateway, *texts: str) -> list[str]:
    """Alice says these in 101; the ids."""
    return [await gateway.say(talker="alice", room="@101", text=text) for text in texts]


async def file_of(client: Client, message: str) -> str:
    """The file box of a picture."""
    return (await client.call("MessageImage", Strings(message), Strings)).first


async def test_handles_die_and_a_new_one_lives(which: Which) -> None:
    """A handle that is gone is refused with ENOENT; the same file, asked for again, has a new one, which is taken."""
    async with RealGateway(which) as gateway, connected(gateway) as client:
        await community(gateway, ["101"])
        picture = await gateway.say(talker="alice", room="@101", kind="image", file=LARGE)
        old = await file_of(client, picture)
        assert json.loads(old)["boxType"] == 7
        assert await gateway.kill_handles() == 1
        with pytest.raises(GRPCError, match="ENOENT"):
            await client.call("MessageSendFile", Strings("@101", old), Strings)
        await client.call("MessageSendFile", Strings("@101", await file_of(client, picture)), Strings)
        born_dead = await gateway.say(talker="alice", room="@101", kind="image", file=LARGE, dead_handles=1)
        with pytest.raises(GRPCError, match="ENOENT"):
            await client.call("MessageSendFile", Strings("@101", await file_of(client, born_dead)), Strings)
        await client.call("MessageSendFile", Strings("@101", await file_of(client, born_dead)), Strings)
        await gateway.sync()
        assert len(gateway.sent) == 2 and len(gateway.refused) == 2


async def test_two_hundred_dirty_rooms_come_at_once(which: Which) -> None:
    """Each of 200 rooms is told of, and their payloads, slow, are counted."""
    async with RealGateway(which) as gateway:
        await community(gateway, ["101"])
        async with listening(gateway) as client:
            await gateway.slow("roomPayload", 60)
            await gateway.dirty_rooms([f"@{number}" for number in range(200)])
            found = await client.until(DIRTY, 200)
            assert {json.loads(event.payload)["payloadId"] for event in found} == {f"@{n}" for n in range(200)}
            await client.call("RoomPayload", Strings("@101"), Strings)
        await gateway.sync()
        assert gateway.call_count("roomPayload") == 1


async def test_quote_ids_come_and_go() -> None:
    """WorkPro's message says which one it quotes; so may a send, unless the account refuses just that."""
    async with WorkPro() as gateway, connected(gateway) as client:
        await community(gateway, ["101"])
        (quoted,) = await say(gateway, "hello")
        reply = await gateway.say(talker="bob", room="@101", text="hi", quote_id=quoted)
        assert (await client.call("MessagePayload", Strings(reply), MessagePayload)).quote_id == quoted
        await client.call("MessageSendText", SendText("@101", "as a quote", quoted), Strings)
        await gateway.rule("refuse", quoting=True)
        with pytest.raises(GRPCError, match="refused by rule"):
            await client.call("MessageSendText", SendText("@101", "again", quoted), Strings)
        await client.call("MessageSendText", SendText("@101", "plain"), Strings)
        await gateway.sync()
        assert [(sent.text, sent.quote_id) for sent in gateway.sent] == [("as a quote", quoted), ("plain", "")]


async def test_cursor_replays_what_came_after_it() -> None:
    """Who comes back with a number gets all after it, once, in order, also what was said while nobody was there."""
    async with WorkPro() as gateway:
        await community(gateway, ["101"])
        await gateway.cursor()
        said = await say(gateway, "before anybody came")
        async with listening(gateway) as client:
            said += await say(gateway, "one", "two")
            found = await client.until(MESSAGE, 2)
            assert ([event.seq for event in found], message_ids(found)) == ([2, 3], said[1:])
        said += await say(gateway, "alone", "alone again")
        await gateway.again(said[0])
        async with listening(gateway, 2, BOT) as client:
            found = await client.until(MESSAGE, 4)
            assert ([event.seq for event in found], message_ids(found)) == ([3, 4, 5, 6], [*said[2:], said[0]])
        async with listening(gateway, 2, "alice"):
            pass  # of another account: nothing is replayed
        assert [entry.replayed for entry in gateway.resumed] == [0, 4, 0]


async def test_cursor_can_be_lost() -> None:
    """Nothing is replayed of a time when nothing was kept, of before a new start or login, or by the published one."""
    async with WorkPro() as gateway:
        await community(gateway, ["101"])
        await gateway.cursor(keeps=False)
        async with listening(gateway) as client:
            await say(gateway, "seen")
            await client.until(MESSAGE)
        await say(gateway, "not kept")
        async with listening(gateway, 1, BOT):
            pass
        await gateway.cursor_anew()
        async with listening(gateway, 1, BOT) as client:
            await say(gateway, "number one again")
            assert [event.seq for event in await client.until(MESSAGE)] == [1]
        await gateway.logout()
        await gateway.login("alice")
        await gateway.cursor()
        async with listening(gateway, 1, BOT) as client:
            await say(gateway, "to another account")
            assert [event.seq for event in await client.until(MESSAGE)] == [1]
        await gateway.cursor(on=False)
        async with listening(gateway, 1, "alice") as client:
            await say(gateway, "as it is published")
            assert [event.seq for event in await client.until(MESSAGE)] == [0]
        assert [entry.replayed for entry in gateway.resumed] == [0] * 5


async def test_first_login_asks_for_a_code() -> None:
    """A wrong code is refused and asked for again; the right one, from a second connection, logs the account in."""
    async with WorkPro() as gateway:
        await gateway.contact(BOT, "小助手")
        async with listening(gateway) as client, connected(gateway) as other:
            await gateway.verify_code("v1", "123456", login=BOT, message="新设备登录")
            (asked,) = await client.until(VERIFY_CODE)
            assert json.loads(asked.payload) == {"id": "v1", "message": "新设备登录", "scene": 1, "status": 1}
            with pytest.raises(GRPCError, match="wrong code"):
                await other.call("EnterVerifyCode", Strings("v1", "000000"), Strings)
            asked = (await client.until(VERIFY_CODE, 2))[1]
            assert json.loads(asked.payload)["status"] == 3
            await other.call("EnterVerifyCode", Strings("v1", "123456"), Strings)
            await client.until(LOGIN)
        assert gateway.entered == [("v1", "000000"), ("v1", "123456")]


async def test_slides_and_announcements_are_told() -> None:
    """Both come as events of WorkPro's own."""
    async with WorkPro() as gateway:
        await community(gateway, ["101"])
        async with listening(gateway) as client:
            await gateway.verify_slide("https://example.org/slide")
            await gateway.announce("@101", "周五聚会", "alice")
            (slide,) = await client.until(VERIFY_SLIDE)
            (announced,) = await client.until(ANNOUNCE)
        assert json.loads(slide.payload)["sliderExeUrl"] == "https://example.org/slide"
        assert json.loads(announced.payload)["newAnnounce"] == "周五聚会"


async def test_merged_records_are_read() -> None:
    """WorkPro answers with who said what in a chat history, and types that others do not have come as they are."""
    async with WorkPro() as gateway, connected(gateway) as client:
        await community(gateway, ["101"])
        records = [record("Carol", "有人用过 2.6 吗"), record("Dave", "用过")]
        message = await gateway.say(talker="alice", room="@101", kind="chat_history", payload={"records": records})
        found = (await client.call("MessageChatHistory", Strings(message), ChatHistory)).records
        assert [(one.sender_name, one.message.text) for one in found] == [
            ("Carol", "有人用过 2.6 吗"),
            ("Dave", "用过"),
        ]
        for kind, number in {"channel": 17, "markdown": 19, "call_record": 20, "channel_card": 23}.items():
            message = await gateway.say(talker="alice", room="@101", kind=kind, text="# x")
            assert (await client.call("MessagePayload", Strings(message), MessagePayload)).type == number
