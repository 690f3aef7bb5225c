"""Quotes that come as an id, from the gateway to the rooms, over the loopback gateway."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import betterproto
import pytest
from grpclib.const import Status
from wechaty_grpc.wechaty import puppet as pb

from bot import RoomSyncBot
from roomsync.errors import GatewayLost
from roomsync.gateway.client import Client
from roomsync.gateway.members import Members
from roomsync.gateway.payloads import Contents, message_of
from roomsync.gateway.protocol import MAX_ID
from roomsync.gateway.wire import MessagePayloadResponse, MessageSendTextRequest
from roomsync.model import Kind, Message, State
from roomsync.session import Cooldown
from tests.conftest import running, until
from tests.hostile import raw
from tests.scripted import Fault, ScriptedGateway, refused
from tests.test_bot import lines

DASHES = "- " * 14 + "-"
IMAGE = json.dumps({"boxType": 7, "uuid": "2", "name": "a.png", "size": 100_000, "metadata": {}})


def copy(gateway: ScriptedGateway, room_id: str, kind: str = "text") -> str:
    """The id of what the bot sent last to a room."""
    return next(one.id for one in reversed(gateway.sent) if (one.room_id, one.kind) == (room_id, kind))


def quoted(bot: RoomSyncBot) -> list[tuple[str | None, str, str]]:
    """Of every text in the file its words, the id of what it quotes if that is known, and the line that says so."""
    query = "SELECT q.gateway_id, p.body, p.quote_line FROM parts AS p LEFT JOIN messages AS q ON q.id = p.quoted"
    with bot.state.connection() as db:
        return db.execute(f"{query} WHERE NOT p.caption AND p.kind = 'text' ORDER BY p.message_id, p.part").fetchall()


async def said(gateway: ScriptedGateway, *args: str, sends: int, **more: str) -> list[str]:
    """Somebody says something; the texts of the sends after it, by room."""
    before = len(gateway.sent)
    gateway.say(*args, **more)
    await gateway.until(lambda: len(gateway.sent) == before + sends)
    return [one.body for one in sorted(gateway.sent[before:], key=lambda one: one.room_id)]


async def test_reply_to_a_copy_shows_and_mentions_its_author(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply that names a copy by id quotes it, and mentions the author at home; the gateway is asked nothing."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        replies = await said(gateway, "r103", "bob", "hi", quote_id=copy(gateway, "r103"), sends=2)
        assert quoted(bot)[1:] == [
            ("m1", "@Alice\u2005hi", "「Alice@101：hello」"),
            ("m1", "hi", "「Alice@101：hello」"),
        ]
    assert replies == ["[Bob@103]:  @Alice\u2005hi", "[Bob@103]:  hi"]
    assert {one.room_id: one.mentions for one in gateway.sent[2:]} == {"r101": ("alice",), "r102": ()}
    assert gateway.calls.count("MessagePayload") == 2


async def test_reply_in_the_same_room_mentions_nobody(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply to what was said in its own room quotes the copies elsewhere, and mentions nobody."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        replies = await said(gateway, "r101", "bob", "hi", quote_id="m1", sends=2)
        assert quoted(bot)[1:] == [("m1", "hi", "「Alice：hello」")]
    assert replies == ["[Bob@101]:  hi"] * 2
    assert not any(one.mentions for one in gateway.sent)


async def test_reply_to_a_reply_quotes_its_words_alone(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of a reply that mentions its author only its own words are quoted."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", sends=2)
        await said(gateway, "r103", "bob", "hi", quote_id=copy(gateway, "r103"), sends=2)
        await said(gateway, "r101", "alice", "well", quote_id=copy(gateway, "r101"), sends=2)
        assert quoted(bot)[-1][2] == "「Bob@103：hi」"


@pytest.mark.parametrize("kind", ["text", "image"])
async def test_reply_to_a_picture_or_its_caption(gateway: ScriptedGateway, state_file: Path, kind: str) -> None:
    """A quoted picture is its readable line, whichever of its two messages was quoted."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", kind="image", content=IMAGE, id="m1", sends=4)
        replies = await said(gateway, "r103", "bob", "nice", quote_id=copy(gateway, "r103", kind), sends=2)
        assert quoted(bot)[-1] == ("m1", "nice", "「Alice@101：[图片]」")
    assert replies[1] == "[Bob@103]:  nice"


async def test_reply_to_a_text_of_several_is_a_reply_to_none(gateway: ScriptedGateway, state_file: Path) -> None:
    """What carried several people's messages is quoted as that text; it is no single message, and mentions nobody."""
    async with running(gateway, state_file, paused=True) as bot:
        gateway.say("r101", "alice", "one")
        gateway.say("r101", "bob", "two")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 4)
        bot.session.resume()
        await gateway.until(lambda: len(gateway.sent) == 2)
        replies = await said(gateway, "r103", "bob", "which?", quote_id=copy(gateway, "r103"), sends=2)
        assert quoted(bot)[-1] == (None, "which?\n「Alice@101：one [Bob@101]: two」", "")
    assert replies == ["[Bob@103]:  which?\n「Alice@101：one [Bob@101]: two」"] * 2
    assert not any(one.mentions for one in gateway.sent)


@pytest.mark.parametrize(("kind", "words"), [("text", "before"), ("image", "[图片]"), ("url", "[链接]")])
async def test_unknown_quoted_message_is_asked_for(
    gateway: ScriptedGateway, state_file: Path, kind: str, words: str
) -> None:
    """What was said while no bot was there is asked for once, and shown; it is no message that the bot could quote."""
    gateway.say("r101", "alice", "before", kind=kind, id="old")
    async with running(gateway, state_file) as bot:
        replies = await said(gateway, "r101", "bob", "hi", quote_id="old", sends=2)
        assert quoted(bot) == [(None, f"hi\n「Alice：{words}」", "")]
    assert replies == [f"[Bob@101]:  hi\n「Alice：{words}」"] * 2
    assert gateway.calls.count("MessagePayload") == 2


@pytest.mark.parametrize("fault", [None, Fault(refused("expired")), Fault(delay=5)], ids=["unknown", "refused", "late"])
async def test_reply_goes_without_what_the_gateway_does_not_tell(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    """A gateway that refuses, or is late, is asked once for what is quoted; the reply goes without the line."""
    monkeypatch.setattr("roomsync.gateway.payloads.QUOTED_TIMEOUT", 0.05)
    if fault:
        gateway.say("r101", "alice", "before", id="old")
        gateway.script("MessagePayload", Fault(), fault)
    async with running(gateway, state_file):
        replies = await said(gateway, "r101", "bob", "hi", quote_id="old", sends=2)
    assert replies == ["[Bob@101]:  hi"] * 2
    assert gateway.calls.count("MessagePayload") == 2


async def test_words_of_another_room_are_not_shown(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply that names what was said in a room outside, or in private, shows nothing of it."""
    for number, room_id in enumerate(("family", "")):
        gateway.say(room_id, "alice", "secret", id=f"secret{number}")
    async with running(gateway, state_file):
        for number in range(2):
            assert (
                await said(gateway, "r101", "bob", "hi", quote_id=f"secret{number}", sends=2) == ["[Bob@101]:  hi"] * 2
            )


@pytest.mark.parametrize(("talker", "kind"), [("al\x1bice", "text"), ("alice", "system"), ("alice", "recalled")])
async def test_what_cannot_be_shown_is_no_quote(
    gateway: ScriptedGateway, state_file: Path, talker: str, kind: str
) -> None:
    """A reply goes without the line of somebody with a bad id, of a notice, and of what was taken back."""
    gateway.say("r101", talker, "before", kind=kind, id="old")
    async with running(gateway, state_file):
        assert await said(gateway, "r101", "bob", "hi", quote_id="old", sends=2) == ["[Bob@101]:  hi"] * 2


async def test_somebody_without_a_name_is_quoted(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who has no name that the gateway tells is called what a header calls them."""
    gateway.say("r101", "carol", "before", id="old")
    async with running(gateway, state_file):
        replies = await said(gateway, "r101", "bob", "hi", quote_id="old", sends=2)
    assert replies == ["[Bob@101]:  hi\n「群友：before」"] * 2


async def test_own_line_of_the_bot_is_quoted_without_a_mention(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply to what the bot said for itself shows the bot's name and line, and mentions nobody."""
    async with running(gateway, state_file) as bot:
        gateway.say("r103", "bob", "who are you", mentions=["bot"])
        await gateway.until(lambda: len(gateway.sent) == 3)
        replies = await said(gateway, "r103", "bob", "thanks", quote_id=copy(gateway, "r103"), sends=2)
        assert quoted(bot)[-1][0] is None
    assert replies[0].startswith("[Bob@103]:  thanks\n「小助手：我是群消息同步助手：")
    assert not any(one.mentions for one in gateway.sent)


async def test_reply_outlives_what_it_quotes(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply that still waits when the quoted message is forgotten goes with the line."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        bot.session.pause()
        gateway.say("r101", "bob", "hi", quote_id="m1")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 2)
        with bot.state.transaction() as db:
            db.execute("DELETE FROM messages WHERE gateway_id = 'm1'")
        assert quoted(bot) == [(None, "hi", "「Alice：hello」")]
        bot.session.resume()
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert [one.body for one in gateway.sent[2:]] == ["[Bob@101]:  hi\n「Alice：hello」"] * 2


async def test_quote_in_words_stands_in_the_words(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply that carries what it quotes in its words is read from these, also where it names an id, too."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        gateway.say("r101", "bob", f"「Carol：other」\n{DASHES}\nhi", quote_id="m1")
        await until(lambda: len(lines(gateway, "r102")) == 3)
        assert quoted(bot)[1:] == [(None, "hi\n「Carol：other」", "")]


async def test_gateway_shows_that_it_speaks_quotes(gateway: ScriptedGateway, state_file: Path) -> None:
    """Whether quotes can be sent by id is known from the first message that names one."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        assert not bot.puppet.client.speaks_quotes
        await said(gateway, "r101", "bob", "hi", quote_id="m1", sends=2)
        assert bot.puppet.client.speaks_quotes


@pytest.mark.parametrize(
    ("fields", "quote_id"),
    [
        ({}, "m0"),
        ({"text": f"「Alice：hello」\n{DASHES}\nhi"}, ""),
        ({"quote_id": "m\x1b0"}, ""),
        ({"quote_id": "x" * (MAX_ID + 1)}, ""),
        ({"kind": Kind.IMAGE}, ""),
    ],
    ids=["text", "words", "control character", "endless", "picture"],
)
def test_id_of_what_a_text_quotes_is_read(fields: dict[str, Any], quote_id: str) -> None:
    """The id is that of a text that says no more of what it quotes; a bad one counts as none."""
    assert message_of(raw(**{"quote_id": "m0", **fields})).quote_id == quote_id


async def test_reply_is_read_again_when_the_connection_is_gone() -> None:
    """Without a connection a reply is left for later: then it has its line."""
    client = Client("token")
    reply = Message("m1", "r101", "bob", "Bob", Kind.TEXT, quote_id="m0")
    with pytest.raises(GatewayLost):
        await Contents(client, Members(client)).with_quote(reply)


def test_messages_of_other_gateways_stay_as_they_are() -> None:
    """A text without a quote is on the wire as it was, and a payload without one is read as it was."""
    given = {"conversation_id": "r101", "text": "hi", "mentonal_ids": ["alice", "bob"]}
    asked: list[Callable[..., betterproto.Message]] = [MessageSendTextRequest, pb.MessageSendTextRequest]
    assert len({bytes(one(**given)) for one in asked}) == 1
    known = {"id": "m1", "filename": "a", "text": "hi", "timestamp": 1 << 40, "type": 7, "from_id": "alice"}
    known |= {"room_id": "r101", "to_id": "bob", "mention_ids": ["a", "b"]}
    read = MessagePayloadResponse().parse(bytes(pb.MessagePayloadResponse(**known)))
    assert {name: getattr(read, name) for name in (*known, "quote_id")} == {**known, "quote_id": ""}


async def test_a_send_quotes_what_it_names(gateway: ScriptedGateway, state_file: Path) -> None:
    """What a send quotes goes with it to the gateway."""
    async with running(gateway, state_file, paused=True) as bot:
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 2)
        send = bot.outbox.take("r102", bot.clock())
        assert send
        await bot.courier._attempts.make(replace(send, quote_id="m1"))
    assert [one.quote_id for one in gateway.sent] == ["m1"]


async def test_text_quotes_by_id(gateway: ScriptedGateway, state_file: Path) -> None:
    """The call that sends a text names what it quotes, and only if it quotes something."""
    async with running(gateway, state_file) as bot:
        client = bot.puppet.client
        for quote_id in ("m1", ""):
            assert await client.send("r101", Kind.TEXT, "hi", ["alice"], quote_id)
    assert [(one.body, one.mentions, one.quote_id) for one in gateway.sent] == [
        ("hi", ("alice",), "m1"),
        ("hi", ("alice",), ""),
    ]


def quotes(gateway: ScriptedGateway, count: int) -> dict[str, tuple[str, str]]:
    """Of the last sends by room: the text, and the id of what it quotes."""
    return {one.room_id: (one.body, one.quote_id) for one in gateway.sent[-count:]}


async def test_reply_quotes_each_rooms_own_copy(gateway: ScriptedGateway, state_file: Path) -> None:
    """In every room a reply quotes what that room has: the original at home, elsewhere the copy, and no line."""
    async with running(gateway, state_file):
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        copies = {room_id: copy(gateway, room_id) for room_id in ("r102", "r103")}
        await said(gateway, "r103", "bob", "hi", quote_id=copies["r103"], sends=2)
    assert quotes(gateway, 2) == {
        "r101": ("[Bob@103]:  @Alice\u2005hi", "m1"),
        "r102": ("[Bob@103]:  hi", copies["r102"]),
    }


async def test_reply_quotes_the_picture_and_not_its_caption(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply to a picture quotes the picture in the other rooms, whichever of its two messages was quoted."""
    async with running(gateway, state_file):
        await said(gateway, "r101", "alice", kind="image", content=IMAGE, id="m1", sends=4)
        picture = copy(gateway, "r102", "image")
        await said(gateway, "r103", "bob", "nice", quote_id=copy(gateway, "r103", "text"), sends=2)
    assert quotes(gateway, 2)["r102"] == ("[Bob@103]:  nice", picture)


async def test_reply_that_may_not_quote_has_its_line(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where the gateway refuses a quote, the reply goes at once with the line that says what it answers, and once."""
    async with running(gateway, state_file):
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        gateway.script("MessageSendText", Fault(refused("quoted message not found")))
        await said(gateway, "r101", "bob", "hi", quote_id="m1", sends=2)
    refused_one = next(one for one in gateway.sent[-2:] if not one.quote_id)
    assert refused_one.body == "[Bob@101]:  hi\n「Alice：hello」"
    assert sorted(one.body for one in gateway.sent[-2:])[0] == "[Bob@101]:  hi"


async def test_reply_to_words_among_others_says_whose(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where the copy carries others' words, too, the reply quotes it and has the line, so that it is clear whose."""
    async with running(gateway, state_file, paused=True) as bot:
        gateway.say("r101", "alice", "one", id="m1")
        gateway.say("r101", "bob", "two")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 4)
        bot.session.resume()
        await gateway.until(lambda: len(gateway.sent) == 2)
        both = copy(gateway, "r102")
        await said(gateway, "r101", "bob", "hi", quote_id="m1", sends=2)
    assert quotes(gateway, 2)["r102"] == ("[Bob@101]:  hi\n「Alice：one」", both)


async def test_replies_faster_than_turns_go_together(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several replies that wait the first quotes; those that stood back for it go together, each with its line."""
    monkeypatch.setattr("roomsync.delivery.turns.PATIENCE", 0.0)
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        bot.session.pause()
        for name, words in (("bob", "hi"), ("alice", "well"), ("bob", "so")):
            gateway.say("r101", name, words, quote_id="m1")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 6)
        bot.session.resume()
        await gateway.until(lambda: len(gateway.sent) == 6)
    bodies = [(one.body, bool(one.quote_id)) for one in gateway.sent[2:] if one.room_id == "r102"]
    line = "「Alice：hello」"
    assert bodies == [
        ("[Bob@101]:  hi", True),
        (f"[Alice@101]:  well\n{line}\n[Bob@101]:  so\n{line}", False),
    ]


async def test_what_was_taken_back_is_quoted_no_more(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply that waits while the quoted message is taken back goes without its words."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        bot.session.throttle(Cooldown(bot.clock() + 60, 60))
        gateway.say("r101", "bob", "hi", quote_id="m1")
        gateway.say("r101", "alice", "m1", kind="recalled")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 4)
        bot.session.throttle(Cooldown())
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert [one.body for one in gateway.sent[2:]] == ["[Bob@101]:  hi"] * 2


async def test_gateway_that_refuses_every_quote_is_sent_none_for_a_while(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After many refusals in a row replies go with their lines at once."""
    monkeypatch.setattr("roomsync.delivery.attempts.MAX_REFUSED_QUOTES", 2)
    async with running(gateway, state_file):
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        gateway.script("MessageSendText", *[Fault(refused("no quotes"))] * 2)
        await said(gateway, "r101", "bob", "hi", quote_id="m1", sends=2)
        calls = gateway.calls.count("MessageSendText")
        await said(gateway, "r101", "bob", "so", quote_id="m1", sends=2)
        assert gateway.calls.count("MessageSendText") == calls + 2
    assert [one.quote_id for one in gateway.sent[-2:]] == [""] * 2


async def test_reply_whose_answer_was_lost_quotes_again(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply that may have gone is made again as it was, so that the echo of either settles it."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        gateway.script("MessageSendText", Fault(refused("late", Status.DEADLINE_EXCEEDED), after=True))
        monkey = "roomsync.delivery.retries.FIRST_RETRY_DELAY"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(monkey, 0.01)
            await said(gateway, "r101", "bob", "hi", quote_id="m1", sends=3)
        await until(lambda: bot.outbox.counts().get(State.SENT) == 4)
    assert [bool(one.quote_id) for one in gateway.sent[-3:]] == [True] * 3
    assert {one.body for one in gateway.sent[-3:]} == {"[Bob@101]:  hi"}


async def test_gateway_that_shows_no_quote_ids_is_sent_none(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply that waited over a restart goes with its line while the gateway has not shown that it can quote."""
    async with running(gateway, state_file) as bot:
        await said(gateway, "r101", "alice", "hello", id="m1", sends=2)
        bot.session.pause()
        gateway.say("r101", "bob", "hi", quote_id="m1")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 2)
    async with running(gateway, state_file):
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert quotes(gateway, 2)["r102"] == ("[Bob@101]:  hi\n「Alice：hello」", "")


async def test_reply_to_an_announcement_names_it_at_home(gateway: ScriptedGateway, state_file: Path) -> None:
    """An announcement has no id at the gateway: in its own room the reply has the line, and quotes nothing."""
    async with running(gateway, state_file):
        gateway.emit(32, {"roomId": "r101", "changerId": "alice", "newAnnounce": "party", "timestamp": 1_700_000_000})
        await gateway.until(lambda: len(gateway.sent) == 2)
        await said(gateway, "r103", "bob", "yes", quote_id=copy(gateway, "r103"), sends=2)
    body, quote_id = quotes(gateway, 2)["r101"]
    assert body.endswith("yes\n「Alice@101：[群公告] party」") and not quote_id
    assert quotes(gateway, 2)["r102"][1]
