"""What a visitor of the demo can do to it: it says what is wrong, and goes on."""

from collections.abc import Mapping

import pytest

from bot import RoomSyncBot
from roomsync.config.settings import Settings
from roomsync.loopback.demo import _Stage, demo
from roomsync.loopback.gateway import LoopbackGateway


def demo_bot(values: Mapping[str, str]) -> RoomSyncBot:
    return RoomSyncBot(Settings.parse(values))


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("101 [Alice@101]:  x", "the bot leaves it alone"),
        ("101 [Alice@101]", "not in the other rooms after 10 s"),
        ("104 hello", "Start with one of the rooms 101, 102, 103"),
        ("101  ", "Start with one of the rooms 101, 102, 103"),
    ],
)
async def test_what_is_not_relayed_is_said(
    line: str, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that the bot takes for a relayed one, one that does not arrive and one without a room get their answer."""
    lines = [line, ""]

    async def ask(prompt: str) -> str:
        return lines.pop(0)

    async def never(self: LoopbackGateway, condition: object, limit: float = 10.0) -> None:
        raise TimeoutError

    monkeypatch.setattr("roomsync.loopback.demo._ask", ask)
    monkeypatch.setattr(LoopbackGateway, "until", never)
    await _Stage(LoopbackGateway(), color=False).visit()
    assert answer in capsys.readouterr().out and not lines


async def test_demo_without_standard_input_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where standard input is closed the demo is the scripted talk alone."""
    monkeypatch.setattr("sys.stdin", None)
    assert await demo(demo_bot) == 0
    assert "7 messages said" in capsys.readouterr().out


async def test_demo_on_a_machine_that_is_too_busy_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the scripted talk does not arrive, as after Ctrl-Z, the demo ends with a sentence and 1."""
    until = LoopbackGateway.until

    async def soon(self: LoopbackGateway, condition: object, limit: float = 10.0) -> None:
        if self.sent:
            raise TimeoutError
        await until(self, condition, limit)  # type: ignore[arg-type]

    monkeypatch.setattr(LoopbackGateway, "until", soon)
    assert await demo(demo_bot) == 1
    assert "The demo ends" in capsys.readouterr().out
