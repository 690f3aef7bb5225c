"""Harmless: what a terminal obeys, what breaks or turns a line, and what is endless, in every place where it shows."""

import asyncio
import io
import json
import logging
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from roomsync import errors, store
from roomsync.cli.check import check
from roomsync.cli.logs import MAX_LINE, MAX_TRACEBACK, set_up_logs
from roomsync.cli.status import show_status
from roomsync.gateway.client import Client
from roomsync.gateway.error_mapping import map_errors
from roomsync.gateway.payloads import message_of
from roomsync.gateway.protocol import MAX_ID, EventType, fault_of_id
from roomsync.inbox.event_handlers import MAX_EVENT, payload_of
from roomsync.model import Kind, Part, Quote, Room
from roomsync.relay.rendering import Style, parts
from roomsync.relay.rooms import MAX_TOPIC, label_of
from roomsync.text import characters, headers, lookalikes
from roomsync.text.characters import LOOKED_AT, MAX_ERROR, MAX_SHOWN, MAX_TEXT, clean, harmless, plain, shorten
from roomsync.text.headers import MAX_HEADER_LINE, HeaderTemplate
from roomsync.text.kinds import MAX_XML, inline_bytes, line_of
from roomsync.text.quotes import line_of_quote, parse_quote
from tests.boxes import Box
from tests.conftest import PREFIX, running, settings, until
from tests.scripted import Fault, ScriptedGateway, refused

# By their numbers, not by the pattern that finds them: C0, DEL and C1, line ends, and what turns a line's direction.
TURNING = [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
HARMFUL = [chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, *TURNING)]
ALL = "a".join(["", *HARMFUL, ""])
MEGABYTE = 1_000_000
KEPT = [
    *("张三🔥", "👨\u200d👩\u200d👧", "❤\ufe0f", "🇨🇳", "👍🏽", "e\u0301", "नि", "ไทย", "한글", "ｗｉｄｅ", "a\u00a0b"),
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
]


def assert_harmless(text: str, lines: int = 1) -> None:
    assert not [ascii(one) for one in HARMFUL if one != "\n" and one in text]
    assert len(text.strip("\n").split("\n")) == lines, ascii(text)


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """What the bot's own handler wrote since it was last asked; beside that of pytest, which would be closed."""
    made: list[logging.StreamHandler[io.StringIO]] = []
    monkeypatch.setattr("logging.basicConfig", lambda level, handlers, force: made.extend(handlers))
    set_up_logs("info", "insecure_secret")
    (handler,) = made
    handler.setStream(io.StringIO())
    logging.getLogger().addHandler(handler)

    def lines() -> str:
        written = handler.setStream(io.StringIO())
        assert written
        return written.getvalue()

    yield lines
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("character", [*HARMFUL, "\ud800", "\udfff"], ids=ascii)
def test_harm_is_written_out(character: str) -> None:
    """Each character that does harm is written as its escape in a log, and is a blank or nothing in a name."""
    assert harmless(f"a{character}b") == f"a{ascii(character)[1:-1]}b"
    assert plain(f"a{character}b") == ("ab" if ord(character) in TURNING else "a b")
    assert shorten(f"a{character}b", 9) in ("ab", "a b", "a?b")


@pytest.mark.parametrize("text", KEPT, ids=ascii)
def test_what_people_write_stays(text: str) -> None:
    """Emoji, joined ones too, and letters of every script come through each function unchanged."""
    assert [harmless(text), plain(text), clean(text)] == [text] * 3


def test_what_is_cut_says_how_long_it_was() -> None:
    """Of an endless text the start stays, with the number of its characters."""
    assert harmless("x" * MEGABYTE) == plain("x" * MEGABYTE) == "x" * MAX_SHOWN + "…(1000000 characters)"


class Counted:
    """A pattern, or a function, that notes how long the longest text was that it was given."""

    def __init__(self, real: Any) -> None:
        self.real, self.longest = real, 0

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self._noted(getattr(self.real, name), given)

    def __call__(self, *given: Any) -> Any:
        return self._noted(self.real, given)

    def _noted(self, real: Any, given: tuple[Any, ...]) -> Any:
        self.longest = max([self.longest, *(len(one) for one in given if isinstance(one, str))])
        return real(*given)


WORST = {
    "like headers": "[A@101]:  x\n" * (MEGABYTE // 12),
    "brackets": "[" * MEGABYTE,
    "marks": "e" + "\u0301" * MEGABYTE,
    "endless grapheme": "\U0001f468\u200d" * (MEGABYTE // 2),
    "deep XML": "<msg><appmsg><type>57</type><refermsg>" + "<a>" * (MEGABYTE // 3),
    "quotes": "「" * MEGABYTE,
    "wide": "\ufdfa" * MEGABYTE,
    "controls": "\x1b" * MEGABYTE,
    "blanks": " " * MEGABYTE,
    "lines": "\n" * MEGABYTE,
}


@pytest.mark.parametrize("text", WORST.values(), ids=WORST)
def test_endless_name_is_cut_before_the_work(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1 MB in the place of a name, a title or a topic only its start is searched, normalised and folded."""
    unsafe, bones = Counted(characters.UNSAFE), Counted(lookalikes.bones)
    fold, normalize = Counted(characters.fold_character), Counted(unicodedata.normalize)
    monkeypatch.setattr(characters, "UNSAFE", unsafe)
    monkeypatch.setattr(headers, "bones", bones)
    monkeypatch.setattr("roomsync.relay.rooms.fold_character", fold)
    monkeypatch.setattr("roomsync.relay.rooms.unicodedata", SimpleNamespace(normalize=normalize))
    form = HeaderTemplate("[{name}@{room}]:  ")
    assert len(form.render(text, text)) < 100
    assert len(line_of_quote(Quote(text, text, text), form, ["101"])) < 100
    assert all(len(line_of(kind, text, json.dumps({"title": text}))) < 100 for kind in Kind)
    label_of(text, PREFIX)
    harmless(text)
    plain(text)
    assert max(unsafe.longest, bones.longest) <= LOOKED_AT
    assert normalize.longest <= MAX_TOPIC and fold.longest <= 1


@pytest.mark.parametrize("text", WORST.values(), ids=WORST)
def test_endless_text_is_cut_where_it_enters(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a text of 1 MB the first 20,000 characters are relayed, and it is said how many there were."""
    read = Counted(lookalikes.bones)
    monkeypatch.setattr(headers, "bones", read)
    style = Style(HeaderTemplate("[{name}@{room}]:  "))
    message = message_of(raw(text))
    assert len(message.text) < MAX_TEXT + 50
    assert message.text.endswith(f"…（全文 {len(text)} 字，过长，其余仅原群可见）")
    said = parts(message, Room("r101", PREFIX + "101", PREFIX, "101"), style, ["101"])
    assert sum(len(part.body) for part in said) < MAX_TEXT * 2.2
    assert read.longest <= MAX_HEADER_LINE


def test_what_reads_all_of_a_text_reads_no_more() -> None:
    """Searches in XML stop where texts are cut, and in a longer one no quote is looked for."""
    assert MAX_XML == MAX_TEXT and parse_quote("「a：b」\n" + "- " * 14 + "-\n" + "x" * MAX_TEXT) is None


def raw(text: str = "hi", **fields: object) -> Any:
    """A message as wechaty has it."""
    payload = {"room_id": "r101", "from_id": "alice", "kind": Kind.TEXT, "text": text, "mention_ids": [], **fields}
    return SimpleNamespace(message_id="m1", payload=SimpleNamespace(**payload))


def test_text_keeps_its_lines_and_no_controls() -> None:
    """Of the characters that do harm a message keeps those that break a line and the tab; emoji stay."""
    text = message_of(raw(f"a\tb\nc\r\nd\x1b[31m\x07\0\x9b\uffff{KEPT[1]}")).text
    assert text == f"a\tb\nc\r\nd[31m{KEPT[1]}"


def test_long_text_of_an_echo_is_not_cut() -> None:
    """The longest text that the settings let the bot send is shorter than what is cut: its echo is known."""
    assert message_of(raw("x" * MAX_TEXT)).text == "x" * MAX_TEXT


def test_topic_is_matched_all_the_same() -> None:
    """A topic that is made harmless has the label that it had before; an unseen mark in its prefix does not matter."""
    for topic in (PREFIX + "101", "Mil\u200evus\u202e用户 交流群 101", PREFIX + "\u20661\x1b01\n"):
        assert label_of(plain(topic), PREFIX) in ("101", "1 01")


def test_header_is_one_harmless_line() -> None:
    """No character of a name or label reaches a header that a terminal obeys, or that breaks or turns a line."""
    assert_harmless(HeaderTemplate("[{name}@{room}]:  ").render(ALL, ALL))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TEXT])
def test_line_for_a_kind_is_harmless(kind: Kind) -> None:
    """No title, name or address of a card, file or place breaks the line that stands for it."""
    content = json.dumps(dict.fromkeys(("title", "name", "address"), "b" + ALL))
    assert_harmless(line_of(kind, "<title>" + ALL + "</title>", content))


def test_log_line_is_one_harmless_line(log_lines: Callable[[], str]) -> None:
    """A record is one line without anything that a terminal obeys, whatever is in its message; so long, no longer."""
    logging.getLogger("test").warning("name %s", ALL)
    assert_harmless(log_lines())
    logging.getLogger("test").warning("%s", "x" * MEGABYTE)
    assert len(log_lines()) < MAX_LINE + 100


def test_no_line_of_a_traceback_reads_like_a_record(log_lines: Callable[[], str]) -> None:
    """An error's own text stands indented below its record, without what a terminal obeys, and not without end."""
    for text in (f"x\n2026-01-01 00:00:00 INFO    forged\x1b]0;{ALL}", "y\n" * MEGABYTE):
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger("test").exception("It failed:")
        shown = log_lines()
        assert_harmless(shown, lines=len(shown.strip("\n").split("\n")))
        assert [line for line in shown.splitlines() if re.match("[0-9]", line)] == shown.splitlines()[:1]
        assert "Traceback" in shown and len(shown) < MAX_TRACEBACK * 4


@pytest.fixture
def old_box(state_file: Path) -> Iterator[Box]:
    """A state file of an earlier version, which noted topics and errors as they came."""
    box = Box(state_file)
    with box.state.transaction() as db:
        store.rooms.note_topics(db, {"r102": f"群{ALL}"})
    box.say(Part(Kind.TEXT, "hi"))
    box.outbox.fail(box.take(), f"bad{ALL}", 1_000_000.0)
    yield box
    box.state.close()


def test_status_is_harmless(old_box: Box, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """--status shows topics and errors on the room's one line, --json as escapes that give them back."""
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    show_status(old_box.path, as_json=False)
    shown = capsys.readouterr().out
    assert_harmless(shown, lines=3)
    assert "last error: bada" in shown
    show_status(old_box.path, as_json=True)
    shown = capsys.readouterr().out
    assert_harmless(shown, lines=shown.count("\n"))
    assert json.loads(shown)["rooms"][0]["topic"] == f"群{ALL}"


async def test_check_and_log_are_harmless(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No name or topic from a gateway starts a line of --check or of a record, or brings what a terminal obeys."""
    gateway.add_contact("bot", f"me{ALL}")
    gateway.add_room("r104", f"{PREFIX}104{ALL}")
    gateway.add_room("r\x1b105", f"{PREFIX}105")
    assert await check(settings(gateway, STATE_FILE=str(state_file))) == 0
    shown = capsys.readouterr().out
    assert_harmless(shown, lines=shown.count("\n"))
    assert "4 rooms" in shown
    with caplog.at_level("INFO"):
        async with running(gateway, state_file):
            pass
    for record in caplog.records:
        assert_harmless(record.getMessage())
    assert any("its id has a character that no id has: r\\x1b105" in one.getMessage() for one in caplog.records)


async def test_error_of_a_gateway_is_one_harmless_line() -> None:
    """What a gateway says went wrong is one line of some length, without the token, and still says what it said."""

    async def fail() -> None:
        raise GRPCError(Status.UNKNOWN, f"bad secret_token{ALL}\n操作过于频繁" + "x" * MEGABYTE)

    with pytest.raises(errors.GatewayRefused) as caught:
        await map_errors(fail(), "host:1", "secret_token")
    assert_harmless(str(caught.value))
    assert "操作过于频繁" in str(caught.value) and "secret" not in str(caught.value)
    assert len(str(caught.value)) < MAX_ERROR * 2


@pytest.mark.parametrize("bad", ["a\x1bb", "a\nb", "a\u202eb", "a\ud800", "x" * (MAX_ID + 1), "x" * MEGABYTE], ids=len)
def test_bad_id_is_refused_in_a_short_sentence(bad: str) -> None:
    """An id with a character that does harm, or without end, is refused with a sentence that shows its start."""
    for payload in ({"roomId": bad}, {"inviteeIdList": ["alice", bad]}):
        with pytest.raises(ValueError, match=r"its roomId|its inviteeIdList|it has") as caught:
            payload_of(EventType.ROOM_JOIN, json.dumps(payload))
        assert_harmless(str(caught.value))
        assert len(str(caught.value)) < 200
    for fields in ({"room_id": bad}, {"from_id": bad}):
        with pytest.raises(errors.Unreadable, match=r"id (is longer|has a character)"):
            message_of(raw(**fields))


def test_real_ids_are_taken() -> None:
    """Ids of today's gateways are good ids."""
    real = ["wxid_a1b2c3d4e5f6", "19876543210@chatroom", "filehelper", "@@" + "f" * 64, "R:10696051234", "张三"]
    assert [fault_of_id(one) for one in real] == [""] * len(real)


def test_logout_is_one_whoever_it_names() -> None:
    """A logout with a bad id is a logout: nothing may be sent after it."""
    assert payload_of(EventType.LOGOUT, '{"contactId": "a\\u001b"}') == {"contactId": None}


def test_endless_event_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is longer than any real one is refused before it is parsed."""
    monkeypatch.setattr("json.loads", lambda text: pytest.fail("parsed"))
    with pytest.raises(ValueError, match="more than 100000"):
        payload_of(EventType.READY, "[" * (MAX_EVENT + 1))


async def test_message_with_a_bad_id_is_refused_once(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A message whose talker has an id that cannot be used is given up at once in one line, and the next goes."""
    async with running(gateway, state_file) as bot:
        gateway.say("r101", "al\x1bice", "lost")
        gateway.say("r101", "x" * MEGABYTE, "lost")
        gateway.say("r\n101", "alice", "lost")
        gateway.emit(EventType.MESSAGE, {"messageId": "m\x1b1"})
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
        await until(lambda: len(refusals(caplog)) == 4)
        with bot.state.connection() as db:
            assert store.incoming.given_up(db, 0.0) == 3
    assert [one.body for one in gateway.sent] == ["[Alice@101]:  hello"] * 2
    await asyncio.sleep(0)
    assert len(refusals(caplog)) == 4 and "Traceback" not in caplog.text and len(caplog.text) < 5000


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if " id " in one.getMessage() or "messageId" in one.getMessage()]


class Stub:
    """A gateway that takes everything, and one method that does not even take its arguments."""

    async def message_send_file(self, conversation_id: str, filebox: str) -> Any:
        return SimpleNamespace(id=filebox[-1:] + "\x1b")

    async def message_send_text(self, conversation_id: str, text: str, mentonal_ids: list[str]) -> Any:
        text.encode()
        return SimpleNamespace(id=f"sent {text}")

    def message_send_url(self) -> None:
        """Nothing takes the arguments that the client gives."""


async def test_box_that_is_nested_too_deep_is_unsendable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file box that cannot be read or written for its depth can never be sent, so that a line goes in its place."""
    client = Client("secret")
    client.open(Stub(), "host:1")
    deep = '{"url": "x", "a": ' + "[" * 200_000 + "]" * 200_000 + "}"
    with pytest.raises(errors.Unsendable, match="too deep"):
        await client.send("r1", Kind.FILE, deep)

    with pytest.raises(errors.Unsendable, match="too many"):
        await client.send("r1", Kind.FILE, '{"url": "x", "a": [' + "[]," * 300_000 + "[]]}")

    def dumps(box: object) -> str:
        raise RecursionError  # some Pythons read what they cannot write

    monkeypatch.setattr("json.dumps", dumps)
    with pytest.raises(errors.Unsendable, match="too deep"):
        await client.send("r1", Kind.FILE, '{"url": "x"}')


def test_endless_card_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON with more fields than any card or file box has is not parsed; a file that is carried in a box is."""
    assert inline_bytes('{"base64": "' + "A" * 4_000_000 + '"}') == 3_000_000
    monkeypatch.setattr("json.loads", lambda text: pytest.fail("parsed"))
    assert line_of(Kind.FILE, "", '{"name": [' + "{}," * 300_000 + "{}]}") == "[文件]"


async def test_strange_call_ends_no_courier() -> None:
    """Whatever making a call stumbles over is an error of the gateway: what UTF-8 cannot say is never sent."""
    client = Client("secret")
    client.open(Stub(), "host:1")
    with pytest.raises(errors.Unsendable, match="UTF-8"):
        await client.send("r1", Kind.TEXT, "a\ud800")
    with pytest.raises(errors.GatewayRefused):
        await client.send("r1", Kind.URL, "{}")
    assert await client.send("r1", Kind.FILE, "{}") is None, "an id that cannot be used is none"
    assert await client.send("r1", Kind.TEXT, "a") == "sent a"


async def test_deep_card_goes_as_a_line(gateway: ScriptedGateway, state_file: Path) -> None:
    """A file whose box is nested 200,000 deep reaches the other rooms as a line, and what comes after it goes, too."""
    async with running(gateway, state_file):
        content = '{"url": "x", "a": ' + "[" * 200_000 + "]" * 200_000 + "}"
        gateway.say("r101", "alice", kind="file", content=content)
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: sum("hello" in one.body for one in gateway.sent) == 2)
    assert {one.kind for one in gateway.sent} == {"text"}
    assert any("[文件] 未能转发，仅原群可见" in one.body for one in gateway.sent)


async def test_forged_line_in_an_error_is_none(
    gateway: ScriptedGateway, state_file: Path, log_lines: Callable[[], str]
) -> None:
    """A line break in a gateway's error starts no line of the log."""
    gateway.script("MessageSendText", *[Fault(refused(f"no\n2026-01-01 00:00:00 INFO    forged{ALL}"))] * 2)
    async with running(gateway, state_file, MAX_ATTEMPTS="1"):
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: gateway.calls.count("MessageSendText") == 2)
    shown = log_lines()
    assert not [line for line in shown.splitlines() if line.startswith("2026-01-01 00:00:00")]
