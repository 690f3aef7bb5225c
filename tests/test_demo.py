"""The demo: what it shows, and what a visitor can do to it: whatever is typed, an answer is seen, and it goes on."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot import RoomSyncBot
from roomsync.config.settings import Settings
from roomsync.loopback import script, stage
from roomsync.loopback.account import Sent
from roomsync.loopback.demo import demo
from roomsync.loopback.gateway import LoopbackGateway
from roomsync.loopback.stage import OUTSIDE_ID, Stage

ROOT = Path(__file__).parent.parent


def demo_bot(values: Mapping[str, str]) -> RoomSyncBot:
    return RoomSyncBot(Settings.parse(values))


@pytest.fixture
def no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is closed, as in a service."""
    monkeypatch.setattr("sys.stdin", None)


@pytest.mark.usefixtures("no_input")
async def test_demo_shows_what_the_bot_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    """A text, a picture, a quote with its mention, a recall, a pause, adverts, an announcement: all is seen, once."""
    assert await demo(demo_bot) == 0
    shown = capsys.readouterr().out
    for words in (
        "→ 102   [Alice@101]:  Hi all",
        "→ 101   [图片] recall-vs-latency.png",
        "→ 103   [Alice@101]:  @陈工\u2005Great!",
        "(WeChat notifies 陈工)",
        "✗ 101   [小王@102]:  亲爱的",
        "it pauses for 60 s.",
        "→ 103   [Alice@101]:  2pm",
        "→ 102   [李雷@103]:  周六的 Meetup 几点开始？\n          [Alice@101]:  2pm",
        "学为样本 1：「日结300元",
        "→ 103   [小程序] Meetup 报名",
        "→ 101   【Meetup】",
    ):
        assert shown.count(words) == 1, words
    assert not re.search(r"→ 10\d +\[小程序\] 日结", shown)
    assert shown.splitlines()[-1] == "All arrived: 14 messages said, 28 sends, 2 taken back; 0 in 家庭群."
    assert "Next: a gateway for your account" in shown


@pytest.mark.usefixtures("no_input")
async def test_sends_wait_while_the_account_pauses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between WeChat's refusal and the end of the pause nothing is sent, though two messages were said."""
    assert await demo(demo_bot) == 0
    shown = capsys.readouterr().out
    during = shown[shown.index("it pauses for 60 s.") : shown.index("The pause is 60 s")]
    assert "2pm, I think." in during and "→" not in during


@pytest.mark.usefixtures("no_input")
async def test_report_between_the_two_that_are_held_is_no_harm(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where staff was told of the first alone, the demo asks for the list, and ends as ever."""
    arrives = Stage.arrives

    async def first_line_alone(self: Stage, words: str, *labels: str, kind: str = "text") -> object:
        found = await arrives(self, words, *labels, kind=kind)
        if words != "未转发":
            return found
        return [Sent(one.room_id, one.kind, one.body.partition("\n")[0], one.id) for one in found]

    monkeypatch.setattr(Stage, "arrives", first_line_alone)
    assert await demo(demo_bot) == 0
    assert "/待审" in capsys.readouterr().out


@pytest.mark.usefixtures("no_input")
async def test_demo_in_which_something_does_not_arrive_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the script does not arrive, as after Ctrl-Z, the demo ends with a sentence and 1."""
    say = LoopbackGateway.say

    def not_heard(self: LoopbackGateway, room_id: str, talker_id: str, text: str = "", **more: object) -> str:
        if talker_id == "chen":
            monkeypatch.setattr(stage, "ARRIVAL_TIMEOUT", 0.1)
            return "lost"
        return say(self, room_id, talker_id, text, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(LoopbackGateway, "say", not_heard)
    assert await demo(demo_bot) == 1
    assert "The demo ends" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.usefixtures("no_input")
async def test_what_comes_where_it_must_not_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One send to a room outside, and the demo ends with 1."""
    said = script.Script._announcement

    async def and_stray(self: script.Script) -> None:
        await said(self)
        self.stage.gateway.sent.append(Sent(OUTSIDE_ID, "text", "x", "stray"))

    monkeypatch.setattr(script.Script, "_announcement", and_stray)
    assert await demo(demo_bot) == 1
    assert "; 1 in 家庭群" in capsys.readouterr().out


class Visitor:
    """Somebody at a real terminal, in which the demo runs."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master, self.process = master, process
        self._loop = asyncio.get_running_loop()
        self.shown, self._answered = "", 0
        self._news = asyncio.Event()
        self._loop.add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # Linux: the other side is gone
            data = b""
        if not data:
            self._loop.remove_reader(self._master)
        self.shown += data.decode(errors="replace")
        self._news.set()

    async def until_prompt(self, words: str = "") -> None:
        """Wait until these words are shown since the last prompt, and the demo waits for a line once more."""
        async with asyncio.timeout(60):
            while words not in (new := self.shown[self._answered :]) or not new.endswith("\n> "):
                self._news.clear()
                await self._news.wait()
        self._answered = len(self.shown)

    async def hears(self, line: str, answer: str) -> None:
        """Type a line, and wait for its answer. Raises TimeoutError."""
        self.send(line.encode() + b"\n")
        await self.until_prompt(answer)

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    async def left(self) -> int:
        """The exit code, after it has left."""
        code = await asyncio.wait_for(self.process.wait(), 30)
        self._read_rest()
        return code

    def _read_rest(self) -> None:
        self._loop.remove_reader(self._master)
        try:
            while data := os.read(self._master, 65_536):
                self.shown += data.decode(errors="replace")
        except OSError:
            pass


QUICK = """
import sys
sys.path.insert(0, {root!r})
from roomsync.loopback import script, visitor
script.READING = 0.0
script.Script.scenes = lambda self: (self._staff,)
visitor.FIRST_TIMEOUT, visitor.QUIET = 0.6, 0.3
import runpy
sys.argv = ["bot.py", "--demo"]
runpy.run_path({bot!r}, run_name="__main__")
"""


@asynccontextmanager
async def visiting(**env: str) -> AsyncIterator[Visitor]:
    """A visitor whose turn it is after the first scene, in which there is staff."""
    import pty

    master, slave = pty.openpty()
    code = QUICK.format(root=str(ROOT), bot=str(ROOT / "bot.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**os.environ, "BOT_LANGUAGE": "en", "TERM": "xterm", "PYTHONUTF8": "1", **env},
    )  # fmt: skip
    os.close(slave)
    visitor = Visitor(master, process)
    try:
        await visitor.until_prompt()
        yield visitor
        assert "Traceback" not in visitor.shown
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


needs_pty = pytest.mark.skipif(os.name == "nt", reason="Windows has no pty")
START, LEFT_ALONE = "Start with a room, 101, 102, 103 or 管理", "left alone"


@needs_pty
async def test_whatever_a_visitor_types_is_answered() -> None:
    """Talk, commands of staff, headers, garbage, endless lines and control characters: each has its answer."""
    async with visiting() as visitor:
        for line, answer in (
            ("102 hello", "→\033[0m \033[36m103  \033[0m [You@102]:  hello"),
            ("管理 /状态", "3 个群正常"),
            ("staff /帮助", "/撤回"),
            ("／状态", "已连接"),
            ("/nonsense", "没有「/nonsense」这个命令"),
            ("管理 hello", "No answer"),
            ("101 [Alice@101]:  x", LEFT_ALONE),
            ("101 [Alice@101]", "[You@101]:  [Alice@101]"),
            ("104 hello", START),
            ("101", START),
            ("hello", START),
            ("\u3000101\u3000全角空格", "全角空格"),
            ("101 a\x1b[2J\x07b", "a[2Jb"),
            ("101 /状态", "[You@101]:  /状态"),
            ("102 操作过于频繁", "[You@102]:  操作过于频繁"),
            ("管理 /公告", "请发公告内容"),
            ("管理 第一行", "No answer"),
            ("管理 /完成", "/确认 1 发出"),
            ("/确认 1", "正在发往 3 个群"),
            ("101 " + "长" * 1200, "(2/2)"),
            ("x" * 10_000, START),
            ("102 hello again", "[You@102]:  hello again"),
        ):
            await visitor.hears(line, answer)
        visitor.send(b"\n")
        assert await visitor.left() == 0
        assert "Next: a gateway" in visitor.shown and "All arrived" in visitor.shown.splitlines()[-1]


@needs_pty
async def test_line_of_bytes_that_are_no_text_is_answered() -> None:
    """Bytes that are no UTF-8 are said with what stands for them, and the next line is heard."""
    async with visiting() as visitor:
        visitor.send(b"101 \xff\xfe\n")
        await visitor.until_prompt("\ufffd")
        await visitor.hears("101 well", "[You@101]:  well")


@needs_pty
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("key", "code"), [(b"\x04", 0), (b"\x03", 130)])
async def test_end_of_input_and_ctrl_c_end_it_with_the_next_step(key: bytes, code: int) -> None:
    """Ctrl-D and Ctrl-C end the visit; what comes next is said, no traceback is shown."""
    async with visiting() as visitor:
        if key == b"\x03":
            visitor.process.send_signal(signal.SIGINT)
        else:
            visitor.send(key)
        assert await visitor.left() == code
        assert "Next: a gateway" in visitor.shown


@needs_pty
async def test_what_staff_does_in_the_demo_is_done() -> None:
    """A pause of staff holds a visitor's words back until it ends; the demo says that nothing is sent meanwhile."""
    async with visiting() as visitor:
        await visitor.hears("/暂停 10", "/撤销")
        await visitor.hears("101 later", "Nothing is sent")
        await visitor.hears("/恢复", "[You@101]:  later")


@needs_pty
async def test_demo_speaks_chinese_as_far_as_there_is_a_catalog() -> None:
    """With BOT_LANGUAGE=zh the same demo runs and is answered, whether its frame is translated yet or not."""
    async with visiting(BOT_LANGUAGE="zh") as visitor:
        await visitor.hears("102 你好", "[You@102]:  你好")
        visitor.send(b"\n")
        assert await visitor.left() == 0
