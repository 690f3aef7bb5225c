"""Rooms with new ids: what waits for a room, and what was said and sent there, follows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.outbox import Outbox
from roomsync.model import Kind, Message, Part
from roomsync.store import StateFile

NOW = 1_000_000.0


@pytest.fixture
def state(state_file: Path) -> Iterator[StateFile]:
    found = StateFile(state_file)
    yield found
    found.close()


def moved(state: StateFile, topics: dict[str, str]) -> dict[str, str]:
    with state.transaction() as db:
        return store.rooms.replace_all(db, topics)


def note_topic(state: StateFile, room_id: str, topic: str) -> None:
    with state.transaction() as db:
        store.rooms.note_topics(db, {room_id: topic})


def accept(state: StateFile, message_id: str, *room_ids: str) -> Outbox:
    outbox = Outbox(state, 2000)
    message = Message(message_id, "r101", "alice", "Alice", Kind.TEXT)
    assert outbox.accept(message, [Part(Kind.TEXT, message_id)], room_ids, NOW)
    return outbox


def reopened(state: StateFile) -> StateFile:
    state.close()
    return StateFile(state.path)


def test_what_waits_follows_a_room_to_its_new_id(state: StateFile) -> None:
    """When a room has a new id after a login, what waits for it goes there, in order."""
    moved(state, {"r102": "群102", "r103": "群103"})
    for message_id in ("m1", "m2"):
        outbox = accept(state, message_id, "r102", "r103")
    assert moved(state, {"new": "群102", "r103": "群103"}) == {"r102": "new"}
    assert sorted(head.room_id for head in outbox.heads(1e9)) == ["new", "r103"]
    send = outbox.take("new", NOW)
    assert send and send.body == "m1\nm2"


def test_what_waits_follows_a_room_twice_and_across_a_restart(state: StateFile) -> None:
    """A room is followed from login to login, by another process, too."""
    note_topic(state, "r102", "群102")
    accept(state, "m1", "r102")
    moved(state, {"second": "群102"})
    state = reopened(state)
    assert moved(state, {"third": "群102"}) == {"second": "third"}
    assert [head.room_id for head in Outbox(state, 2000).heads(1e9)] == ["third"]
    state.close()


def test_a_renamed_room_is_followed_by_its_last_topic(state: StateFile) -> None:
    """A room that was renamed before it got a new id is found by the name that it has now."""
    moved(state, {"r102": "群102"})
    note_topic(state, "r102", "群999")
    accept(state, "m1", "r102")
    assert moved(state, {"new": "群999", "other": "群102"}) == {"r102": "new"}


@pytest.mark.parametrize(
    "now",
    [
        {"r102": "群102", "new": "群102"},
        {"new": "群102", "newer": "群102"},
        {"new": "群103"},
        {},
    ],
)
def test_no_room_is_taken_for_another(state: StateFile, now: dict[str, str]) -> None:
    """A room that is still there, has two successors or none keeps what waits for it."""
    moved(state, {"r102": "群102"})
    outbox = accept(state, "m1", "r102")
    assert moved(state, now) == {}
    assert [head.room_id for head in outbox.heads(1e9)] == ["r102"]


def test_what_was_sent_follows_its_room(state: StateFile) -> None:
    """What was sent to the old id belongs to the new one, too: its recall and its echo find it there."""
    moved(state, {"r102": "群102"})
    outbox = accept(state, "m1", "r102")
    send = outbox.take("r102", NOW)
    assert send
    outbox.sent(send, "s1", NOW)
    assert moved(state, {"new": "群102"}) == {"r102": "new"}
    assert [room_id for _, room_id, _ in outbox.recent(0)] == ["new"]


def test_namesakes_are_not_merged(state: StateFile) -> None:
    """When one of two rooms of the same topic goes, or both become one, nothing of it goes to another room."""
    moved(state, {"a": "群", "b": "群"})
    accept(state, "m1", "a", "b")
    assert moved(state, {"b": "群"}) == {}
    assert moved(state, {"c": "群"}) == {}


def test_rooms_of_the_past_are_forgotten(state: StateFile) -> None:
    """Ids that a gateway changes at each login do not pile up."""
    for login in range(5):
        moved(state, {f"r{login}": "群102"})
    with state.connection() as db:
        assert db.execute("SELECT gateway_id FROM rooms").fetchall() == [("r4",)]


def test_a_room_with_a_new_id_costs_one_row(state: StateFile) -> None:
    """Of all that refers to a room, its new id changes the room alone."""
    moved(state, {"r101": "群101", "r102": "群102"})
    for number in range(100):
        accept(state, f"m{number}", "r102")
    with state.connection() as db:
        before = db.total_changes
        moved(state, {"r101": "群101", "new": "群102"})
        assert db.total_changes - before == 1 + 2  # the id, and the topics noted


def test_when_the_bot_introduced_itself_follows_a_room(state: StateFile) -> None:
    """The time of the last introduction is each room's own, 0 before the first, and is kept over a new id."""
    moved(state, {"r102": "群102"})
    with state.transaction() as db:
        store.rooms.note_introduction(db, "r102", NOW)
    moved(state, {"new": "群102"})
    with state.connection() as db:
        assert [store.rooms.introduced_at(db, room_id) for room_id in ("new", "r102", "r103")] == [NOW, 0.0, 0.0]
