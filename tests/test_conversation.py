"""One conversation across rooms: recalls, quotes, mentions, kinds and other relays, over the loopback gateway."""

import json
from pathlib import Path

import pytest
from grpclib.const import Status

from roomsync.model import State
from roomsync.session import Cooldown
from tests.conftest import PREFIX, running, until
from tests.scripted import Fault, ScriptedGateway, refused
from tests.test_bot import lines

DASHES = "- " * 14 + "-"
FILE = json.dumps({"boxType": 7, "uuid": "1", "name": "a.pdf", "size": 1_200_000, "metadata": {}})
IMAGE = json.dumps({"boxType": 7, "uuid": "2", "name": "a.png", "size": 100_000, "metadata": {}})


async def test_recalled_text_is_taken_back_everywhere(gateway: ScriptedGateway, state_file: Path) -> None:
    """A text that a member takes back is taken back from every other room."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "oops", id="m1")
        await gateway.until(lambda: len(gateway.sent) == 2)
        gateway.say("r101", "alice", "m1", kind="recalled")
        await gateway.until(lambda: len(gateway.recalled) == 2)
    assert sorted(gateway.recalled) == sorted(one.id for one in gateway.sent)


async def test_recalled_picture_goes_with_its_caption(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of a picture both the picture and its caption are taken back, the picture first."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", kind="image", content=IMAGE, id="m1")
        await gateway.until(lambda: len(gateway.sent) == 4)
        gateway.say("r101", "alice", "m1", kind="recalled")
        await gateway.until(lambda: len(gateway.recalled) == 4)
    assert set(gateway.recalled) == {one.id for one in gateway.sent}


async def test_recall_of_what_still_waits_cancels_it(gateway: ScriptedGateway, state_file: Path) -> None:
    """A message taken back before it went out goes nowhere."""
    async with running(gateway, state_file, paused=True) as bot:
        gateway.say("r101", "alice", "never said", id="m1")
        gateway.say("r101", "alice", "m1", kind="recalled")
        gateway.say("r101", "alice", "said")
        await until(
            lambda: bot.outbox.counts().get(State.WAITING) == 2 and bot.outbox.counts().get(State.CANCELLED) == 2
        )
        bot.session.resume()
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.body for one in gateway.sent} == {"[Alice@101]:  said"}
    assert gateway.recalled == []


async def test_rest_of_a_batch_is_sent_again_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of texts that travelled together the one that is recalled goes, and the others are there once more."""
    async with running(gateway, state_file, paused=True) as bot:
        for number in range(3):
            gateway.say("r101", "alice", f"line {number}", id=f"m{number}")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 6)
        bot.session.resume()
        await gateway.until(lambda: len(gateway.sent) == 2)
        gateway.say("r101", "alice", "m1", kind="recalled")
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert len(gateway.recalled) == 2
    assert {one.body for one in gateway.sent[2:]} == {"[Alice@101]:  line 0\nline 2"}


@pytest.mark.parametrize("why", ["no ids", "refused", "not done"])
async def test_room_is_told_where_a_recall_cannot_be(gateway: ScriptedGateway, state_file: Path, why: str) -> None:
    """Where a gateway gives no ids, refuses, or does not do it, the room gets one line."""
    gateway.ids, gateway.recalls = why != "no ids", why != "not done"
    async with running(gateway, state_file):
        gateway.say("r101", "alice", kind="image", content=IMAGE, id="m1")
        await gateway.until(lambda: len(gateway.sent) == 4)
        if why == "refused":
            gateway.script("MessageRecall", *[Fault(refused("too late"))] * 4)
        gateway.say("r101", "alice", "m1", kind="recalled")
        await gateway.until(lambda: len(gateway.sent) == 6)
        gateway.say("r101", "alice", "next")
        await gateway.until(lambda: len(gateway.sent) == 8)
    assert [one.body for one in gateway.sent[4:6]] == ["[Alice@101] 撤回了一条消息"] * 2
    assert {one.body for one in gateway.sent[6:]} == {"[Alice@101]:  next"}


async def test_recall_works_across_a_restart(gateway: ScriptedGateway, state_file: Path) -> None:
    """What an earlier process sent is taken back by the next one."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "oops", id="m1")
        await gateway.until(lambda: len(gateway.sent) == 2)
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "m1", kind="recalled")
        await gateway.until(lambda: len(gateway.recalled) == 2)


async def test_pat_and_recall_of_the_unknown_do_nothing(gateway: ScriptedGateway, state_file: Path) -> None:
    """A pat, a to-do and a recall of what was never relayed send nothing."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", '<sysmsg type="pat"><pat/></sysmsg>', kind="recalled")
        gateway.say("r101", "alice", "12345", kind="recalled")
        gateway.say("r101", "alice", "next")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.body for one in gateway.sent} == {"[Alice@101]:  next"} and not gateway.recalled


async def test_author_of_what_is_quoted_is_mentioned(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who is quoted from another room gets the reply with a real mention; nobody else is mentioned."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
        gateway.say("r103", "bob", f"「小助手：[Alice@101]:  hello」\n{DASHES}\nhi Alice")
        await gateway.until(lambda: len(gateway.sent) == 4)
    replies = {one.room_id: one for one in gateway.sent[2:]}
    assert replies["r101"].body == "[Bob@103]:  @Alice\u2005hi Alice\n「Alice@101：hello」"
    assert replies["r101"].mentions == ("alice",)
    assert replies["r102"].body == "[Bob@103]:  hi Alice\n「Alice@101：hello」"
    assert replies["r102"].mentions == ()


async def test_xml_quote_finds_its_author_by_id(gateway: ScriptedGateway, state_file: Path) -> None:
    """A quote of type 57 is of the message whose copy has the id that it names."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
        copy = next(one.id for one in gateway.sent if one.room_id == "r103")
        xml = (
            f"<msg><appmsg><title>hi</title><type>57</type><refermsg><type>1</type><svrid>{copy}</svrid>"
            "<displayname>小助手</displayname><content>[Alice@101]:  hello</content></refermsg></appmsg></msg>"
        )
        gateway.say("r103", "bob", xml, kind="unknown")
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert {one.mentions for one in gateway.sent if one.room_id == "r101"} == {("alice",)}


async def test_namesakes_are_not_mentioned(gateway: ScriptedGateway, state_file: Path) -> None:
    """When two members fit what is quoted, neither is mentioned."""
    gateway.add_contact("alice2", "Alice")
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "same")
        gateway.say("r101", "alice2", "same")
        await gateway.until(lambda: len(lines(gateway, "r103")) == 2)
        gateway.say("r103", "bob", f"「小助手：[Alice@101]:  same」\n{DASHES}\nwho?")
        await gateway.until(lambda: any("who?" in line for line in lines(gateway, "r101")))
    assert not any(one.mentions for one in gateway.sent)


async def test_mention_can_be_turned_off(gateway: ScriptedGateway, state_file: Path) -> None:
    """With MENTION_QUOTED=false a quote mentions nobody."""
    async with running(gateway, state_file, MENTION_QUOTED="false"):
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
        gateway.say("r103", "bob", f"「小助手：[Alice@101]:  hello」\n{DASHES}\nhi")
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert not any(one.mentions for one in gateway.sent)


async def test_mentions_ping_nobody_by_accident(gateway: ScriptedGateway, state_file: Path) -> None:
    """A mention stays readable text in the other rooms; one of all is no longer one."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "@Bob\u2005look, @所有人 and @all", mentions=["bob"])
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.body for one in gateway.sent} == {"[Alice@101]:  @Bob look, ＠所有人 and ＠all"}
    assert not any(one.mentions for one in gateway.sent)


async def test_bot_says_what_it_is_for_once_an_hour(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who mentions the bot gets one line in that room; the next within the hour, also after a restart, gets none."""
    for number in (1, 2):
        async with running(gateway, state_file):
            gateway.say("r101", "alice", f"@小助手\u2005{number}", mentions=["bot"])
            await gateway.until(lambda number=number: f"[Alice@101]:  @小助手 {number}" in lines(gateway, "r102"))  # type: ignore[misc]
    answers = [one for one in gateway.sent if one.room_id == "r101"]
    assert len(answers) == 1 and "另外 2 个群" in answers[0].body


async def test_bot_in_one_room_says_that_there_is_no_other(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who mentions the bot in the only room of a community is not told of 0 others."""
    gateway.add_room("k1", "Knowhere 1")
    async with running(gateway, state_file, ROOM_PREFIX="Knowhere"):
        gateway.say("k1", "alice", "@小助手\u2005?", mentions=["bot"])
        await gateway.until(lambda: len(gateway.sent) == 1)
    assert "目前只有本群" in gateway.sent[0].body


async def test_files_go_as_they_are(gateway: ScriptedGateway, state_file: Path) -> None:
    """A file by handle is relayed behind a caption with its name and size."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", kind="file", content=FILE)
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert [one.body for one in gateway.sent if one.room_id == "r102"][:2] == [
        "[Alice@101]:  [文件] a.pdf (1.2 MB)",
        FILE,
    ]


async def test_file_over_the_limit_shows_as_a_line(gateway: ScriptedGateway, state_file: Path) -> None:
    """A file that only comes as bytes and is over MAX_FILE_MB shows as a line with name and size."""
    async with running(gateway, state_file, MAX_FILE_MB="1"):
        big = json.dumps({"boxType": 1, "base64": "a" * 2_000_000, "name": "big.zip"})
        gateway.say("r101", "alice", kind="file", content=big)
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert gateway.sent[0].body == "[Alice@101]:  [文件] big.zip (1.5 MB) 太大，未能转发，仅原群可见"


async def test_pictures_in_a_row_need_one_caption(gateway: ScriptedGateway, state_file: Path) -> None:
    """Several pictures of one member in a row have one caption; after somebody else spoke there is one again."""
    async with running(gateway, state_file, paused=True) as bot:
        for _ in range(3):
            gateway.say("r101", "alice", kind="image", content=IMAGE)
        gateway.say("r101", "bob", "nice")
        gateway.say("r101", "alice", kind="image", content=IMAGE)
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 18)
        bot.session.resume()
        await gateway.until(lambda: sum(one.room_id == "r102" for one in gateway.sent) == 6)
    caption = "[Alice@101]:  [图片]"
    shown = [one.body if one.kind == "text" else "*" for one in gateway.sent if one.room_id == "r102"]
    assert shown == [caption, "*", "*", "*", f"[Bob@101]:  nice\n{caption}", "*"]


KINDS = ["unknown", "file", "audio", "contact", "chat_history", "emoticon", "image", "text", "location"]
KINDS += ["miniprogram", "group_note", "transfer", "red_envelope", "url", "video", "post"]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_type_shows(gateway: ScriptedGateway, state_file: Path, kind: str) -> None:
    """Each of wechaty's sixteen message types that people post shows as itself or as a readable line."""
    async with running(gateway, state_file):
        gateway.say(
            "r101", "alice", "t" if kind == "text" else "", kind=kind, content="bob" if kind == "contact" else "{}"
        )
        await gateway.until(lambda: len(lines(gateway, "r102")) == 1)
    assert lines(gateway, "r102")[0].startswith("[Alice@101]:  ")


async def test_two_relays_never_answer_each_other(gateway: ScriptedGateway, tmp_path: Path) -> None:
    """What another relay's account brings, texts, pictures and recall lines, is not relayed again."""
    gateway.add_contact("bot2", "另一个助手")
    async with running(gateway, tmp_path / "s.db"):
        gateway.say("r102", "bot2", "[Alice@101]:  hello\n[Bob@103]:  hi")
        gateway.say("r102", "bot2", "[Alice@101]:  [图片]")
        gateway.say("r102", "bot2", kind="image", content=IMAGE)
        gateway.say("r102", "bot2", "[Alice@101] 撤回了一条消息")
        gateway.say("r102", "bot2", "I am a person again")
        gateway.say("r102", "bot2", kind="image", content=IMAGE)
        await gateway.until(lambda: any(one.room_id == "r101" and one.kind == "image" for one in gateway.sent))
    assert lines(gateway, "r101") == ["[另一个助手@102]:  I am a person again", "[另一个助手@102]:  [图片]"] or lines(
        gateway, "r101"
    ) == ["[另一个助手@102]:  I am a person again", "[图片]"]


async def test_pasted_header_hides_only_what_relays_bring(gateway: ScriptedGateway, state_file: Path) -> None:
    """A member who pasted a relayed line is still heard in what no relay brings: voice, places, notes."""
    async with running(gateway, state_file):
        gateway.say("r101", "bob", "[Alice@102]:  look what she said")
        for kind in ("audio", "location", "group_note"):
            gateway.say("r101", "bob", kind=kind, content="{}")
        await gateway.until(lambda: len(lines(gateway, "r102")) == 3)
    shown = "\n".join(lines(gateway, "r102"))
    assert all(words in shown for words in ("[语音]", "[位置]", "[接龙]"))


async def test_forged_header_suppresses_nobody(gateway: ScriptedGateway, state_file: Path) -> None:
    """A member who says first, in another's name, what that one said keeps neither the text nor the picture back."""
    async with running(gateway, state_file, paused=True) as bot:
        gateway.say("r101", "alice", "do not pay Bob")
        gateway.say("r101", "alice", kind="image", content=IMAGE)
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 6)
        gateway.say("r103", "bob", "[Alice@101]:  do not pay Bob")
        gateway.say("r103", "bob", "[Alice@101]:  [图片]")
        gateway.say("r103", "bob", kind="image", content=IMAGE)
        await gateway.until(lambda: gateway.calls.count("MessagePayload") == 5)
        bot.session.resume()
        await gateway.until(lambda: len(gateway.sent) == 4)
    shown = [one.body for one in gateway.sent if one.room_id == "r103"]
    assert shown == ["[Alice@101]:  do not pay Bob\n[图片]", IMAGE]


async def test_caption_of_two_pictures_stays_with_the_second(gateway: ScriptedGateway, state_file: Path) -> None:
    """When the first of two pictures under one caption is taken back, the caption stays for the second."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", kind="image", content=IMAGE, id="p1")
        await gateway.until(lambda: len(gateway.sent) == 4)
        gateway.say("r101", "alice", kind="image", content=IMAGE, id="p2")
        await gateway.until(lambda: len(gateway.sent) == 6)
        gateway.say("r101", "alice", "p1", kind="recalled")
        await gateway.until(lambda: len(gateway.recalled) == 2)
    left = [one for one in gateway.sent if one.id not in gateway.recalled and one.room_id == "r102"]
    assert [one.kind for one in left] == ["text", "image"]


async def test_picture_behind_another_relays_words_has_a_caption(gateway: ScriptedGateway, state_file: Path) -> None:
    """A picture has its caption when another relay spoke since the last one, and all room ids changed meanwhile."""
    gateway.add_contact("bot2", "另一个助手")
    async with running(gateway, state_file) as bot:
        gateway.say("r101", "alice", kind="image", content=IMAGE)
        await gateway.until(lambda: len(gateway.sent) == 4)
        gateway.say("r102", "bot2", "[Bob@103]:  nice")
        await gateway.until(lambda: gateway.calls.count("MessagePayload") == 2)
        gateway.logout()
        await until(lambda: not bot.session.is_ready)
        for label in ("101", "102", "103"):
            gateway.remove(f"r{label}")
            gateway.add_room(f"new{label}", f"{PREFIX}{label}")
        gateway.login()
        gateway.say("new101", "alice", kind="image", content=IMAGE)
        await gateway.until(lambda: sum(one.kind == "image" for one in gateway.sent) == 4)
    assert [one.kind for one in gateway.sent if one.room_id == "new102"] == ["text", "image"]


async def test_picture_after_the_owners_own_words_has_a_caption(gateway: ScriptedGateway, state_file: Path) -> None:
    """What the account's owner says by phone between two pictures of a member is not taken for that member's."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", kind="image", content=IMAGE)
        await gateway.until(lambda: len(gateway.sent) == 4)
        gateway.say("r102", "bot", "by phone")
        gateway.say("r101", "alice", kind="image", content=IMAGE)
        await gateway.until(lambda: len(gateway.sent) == 7)
    assert sum(one.kind == "text" for one in gateway.sent if one.room_id == "r102") == 2


async def test_words_that_nobody_said_mention_nobody(gateway: ScriptedGateway, state_file: Path) -> None:
    """A made-up quote of a member mentions that member nowhere."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
        gateway.say("r103", "bob", f"「小助手：[Alice@101]:  I did it」\n{DASHES}\nhow could you")
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert not any(one.mentions for one in gateway.sent)


async def test_throttle_notice_pauses_and_sends_again(gateway: ScriptedGateway, state_file: Path) -> None:
    """WeChat's notice pauses the account; the last send to that room waits again; a member's same words are a text."""
    async with running(gateway, state_file) as bot:
        gateway.say("r101", "bob", "操作过于频繁，可稍后再试。")
        await gateway.until(lambda: len(gateway.sent) == 2)
        assert not bot.session.cooldown.length
        gateway.say("r102", "bot", "操作过于频繁，可稍后再试。", kind="unknown")
        await until(lambda: bot.session.cooldown.length == 60)
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 1)
        assert bot.outbox.heads(bot.clock())[0].room_id == "r102"


@pytest.mark.parametrize("error", ["1204 == 0", "WorkproErrorCode: 20001"])
async def test_throttle_error_pauses_and_loses_nothing(gateway: ScriptedGateway, state_file: Path, error: str) -> None:
    """An error that means too fast pauses the account, and what was refused waits."""
    async with running(gateway, state_file) as bot:
        gateway.script("MessageSendText", Fault(refused(error)))
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.session.cooldown.length == 60)
        await until(lambda: bot.outbox.counts() == {State.WAITING: 2})
        assert not gateway.sent


async def test_two_recalls_out_of_one_batch(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of a batch of which two texts are recalled, neither is said again."""
    async with running(gateway, state_file, paused=True) as bot:
        for number in range(3):
            gateway.say("r101", "alice", f"line {number}", id=f"m{number}")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 6)
        bot.session.resume()
        await gateway.until(lambda: len(gateway.sent) == 2)
        bot.session.throttle(Cooldown(bot.clock() + 60, 60))  # which holds recalls up, too
        gateway.say("r101", "alice", "m0", kind="recalled")
        gateway.say("r101", "alice", "m1", kind="recalled")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 4)
        bot.session.throttle(Cooldown())
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert {one.body for one in gateway.sent[2:]} == {"[Alice@101]:  line 2"}


async def test_throttle_notice_seen_twice_counts_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """A notice that the gateway repeats sends nothing again that had arrived."""
    async with running(gateway, state_file) as bot:
        gateway.say("r101", "alice", "one")
        await gateway.until(lambda: len(gateway.sent) == 2)
        gateway.say("r101", "alice", "two")
        await gateway.until(lambda: len(gateway.sent) == 4)
        for _ in range(2):
            gateway.say("r102", "bot", "操作过于频繁，可稍后再试。", kind="unknown", id="notice")
        gateway.say("r101", "alice", "three")
        await until(lambda: bot.outbox.counts().get(State.WAITING) == 3)
        assert bot.outbox.counts()[State.SENT] == 3


async def test_throttle_error_of_any_status_pauses(gateway: ScriptedGateway, state_file: Path) -> None:
    """WeChat's sentence pauses the account under whatever status a gateway puts it."""
    async with running(gateway, state_file) as bot:
        gateway.script("MessageSendText", Fault(refused("操作过于频繁", Status.RESOURCE_EXHAUSTED)))
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.session.cooldown.length == 60)
        await until(lambda: bot.outbox.counts() == {State.WAITING: 2})


async def test_recall_that_overtakes_its_message(gateway: ScriptedGateway, state_file: Path) -> None:
    """A message whose recall comes first, because its own payload is late, is not relayed."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "m1", kind="recalled")
        gateway.say("r101", "alice", "never said", id="m1")
        gateway.say("r101", "alice", "said")
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert {one.body for one in gateway.sent} == {"[Alice@101]:  said"}
