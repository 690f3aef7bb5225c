"""The journal: what came and is not finished, where rooms went, and how the bot is doing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync.journal import Journal
from roomsync.model import Cooldown, Kind, Message, Part
from roomsync.outbox import Outbox
from roomsync.statefile import StateFile

NOW = 1_000_000.0


@pytest.fixture
def state(state_file: Path) -> Iterator[StateFile]:
    found = StateFile(state_file)
    yield found
    found.close()


@pytest.fixture
def journal(state: StateFile) -> Journal:
    return Journal(state)


def accept(state: StateFile, message_id: str, *room_ids: str) -> Outbox:
    outbox = Outbox(state, 2000)
    message = Message(message_id, "r101", "alice", "Alice", Kind.TEXT)
    assert outbox.accept(message, [Part(Kind.TEXT, message_id)], room_ids, NOW)
    return outbox


def reopened(state: StateFile) -> StateFile:
    state.close()
    return StateFile(state.path)


# Events.


def test_an_event_is_new_once(journal: Journal) -> None:
    """Of ids that come, those are new that never came before, in their order, each once."""
    assert journal.note(["m2", "m1", "m2"], NOW) == ["m2", "m1"]
    assert journal.note(["m1", "m3", "m2"], NOW) == ["m3"]


def test_an_event_is_new_once_across_a_restart(journal: Journal, state: StateFile) -> None:
    """An id that came before a restart, and is not finished, is unfinished after it, and not new."""
    journal.note(["m2", "m1"], NOW)
    state = reopened(state)
    assert Journal(state).unfinished() == ["m2", "m1"]
    assert Journal(state).note(["m1"], NOW) == []
    state.close()


def test_an_accepted_message_is_finished_for_ever(journal: Journal, state: StateFile) -> None:
    """An event whose message is in the outbox is not unfinished, and not new when it comes again."""
    journal.note(["m1"], NOW)
    accept(state, "m1", "r102")
    assert (journal.unfinished(), journal.note(["m1"], NOW)) == ([], [])


def test_finished_events_are_not_asked_for_again(journal: Journal, state: StateFile) -> None:
    """An event that needs nothing more is finished at once, and stays so over a restart after the next event."""
    journal.note(["m1", "m2"], NOW)
    journal.finish("m1")
    assert journal.unfinished() == ["m2"]
    journal.note(["m3"], NOW)
    state = reopened(state)
    assert Journal(state).unfinished() == ["m2", "m3"]
    state.close()


def test_a_failed_event_is_not_asked_for_again(journal: Journal) -> None:
    """An event that is given up is neither unfinished nor new."""
    journal.note(["m1"], NOW)
    journal.fail("m1")
    assert (journal.unfinished(), journal.note(["m1"], NOW)) == ([], [])


# Rooms with new ids.


def test_what_waits_follows_a_room_to_its_new_id(journal: Journal, state: StateFile) -> None:
    """When a room has a new id after a login, what waits for it goes there, in order."""
    journal.moved({"r102": "群102", "r103": "群103"})
    for message_id in ("m1", "m2"):
        outbox = accept(state, message_id, "r102", "r103")
    assert journal.moved({"new": "群102", "r103": "群103"}) == {"r102": "new"}
    assert sorted(head.room_id for head in outbox.heads()) == ["new", "r103"]
    send = outbox.take("new", NOW)
    assert send and send.body == "m1\nm2"


def test_what_waits_follows_a_room_twice_and_across_a_restart(journal: Journal, state: StateFile) -> None:
    """A room is followed from login to login, by another process, too."""
    journal.topic("r102", "群102")
    accept(state, "m1", "r102")
    journal.moved({"second": "群102"})
    state = reopened(state)
    assert Journal(state).moved({"third": "群102"}) == {"second": "third"}
    assert [head.room_id for head in Outbox(state, 2000).heads()] == ["third"]
    state.close()


def test_a_renamed_room_is_followed_by_its_last_topic(journal: Journal, state: StateFile) -> None:
    """A room that was renamed before it got a new id is found by the name that it has now."""
    journal.moved({"r102": "群102"})
    journal.topic("r102", "群999")
    accept(state, "m1", "r102")
    assert journal.moved({"new": "群999", "other": "群102"}) == {"r102": "new"}


@pytest.mark.parametrize(
    "now",
    [
        {"r102": "群102", "new": "群102"},
        {"new": "群102", "newer": "群102"},
        {"new": "群103"},
        {},
    ],
)
def test_no_room_is_taken_for_another(journal: Journal, state: StateFile, now: dict[str, str]) -> None:
    """A room that is still there, has two successors or none keeps what waits for it."""
    journal.moved({"r102": "群102"})
    outbox = accept(state, "m1", "r102")
    assert journal.moved(now) == {}
    assert [head.room_id for head in outbox.heads()] == ["r102"]


def test_what_was_sent_follows_its_room(journal: Journal, state: StateFile) -> None:
    """What was sent to the old id belongs to the new one, too: its recall and its echo find it there."""
    journal.moved({"r102": "群102"})
    outbox = accept(state, "m1", "r102")
    send = outbox.take("r102", NOW)
    assert send
    outbox.sent(send, "s1", NOW)
    assert journal.moved({"new": "群102"}) == {"r102": "new"}
    assert [room_id for _, room_id, _ in outbox.recent(0)] == ["new"]


def test_namesakes_are_not_merged(journal: Journal, state: StateFile) -> None:
    """When one of two rooms of the same topic goes, or both become one, nothing of it goes to another room."""
    journal.moved({"a": "群", "b": "群"})
    accept(state, "m1", "a", "b")
    assert journal.moved({"b": "群"}) == {}
    assert journal.moved({"c": "群"}) == {}


def test_rooms_of_the_past_are_forgotten(journal: Journal, state: StateFile) -> None:
    """Ids that a gateway changes at each login do not pile up."""
    for login in range(5):
        journal.moved({f"r{login}": "群102"})
    with state.reading() as db:
        assert db.execute("SELECT room_id FROM rooms").fetchall() == [("r4",)]


# Status.


def test_a_cooldown_is_remembered(journal: Journal, state: StateFile) -> None:
    """A pause of the account is known after a restart; before the first there is one of no length."""
    assert journal.cooldown() == Cooldown(0.0, 0.0)
    journal.cool_down(Cooldown(NOW + 60.5, 60.5))
    state = reopened(state)
    assert Journal(state).cooldown() == Cooldown(NOW + 60.5, 60.5)
    state.close()


def test_the_last_answer_in_a_room_is_remembered(journal: Journal) -> None:
    """Each room has its own time at which the bot last answered, 0 before the first."""
    journal.status(**{"answered:r101": str(NOW)})
    assert (journal.answered("r101"), journal.answered("r102")) == (NOW, 0.0)
