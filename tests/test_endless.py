"""Endless and nested: 1 MB of anything is cut before the work, and JSON of any depth ends nothing."""

import json
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from roomsync import errors
from roomsync.gateway.client import Client
from roomsync.gateway.payloads import message_of
from roomsync.gateway.protocol import EventType
from roomsync.gateway.wire import MessageSendTextRequest
from roomsync.inbox.event_handlers import MAX_EVENT, payload_of
from roomsync.model import Kind, Quote, Room
from roomsync.relay.rendering import Style, parts
from roomsync.relay.rooms import MAX_TOPIC, label_of
from roomsync.text import characters, headers, lookalikes
from roomsync.text.characters import LOOKED_AT, MAX_SHOWN, MAX_TEXT, harmless, plain
from roomsync.text.headers import MAX_HEADER_LINE, HeaderTemplate
from roomsync.text.kinds import MAX_XML, inline_bytes, line_of
from roomsync.text.quotes import line_of_quote, parse_quote
from tests.conftest import PREFIX, running
from tests.hostile import MEGABYTE, Counted, raw
from tests.scripted import ScriptedGateway

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


def test_what_is_cut_says_how_long_it_was() -> None:
    """Of an endless text the start stays, with the number of its characters."""
    assert harmless("x" * MEGABYTE) == plain("x" * MEGABYTE) == "x" * MAX_SHOWN + "…(1000000 characters)"


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


def test_long_text_of_an_echo_is_not_cut() -> None:
    """The longest text that the settings let the bot send is shorter than what is cut: its echo is known."""
    assert message_of(raw("x" * MAX_TEXT)).text == "x" * MAX_TEXT


def test_endless_event_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is longer than any real one is refused before it is parsed."""
    monkeypatch.setattr("json.loads", lambda text: pytest.fail("parsed"))
    with pytest.raises(ValueError, match="more than 100000"):
        payload_of(EventType.READY, "[" * (MAX_EVENT + 1))


class Stub:
    """A gateway that takes everything, and one method that does not even take its arguments."""

    async def message_send_file(self, conversation_id: str, filebox: str) -> Any:
        return SimpleNamespace(id=filebox[-1:] + "\x1b")

    async def _unary_unary(self, route: str, request: MessageSendTextRequest, response_type: object) -> Any:
        request.text.encode()
        return SimpleNamespace(id=f"sent {request.text}")

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
