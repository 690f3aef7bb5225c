"""Harmless: what a terminal obeys, and what breaks or turns a line, in every place where it shows."""

import io
import json
import logging
import queue
import re
from collections.abc import Callable, Iterator
from logging.handlers import QueueHandler
from pathlib import Path
from types import SimpleNamespace

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from roomsync import errors, store
from roomsync.cli.check import check
from roomsync.cli.logs import MAX_LINE, MAX_TRACEBACK, set_up_logs
from roomsync.cli.status import show_status
from roomsync.config.settings import Settings
from roomsync.gateway.client import Client
from roomsync.gateway.error_mapping import map_errors
from roomsync.gateway.payloads import message_of
from roomsync.gateway.protocol import Payload, error_of
from roomsync.model import Kind, Part
from roomsync.relay.rooms import label_of
from roomsync.text.characters import MAX_ERROR, clean, harmless, plain, shorten
from roomsync.text.headers import HeaderTemplate
from roomsync.text.kinds import line_of
from tests.boxes import Box
from tests.conftest import PREFIX, running, settings
from tests.hostile import ALL, HARMFUL, MEGABYTE, TURNING, assert_harmless, raw
from tests.scripted import Fault, ScriptedGateway, refused

KEPT = [
    *("张三🔥", "👨\u200d👩\u200d👧", "❤\ufe0f", "🇨🇳", "👍🏽", "e\u0301", "नि", "ไทย", "한글", "ｗｉｄｅ", "a\u00a0b"),
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
]


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """What the bot's own handler wrote since it was last asked; beside that of pytest, which would be closed."""
    made: list[QueueHandler] = []
    stream = io.StringIO()
    monkeypatch.setattr("logging.basicConfig", lambda level, handlers, force: made.extend(handlers))
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", stream)
        set_up_logs("info", "insecure_secret")
    (handler,) = made
    logging.getLogger().addHandler(handler)

    def lines() -> str:
        assert isinstance(handler.queue, queue.Queue)
        handler.queue.join()
        written = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return written

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


def test_text_keeps_its_lines_and_no_controls() -> None:
    """Of the characters that do harm a message keeps those that break a line and the tab; emoji stay."""
    text = message_of(raw(f"a\tb\nc\r\nd\x1b[31m\x07\0\x9b\uffff{KEPT[1]}")).text
    assert text == f"a\tb\nc\r\nd[31m{KEPT[1]}"


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
    settings = Settings.parse({"STATE_FILE": str(old_box.path)}, offline=True)
    show_status(settings)
    shown = capsys.readouterr().out
    assert_harmless(shown, lines=3)
    assert "last error: bada" in shown
    show_status(settings, as_json=True)
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


async def test_check_guards_what_it_prints(
    state_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an error says, --check prints it on its one line."""

    async def connect(puppet: object) -> None:
        raise errors.GatewayRejected(ALL)

    monkeypatch.setattr("roomsync.gateway.connection.Connection.connect", connect)
    found = Settings.parse({"WECHATY_PUPPET_SERVICE_TOKEN": "insecure_x", "STATE_FILE": str(state_file)})
    assert await check(found) == 1
    assert_harmless(capsys.readouterr().out, lines=2)


async def test_names_and_topics_are_harmless_once_they_are_in() -> None:
    """A member's name, a contact's and a topic are one harmless line when the gateway's client gives them."""

    async def answer(**asked: object) -> SimpleNamespace:
        return SimpleNamespace(topic=f"t{ALL}", name=f"n{ALL}", room_alias="\x1b\n")

    client = Client("secret")
    client.open(
        SimpleNamespace(**dict.fromkeys(("room_payload", "room_member_payload", "contact_payload"), answer)), ""
    )
    for found in (await client.topic("r"), await client.member_name("r", "a"), await client.contact_name("a")):
        assert_harmless(found)
        assert found[:2] in ("ta", "na")


async def test_error_of_a_gateway_is_its_first_line() -> None:
    """What a gateway says went wrong is its first line, harmless, of some length, without the token."""

    async def fail() -> None:
        raise GRPCError(Status.UNKNOWN, f"\n bad secret_token{ALL.splitlines()[0]}{'x' * MEGABYTE}\n    at Socket:7")

    with pytest.raises(errors.GatewayRefused) as caught:
        await map_errors(fail(), "host:1", "secret_token")
    assert_harmless(str(caught.value))
    assert str(caught.value).startswith("bad ***") and "Socket" not in str(caught.value)
    assert len(str(caught.value)) < MAX_ERROR * 2 and "secret" not in caught.value.said


@pytest.mark.parametrize(
    ("words", "kind", "raised"),
    [
        ("WorkproErrorCode: 20001", Kind.TEXT, errors.Throttled),
        ("操作过于频繁", Kind.IMAGE, errors.Throttled),
        ("ENOENT: no such file", Kind.IMAGE, errors.Unsendable),
    ],
)
async def test_words_on_a_later_line_of_an_error_are_found(
    words: str, kind: Kind, raised: type[errors.GatewayError]
) -> None:
    """What an error says below its first line still tells a throttle and a handle that is gone."""

    async def fail(*route: object, **asked: object) -> SimpleNamespace:
        raise GRPCError(Status.UNKNOWN, f"Error: it failed\n    at send (index.js:7)\n{words}\n    at Socket")

    client = Client("secret")
    client.open(SimpleNamespace(_unary_unary=fail, message_send_file=fail), "")
    with pytest.raises(raised, match="Error: it failed") as caught:
        await client.send("r101", kind, "{}")
    assert words not in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({"data": "getaddrinfo ENOTFOUND\n    at GetAddrInfoReqWrap"}, "getaddrinfo ENOTFOUND"),
        ({"gerror": '{"name": "Error", "message": "\\nno net\\n at x", "stack": "Error: no net"}'}, "no net"),
        ({"gerror": "Error: plain\n    at x"}, "Error: plain"),
        ({"gerror": '{"message": 7}'}, '{"message": 7}'),
        ({"gerror": "[" * 50_000}, "["),
        ({"data": f"a{ALL}"}, "a"),
        ({"data": ["x"]}, "it does not say which"),
        ({"gerror": {"message": "x"}}, "it does not say which"),
        ({}, "it does not say which"),
    ],
)
def test_error_event_is_the_first_line_of_its_message(payload: Payload, shown: str) -> None:
    """Of an error event of either shape its message's first line is shown; of none its stack, or more than a line."""
    assert_harmless(error_of(payload))
    assert error_of(payload).startswith(shown) and " at " not in error_of(payload)
    assert len(error_of(payload)) < MAX_ERROR * 2


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
