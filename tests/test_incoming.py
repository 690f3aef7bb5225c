"""Incoming events: what came and is not finished is known, and nothing is new twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync.delivery.outbox import Outbox
from roomsync.inbox.incoming import Incoming
from roomsync.model import Kind, Message, Part
from roomsync.store import StateFile

NOW = 1_000_000.0


@pytest.fixture
def state(state_file: Path) -> Iterator[StateFile]:
    found = StateFile(state_file)
    yield found
    found.close()


@pytest.fixture
def incoming(state: StateFile) -> Incoming:
    return Incoming(state)


def reopened(state: StateFile) -> StateFile:
    state.close()
    return StateFile(state.path)


def test_an_event_is_new_once(incoming: Incoming) -> None:
    """Of ids that come, those are new that never came before, in their order, each once."""
    assert incoming.note(["m2", "m1", "m2"], NOW) == ["m2", "m1"]
    assert incoming.note(["m1", "m3", "m2"], NOW) == ["m3"]


def test_an_event_is_new_once_across_a_restart(incoming: Incoming, state: StateFile) -> None:
    """An id that came before a restart, and is not finished, is unfinished after it, and not new."""
    incoming.note(["m2", "m1"], NOW)
    state = reopened(state)
    assert Incoming(state).unfinished() == ["m2", "m1"]
    assert Incoming(state).note(["m1"], NOW) == []
    state.close()


def test_an_accepted_message_is_finished_for_ever(incoming: Incoming, state: StateFile) -> None:
    """An event whose message is in the outbox is not unfinished, and not new when it comes again."""
    incoming.note(["m1"], NOW)
    message = Message("m1", "r101", "alice", "Alice", Kind.TEXT)
    assert Outbox(state, 2000).accept(message, [Part(Kind.TEXT, "a")], ["r102"], NOW)
    assert (incoming.unfinished(), incoming.note(["m1"], NOW)) == ([], [])


def test_finished_events_are_not_asked_for_again(incoming: Incoming, state: StateFile) -> None:
    """An event that needs nothing more is finished at once, and stays so over a restart after the next event."""
    incoming.note(["m1", "m2"], NOW)
    incoming.finish("m1")
    assert incoming.unfinished() == ["m2"]
    incoming.note(["m3"], NOW)
    state = reopened(state)
    assert Incoming(state).unfinished() == ["m2", "m3"]
    state.close()


def test_a_failed_event_is_not_asked_for_again(incoming: Incoming) -> None:
    """An event that is given up is neither unfinished nor new."""
    incoming.note(["m1"], NOW)
    incoming.give_up("m1")
    assert (incoming.unfinished(), incoming.note(["m1"], NOW)) == ([], [])


def test_a_known_echo_is_not_noted(incoming: Incoming, state: StateFile) -> None:
    """An event that shows a send whose id is known is not new, and alone it writes nothing; any other is."""
    outbox = Outbox(state, 2000)
    assert outbox.accept(Message("m1", "r101", "alice", "Alice", Kind.TEXT), [Part(Kind.TEXT, "a")], ["r102"], NOW)
    send = outbox.take("r102", NOW)
    assert send
    outbox.sent(send, "s1", NOW)
    statements: list[str] = []
    with state.connection() as db:
        db.set_trace_callback(statements.append)
    assert (incoming.note(["s1"], NOW), [one for one in statements if "COMMIT" in one]) == ([], [])
    assert incoming.note(["s1", "s2"], NOW) == ["s2"]
    assert incoming.unfinished() == ["s2"]
