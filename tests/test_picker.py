"""Who is next: the queue of rooms, and the picker that keeps it up to date."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomsync import store
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.delivery.picker import Picker
from roomsync.delivery.ready_queue import ReadyQueue
from roomsync.model import Kind, Send
from roomsync.session import Session
from tests.boxes import CAPTION, NOW, PICTURE, Box
from tests.conftest import thorough

ROOMS = ("r101", "r102", "r103", "r104")


@pytest.fixture
def box(state_file: Path) -> Iterator[Box]:
    found = Box(state_file)
    yield found
    found.state.close()


def a_pacer(limits: Limits | None = None) -> Pacer:
    return Pacer(limits or Limits(), Session(), lambda at: "today", lambda: 0.5)


def test_the_room_served_longest_ago_is_first_and_urgent_ones_before_it() -> None:
    """Turns go by when a room was served last; an urgent room goes before, unless it was served a moment ago."""
    ready = ReadyQueue()
    for room_id, served_at in (("a", 3.0), ("b", 1.0), ("c", 2.0)):
        ready.join(room_id, served_at)
    assert (ready.first(0.0, 9.0), ready.oldest()) == ("b", 1.0)
    ready.join("a", 3.0, urgent=True)
    assert ready.first(0.0, 9.0) == "a"
    assert ready.first(2.0, 4.0) == "b"  # a rests
    ready.leave("b")
    assert ready.first(2.0, 4.0) == "c"
    ready.leave("a")
    ready.leave("c")
    assert (ready.first(0.0, 9.0), ready.oldest()) == (None, math.inf)


def test_a_room_is_looked_at_again_when_it_said_so() -> None:
    """What may not go before a time brings its room back then, once."""
    ready = ReadyQueue()
    ready.look_later("a", 5.0)
    ready.look_later("b", 7.0)
    assert (list(ready.due(6.0)), list(ready.due(6.0)), ready.next_look()) == (["a"], [], 7.0)


def calls_of_a_pick(rooms: int, folder: Path) -> int:
    """How many functions run while a send is picked for one of so many rooms that something waits for."""
    box, pacer, count = Box(folder / f"{rooms}.db"), a_pacer(), 0
    box.say("a", to=tuple(f"r{number:03}" for number in range(rooms)))
    picker = Picker(box.outbox, pacer)
    first = picker.pick(NOW, (), (), {}, quotes=False)  # reads all of them once
    assert isinstance(first, Send)
    pacer.sent(first.room_id, Kind.TEXT, NOW)

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        picker.pick(NOW + 1, (), {first.room_id}, {}, quotes=False)
    finally:
        sys.setprofile(None)
    box.state.close()
    return count


def test_a_pick_costs_the_same_with_many_rooms(tmp_path: Path) -> None:
    """With 500 rooms waiting a send is picked in at most twice as many calls as with 10."""
    assert calls_of_a_pick(500, tmp_path) <= 2 * calls_of_a_pick(10, tmp_path)


def test_what_waits_for_its_next_try_is_picked_then(box: Box) -> None:
    """A room whose one send failed is passed over until its next try is due, and the wait says until when."""
    pacer, now = a_pacer(), NOW
    picker = Picker(box.outbox, pacer)
    box.say("a")
    send = picker.pick(now, (), (), {}, quotes=False)
    assert isinstance(send, Send)
    box.outbox.retry(send, now + 5, "no", now)
    assert picker.pick(now, (), {"r102"}, {}, quotes=False) == 5
    again = picker.pick(now + 5, (), (), {}, quotes=False)
    assert isinstance(again, Send) and again.body == "a"
    assert picker.pick(now + 5, {"r102"}, (), {}, quotes=False) is None


def test_what_a_notice_sends_again_is_picked(box: Box) -> None:
    """What arrived not after all, by WeChat's notice, is picked again although its room had nothing more to get."""
    picker = Picker(box.outbox, a_pacer())
    box.say("a")
    send = picker.pick(NOW, (), (), {}, quotes=False)
    assert isinstance(send, Send)
    box.outbox.sent(send, "s1", NOW)
    assert picker.pick(NOW, (), {"r102"}, {}, quotes=False) is None
    box.outbox.send_again("r102", NOW - 1, NOW)
    again = picker.pick(NOW, (), (), {}, quotes=False)
    assert isinstance(again, Send) and again.body == "a"


def test_rooms_that_change_their_ids_are_all_looked_at(box: Box) -> None:
    """What waits for a room that has a new id since a login is picked under that."""
    picker = Picker(box.outbox, a_pacer())
    box.say("a", "b" * 99, to=("r102",))
    first = picker.pick(NOW, (), (), {}, quotes=False)
    assert isinstance(first, Send) and first.room_id == "r102"
    with box.state.transaction() as db:
        store.rooms.note_topics(db, {"r102": "Knowhere"})
        assert store.rooms.replace_all(db, {"new": "Knowhere"}) == {"r102": "new"}
    second = picker.pick(NOW, (), (), {}, quotes=False)
    assert isinstance(second, Send) and second.room_id == "new"


class Story:
    """What can happen to an outbox while one picker lives, and fresh ones look over its shoulder."""

    def __init__(self, path: Path) -> None:
        self.box, self.pacer, self.now = Box(path), a_pacer(Limits(room_interval=2.0)), NOW
        self.picker = Picker(self.box.outbox, self.pacer)
        self.in_hand: dict[str, Send] = {}
        self.back: set[str] = set()

    def happen(self, what: str, room_id: str) -> None:
        outbox = self.box.outbox
        if what == "say":
            self.box.say("a", to=tuple(one for one in ROOMS if one != room_id), where=room_id, at=self.now)
        elif what == "picture":
            self.box.say(CAPTION, PICTURE, to=(room_id,), where="r100", at=self.now)
        elif what == "wait":
            self.now += 1.5
        elif what == "cancel":
            outbox.cancel_room(room_id, self.now)
        elif what == "notice":
            outbox.send_again(room_id, self.now - 60, self.now)
        elif room_id in self.in_hand:
            send = self.in_hand.pop(room_id)
            self.back.add(room_id)
            if what == "sent":
                outbox.sent(send, f"s{send.id}", self.now)
            elif what == "lost":
                outbox.put_back(send, self.now, self.now, uncertain=True)
            elif what == "refused":
                outbox.retry(send, self.now + 4, "no", self.now)
            else:
                outbox.retry(send, self.now + 4, "no", self.now, passed=True)

    def expected(self) -> tuple[set[str], float]:
        """Whose turn it may be, and when one can have it: found by looking at all rooms."""
        outbox, pacer = self.box.outbox, self.pacer
        passed_until = outbox.bring_forward(self.now)
        heads = [head for head in outbox.heads(self.now) if head.room_id not in self.in_hand]
        due_at = {
            head.room_id: max(outbox.next_try(head.room_id, self.now), pacer.served_at(head.room_id) + 2.0)
            for head in heads
        }
        due = [
            ((not head.urgent, pacer.served_at(head.room_id)), head.room_id)
            for head in heads
            if due_at[head.room_id] <= self.now
        ]
        first = min((rank for rank, _ in due), default=None)
        return {room_id for rank, room_id in due if rank == first}, min([*due_at.values(), passed_until])

    def pick(self) -> None:
        """The picker gives the turn to whom a look at all rooms would, and waits no longer than that says."""
        rooms, at = self.expected()
        found = self.picker.pick(self.now, self.in_hand, self.back, {}, quotes=False)
        self.back.clear()
        if not isinstance(found, Send):
            assert not rooms
            assert at == math.inf or (found is not None and self.now + found <= at)
            return
        assert found.room_id in rooms
        self.in_hand[found.room_id] = found
        self.pacer.sent(found.room_id, found.kind, self.now)


EVENTS = ("say", "picture", "wait", "cancel", "notice", "sent", "lost", "refused", "passed", "pick", "pick", "sent")


@settings(max_examples=thorough(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(ROOMS)), max_size=40))
def test_what_is_remembered_is_what_a_look_at_all_rooms_finds(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str]]
) -> None:
    """Whatever happens, a picker that looks at the news alone picks as one that looks at all rooms each time."""
    story = Story(tmp_path_factory.mktemp("story") / "roomsync.db")
    try:
        for what, room_id in events:
            if what == "pick":
                story.pick()
            else:
                story.happen(what, room_id)
        story.pick()
    finally:
        story.box.state.close()
