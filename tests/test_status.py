"""`python bot.py --status`: what a person and a health check read."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from roomsync import store
from roomsync.cli.status import DAY, read_status, show_status
from roomsync.errors import StateFileError
from roomsync.inbox.incoming import Incoming
from roomsync.model import FilterMode, Hours, Kind, Message, Mode
from roomsync.session import Cooldown, Phase
from roomsync.store import StateFile
from roomsync.store.held import HeldState
from roomsync.store.pauses import Pause
from tests.boxes import NOW, Box

ROOM = {"waiting": 0, "sent": 0, "failed": 0, "expired": 0, "cancelled": 0, "oldest_waiting": None, "last_error": None}


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


@pytest.fixture
def box(state_file: Path) -> Iterator[Box]:
    """An outbox of a bot that runs, is connected and logged in since 90 s ago, and had an event 5 s ago."""
    found = Box(state_file)
    note(found, Phase.READY)
    yield found
    found.state.close()


def note(box: Box, phase: Phase) -> None:
    with box.state.transaction() as db:
        store.health.note_phase(db, phase, NOW - 90)
        store.health.note_last_event(db, NOW - 5)


def note_topic(box: Box) -> None:
    with box.state.transaction() as db:
        store.rooms.note_topics(db, {"r102": "群102"})


def rooms(box: Box, now: float) -> list[dict[str, Any]]:
    return [asdict(room) for room in read_status(box.path, now)[0].rooms]


def shown(box: Box, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_status(box.path, as_json=False)
    return capsys.readouterr().out.splitlines()


def test_a_bot_at_work_is_well(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a bot that runs, connected and logged in, the exit code is 0 and one line says since when."""
    assert show_status(box.path, as_json=False) == 0
    assert capsys.readouterr().out == "connected for 1 min; last event 5 s ago\n"


@pytest.mark.parametrize(
    ("phase", "line"),
    [
        (Phase.DISCONNECTED, "running, not connected to the gateway for 1 min; last event 5 s ago"),
        (Phase.CONNECTED, "connected to the gateway, but WeChat is not logged in for 1 min; last event 5 s ago"),
        (Phase.LOGGED_IN, "logged in to WeChat, finding rooms for 1 min; last event 5 s ago"),
    ],
)
def test_a_bot_that_cannot_relay_is_not_well(
    box: Box, capsys: pytest.CaptureFixture[str], phase: Phase, line: str
) -> None:
    """Of a bot without gateway, WeChat or rooms the exit code is 1, and the first line says which."""
    note(box, phase)
    assert show_status(box.path, as_json=False) == 1
    assert capsys.readouterr().out == f"{line}\n"


def test_a_bot_that_writes_nothing_is_not_well(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a bot that is frozen, or whose disk is, the exit code is 1, and a line says for how long."""
    with box.state.transaction() as db:
        store.health.note_written(db, NOW - 31, 0.0)
    assert show_status(box.path, as_json=False) == 1
    assert "nothing was written to the state file for 31 s" in capsys.readouterr().out


def test_an_outage_of_the_state_file_is_told(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """How long the state file could not be written is told for a day, and the bot is well again."""
    with box.state.transaction() as db:
        store.health.note_outage(db, NOW - 60, 12.0)
    assert show_status(box.path, as_json=False) == 0
    assert "the state file could not be written for 12 s, until 1 min ago" in capsys.readouterr().out
    assert read_status(box.path, NOW + DAY)[0].outage is None


def test_ages_are_those_of_the_bot_whose_clock_was_set(box: Box) -> None:
    """When the machine's clock was set back under a bot that runs, what it noted is as old as it is."""
    with box.state.transaction() as db:
        store.health.note_written(db, NOW, 3600.0)
    assert read_status(box.path, NOW - 3600 + 2)[0].silence == 2


def test_a_file_that_is_gone_under_a_bot_is_told(box: Box) -> None:
    """When somebody removed the state file of a bot that runs, that is said, and not that it never ran."""
    box.path.unlink()
    with pytest.raises(StateFileError, match="is gone while a bot runs"):
        read_status(box.path, NOW)


def test_a_bot_that_does_not_run_is_not_well(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a bot that was killed while it was connected the exit code is 1."""
    box.state.close()
    assert show_status(box.path, as_json=False) == 1
    assert capsys.readouterr().out == "not running; last event 5 s ago\n"


def test_a_bot_without_events_says_so(state_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first connection and event there is a status all the same."""
    StateFile(state_file).close()
    assert show_status(state_file, as_json=False) == 1
    assert capsys.readouterr().out == "not running; no event yet\n"


def test_no_file_is_no_status(state_file: Path) -> None:
    """Where no bot ever ran, that is the answer."""
    with pytest.raises(StateFileError, match="has never run"):
        show_status(state_file, as_json=False)


def test_each_room_has_its_numbers(box: Box) -> None:
    """Each room is counted by itself: what waits, became of the last 24 h, the oldest that waits, the last error."""
    note_topic(box)
    box.say("a", to=("r102", "r103"))
    box.outbox.sent(box.take(), "s1", NOW)
    box.outbox.fail(box.take("r103"), "too bad", NOW)
    box.say("b", to=("r102", "r103"))
    box.outbox.cancel_room("r103", NOW)
    box.say("c", to=("r102",))
    box.take(alone=True)
    assert rooms(box, NOW + 7) == [
        {"id": "r103", "topic": "r103", **ROOM, "failed": 1, "cancelled": 1, "last_error": "too bad"},
        {"id": "r102", "topic": "群102", **ROOM, "sent": 1, "waiting": 2, "oldest_waiting": 7.0},
    ]


def test_the_oldest_is_looked_for_in_all_source_rooms(box: Box) -> None:
    """The oldest that waits for a room may be of any room where it was said."""
    for where, at in (("r105", NOW), ("r101", NOW + 1), ("r104", NOW + 2)):
        box.say("a", where=where, at=at)
    assert rooms(box, NOW + 7) == [{"id": "r102", "topic": "r102", **ROOM, "waiting": 3, "oldest_waiting": 7.0}]


def test_only_the_last_day_is_counted(box: Box) -> None:
    """What was settled earlier than 24 h ago is not counted; what waits is, however old."""
    box.say("a", to=("r102", "r103"))
    box.outbox.sent(box.take(), "s1", NOW)
    box.outbox.fail(box.take("r103"), "old", NOW)
    box.say("b", to=("r102", "r103"))
    assert rooms(box, NOW + DAY + 1) == [
        {"id": room, "topic": room, **ROOM, "waiting": 1, "oldest_waiting": DAY + 1} for room in ("r102", "r103")
    ]


def test_a_settled_error_is_no_error(box: Box) -> None:
    """A send that failed and then went has no last error."""
    box.say("a")
    box.outbox.retry(box.take(), NOW, "not now", NOW)
    assert rooms(box, NOW)[0]["last_error"] == "not now"
    box.outbox.sent(box.take(), "s1", NOW)
    assert rooms(box, NOW)[0]["last_error"] is None


def test_what_was_cancelled_is_no_error(box: Box) -> None:
    """A delivery that failed once, and was cancelled then, is no last error."""
    box.say("a")
    box.outbox.retry(box.take(), NOW, "not now", NOW)
    box.outbox.cancel_room("r102", NOW)
    room = rooms(box, NOW)[0]
    assert (room["cancelled"], room["last_error"]) == (1, None)


def test_a_person_reads_a_table(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the first line each room has one with its numbers, what waits longest, and the first line of its error."""
    note_topic(box)
    box.say("a")
    box.outbox.retry(box.take(now=NOW - 1), NOW, "not now\nmore", NOW - 1)
    with box.state.transaction() as db:
        db.execute("UPDATE messages SET accepted_at = ?", (NOW - 7200,))
    assert shown(box, capsys)[1:] == [
        " waiting    sent  failed expired  cancelled  room (last 24 h)",
        "       1       0       0       0          0  群102; oldest waits for 2 h; last error: not now",
    ]


def test_a_cooldown_is_shown(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """While the account pauses, the report says for how long; afterwards it does not."""

    def cool_down(until: float) -> None:
        with box.state.transaction() as db:
            store.health.note_cooldown(db, Cooldown(until, 120))

    cool_down(NOW + 61)
    assert shown(box, capsys)[1:] == ["WeChat says that the account sends too fast: nothing is sent for 1 min"]
    cool_down(NOW)
    assert shown(box, capsys)[1:] == []


def test_events_that_were_given_up_are_counted(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Messages that the gateway never gave are counted for 24 h."""
    incoming = Incoming(box.state)
    incoming.note(["m7", "m8"], NOW)
    incoming.note(["m9"], NOW - DAY - 1)
    for message_id in ("m8", "m9"):
        incoming.give_up(message_id)
    assert shown(box, capsys)[1:] == ["1 messages of the last 24 h could not be read from the gateway"]


def test_what_staff_decided_is_shown(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Pauses, with how long they last, and the rooms that do not take part as usual have a line each; a bot is well."""
    note_topic(box)
    with box.state.transaction() as db:
        store.rooms.set_mode(db, "r102", Mode.OFF)
        store.rooms.set_mode(db, "r103", Mode.NORMAL)
        store.pauses.put(db, Pause("", None, NOW, NOW))
        store.pauses.put(db, Pause("Knowhere", NOW + 90, NOW, NOW))
        store.pauses.put(db, Pause("Over", NOW, NOW, NOW))
    assert shown(box, capsys)[1:] == [
        "staff paused all communities until /恢复 (/resume)",
        "staff paused Knowhere for 1 min more",
        "rooms set by staff: 群102 off",
    ]
    hours = Hours(*(time.localtime(NOW + 60 * shift).tm_hour * 60 for shift in (0, 60)))
    assert read_status(box.path, NOW, hours)[0].quiet_until
    show_status(box.path, False, hours)
    assert "quiet hours for" in capsys.readouterr().out
    status, _, _ = read_status(box.path, NOW)
    assert (status.paused, status.modes, status.is_well) == ({"": None, "Knowhere": NOW + 90}, {"群102": "off"}, True)


def keep(box: Box, state: HeldState, at: float) -> None:
    """A message for which there were reasons came into that state then."""
    box.count += 1
    message = Message(f"m{box.count}", "r101", "alice", "Alice", Kind.TEXT, "a")

    def note(db: store.Connection, key: int) -> None:
        store.held.add(db, key, message, state, ["x"], "", at)

    assert box.outbox.accept(message, [], [], at, then=note)


@pytest.mark.parametrize(
    ("setting", "chosen", "line"),
    [
        (FilterMode.OFF, None, ""),
        (FilterMode.HOLD, None, "moderation: hold"),
        (FilterMode.HOLD, FilterMode.OBSERVE, "moderation: observe"),
        (FilterMode.OBSERVE, FilterMode.OFF, ""),
        (FilterMode.OFF, FilterMode.HOLD, "moderation: hold"),
    ],
)
def test_the_mode_in_force_is_shown(
    box: Box, capsys: pytest.CaptureFixture[str], setting: FilterMode, chosen: FilterMode | None, line: str
) -> None:
    """What staff chose is shown, else what is set; a filter that is off is not; of a new setting the choice is void."""
    if chosen:
        with box.state.transaction() as db:
            store.moderation.choose(db, chosen, setting)
    assert show_status(box.path, False, None, setting) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ([line] if line else [])
    other = FilterMode.HOLD if setting is FilterMode.OBSERVE else FilterMode.OBSERVE
    assert read_status(box.path, NOW, None, other)[0].moderation == other


def test_what_was_held_is_counted(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """What waits for staff is counted however old, what else became of messages for 24 h, failed checks ever."""
    old, new = NOW - DAY - 1, NOW - DAY
    for state, at in (
        *((HeldState.HELD, at) for at in (old, new, NOW)),
        *((state, at) for state in (HeldState.OBSERVED, HeldState.EXPIRED, HeldState.ADVERT) for at in (old, new)),
        (HeldState.RELEASED, old),
    ):
        keep(box, state, at)
    with box.state.transaction() as db:
        store.moderation.note_failures(db, 2, old)
    show_status(box.path, False, None, FilterMode.HOLD)
    (line,) = (one for one in capsys.readouterr().out.splitlines() if one.startswith("moderation"))
    counts, failed = line.removeprefix("moderation: hold; ").split(" (24 h); ")
    assert sorted(counts.split(", ")) == ["1 advert", "1 expired", "1 observed", "3 held"]
    assert failed == "2 checks failed or were slow"
    show_status(box.path, True, None, FilterMode.HOLD)
    found = json.loads(capsys.readouterr().out)
    assert [found[key] for key in ("moderation", "held", "failed_checks")] == [
        "hold",
        {"held": 3, "observed": 1, "expired": 1, "advert": 1},
        2,
    ]


def test_machines_read_the_same(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the report is one JSON object with the same exit code; times in seconds since the epoch."""
    note_topic(box)
    box.say("a")
    assert show_status(box.path, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "running": True,
        "connected": True,
        "logged_in": True,
        "since": NOW - 90,
        "last_event": NOW - 5,
        "cooldown": 0.0,
        "verify_code": False,
        "silence": None,
        "outage": None,
        "outage_ended_at": None,
        "unreadable": 0,
        "quiet_until": None,
        "paused": {},
        "modes": {},
        "moderation": "off",
        "held": {},
        "failed_checks": 0,
        "rooms": [{"id": "r102", "topic": "群102", **ROOM, "waiting": 1, "oldest_waiting": 0.0}],
    }
    box.state.close()
    assert show_status(box.path, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert [found[key] for key in ("running", "connected", "logged_in")] == [False] * 3
