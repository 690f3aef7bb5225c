"""Merged chat histories: their title, and the first lines of who said what, by the gateway's word or WeChat's XML."""

import html
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from grpclib.const import Cardinality, Handler
from grpclib.server import Stream
from wechaty_grpc.wechaty.puppet import MessageContactRequest

from roomsync.gateway.wire import (
    CHAT_HISTORY,
    ChatHistoryContent,
    ChatHistoryPayload,
    MessageChatHistoryResponse,
)
from roomsync.model import Kind, Message, Room
from roomsync.relay.rendering import Style, parts
from roomsync.text.headers import HeaderTemplate
from roomsync.text.histories import MAX_RECORDS, lines_of_history
from roomsync.text.kinds import MAX_TITLE
from tests.conftest import PREFIX, running
from tests.scripted import ScriptedGateway, refused

HERE = Room("r101", f"{PREFIX}101", PREFIX, "101")


def item(name: str, words: str, datatype: int = 1, tag: str = "datadesc") -> str:
    return (
        f'<dataitem datatype="{datatype}" dataid="x"><sourcename>{html.escape(name)}</sourcename>'
        f"<sourcetime>2026-11-20 10:00</sourcetime><{tag}>{html.escape(words)}</{tag}></dataitem>"
    )


def written(*items: str, escaped: str = "once") -> str:
    """WeChat's XML of a merged history: its records are escaped, or in CDATA, or both."""
    info = f'<recordinfo><datalist count="{len(items)}">{"".join(items)}</datalist></recordinfo>'
    inner = {
        "once": html.escape(info),
        "cdata": f"<![CDATA[{info}]]>",
        "both": f"<![CDATA[{html.escape(info, quote=False)}]]>",
    }
    return (
        "<msg><appmsg><title>群聊的聊天记录</title><type>19</type>"
        f"<recorditem>{inner[escaped]}</recorditem></appmsg></msg>"
    )


def shown(text: str, content: str | None = None) -> str:
    """What the other rooms read, in one text."""
    message = Message("m1", "r101", "alice", "Alice", Kind.CHAT_HISTORY, text, content)
    return "".join(
        one.body for one in parts(message, HERE, Style(HeaderTemplate("[{name}@{room}]:  ")), ["101", "102"])
    )


@pytest.mark.parametrize("escaped", ["once", "cdata", "both"])
def test_xml_says_who_said_what(escaped: str) -> None:
    """However WeChat escapes the records, the first are read: texts, and of other kinds what they were."""
    text = written(item("Bob", "R&D <3"), item("李雷", "a.pdf", 8, "datatitle"), item("Bob", "", 2), escaped=escaped)
    assert shown(text) == "[聊天记录] 群聊的聊天记录 (3 条)\nBob：R&D <3\n李雷：[文件] a.pdf\nBob：[图片]"


def test_only_the_first_lines_are_shown() -> None:
    """Of many records there are some lines, each of a readable length and on one line."""
    text = written(*[item(f"{number}" * 100, "a long story\n" * 100) for number in range(10)])
    title, *lines = shown(text).split("\n")
    assert title.endswith("(10 条)") and len(lines) == MAX_RECORDS
    assert all(len(line) < 2 * MAX_TITLE for line in lines)


def test_a_history_within_a_history_is_one_line() -> None:
    """The records of a merged history that was merged again are not taken for records of this one."""
    inner = f"<recordxml><recordinfo><datalist>{item('Eve', 'inner')}</datalist></recordinfo></recordxml>"
    nested = item("Bob", "").replace('datatype="1"', 'datatype="17"').replace("<sourcename>", inner + "<sourcename>")
    assert shown(written(nested, item("李雷", "outer"))).split("\n")[1:] == ["Bob：[聊天记录]", "李雷：outer"]


def test_a_long_one_that_was_cut_shows_what_is_there() -> None:
    """XML that ends in the middle, as that of a long history does, still has its first records."""
    text = written(item("Bob", "one"), item("李雷", "two"), item("Bob", "x" * 30_000), escaped="cdata")[:20_000]
    assert lines_of_history(text, None) == ["Bob：one", "李雷：two", "Bob："]


def test_no_record_speaks_for_a_member() -> None:
    """A record that reads like a header of the community is marked, and one that mentions everybody mentions nobody."""
    text = written(item("[Bob@102]:  I quit. ", "really"), item("李雷", "@所有人 come"))
    assert "\n[Bob@102]" not in shown(text) and "[Bob@102]" in shown(text)
    assert "@所有人" not in shown(text)


@pytest.mark.parametrize("text", ["<recorditem>" + "<dataitem " * 10_000, "<recorditem>&lt;dataitem&gt;" * 5000, "x"])
def test_rubbish_is_no_record(text: str) -> None:
    """What is no history has a line of its own and nothing below, however long it is."""
    assert len(shown(text).split("\n")) <= 1 + MAX_RECORDS


class WeComGateway(ScriptedGateway):
    """A gateway that knows MessageChatHistory, and answers what it is told to."""

    records: list[ChatHistoryPayload] | None = None  # None: it fails

    def __mapping__(self) -> dict[str, Handler]:
        async def handle(stream: Stream[MessageContactRequest, MessageChatHistoryResponse]) -> None:
            await stream.recv_message()
            await self._notify("MessageChatHistory")
            if self.records is None:
                raise refused("ChatHistoryContent unsupported type 5")
            await stream.send_message(MessageChatHistoryResponse(self.records))

        known = Handler(handle, Cardinality.UNARY_UNARY, MessageContactRequest, MessageChatHistoryResponse)
        return {**super().__mapping__(), CHAT_HISTORY: known}


@pytest.fixture
async def wecom() -> AsyncIterator[WeComGateway]:
    found = WeComGateway()
    found.add_contact("alice", "Alice")
    for label in ("101", "102"):
        found.add_room(f"r{label}", PREFIX + label)
    await found.start()
    yield found
    await found.close()


def record(name: str, words: str, kind: int = 7, title: str = "") -> ChatHistoryPayload:
    return ChatHistoryPayload(kind, name, title, ChatHistoryContent(words))


async def test_the_gateway_says_who_said_what(wecom: WeComGateway, state_file: Path) -> None:
    """A gateway that knows the records of a history is asked for them once, and they are shown."""
    wecom.records = [
        record("Bob", "hi"),
        record("李雷", "", 14, "Milvus 3.0"),
        record("Bob", "", 6),
        record("x", "4th"),
    ]
    async with running(wecom, state_file):
        wecom.say("r101", "alice", "周会", kind="chat_history")
        await wecom.until(lambda: len(wecom.sent) == 1)
    assert wecom.sent[0].body == "[Alice@101]:  [聊天记录] 周会 (4 条)\nBob：hi\n李雷：[链接] Milvus 3.0\nBob：[图片]"
    assert wecom.calls.count("MessageChatHistory") == 1


@pytest.mark.parametrize("records", [None, []])
async def test_a_gateway_that_does_not_say_is_asked_once(
    wecom: WeComGateway, state_file: Path, records: list[ChatHistoryPayload] | None
) -> None:
    """Where the call is refused, or answers nothing, the message goes with what its XML says."""
    wecom.records = records
    async with running(wecom, state_file):
        wecom.say("r101", "alice", written(item("Bob", "hi")), kind="chat_history")
        await wecom.until(lambda: len(wecom.sent) == 1)
    assert wecom.sent[0].body == "[Alice@101]:  [聊天记录] 群聊的聊天记录 (1 条)\nBob：hi"
    assert wecom.calls.count("MessageChatHistory") == 1


async def test_a_gateway_that_does_not_know_the_call_loses_no_history(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Upstream gateways do not know the call: the message goes with what its XML says, and no warning is written."""
    async with running(gateway, state_file):
        caplog.clear()
        gateway.say("r101", "alice", written(item("Bob", "hi")), kind="chat_history")
        await gateway.until(lambda: len(gateway.sent) == 2)
        assert [one.getMessage() for one in caplog.records if one.levelname != "INFO"] == []
    assert gateway.sent[0].body == "[Alice@101]:  [聊天记录] 群聊的聊天记录 (1 条)\nBob：hi"
