"""The gate: where nothing may go now, and what may all the same."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.gate import ALL, NOTHING, Gate
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.delivery.picker import Picker
from roomsync.delivery.recalls import Recalls
from roomsync.model import Kind, Message, Part, Send
from roomsync.session import Session
from roomsync.store.waiting import AHEAD, ANNOUNCED
from tests.boxes import NOW, Box

COMMUNITIES = {"r102": "A", "r103": "A", "r201": "B"}


class Night:
    """Quiet hours from NOW to NOW + 100, every 1000 seconds."""

    def end(self, now: float) -> float:
        passed = (now - NOW) % 1000
        return now - passed + 100 if passed < 100 else 0.0

    def start(self, now: float) -> float:
        return now - (now - NOW) % 1000 + 1000


class Door:
    """A picker behind a gate, in front of two communities and a room of the staff's."""

    def __init__(self, path: Path, night: bool = False) -> None:
        self.box, self.session = Box(path), Session()
        gate = Gate(self.session, COMMUNITIES.get, Night() if night else None)
        self.picker = Picker(self.box.outbox, Pacer(Limits(), self.session), gate)

    def say(self, text: str, *rooms: str, priority: int = 0) -> None:
        with self.box.state.transaction() as db:
            key = store.messages.add(db, Message(text, "r101", "alice", "Alice", Kind.TEXT), NOW)
            assert key
            store.deliveries.add(db, key, {room: [Part(Kind.TEXT, text)] for room in rooms}, NOW, priority)

    def next(self, now: float, back: tuple[str, ...] = ()) -> Send | float | None:
        return self.picker.pick(now, (), back, {}, quotes=False)

    def goes(self, now: float = NOW) -> list[tuple[str, str]]:
        """What may go then, each send made: room and body."""
        found, back = [], tuple[str, ...]()
        while isinstance(send := self.next(now, back), Send) or send == 0:
            if isinstance(send, Send):
                back = (send.room_id,)
                self.box.outbox.sent(send, f"s{send.id}", now)
                found.append((send.room_id, send.body))
        return found


@pytest.fixture
def door(state_file: Path) -> Iterator[Door]:
    found = Door(state_file)
    yield found
    found.box.state.close()


@pytest.fixture
def night(state_file: Path) -> Iterator[Door]:
    found = Door(state_file, night=True)
    yield found
    found.box.state.close()


def test_a_paused_community_waits_and_others_go(door: Door) -> None:
    """To a paused community nothing goes until the pause is over, then all of it; others and staff wait for none."""
    door.session.pause("A", NOW + 50)
    door.say("x", "r102", "r201", "staff")
    assert door.goes() == [("staff", "x"), ("r201", "x")]
    assert door.next(NOW) == 50.0
    door.say("y", "r102")
    assert door.goes(NOW + 49) == []
    assert door.goes(NOW + 50) == [("r102", "x\ny")]


def test_a_pause_of_all_leaves_staff_alone(door: Door) -> None:
    """While all communities are paused what is for staff goes; when the pause is taken back so does all the rest."""
    door.session.pause()
    door.say("x", "r102", "staff")
    door.say("told", "r201", priority=ANNOUNCED)
    assert door.goes() == [("staff", "x")]
    assert door.next(NOW) is None
    door.session.resume()
    assert door.goes() == [("r201", "told"), ("r102", "x")]


def test_what_is_taken_back_goes_also_in_a_pause(door: Door) -> None:
    """A pause holds up no recall: WeChat allows it for two minutes only."""
    door.say("x", "r102")
    door.goes()
    door.session.pause()
    door.say("y", "r102")
    assert Recalls(door.box.state).accept(["x"], "r101", NOW) == 1
    send = door.next(NOW)
    assert isinstance(send, Send)
    assert (send.kind, door.next(NOW)) == (Kind.RECALLED, None)


def test_in_quiet_hours_staff_is_heard(night: Door) -> None:
    """In the quiet hours what staff announces goes, everything else waits for their end."""
    night.say("x", "r102")
    night.say("told", "r102", priority=ANNOUNCED)
    assert night.goes() == [("r102", "told")]
    assert night.next(NOW) == 100.0
    assert night.goes(NOW + 100) == [("r102", "x")]
    night.say("y", "r102")
    assert night.goes(NOW + 1000) == []


def test_staff_is_answered_before_rooms_are_told(door: Door) -> None:
    """An answer to staff goes before announcements, though its place was served last."""
    door.say("before", "staff")
    door.goes()
    door.say("told", "r102", "r201", priority=ANNOUNCED)
    door.say("answer", "staff", priority=AHEAD)
    assert [room for room, _ in door.goes()] == ["staff", "r102", "r201"]


def test_a_recall_passes_what_stands_before_it(door: Door) -> None:
    """In a pause what is taken back goes, though an announcement of the same place stands before it."""
    door.say("one", "r102", priority=ANNOUNCED)
    door.goes()
    door.session.pause()
    door.say("two", "r102", priority=ANNOUNCED)
    assert Recalls(door.box.state).accept(["one"], "r101", NOW) == 1
    send = door.next(NOW)
    assert isinstance(send, Send)
    assert (send.kind, door.next(NOW)) == (Kind.RECALLED, None)


def test_a_room_that_is_shut_gets_nothing(door: Door) -> None:
    """To a room that hears nothing nothing goes, whatever was meant for it; when it hears again it does."""
    shut = ["r102"]
    door.picker._gate = Gate(door.session, COMMUNITIES.get, shut=lambda: tuple(shut))
    door.say("x", "r102", "r103")
    door.say("told", "r102", priority=ANNOUNCED)
    assert door.goes() == [("r103", "x")]
    shut.clear()
    assert door.goes() == [("r102", "told"), ("r102", "x")]


def test_the_gate_names_its_next_change() -> None:
    """It opens and shuts by itself at the end of a pause, and where quiet hours start and end; else never."""
    session = Session()
    assert Gate(session).next_change(NOW) == math.inf
    session.pause("A", NOW + 7)
    assert Gate(session).next_change(NOW) == NOW + 7
    assert [Gate(Session(), quiet=Night()).next_change(at) for at in (NOW, NOW + 100)] == [NOW + 100, NOW + 1000]


def test_a_pause_is_stricter_than_quiet_hours() -> None:
    """What passes: everything in an open room, what is announced in quiet hours, nothing in a pause."""
    session = Session()
    gate = Gate(session, COMMUNITIES.get, Night())
    assert [gate.least(room, NOW) for room in ("r102", "staff")] == [ANNOUNCED, ALL]
    session.pause("A")
    assert [gate.least(room, NOW) for room in ("r102", "r201", "staff")] == [NOTHING, ANNOUNCED, ALL]
    assert [gate.least(room, NOW + 100) for room in ("r102", "r201")] == [NOTHING, ALL]
