"""WeChat's questions at a first login: what the bot says of them, and `--verify-code`, which answers one."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from grpclib.const import Cardinality, Handler
from grpclib.exceptions import GRPCError
from wechaty_grpc.wechaty.puppet import LogoutResponse

from bot import RoomSyncBot
from roomsync import store
from roomsync.cli.arguments import code_of
from roomsync.cli.status import show_status
from roomsync.cli.verify import give_code
from roomsync.config.settings import Settings
from roomsync.gateway.protocol import EventRequest, EventType
from roomsync.gateway.wire import ENTER_VERIFY_CODE, EnterVerifyCodeRequest
from roomsync.loopback.gateway import Call
from roomsync.store import StateFile, read_only
from tests.conftest import settings, until
from tests.scripted import ScriptedGateway, refused

QUESTION = {"id": "q1", "message": "输入手机上的验证码", "scene": 1, "status": 1}


@dataclass
class AskingGateway(ScriptedGateway):
    """A gateway at which nobody is logged in yet, and WeChat asks for a verify code if `asks`."""

    asks: bool = True
    refusal: GRPCError | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.logged_in = False
        self.codes: list[tuple[str, str]] = []

    def greet(self, request: EventRequest) -> None:
        super().greet(request)
        if self.asks:
            self.emit(EventType.VERIFY_CODE, QUESTION)

    def __mapping__(self) -> dict[str, Handler]:
        handler = Handler(self._enter, Cardinality.UNARY_UNARY, EnterVerifyCodeRequest, LogoutResponse)
        return {**super().__mapping__(), ENTER_VERIFY_CODE: handler}

    async def _enter(self, stream: Call) -> None:
        request = await stream.recv_message()
        assert isinstance(request, EnterVerifyCodeRequest)
        self._authorize(stream)
        self.codes.append((request.id, request.code))
        if self.refusal:
            raise self.refusal
        await stream.send_message(LogoutResponse())


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roomsync.cli.verify.QUESTION_TIMEOUT", 0.1)
    monkeypatch.setattr("roomsync.delivery.housekeeper.ROUND_INTERVAL", 60.0)  # a question is noted when it comes


@pytest.fixture
async def asking() -> AsyncIterator[AskingGateway]:
    found = AskingGateway()
    await found.start()
    yield found
    await found.close()


@asynccontextmanager
async def waiting(gateway: ScriptedGateway, state_file: Path) -> AsyncIterator[RoomSyncBot]:
    """A bot that is connected."""
    bot = RoomSyncBot(settings(gateway, STATE_FILE=str(state_file)))
    task = asyncio.create_task(bot.run())
    try:
        await until(lambda: bot.session.is_connected or task.done())
        yield bot
    finally:
        bot.stop()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)
        bot.close()


def noted(state_file: Path) -> str:
    with read_only(state_file) as db:
        return store.health.read(db).verify_id


async def give(gateway: ScriptedGateway, state_file: Path) -> int:
    return await give_code(settings(gateway, STATE_FILE=str(state_file)), "123456")


# What the bot says.


async def test_a_question_is_said_and_kept_until_the_login(
    asking: AskingGateway, state_file: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log and the status say what to do, over a restart, too; after the login neither does."""
    async with waiting(asking, state_file):
        await until(lambda: noted(state_file) == "q1")
    assert "python bot.py --verify-code 123456 (WeChat says: 输入手机上的验证码)" in caplog.text
    asking.asks = False
    async with waiting(asking, state_file) as bot:
        show_status(Settings.parse({"STATE_FILE": str(state_file)}, offline=True))
        assert "WeChat asks for a verify code: python bot.py --verify-code 123456" in capsys.readouterr().out
        asking.login()
        await until(lambda: bot.session.is_ready and not noted(state_file))
    show_status(Settings.parse({"STATE_FILE": str(state_file)}, offline=True))
    assert "verify" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("payload", "line", "kept"),
    [
        ({**QUESTION, "status": 3}, "That verify code was wrong. WeChat asks for", "q1"),
        ({**QUESTION, "status": 2}, "The time for WeChat's verify code is over", ""),
        ({"id": "q1", "status": [99], "scene": {}, "message": 7}, "WeChat asks for the verify code", "q1"),
    ],
)
async def test_every_status_is_understood(
    asking: AskingGateway, state_file: Path, caplog: pytest.LogCaptureFixture, payload: object, line: str, kept: str
) -> None:
    """A wrong code and one whose time is over are said to be so; a status that nobody knows is a question."""
    asking.asks = False
    async with waiting(asking, state_file) as bot:
        bot.session.ask_for_code("before")
        await until(lambda: noted(state_file) == "before")
        assert isinstance(payload, dict)
        asking.emit(EventType.VERIFY_CODE, payload)
        await until(lambda: noted(state_file) == kept)
    assert caplog.text.count(line) == 1


async def test_a_slide_is_said(asking: AskingGateway, state_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A slider that WeChat wants moved is one line."""
    asking.asks = False
    async with waiting(asking, state_file):
        asking.emit(EventType.VERIFY_SLIDE, {"scene": 1, "status": 1})
        await until(lambda: "WeChat asks for a slider to be moved" in caplog.text)


async def test_a_question_to_who_is_logged_in_is_none(
    asking: AskingGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A question that is told again after the login, or has no name, is not kept and not said."""
    asking.logged_in = True
    async with waiting(asking, state_file) as bot:
        asking.emit(EventType.VERIFY_SLIDE, {})
        asking.logout()
        for odd in ("", None, "a\nb", "x" * 300):
            asking.emit(EventType.VERIFY_CODE, {"id": odd})
        asking.login()
        await until(lambda: bot.session.ends == 1 and bot.session.is_ready)
        assert not noted(state_file)
    assert "WeChat asks" not in caplog.text


# The command.


async def test_the_code_is_given_beside_a_bot_that_runs(asking: AskingGateway, state_file: Path) -> None:
    """The command takes the question from the state file and leaves the event stream to the bot."""
    async with waiting(asking, state_file):
        await until(lambda: noted(state_file) == "q1")
        assert await give(asking, state_file) == 0
    assert asking.codes == [("q1", "123456")]
    assert asking.calls.count("Event") == 1


async def test_the_code_is_given_without_a_bot(asking: AskingGateway, state_file: Path) -> None:
    """Without a bot the command hears the question itself; it makes no state file, and leaves the stream free."""
    assert await give(asking, state_file) == 0
    assert asking.codes == [("q1", "123456")]
    assert not state_file.exists()
    await until(lambda: not asking.streams)


async def test_a_question_that_is_not_repeated_is_the_one_that_was_kept(
    asking: AskingGateway, state_file: Path
) -> None:
    """Where the gateway repeats no question, the one that the bot heard before it left is answered."""
    with closing(StateFile(state_file)) as state, state.transaction() as db:
        store.health.note_verify_id(db, "q0")
    asking.asks = False
    assert await give(asking, state_file) == 0
    assert asking.codes == [("q0", "123456")]


async def test_the_code_is_given_beside_a_bot_with_another_state_file(asking: AskingGateway, state_file: Path) -> None:
    """While another bot has the event stream, and nothing is known of a question, that is said."""
    async with waiting(asking, state_file):
        assert await give(asking, state_file.with_name("other.db")) == 1
    assert asking.codes == []


@pytest.mark.parametrize("logged_in", [False, True])
async def test_no_question_is_said_to_be_none(
    asking: AskingGateway, state_file: Path, capsys: pytest.CaptureFixture[str], logged_in: bool
) -> None:
    """Where WeChat asks for no code, or is logged in, that is said, with 1."""
    if logged_in:
        with closing(StateFile(state_file)) as state, state.transaction() as db:
            store.health.note_verify_id(db, "old")
    asking.asks, asking.logged_in = False, logged_in
    assert await give(asking, state_file) == 1
    assert capsys.readouterr().out == "WeChat asks for no verify code now.\n"
    assert asking.codes == []


async def test_a_refusal_is_said_without_the_code(
    asking: AskingGateway, state_file: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What the gateway says against a code is one line, with 1; the code is not in it, nor in the bot's log."""
    caplog.set_level("DEBUG")
    asking.refusal = refused("wrong code 123456\nat enterVerifyCode")
    assert await give(asking, state_file) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("The code was not taken: wrong code ***") and shown.count("\n") == 1
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("roomsync")]
    assert "123456" not in shown + "".join(ours)


async def test_a_gateway_that_is_away_is_said(
    asking: AskingGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a gateway the command says so, with 1."""
    await asking.close()
    assert await give(asking, state_file) == 1
    assert "cannot be reached" in capsys.readouterr().out


@pytest.mark.parametrize("code", ["123", "123456789", "12a456", "１２３４５６", "", "-12345", "123456\n"])
def test_a_code_is_digits(code: str) -> None:
    """What is no code is refused before anything is asked, and not shown."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"^the code is 4 to 8 digits, such as 123456$"):
        code_of(code)
    assert code_of("654321") == "654321"
