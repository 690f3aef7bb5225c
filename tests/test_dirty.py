"""Dirty events: they hold nothing up, are asked about once, and forget only what they name."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import betterproto
import pytest

from roomsync.delivery.outbox import Outbox
from roomsync.gateway.protocol import Payload
from roomsync.inbox.dirty_rooms import MAX_REFRESHES
from roomsync.loopback.account import Answer, Fields
from roomsync.relay.rooms import Rooms
from roomsync.relay.roster import Roster
from roomsync.store import StateFile
from tests.conftest import PREFIX, running, until
from tests.scripted import Fault, ScriptedGateway, refused

CONTACT, ROOM, MEMBER = 2, 3, 4


class HeldGateway(ScriptedGateway):
    """A gateway whose answers about rooms, once held, stay on their way until they are let go, each as it was."""

    held = False
    waiting = 0  # how many answers are held

    async def answer(self, name: str, answer: Answer, request: betterproto.Message) -> Fields:
        response = await super().answer(name, answer, request)
        if name == "RoomPayload" and self.held:
            self.waiting += 1
            await until(lambda: not self.held)
        return response

    def soil(self, payload_type: int, payload_id: str) -> None:
        self.emit(27, {"payloadType": payload_type, "payloadId": payload_id})

    def asked(self) -> int:
        return self.calls.count("RoomPayload")


@pytest.fixture
async def gateway() -> AsyncIterator[HeldGateway]:
    found = HeldGateway()
    for contact_id in ("alice", "bob"):
        found.add_contact(contact_id, contact_id.title())
    for label in ("101", "102"):
        found.add_room(f"r{label}", PREFIX + label)
    for number in range(200):
        found.add_room(f"family{number}", f"家庭群{number}")
    await found.start()
    yield found
    await found.close()


async def test_messages_pass_rooms_that_are_asked_about(gateway: HeldGateway, state_file: Path) -> None:
    """While no question about 200 dirty rooms is answered, texts arrive; only some questions are asked at a time."""
    async with running(gateway, state_file):
        gateway.held, before = True, gateway.asked()
        for number in range(200):
            gateway.soil(ROOM, f"family{number}")
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 1)
        await gateway.until(lambda: gateway.asked() - before == MAX_REFRESHES)
        gateway.held = False
        await gateway.until(lambda: gateway.asked() - before == 200)


async def test_events_of_one_room_are_one_question(gateway: HeldGateway, state_file: Path) -> None:
    """Of a hundred events of a room the first is asked about, and all that come meanwhile together once more."""
    async with running(gateway, state_file) as bot:
        gateway.held, before = True, gateway.asked()
        gateway.soil(ROOM, "r102")
        await until(lambda: gateway.waiting == 1)
        for _ in range(99):
            gateway.soil(ROOM, "r102")
        gateway.add_room("r102", f"{PREFIX}999")
        gateway.say("r101", "alice", "all are in")
        await gateway.until(lambda: len(gateway.sent) == 1)
        gateway.held = False
        await until(lambda: "999" in [room.label for room in bot.rooms.community(PREFIX)])
        assert gateway.asked() - before == 2


async def test_a_room_that_is_not_told_at_first_is_asked_about_again(
    gateway: HeldGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dirty room whose topic is refused has its new name soon."""
    monkeypatch.setattr("roomsync.inbox.room_queues.RETRY_DELAYS", (0.01, 0.01))
    async with running(gateway, state_file) as bot:
        gateway.script("RoomPayload", *[Fault(refused("not now"))] * 2)
        gateway.add_room("r102", f"{PREFIX}999")
        gateway.soil(ROOM, "r102")
        await until(lambda: "999" in [room.label for room in bot.rooms.community(PREFIX)])


async def test_a_late_answer_does_not_undo_a_rename(gateway: HeldGateway, state_file: Path) -> None:
    """Of a dirty event and a rename at once the rename stands, though the answer to the first comes last."""
    async with running(gateway, state_file) as bot:
        gateway.held = True
        gateway.soil(ROOM, "r102")
        await until(lambda: gateway.waiting == 1)
        gateway.script("RoomPayload", Fault(refused("too many questions")))
        gateway.rename("r102", f"{PREFIX}999")
        await until(lambda: "999" in [room.label for room in bot.rooms.community(PREFIX)])
        gateway.held = False
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 1)
        assert [room.label for room in bot.rooms.community(PREFIX)] == ["101", "999"]


@pytest.mark.parametrize(
    ("payload_type", "payload_id", "questions"),
    [
        (CONTACT, "alice", 1),
        (CONTACT, "bob", 0),
        (MEMBER, "r101\x1falice", 1),
        (MEMBER, "r101\x1fbob", 0),
        (MEMBER, "r102\x1falice", 0),
        (MEMBER, "r101", 1),
        (MEMBER, "r102", 0),
        (ROOM, "r101", 0),
        (1, "alice", 0),
        (0, "r101", 0),
    ],
)
async def test_only_what_is_dirty_is_forgotten(
    gateway: HeldGateway, state_file: Path, payload_type: int, payload_id: str, questions: int
) -> None:
    """A name is asked for again when its contact is dirty, its member, or all members of its room, and else not."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "one")
        await gateway.until(lambda: len(gateway.sent) == 1)
        gateway.soil(payload_type, payload_id)
        gateway.say("r101", "alice", "two")
        await gateway.until(lambda: len(gateway.sent) == 2)
        assert gateway.calls.count("RoomMemberPayload") == 1 + questions


async def test_a_name_that_is_dirty_while_it_is_asked_for_is_not_kept(gateway: HeldGateway, state_file: Path) -> None:
    """The answer to a question from before the event may be the old name: the next message asks again."""
    async with running(gateway, state_file) as bot:
        gateway.script("RoomMemberPayload", Fault(delay=0.05))
        gateway.say("r101", "alice", "one")
        await gateway.until(lambda: "RoomMemberPayload" in gateway.calls)
        bot.puppet.members.forget_dirty(CONTACT, "alice")
        await gateway.until(lambda: len(gateway.sent) == 1)
        gateway.say("r101", "alice", "two")
        await gateway.until(lambda: len(gateway.sent) == 2)
        assert gateway.calls.count("RoomMemberPayload") == 2


async def test_an_event_that_names_nothing_is_harmless(
    gateway: HeldGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Dirty events without an id, or without a type, ask nothing, forget nothing and leave no line in the log."""
    payloads: list[Payload] = [
        {"payloadType": 3},
        {"payloadType": 2},
        {"payloadType": 4, "payloadId": None},
        {"payloadId": ""},
        {},
    ]
    with caplog.at_level(logging.INFO):
        async with running(gateway, state_file):
            gateway.say("r101", "alice", "one")
            await gateway.until(lambda: len(gateway.sent) == 1)
            caplog.clear()
            before = gateway.asked()
            for payload in payloads:
                gateway.emit(27, payload)
            gateway.say("r101", "alice", "two")
            await gateway.until(lambda: len(gateway.sent) == 2)
            assert (gateway.asked(), gateway.calls.count("RoomMemberPayload")) == (before, 1)
            assert caplog.messages == []


class Desk:
    """A roster whose gateway answers when it is told to, and with what."""

    def __init__(self, state: StateFile) -> None:
        self.list: asyncio.Future[dict[str, str | None]] = asyncio.get_running_loop().create_future()
        self.one: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.rooms = Rooms([PREFIX])
        self.roster = Roster(self, self.rooms, Outbox(state, 2000), lambda: 1_000_000.0)

    async def topics(self) -> dict[str, str | None]:
        return await self.list

    async def topic(self, room_id: str) -> str:
        return await self.one

    def label(self) -> str | None:
        room = self.rooms.get("r")
        return room.label if room else None


@pytest.fixture
def state(state_file: Path) -> Iterator[StateFile]:
    found = StateFile(state_file)
    yield found
    found.close()


async def test_a_room_asked_about_while_all_are_found_is_what_it_was_told_last(state: StateFile) -> None:
    """The answer to a later question about one room stands, though the list of all rooms comes after it."""
    desk = Desk(state)
    desk.rooms.place("r", f"{PREFIX}old")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.roster.find())
        await until(lambda: desk.roster._found_at == 1)
        desk.one.set_result(f"{PREFIX}new")
        await desk.roster.refresh("r")
        desk.list.set_result({"r": f"{PREFIX}old"})
    assert desk.label() == "new"


async def test_an_answer_from_before_all_rooms_were_found_is_out_of_date(state: StateFile) -> None:
    """What was asked before the list of all rooms, and is answered after it, changes nothing in it."""
    desk = Desk(state)
    desk.rooms.place("r", f"{PREFIX}old")
    async with asyncio.TaskGroup() as tasks:
        late = tasks.create_task(desk.roster.refresh("r"))
        await asyncio.sleep(0)
        desk.list.set_result({"r": f"{PREFIX}new"})
        await desk.roster.find()
        desk.one.set_result(f"{PREFIX}old")
        await late
    assert desk.label() == "new"


async def test_a_room_heard_of_first_while_all_are_found_belongs(state: StateFile) -> None:
    """Who speaks in a room that nobody knew is relayed, though the rooms are being found again just then."""
    desk = Desk(state)
    async with asyncio.TaskGroup() as tasks:
        heard = tasks.create_task(desk.roster.room("r"))
        await asyncio.sleep(0)
        finding = tasks.create_task(desk.roster.find())
        await until(lambda: desk.roster._found_at == 2)
        desk.one.set_result(f"{PREFIX}new")
        room = await heard
        assert room and room.label == "new"
        desk.list.set_result({"r": f"{PREFIX}new"})
        await finding
