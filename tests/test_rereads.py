"""Handles that are gone: the file is asked for once more, for all rooms, and goes in its place."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import betterproto
import pytest

from roomsync import errors
from roomsync.delivery.pacer import Limits
from roomsync.delivery.recalls import Recalls
from roomsync.loopback.account import Answer, Fields
from roomsync.model import Kind, State
from tests.boxes import CAPTION, NOW, PICTURE
from tests.conftest import Clock, running, until
from tests.scripted import ScriptedGateway, refused
from tests.test_courier import Desk

NEW = '{"uuid": "new"}'
LINE = "[图片] 未能转发，仅原群可见"
SAID = "[Alice@101]:  [图片]"
GONE = errors.HandleGone("ENOENT")


@pytest.fixture
def desk(state_file: Path, clock: Clock) -> Iterator[Desk]:
    """A desk whose gateway knows the handle `{}` no longer."""
    found = Desk(state_file, clock)
    found.gateway.rule = lambda room_id, body: GONE if body == PICTURE.body else None
    yield found
    found.state.close()


async def test_new_handle_goes_to_all_rooms_in_place(desk: Desk) -> None:
    """The file is asked for once, by its message's id, for all rooms; what was said after it goes after it."""
    desk.gateway.files = [NEW]
    desk.say(CAPTION, PICTURE, to=("r102", "r103"))
    desk.say("b", to=("r102", "r103"))
    await desk.work()
    assert desk.gateway.asked == ["m1"]
    tried = [body for _, _, body in desk.gateway.made if body == PICTURE.body]
    assert len(tried) == 1
    for room_id in ("r102", "r103"):
        bodies = [body for body in desk.gateway.bodies(room_id) if body != PICTURE.body]
        assert [bodies[0], bodies[1]] == [SAID, NEW] and bodies[-1].endswith("b") and len(bodies) == 3
    assert desk.outbox.counts() == {State.SENT: 6}


async def test_handle_that_is_gone_again_is_a_line(desk: Desk) -> None:
    """A new handle that is gone, too, is not asked for a second time: each room reads the line."""
    desk.gateway.files = [NEW, '{"uuid": "third"}']
    desk.gateway.rule = lambda room_id, body: GONE if body.startswith("{") else None
    desk.say(PICTURE, to=("r102", "r103"))
    await desk.work()
    assert desk.gateway.asked == ["m1"]
    assert [desk.gateway.bodies(room_id)[-1] for room_id in ("r102", "r103")] == [LINE, LINE]
    assert desk.outbox.counts() == {State.SENT: 2}


@pytest.mark.parametrize(
    "answer",
    [
        errors.GatewayRefused("no"),
        errors.AnswerLate("late"),
        errors.Unsendable("x"),
        "",
        "{}",
    ],
    ids=repr,
)
async def test_without_a_new_handle_the_line_goes(desk: Desk, answer: errors.GatewayError | str) -> None:
    """When the gateway refuses, does not answer, has nothing, or gives the same handle, each room reads the line."""
    desk.gateway.files = [answer, NEW]
    desk.say(PICTURE, to=("r102", "r103"))
    await desk.work()
    assert desk.gateway.asked == ["m1"]
    assert [desk.gateway.bodies(room_id) for room_id in ("r102", "r103")] == [["{}", LINE]] * 2


@pytest.mark.parametrize("error", [errors.GatewayLost("gone"), errors.AnswerLost("lost")], ids=repr)
async def test_a_lost_connection_is_no_answer(desk: Desk, error: errors.GatewayError) -> None:
    """When the connection is gone before the file was given, it is asked for when there is one again."""
    desk.gateway.files = [error, NEW]
    desk.say(PICTURE)
    await desk.work()
    assert desk.gateway.bodies() == ["{}", "{}", NEW]


async def test_a_file_that_breaks_the_connection_goes_as_a_line(desk: Desk) -> None:
    """A file over which the connection breaks each time is not asked for again and again."""
    desk.gateway.files = [errors.AnswerLost("lost")] * 3 + [NEW]
    desk.say(PICTURE)
    await desk.work()
    assert desk.gateway.bodies() == ["{}", "{}", "{}", LINE]


async def test_rooms_share_an_answer_that_hangs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the file is asked for, the other rooms that fail with the old handle wait for the one answer."""
    monkeypatch.setattr("roomsync.delivery.courier.HANG_TIMEOUT", 0.01)
    monkeypatch.setattr("roomsync.delivery.courier.NEXT_HANG_TIMEOUT", 0.01)
    answered, asked = asyncio.Event(), desk.gateway.asked

    async def file(message_id: str, kind: Kind) -> str:
        asked.append(message_id)
        await answered.wait()
        return NEW

    monkeypatch.setattr(desk.gateway, "file", file)
    desk.say(PICTURE, to=("r102", "r103", "r104"))
    for _ in range(3):
        await desk.courier.step()
    assert [body for _, _, body in desk.gateway.made] == ["{}"] * 3
    answered.set()
    await until(lambda: desk.outbox.counts() == {State.WAITING: 3})
    await desk.work()
    assert asked == ["m1"] and [body for _, _, body in desk.gateway.made][3:] == [NEW] * 3


async def test_the_second_call_keeps_the_pace(desk: Desk) -> None:
    """A send with a new handle counts as any other: the account and the room get their gaps."""
    desk.employ(Limits(1.5, 3.0, 0, {}))
    desk.gateway.files = [NEW]
    desk.say(PICTURE)
    desk.say("b")
    await desk.work()
    first, second, third = desk.gateway.times()
    assert second - first >= 3 and third - second >= 3
    assert len(desk.outbox.recent(0)) == 3


async def test_a_message_taken_back_meanwhile_does_not_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that its author takes back while its file is asked for goes nowhere, nor does a line."""

    async def file(message_id: str, kind: Kind) -> str:
        assert Recalls(desk.state).accept([message_id], "r101", NOW) is not None
        return NEW

    monkeypatch.setattr(desk.gateway, "file", file)
    desk.say(PICTURE)
    await desk.work()
    assert desk.gateway.bodies() == ["{}"]
    assert State.CANCELLED in desk.outbox.counts() and State.WAITING not in desk.outbox.counts()


async def test_a_crash_before_or_after_the_answer_loses_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while the file is asked for, the bot asks again; killed after that, it sends the new handle at once."""

    async def die(message_id: str, kind: Kind) -> str:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(desk.gateway, "file", die)
        desk.say(PICTURE)
        with pytest.raises(asyncio.CancelledError):
            await desk.courier.step()
    desk.crash()
    desk.employ(Limits())
    desk.gateway.files = [NEW]
    await desk.courier.step()
    desk.crash()
    desk.employ(Limits())
    await desk.work()
    assert desk.gateway.bodies() == ["{}", "{}", NEW] and desk.gateway.asked == ["m1"]


@pytest.mark.parametrize(
    ("kind", "call"), [("image", "MessageImage"), ("file", "MessageFile"), ("video", "MessageFile")]
)
async def test_a_gateway_that_forgot_a_handle_is_asked_by_message(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch, kind: str, call: str
) -> None:
    """Over real gRPC: where a send is refused with ENOENT below its first line, the new handle is in both rooms."""
    old, new = (f'{{"boxType": 7, "uuid": "{uuid}", "name": "a.pdf"}}' for uuid in ("old", "new"))
    answer_as_before = gateway.answer

    async def answer(name: str, answer: Answer, request: betterproto.Message) -> Fields:
        if name == "MessageSendFile" and request.to_dict()["filebox"] == old:
            gateway._contents[message_id] = new
            raise refused("Error: 2 UNKNOWN\n    at x.js:7\nENOENT: no such file")
        return await answer_as_before(name, answer, request)

    monkeypatch.setattr(gateway, "answer", answer)
    async with running(gateway, state_file):
        message_id = gateway.say("r101", "alice", kind=kind, content=old)
        await gateway.until(lambda: len(gateway.sent) == 4)
    assert gateway.calls.count(call) == 2
    assert [one.body for one in gateway.sent if one.kind != "text"] == [new, new]
