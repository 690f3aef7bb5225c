"""The pacer: clock and chance are passed in."""

import random
from collections.abc import Collection, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomsync.delivery.line import Line
from roomsync.delivery.pacer import Limits, Pacer, Turn
from roomsync.model import Kind
from roomsync.session import Cooldown, Session
from roomsync.text.characters import split_text

ROOMS = [f"r{number}" for number in range(10)]
FAMILY = "👨\u200d👩\u200d👧"


def pacer(limits: Limits, seed: int = 1, session: Session | None = None) -> Pacer:
    return Pacer(limits, session or Session(), lambda at: str(int(at // 86400)), random.Random(seed).random)


def turn_of(paced: Pacer, rooms: Iterable[str], now: float, urgent: Collection[str] = ()) -> Turn:
    """What the pacer says when something waits for these rooms."""
    line = Line()
    for room in rooms:
        line.join(room, paced.served_at(room), urgent=room in urgent)
    return paced.choose(line, now)


def cooled_down() -> Session:
    """A session whose account paused for a minute until the second 1000."""
    session = Session()
    session.throttle(Cooldown(1000.0, 60.0))
    return session


def drive(paced: Pacer, rooms: list[str], seconds: float, start: float = 1000.0) -> list[tuple[float, str]]:
    """Send whenever the pacer lets it, all rooms always due: when, and to which room."""
    now, made = start, []
    while now < start + seconds:
        turn = turn_of(paced, rooms, now)
        if turn.room_id is None:
            now += turn.wait
            continue
        paced.sent(turn.room_id, Kind.TEXT, now)
        made.append((now, turn.room_id))
        now += 0.001
    return made


@given(st.floats(0, 5), st.floats(0, 10), st.integers(1, 100), st.integers(1, 12), st.integers(0, 2**32), st.booleans())
def test_no_limit_is_ever_exceeded(
    interval: float, room_interval: float, per_minute: int, rooms: int, seed: int, slow: bool
) -> None:
    """In any minute there are at most so many sends, and between two to one room at least so many seconds."""
    session = cooled_down() if slow else Session()
    paced = pacer(Limits(interval, room_interval, per_minute), seed, session)
    made = drive(paced, ROOMS[:rooms], 200)
    times = [at for at, _ in made]
    assert all(late - early >= 60 - 1e-6 for early, late in zip(times, times[per_minute:], strict=False))
    for room in ROOMS:
        mine = [at for at, to in made if to == room]
        assert all(late - early >= room_interval - 1e-6 for early, late in pairwise(mine))


def test_interval_is_an_average_and_no_beat() -> None:
    """Gaps are drawn from half to one and a half times the interval, and their average is the interval."""
    times = [at for at, _ in drive(pacer(Limits(send_interval=2)), ROOMS, 4000)]
    gaps = [late - early for early, late in pairwise(times)]
    assert min(gaps) >= 1 and max(gaps) <= 3.01
    assert abs(sum(gaps) / len(gaps) - 2) < 0.1 and len({round(gap, 3) for gap in gaps}) > len(gaps) / 2


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_chance_does_not_add_up(sends: int, seed: int) -> None:
    """However many sends follow each other, together they take their average, give or take half an interval."""
    times = [at for at, _ in drive(pacer(Limits(send_interval=2), seed), ROOMS, 300)]
    for early, late in zip(times[:-sends], times[sends:], strict=True):
        assert abs(late - early - 2 * sends) < 1.1


@given(st.integers(2, 10), st.integers(0, 2**32))
def test_no_room_waits_longer_than_one_round(rooms: int, seed: int) -> None:
    """When all rooms are due, each is served once in every round."""
    order = [room for _, room in drive(pacer(Limits(1.5, 0, 40), seed), ROOMS[:rooms], 120)]
    for start in range(len(order) - rooms):
        assert len(set(order[start : start + rooms])) == rooms


def test_urgent_room_goes_first() -> None:
    """A recall goes ahead of rooms that were served longer ago."""
    paced = pacer(Limits())
    paced.sent("a", Kind.TEXT, 5.0)
    assert turn_of(paced, "ab", 10.0, urgent="a").room_id == "a"


def test_a_kind_is_allowed_so_often_a_day() -> None:
    """Over its daily limit a kind is not allowed until the next day; others are."""
    paced = pacer(Limits(daily={Kind.IMAGE: 2}))
    for now in (10.0, 20.0):
        assert paced.allows(Kind.IMAGE, now)
        paced.sent("a", Kind.IMAGE, now)
    assert not paced.allows(Kind.IMAGE, 30.0) and paced.allows(Kind.URL, 30.0)
    assert paced.allows(Kind.IMAGE, 86400.0)


def test_cooldown_doubles_to_an_hour_and_starts_again() -> None:
    """Each throttle before the pace has recovered pauses twice as long, an hour at most; after it, 60 s again."""
    session, now, lengths = Session(), 1000.0, []
    paced = pacer(Limits(), session=session)
    for _ in range(8):
        lengths.append(paced.throttled(now).length)
        now = session.cooldown.until + 1
    assert lengths == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert paced.throttled(session.cooldown.until + 600).length == 60


def test_throttle_during_a_cooldown_changes_nothing() -> None:
    """What comes in while the account pauses does not make the pause longer, and nobody has a turn."""
    paced = pacer(Limits())
    before = paced.throttled(1000.0)
    assert paced.throttled(1030.0) == before
    assert turn_of(paced, ["a"], 1030.0).wait == pytest.approx(30)


def test_pace_recovers_from_half_over_ten_minutes() -> None:
    """Right after a cool-down there are half as many sends, in the middle of its recovery three quarters."""
    paced = pacer(Limits(send_interval=1), session=cooled_down())
    times = [at for at, _ in drive(paced, ROOMS, 1200)]
    first, last = sum(at < 1060 for at in times), sum(2100 < at < 2160 for at in times)
    assert first == pytest.approx(31, abs=5) and last == pytest.approx(60, abs=6)


def test_what_was_sent_before_a_restart_counts() -> None:
    """The minute and the day of an earlier process go on."""
    paced = pacer(Limits(per_minute=2, daily={Kind.IMAGE: 1}))
    paced.restore([(1000.0, "a", Kind.IMAGE), (1001.0, "b", Kind.TEXT)])
    assert turn_of(paced, ["c"], 1002.0).wait == pytest.approx(58)
    assert not paced.allows(Kind.IMAGE, 1002.0)


def test_clock_set_back_stops_nothing() -> None:
    """After the clock went back by a day, the next send is at most a minute away."""
    paced = pacer(Limits(1.5, 3, 40))
    drive(paced, ROOMS, 120, start=100_000.0)
    paced.not_ahead_of(10.0)
    assert turn_of(paced, ["r1"], 10.0).wait <= 60
    assert turn_of(paced, ["r1"], 75.0).room_id == "r1"


def test_zero_turns_limits_off() -> None:
    """Without limits there is always a turn."""
    paced = pacer(Limits())
    for _ in range(100):
        assert turn_of(paced, ["a"], 5.0).room_id == "a"
        paced.sent("a", Kind.IMAGE, 5.0)
        assert paced.allows(Kind.IMAGE, 5.0)


CHARACTERS = ["a", "中", "👍🏽", FAMILY, "🇨🇳", "e\u0301", "\n", " "]


@given(st.lists(st.sampled_from(CHARACTERS), max_size=400).map("".join), st.integers(200, 400))
def test_long_text_is_cut_between_characters(text: str, most: int) -> None:
    """Numbered split_text fit, hold all of the text in order, and none begins inside a character."""
    found = split_text(text, most)
    assert all(len(piece.encode()) <= most for piece in found)
    bodies = [piece.split(") ", 1)[1] for piece in found] if len(found) > 1 else found
    assert "".join(bodies) == text
    assert not any(body.startswith(("\u200d", "\u0301", "🏽")) or body.endswith("\u200d") for body in bodies)
