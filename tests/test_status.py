"""`python bot.py --status`: what a person and a health check read."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from roomsync import store
from roomsync.cli.health import Status
from roomsync.cli.status import DAY, read_status, show_status
from roomsync.config.settings import Settings
from roomsync.errors import StateFileError
from roomsync.inbox.incoming import Incoming
from roomsync.model import MAX_DELAY, FilterMode, Kind, Message, Mode
from roomsync.session import Cooldown, Phase
from roomsync.store import StateFile
from roomsync.store.held import HeldState
from roomsync.store.pauses import Pause
from tests.boxes import NOW, Box

ROOM = {
    "waiting": 0, "sent": 0, "failed": 0, "expired": 0, "cancelled": 0, "oldest_waiting": None, "last_error": None,
    "left": False,
}  # fmt: skip
TOPICS = {"r101": "群101", "r102": "群102"}


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


@pytest.fixture
def box(state_file: Path) -> Iterator[Box]:
    """An outbox of a bot that is logged in since 90 s ago, in two rooms, and had an event 5 s ago."""
    found = Box(state_file)
    note(found, Phase.READY)
    with found.state.transaction() as db:
        store.rooms.note_topics(db, TOPICS)
        for room_id in TOPICS:
            store.rooms.set_mode(db, room_id, Mode.NORMAL)
    yield found
    found.state.close()


def note(box: Box, phase: Phase) -> None:
    with box.state.transaction() as db:
        store.health.note_phase(db, phase, NOW - 90)
        store.health.note_last_event(db, NOW - 5)


def of(path: Path, **more: str) -> Settings:
    return Settings.parse({"STATE_FILE": str(path), "ROOM_PREFIX": "群", **more}, offline=True)


def status(box: Box, now: float = NOW, **more: str) -> Status:
    return read_status(of(box.path, **more), now)[0]


def rooms(box: Box, now: float) -> list[dict[str, Any]]:
    """The rooms that have numbers."""
    return [
        asdict(room) for room in status(box, now).rooms if asdict(room) != {"id": room.id, "topic": room.topic, **ROOM}
    ]


def shown(box: Box, capsys: pytest.CaptureFixture[str], code: object = 0, **more: str) -> list[str]:
    """The lines above the table of the rooms; the exit code is that one."""
    assert show_status(of(box.path, **more)) == code
    return list(takewhile(lambda line: "room (last" not in line, capsys.readouterr().out.splitlines()))


def test_a_bot_at_work_is_well(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a bot that runs, connected and logged in, the exit code is 0 and one line says since when."""
    assert shown(box, capsys) == ["connected for 1 min; last event 5 s ago"]


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
    assert shown(box, capsys, 1) == [line]


@pytest.mark.parametrize(("silence", "code"), [(29.9, 0), (30.0, 1)])
def test_a_bot_that_writes_nothing_is_not_well(
    box: Box, capsys: pytest.CaptureFixture[str], silence: float, code: int
) -> None:
    """Of a bot that is frozen, or whose disk is, for 30 s the code is 1, and the first line says so; not before."""
    with box.state.transaction() as db:
        store.health.note_written(db, NOW - silence, 0.0)
    told = shown(box, capsys, code)
    assert told[:-1] == ["nothing was written to the state file for 30 s: the disk or the bot hangs"] * code


def test_an_outage_of_the_state_file_is_told(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """How long the state file could not be written is told for a day, and the bot is well again."""
    with box.state.transaction() as db:
        store.health.note_outage(db, NOW - 60, 12.0)
    assert "the state file could not be written for 12 s, until 1 min ago" in shown(box, capsys)
    assert status(box, NOW + DAY).outage is None


def test_ages_are_those_of_the_bot_whose_clock_was_set(box: Box) -> None:
    """When the machine's clock was set back under a bot that runs, what it noted is as old as it is."""
    with box.state.transaction() as db:
        store.health.note_written(db, NOW, 3600.0)
    assert status(box, NOW - 3600 + 2).silence == 2


def test_a_file_that_is_gone_under_a_bot_is_told(box: Box) -> None:
    """When somebody removed the state file of a bot that runs, that is said, and not that it never ran."""
    box.path.unlink()
    with pytest.raises(StateFileError, match="is gone while a bot runs"):
        status(box)


def test_a_bot_that_does_not_run_is_not_well(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a bot that was killed while it was connected the exit code is 1."""
    box.state.close()
    assert shown(box, capsys, 1) == ["not running; last event 5 s ago"]


def test_a_bot_without_events_says_so(state_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first connection and event there is a status all the same."""
    StateFile(state_file).close()
    assert show_status(of(state_file)) == 1
    assert capsys.readouterr().out == "not running; no event yet\n"


def test_no_file_is_no_status(state_file: Path) -> None:
    """Where no bot ever ran, that is the answer."""
    with pytest.raises(StateFileError, match="has never run"):
        show_status(of(state_file))


def test_each_room_has_its_numbers(box: Box) -> None:
    """Each room is counted by itself: what waits, became of the last 24 h, the oldest that waits, the last error."""
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
    assert rooms(box, NOW + 7) == [{"id": "r102", "topic": "群102", **ROOM, "waiting": 3, "oldest_waiting": 7.0}]


def test_only_the_last_day_is_counted(box: Box) -> None:
    """What was settled earlier than 24 h ago is not counted; what waits is, however old."""
    box.say("a", to=("r102", "r103"))
    box.outbox.sent(box.take(), "s1", NOW)
    box.outbox.fail(box.take("r103"), "old", NOW)
    box.say("b", to=("r102", "r103"))
    assert rooms(box, NOW + DAY + 1) == [
        {"id": room, "topic": topic, **ROOM, "waiting": 1, "oldest_waiting": DAY + 1}
        for room, topic in (("r103", "r103"), ("r102", "群102"))
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
    """Below what is said first each room has a line: its numbers, what waits longest, the first line of its error."""
    box.say("a")
    box.outbox.retry(box.take(now=NOW - 1), NOW, "not now\nmore", NOW - 1)
    with box.state.transaction() as db:
        db.execute("UPDATE messages SET accepted_at = ?", (NOW - 7200,))
    show_status(of(box.path))
    assert capsys.readouterr().out.splitlines()[2:] == [
        " waiting    sent  failed expired  cancelled  room (last 24 h)",
        "       0       0       0       0          0  群101",
        "       1       0       0       0          0  群102; oldest waits for 2 h; last error: not now",
    ]


def test_a_cooldown_is_shown(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """While the account pauses, the exit code is 1, and the first line says for how long; afterwards it is well."""

    def cool_down(until: float) -> None:
        with box.state.transaction() as db:
            store.health.note_cooldown(db, Cooldown(until, 120))

    cool_down(NOW + 61)
    assert shown(box, capsys, 1)[:-1] == ["WeChat says that the account sends too fast: nothing is sent for 1 min"]
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
    """Pauses, with how long they last, and rooms that do not take part as usual are said; the bot is well."""
    with box.state.transaction() as db:
        store.rooms.set_mode(db, "r102", Mode.SEND)
        store.pauses.put(db, Pause("", None, NOW, NOW))
        store.pauses.put(db, Pause("Knowhere", NOW + 90, NOW, NOW))
        store.pauses.put(db, Pause("Over", NOW, NOW, NOW))
    assert shown(box, capsys)[1:] == [
        "staff paused all communities until /恢复 (/resume)",
        "staff paused Knowhere for 1 min more",
        "rooms set by staff: 群102 send",
    ]
    assert status(box, QUIET_HOURS=quiet(0, 60)).quiet_until
    assert any("quiet hours for" in line for line in shown(box, capsys, QUIET_HOURS=quiet(0, 60)))
    assert (status(box).paused, status(box).modes) == ({"": None, "Knowhere": NOW + 90}, {"群102": "send"})


def quiet(start: int, end: int) -> str:
    """Quiet hours from so many minutes after now to so many."""
    return "-".join(time.strftime("%H:%M", time.localtime(NOW + 60 * minutes)) for minutes in (start, end))


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
    assert shown(box, capsys, ADMIN_ROOM="x", MODERATION=setting)[1:] == ([line] if line else [])
    other = FilterMode.HOLD if setting is FilterMode.OBSERVE else FilterMode.OBSERVE
    assert status(box, ADMIN_ROOM="x", MODERATION=other).moderation == other


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
    holding = {"ADMIN_ROOM": "x", "MODERATION": "hold"}
    (line,) = (one for one in shown(box, capsys, 0, **holding) if one.startswith("moderation"))
    counts, failed = line.removeprefix("moderation: hold; ").split(" (24 h); ")
    assert sorted(counts.split(", ")) == ["1 advert", "1 expired", "1 observed", "3 held"]
    assert failed == "2 checks failed or were slow"
    show_status(of(box.path, **holding), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert [found[key] for key in ("moderation", "held", "failed_checks")] == [
        "hold",
        {"held": 3, "observed": 1, "expired": 1, "advert": 1},
        2,
    ]


def test_machines_read_the_same(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the report is one JSON object with the same exit code; times in seconds since the epoch."""
    box.say("a")
    assert show_status(of(box.path), as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "well": True,
        "reason": None,
        "running": True,
        "connected": True,
        "logged_in": True,
        "phase": "ready",
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
        "communities": {"群": 2},
        "delay": 0.0,
        "rooms": [
            {"id": "r101", "topic": "群101", **ROOM},
            {"id": "r102", "topic": "群102", **ROOM, "waiting": 1, "oldest_waiting": 0.0},
        ],
    }
    box.state.close()
    assert show_status(of(box.path), as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert [found[key] for key in ("well", "running", "connected", "logged_in")] == [False] * 4
    assert found["reason"] == "not_running"


@pytest.mark.parametrize("change", ["left", "off", "asked"])
def test_a_community_of_one_room_is_not_well(box: Box, capsys: pytest.CaptureFixture[str], change: str) -> None:
    """When one of two rooms is left, or takes no part, the exit code is 1, and the first line names the community."""
    with box.state.transaction() as db:
        if change == "left":
            store.rooms.leave(db, "r102", NOW)
        else:
            store.rooms.set_mode(db, "r102", Mode(change))
    told = shown(box, capsys, 1)
    assert told[0] == "群: rooms that take part: 1; with fewer than two there is nothing to relay"
    assert status(box).illness == "too_few_rooms"


def test_each_community_needs_two_rooms(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two communities the one without rooms is named; the room of the staff is of none."""
    with box.state.transaction() as db:
        store.rooms.note_topics(db, {"office": "群管理"})
    told = shown(box, capsys, 1, ROOM_PREFIX="群,Knowhere", ADMIN_ROOM="群管理")
    assert told[0].startswith("Knowhere: rooms that take part: 0;")
    assert status(box, ADMIN_ROOM="群管理").communities == {"群": 2}


def test_a_room_that_was_left_is_marked(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """A room that the bot was taken out of says so in its line, until the bot is in it again."""
    with box.state.transaction() as db:
        store.rooms.leave(db, "r102", NOW)
    show_status(of(box.path))
    assert capsys.readouterr().out.splitlines()[-1].endswith("  群102; the bot is no longer in this room")
    with box.state.transaction() as db:
        store.rooms.note_topics(db, {"r102": "群102"})
    assert [room.left for room in status(box).rooms] == [False, False]


def test_what_waits_too_long_is_an_illness(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """When the oldest delivery waits for 15 min, the exit code is 1, and the first line says so; not before."""
    box.say("a", at=NOW - MAX_DELAY + 1)
    assert shown(box, capsys)[0].startswith("connected")
    with box.state.transaction() as db:
        db.execute("UPDATE messages SET accepted_at = ?", (NOW - MAX_DELAY,))
    assert shown(box, capsys, 1)[0] == (
        "the bot does not keep up: the oldest delivery waits for 15 min, more than 15 min"
    )


@pytest.mark.parametrize(
    ("start", "end", "delay"), [(-60, 60, 0.0), (-60, -10, 600.0), (60, 120, 7200.0)], ids=["now", "over", "later"]
)
def test_quiet_hours_are_no_delay(box: Box, start: int, end: int, delay: float) -> None:
    """What waits in quiet hours is not late; after them its time counts from their end."""
    box.say("a", at=NOW - 7200)
    found = status(box, QUIET_HOURS=quiet(start, end)).delay
    assert delay <= found < delay + 60  # quiet hours have no seconds


@pytest.mark.parametrize(
    ("community", "until", "delay"),
    [("", None, 0.0), ("群", NOW + 60, 0.0), ("群", NOW - 600, 600.0), ("Knowhere", None, 7200.0)],
)
def test_a_pause_is_no_delay(box: Box, community: str, until: float | None, delay: float) -> None:
    """What waits while staff paused its community is not late; after the pause its time counts from the end of that."""
    box.say("a", at=NOW - 7200)
    with box.state.transaction() as db:
        store.pauses.put(db, Pause(community, until, NOW - 9000, NOW))
    assert status(box).delay == delay


def test_staffs_room_is_never_kept_back(box: Box) -> None:
    """What waits for a room of no community is late also while all communities are paused."""
    box.say("a", to=("office",), at=NOW - 7200)
    with box.state.transaction() as db:
        store.pauses.put(db, Pause("", None, NOW - 9000, NOW))
    assert status(box).delay == 7200
