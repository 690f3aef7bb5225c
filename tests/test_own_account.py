"""RELAY_OWN, rule by rule: what a person types with the bot's account is relayed, a send of the bot's own never."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync import errors, store
from roomsync.delivery.outbox import add_line
from roomsync.delivery.outcomes import ECHO_TTL, KNOWN_ECHO_TTL
from roomsync.gateway.protocol import EventType
from roomsync.loopback.account import Sent
from roomsync.model import Announcement, Kind, Part, Quote, Send, State
from roomsync.store.waiting import ANNOUNCED
from roomsync.text.phrases import UNSENT_TEXT, introduction, missed
from tests.conftest import PREFIX, Clock, running
from tests.owner import OwnDesk
from tests.scripted import ScriptedGateway

PICTURE = '{"boxType": 1, "base64": "aGVsbG8=", "name": "a.png"}'


@pytest.fixture
def desk(state_file: Path, clock: Clock) -> Iterator[OwnDesk]:
    found = OwnDesk(state_file, clock)
    yield found
    found.state.close()


async def picture_in_hand(desk: OwnDesk) -> Send:
    """Let Alice post a picture; return the send of it to r102, of which nothing is known yet."""
    await desk.hear(talker="alice", kind=Kind.IMAGE)
    while (send := desk.outbox.take("r102", desk.clock())) and send.kind is Kind.TEXT:
        desk.outbox.sent(send, "s", desk.clock())
    assert send
    return send


async def picture_in(desk: OwnDesk, send_id: str | None, age: float = 1.0) -> None:
    """Let Alice post a picture, which the bot sends to the other rooms; `send_id` as in OwnDesk."""
    desk.send_id = send_id
    await desk.hear(talker="alice", kind=Kind.IMAGE)
    await desk.send_all()
    desk.clock.now += age


# What a person types.


async def test_owner_is_relayed_end_to_end(gateway: ScriptedGateway, state_file: Path) -> None:
    """A text and a picture of the account go to all other rooms in its name, though each send has its echo, twice."""

    def echo(one: Sent) -> None:
        for _ in range(2):
            gateway.emit(EventType.MESSAGE, {"messageId": one.id})

    gateway.on_sent = echo
    async with running(gateway, state_file, RELAY_OWN="true"):
        gateway.say("r101", "bot", "hello")
        gateway.say("r101", "bot", kind="image", content=PICTURE)
        await gateway.until(lambda: len(gateway.sent) == 6)
        gateway.say("r102", "alice", "good night")
        await gateway.until(lambda: len(gateway.sent) == 8)
    texts = [one.body for one in gateway.sent if one.room_id == "r103" and one.kind == "text"]
    assert texts == ["[小助手@101]:  hello", "[小助手@101]:  [图片]", "[Alice@102]:  good night"]
    assert [one.body for one in gateway.sent if one.kind == "image"] == [PICTURE, PICTURE]


async def test_owner_is_not_relayed_by_default(gateway: ScriptedGateway, state_file: Path) -> None:
    """Without the setting what the account says, and its recalls, stay in their room."""
    async with running(gateway, state_file):
        said = gateway.say("r101", "bot", "my own")
        gateway.say("r101", "bot", said, kind="recalled")
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.body for one in gateway.sent} == {"[Alice@101]:  hello"}


async def test_an_event_that_comes_again_is_relayed_once(desk: OwnDesk) -> None:
    """The same id at once, and after a kill, is the same message."""
    said = await desk.hear("hello", id="x")
    await desk.hear("hello", id="x")
    desk.restart()
    await desk.hear("hello", id="x")
    assert desk.relayed() == [(said, "r102", "[小助手@101]:  hello"), (said, "r103", "[小助手@101]:  hello")]


@pytest.mark.parametrize("kind", [Kind.AUDIO, Kind.LOCATION, Kind.CONTACT])
async def test_what_the_bot_never_sends_goes_as_a_line(desk: OwnDesk, kind: Kind) -> None:
    """A voice message, a place or a contact of the account goes as a line, as anybody's, also behind a picture."""
    await picture_in(desk, None)
    said = await desk.hear(kind=kind, room_id="r102")
    assert desk.ids() == [said]


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.SYSTEM])
async def test_what_nobody_typed_is_left_alone(desk: OwnDesk, kind: Kind) -> None:
    """What is of no known kind may be a send that the gateway shows so, or a notice of WeChat's."""
    await desk.hear("<msg/>", kind=kind)
    assert desk.ids() == []


async def test_outside_of_communities_nothing_is_relayed(desk: OwnDesk) -> None:
    """What the account says in private or in a room of no community is nobody's business."""
    desk.rooms.place("family", "家庭群")
    for room_id in ("", "family"):
        await desk.hear("hello", room_id=room_id)
    assert desk.outbox.counts() == {}


async def test_reply_and_announcement_of_the_owner_are_relayed(desk: OwnDesk) -> None:
    """A reply goes although it quotes lines of the bot's, and so does an announcement that the account sets."""
    lines = "[Alice@102]:  a\n[Bob@103]:  b"
    text = f"「小助手：{lines}」\n- - - - - - - - - - - - - - -\nyes"
    reply = await desk.hear(text, quote=Quote("小助手", lines, "yes"))
    announced = await desk.hear("[群公告] Friday", id=Announcement("r101", "bot", "1", "Friday").id)
    assert desk.ids() == [reply, announced]


async def test_a_reply_of_an_unknown_kind_is_one(desk: OwnDesk) -> None:
    """A gateway that shows replies as messages of an unknown kind shows the owner's so, too."""
    said = await desk.hear("<msg/>", kind=Kind.UNKNOWN, quote=Quote("Alice", "a", "yes"))
    assert desk.ids() == [said]


async def test_the_account_is_not_told_what_the_bot_does(desk: OwnDesk) -> None:
    """Who types with the account and mentions all gets no answer from the bot."""
    await desk.hear("all: hello", mentions=("alice", "bot"))
    assert desk.outbox.counts() == {State.WAITING: 2}


async def test_owner_s_recall_takes_the_copies_back(desk: OwnDesk) -> None:
    """A message that the account takes back is taken back in the other rooms; what was sent has its id."""
    desk.send_id = "s"
    said = await desk.hear("hello")
    await desk.send_all()
    await desk.hear(said, kind=Kind.RECALLED)
    await desk.send_all()
    assert desk.outbox.counts() == {State.SENT: 2, State.CANCELLED: 2}


async def test_echo_of_a_recall_of_the_bot_s_does_nothing(desk: OwnDesk) -> None:
    """When the bot takes a copy back, the gateway shows that as a recall by the account, before or after the answer."""
    desk.send_id = "s"
    said = await desk.hear("hello", talker="alice")
    await desk.send_all()
    await desk.hear(said, talker="alice", kind=Kind.RECALLED)
    await desk.hear("s1", kind=Kind.RECALLED, room_id="r102")
    with desk.state.connection() as db:
        assert db.execute("SELECT count(*) FROM recalls").fetchone() == (1,)
    await desk.send_all()
    before = desk.outbox.counts()
    await desk.hear("s1", kind=Kind.RECALLED, room_id="r102")
    assert (desk.outbox.counts(), await desk.courier.step()) == (before, None)


async def test_who_quotes_the_owner_lets_nobody_be_mentioned(desk: OwnDesk) -> None:
    """A quote of the account's words from another room goes as to every room: nobody can mention the account itself."""
    await desk.hear("hello")
    quote = Quote("小助手", "[小助手@101]:  hello", "yes")
    await desk.hear("...", room_id="r102", talker="alice", quote=quote)
    await desk.send_all()
    assert [body for room_id, _, body in desk.sends if room_id == "r101"] == [
        "[Alice@102]:  yes\n「小助手@101：hello」"
    ]


# Texts of the bot's own.


@pytest.mark.parametrize(
    "text",
    [
        "[Alice@102]:  hello",
        "[Alice@102]:hello\r\n",
        "[Ali[Grin]ce@102]:  hello",
        "[Alice@102] 撤回了一条消息",
        "[Alice@before] 撤回了一条消息",
        "[Alice@102] 撤回了一条消息\n[Bob@103]:  hello",
        f"{missed(3)}\n[Alice@102]:  hello",
        introduction(PREFIX, 2),
        f"{introduction(PREFIX, 2)}<br/>{missed(3)}",
        UNSENT_TEXT,
        "小助手: [图片]",
        "@Bob\n[Alice@102]:  hello",
        " ",
    ],
)
async def test_what_reads_like_the_bot_is_not_relayed(desk: OwnDesk, text: str) -> None:
    """What the bot could have said is not relayed, though no send of it is known: it may be forgotten."""
    await desk.hear(text)
    assert desk.ids() == []


async def test_an_escaped_header_is_known(desk: OwnDesk) -> None:
    """A gateway that shows texts as HTML is understood."""
    desk.header = "<{name}@{room}> "
    desk.restart()
    await desk.hear("&lt;Alice@102&gt; hello")
    assert desk.ids() == []


async def test_a_header_that_looks_like_a_quote_is_known(desk: OwnDesk) -> None:
    """With a HEADER in the form of a quote, a text of the bot's is not taken for a person's reply."""
    desk.header = "「{name}：{room}」 "
    desk.restart()
    text = "「Alice：102」 a」\n- - - - - - - - - - - - - - -\nyes"
    await desk.hear(text, quote=Quote("Alice", "102」 a", "yes"))
    assert desk.ids() == []


async def test_a_header_of_before_is_known(desk: OwnDesk) -> None:
    """A text whose send is forgotten is known by its header, also after the room's name and HEADER were changed."""
    await desk.hear("hello", talker="alice")
    await desk.send_all()
    assert desk.outbox.send_again("r102", 0, desk.clock()) == 1
    desk.labels["r101"], desk.header = "201", "{name}<{room}> "
    desk.restart()
    await desk.hear("[Alice@101]:  hello", room_id="r102")
    assert desk.ids() == []


async def test_the_same_words_are_known_for_as_long_as_they_are_kept(desk: OwnDesk) -> None:
    """Words that the bot sent to a room are its own there, whatever became of blanks and breaks, and nowhere else."""
    with desk.state.transaction() as db:
        add_line(db, "r102", "good morning,\nall", desk.clock())
    await desk.send_all()
    desk.clock.now += 86400
    for echo in ("good morning,\nall", "good morning,\r\nall ", "good morning, all"):
        await desk.hear(echo, room_id="r102")
    assert desk.ids() == []
    said = await desk.hear("good morning, all")
    assert desk.ids() == [said]


async def test_what_staff_announced_is_known_when_its_send_is_forgotten(desk: OwnDesk) -> None:
    """An announcement that was refused, or has to be sent again, is not relayed when the gateway shows it late."""
    now = desk.clock()
    with desk.state.transaction() as db:
        key = store.messages.add_own(db, "office", Kind.SYSTEM, now)
        store.deliveries.add(db, key, {"r102": [Part(Kind.TEXT, "Milvus 2.7\nis here")]}, now, ANNOUNCED)
    send = desk.outbox.take("r102", now)
    assert send
    desk.outbox.put_back(send, now + 3600, now, uncertain=False)
    await desk.hear("Milvus 2.7 is here", room_id="r102")
    assert desk.ids() == []


# Pictures, files and cards, which have no words.


async def test_echo_of_a_picture_is_not_relayed_before_its_answer(desk: OwnDesk) -> None:
    """While a picture is in hand, what the account shows in that room may be it, in another there may be none."""
    await picture_in_hand(desk)
    desk.clock.now += ECHO_TTL + 1
    await desk.hear(kind=Kind.VIDEO, room_id="r102")
    said = await desk.hear(kind=Kind.IMAGE)
    assert desk.ids() == [said]


@pytest.mark.parametrize(("send_id", "limit"), [(None, ECHO_TTL), ("s", KNOWN_ECHO_TTL)], ids=["no ids", "ids"])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_picture_soon_after_a_picture_may_be_its_echo(
    desk: OwnDesk, send_id: str | None, limit: float, restarted: bool
) -> None:
    """Where answers give no ids any picture in ten minutes may be an echo, the second one, too; else in one minute."""
    await picture_in(desk, send_id, age=limit - 2)
    if restarted:
        desk.restart()
    await desk.hear(kind=Kind.IMAGE, room_id="r102")
    await desk.hear(kind=Kind.IMAGE, room_id="r102", id="again")
    assert desk.ids() == []
    desk.clock.now += 4
    said = await desk.hear(kind=Kind.IMAGE, room_id="r102")
    await desk.hear(kind=Kind.IMAGE, room_id="r102", id="again")  # what was not sure then does not become so
    assert desk.ids() == [said]


async def test_an_id_that_an_answer_gave_is_certain(desk: OwnDesk) -> None:
    """Where the echo comes before the answer, as it often does, the owner's pictures go a minute later all the same."""
    send = await picture_in_hand(desk)
    await desk.hear(kind=Kind.IMAGE, room_id="r102", id="s1")
    desk.outbox.sent(send, "s1", desk.clock())
    desk.clock.now += KNOWN_ECHO_TTL + 1
    said = await desk.hear(kind=Kind.IMAGE, room_id="r102")
    assert desk.ids() == [said]


async def test_an_echo_under_another_id_than_the_answer_s_is_remembered(desk: OwnDesk) -> None:
    """What was an echo once is one when a gateway tells it again hours later, though its send has another id."""
    send = await picture_in_hand(desk)
    await desk.hear(kind=Kind.IMAGE, room_id="r102", id="e1")
    desk.outbox.sent(send, "s1", desk.clock())
    desk.clock.now += 7200
    await desk.hear(kind=Kind.IMAGE, room_id="r102", id="e1")
    assert desk.ids() == []


async def test_an_echo_from_before_a_restart_gives_no_id_that_is_certain(desk: OwnDesk) -> None:
    """An id that only an echo gave, to a bot that was killed then, says nothing of a second echo."""
    await picture_in(desk, None)
    await desk.hear(kind=Kind.IMAGE, room_id="r102")
    desk.restart()
    desk.clock.now += KNOWN_ECHO_TTL + 1
    await desk.hear(kind=Kind.IMAGE, room_id="r102")
    assert desk.ids() == []


async def test_an_echo_that_comes_hours_late_is_known_by_its_time(desk: OwnDesk) -> None:
    """What a gateway tells late, with the time at which it was said, is compared with what was sent then."""
    at = desk.clock()
    await picture_in(desk, None, age=7200)
    await desk.hear(kind=Kind.IMAGE, room_id="r102", said_at=at + 30)
    assert desk.ids() == []
    said = await desk.hear(kind=Kind.IMAGE, room_id="r102", said_at=at + 3600)
    assert desk.ids() == [said]


async def test_a_picture_whose_answer_was_lost_may_be_shown_at_any_time(desk: OwnDesk) -> None:
    """As long as it is not known whether a picture was sent, what the account shows there may be it."""
    send = await picture_in_hand(desk)
    desk.outbox.put_back(send, desk.clock(), desk.clock(), uncertain=True)
    desk.clock.now += 7200
    await desk.hear(kind=Kind.IMAGE, room_id="r102")
    assert desk.ids() == []


async def test_a_picture_that_was_made_again_may_be_shown_late(desk: OwnDesk) -> None:
    """The first try of a picture may be shown, more than once, long after the second was answered with its id."""
    send = await picture_in_hand(desk)
    desk.outbox.put_back(send, desk.clock(), desk.clock(), uncertain=True)
    desk.clock.now += ECHO_TTL - 100
    again = desk.outbox.take("r102", desk.clock())
    assert again and again.repeated
    desk.outbox.sent(again, "s2", desk.clock())
    desk.clock.now += 200
    for _ in range(2):
        await desk.hear(kind=Kind.IMAGE, room_id="r102")
    assert desk.ids() == []


async def test_a_picture_that_was_refused_may_have_been_sent(desk: OwnDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some gateways send and answer with an error: the line that goes in its place makes the echo nobody else's."""
    await desk.hear(talker="alice", kind=Kind.IMAGE)

    async def refuse(room_id: str, kind: Kind, *more: object) -> str:
        if kind is Kind.IMAGE:
            raise errors.Unsendable("but it was sent")
        return f"s{len(more)}{room_id}{desk.clock()}"

    monkeypatch.setattr(desk, "send", refuse)
    await desk.send_all()
    desk.clock.now += ECHO_TTL - 60
    await desk.hear(kind=Kind.IMAGE, room_id="r102")
    assert desk.ids() == []
    desk.clock.now += 120
    said = await desk.hear(kind=Kind.IMAGE, room_id="r102")
    assert desk.ids() == [said]
