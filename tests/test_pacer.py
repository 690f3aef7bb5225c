"""The pacer: clock and chance are passed in."""

import itertools
import random
from collections.abc import Collection, Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import RoomSyncBot
from roomsync.config.settings import Settings
from roomsync.delivery.pacer import JITTER, RECOVERY, Limits, Pacer, Turn
from roomsync.delivery.ready_queue import ReadyQueue
from roomsync.model import Kind
from roomsync.session import Cooldown, Session
from roomsync.text.characters import split_lines, split_text

ROOMS = [f"r{number}" for number in range(10)]
FAMILY = "👨\u200d👩\u200d👧"


def pacer(limits: Limits, seed: int = 1, session: Session | None = None) -> Pacer:
    return Pacer(limits, session or Session(), lambda at: str(int(at // 86400)), random.Random(seed).random)


def turn_of(paced: Pacer, rooms: Iterable[str], now: float, urgent: Collection[str] = ()) -> Turn:
    """What the pacer says when something waits for these rooms."""
    ready = ReadyQueue()
    for room in rooms:
        ready.join(room, paced.served_at(room), urgent=room in urgent)
    return paced.choose(ready, now)


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


@given(
    st.floats(0, 5),
    st.floats(0, 10),
    st.integers(1, 100),
    st.integers(1, 20),
    st.integers(1, 12),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_no_limit_is_ever_exceeded(
    interval: float, room_interval: float, per_minute: int, burst: int, rooms: int, seed: int, slow: bool
) -> None:
    """In any minute there are at most so many sends, and between two to one room so many seconds; in a burst, too."""
    session = cooled_down() if slow else Session()
    paced = pacer(Limits(interval, room_interval, per_minute, burst=burst), seed, session)
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


def burst_of(burst: int, interval: float = 1.5) -> Limits:
    """Limits of an account that may make a burst, with nothing else in its way."""
    return Limits(interval, burst=burst)


def gaps_of(paced: Pacer, seconds: float, start: float = 1000.0) -> list[float]:
    times = [at for at, _ in drive(paced, ROOMS, seconds, start)]
    return [late - early for early, late in pairwise(times)]


@given(st.floats(0, 5), st.integers(0, 2**32))
def test_without_a_burst_the_pace_is_an_even_row(interval: float, seed: int) -> None:
    """With the default each gap is as far from its average as one number drawn says, and nothing else is drawn."""
    paced, chance, now, before = pacer(Limits(interval), seed), random.Random(seed), 1000.0, 0.0
    for kept, quiet in ((1, 0.0), (1, 0.0), (1, 90.0), (0.3, 0.0), (1, 600.0), (1, 0.0)):
        paced.sent("a", Kind.TEXT, now)
        offset = JITTER * (2 * chance.random() - 1)
        gap, before = interval * (1 + offset - before), offset
        assert turn_of(paced, ["b"], now).wait == pytest.approx(gap)
        now += kept * gap + quiet + 1e-6  # less than the gap where a send of another process is counted


@given(st.integers(1, 20), st.integers(0, 2**32))
def test_burst_has_so_many_sends_and_no_beat(burst: int, seed: int) -> None:
    """After quiet so many sends go 0.3 to 0.8 s apart; from the last of them on the interval holds."""
    gaps = gaps_of(pacer(burst_of(burst, 3.0), seed), 120)
    quick, slow = gaps[: burst - 1], gaps[burst - 1 :]
    assert all(0.3 - 1e-6 <= gap <= 0.802 for gap in quick) and min(slow) >= 1.5 - 1e-6
    assert len({round(gap, 4) for gap in quick}) > len(quick) / 2 or len(quick) < 2


@given(
    st.integers(1, 20), st.floats(0.1, 5), st.integers(0, 2**32), st.lists(st.floats(0, 40), min_size=1, max_size=60)
)
def test_burst_is_no_higher_pace(burst: int, interval: float, seed: int, quiets: list[float]) -> None:
    """However quiet and talk take turns, no stretch has more than the burst and one send for each interval in it."""
    paced, now, times = pacer(burst_of(burst, interval), seed), 1000.0, []
    for quiet in quiets:
        made = drive(paced, ROOMS, 3 * interval, now + quiet)
        times += [at for at, _ in made]
        now = times[-1] + 0.001
    for first, early in enumerate(times):
        for sends, late in enumerate(times[first:], 1):
            assert sends <= burst + (late - early) / interval + 2 * JITTER + 1e-6


def test_chance_does_not_add_up_over_bursts() -> None:
    """Where chance makes each gap behind a quick send as short as it can, the interval stays the average."""
    chance = itertools.cycle((1.0, 0.0, 0.0, 0.0, 0.0, 0.0))  # at each send one number for the row, one for the burst
    paced, now, times = Pacer(burst_of(2, 100.0), Session(), str, lambda: next(chance)), 1000.0, []
    for number in range(60):
        now += turn_of(paced, ["a"], now).wait + (100.0 if number % 3 == 0 else 0.0) + 1e-6
        paced.sent("a", Kind.TEXT, now)
        times.append(now)
    assert len(times) <= 2 + (times[-1] - times[0]) / 100.0 + 2 * JITTER


@given(st.floats(0, 0.5), st.integers(0, 2**32))
def test_burst_is_never_slower_than_the_interval(interval: float, seed: int) -> None:
    """Where the interval is shorter than a burst's gaps, it holds."""
    assert max(gaps_of(pacer(burst_of(20, interval), seed), 20 * interval + 0.1)) <= 1.5 * interval + 0.002


def test_burst_comes_back_with_quiet() -> None:
    """Each interval of quiet gives one quick send back, until the burst is full again."""
    for quiet, quick in ((1.51, 0), (3.1, 1), (7.6, 4), (600, 9)):
        paced = pacer(burst_of(10))
        paced._rand = lambda: 0.5  # gaps of 1.5 s and 0.55 s
        last = drive(paced, ROOMS, 20)[-1][0]
        assert sum(gap < 0.6 for gap in gaps_of(paced, 12, last + quiet)) == quick


def test_no_burst_until_the_account_has_recovered() -> None:
    """From a cool-down on no gap is quick, whatever was quiet in it, until the pace is full again; then one may be."""
    for calm in (0.0, RECOVERY / 2, RECOVERY - 5):
        assert min(gaps_of(pacer(burst_of(10), session=cooled_down()), 60, 1000 + calm)[:3]) >= 0.75
    assert max(gaps_of(pacer(burst_of(10), session=cooled_down()), 60, 1000 + RECOVERY)[:9]) <= 0.802


@pytest.mark.parametrize("interval", [1.5, 200.0])
def test_throttle_ends_a_burst(interval: float) -> None:
    """What was left of a burst when WeChat said that it was too fast is gone, also where the interval is longer."""
    paced = pacer(burst_of(20, interval))
    times = [drive(paced, ROOMS, 2)[-1][0]]
    times += [at for at, _ in drive(paced, ROOMS, RECOVERY + 60, paced.throttled(1003.0).until)]
    assert min(late - early for early, late in pairwise(times)) >= interval / 2


def test_restart_gives_no_second_burst() -> None:
    """A process that starts right behind a burst keeps the interval; one that starts after quiet has a burst."""
    talk = drive(pacer(burst_of(1)), ROOMS, 600, start=100.0)
    made = [(at, room, Kind.TEXT) for at, room in (*talk, *drive(pacer(burst_of(10)), ROOMS, 5)[:10])]
    paced, rested = pacer(burst_of(10), seed=2), pacer(burst_of(10), seed=2)
    for process in (paced, rested):
        process.restore(made)
    assert min(gaps_of(paced, 20, made[-1][0] + 1.5)) >= 0.75
    assert max(gaps_of(rested, 20, made[-1][0] + 60)[:9]) <= 0.802


@pytest.mark.parametrize(("sends", "quick"), [(10, 0), (4, 6)])
def test_clock_set_back_leaves_the_burst_as_it_was(sends: int, quick: int) -> None:
    """After the clock went back by a day, what was used of a burst stays used, and the rest of it can be used."""
    paced = pacer(burst_of(10))
    for at in [100_000.0 + 0.5 * number for number in range(sends)]:
        paced.sent("a", Kind.TEXT, at)
    paced.not_ahead_of(10.0)
    turn = turn_of(paced, ["b"], 10.0)
    assert (turn.wait <= 0.8) == (quick > 0)
    assert sum(gap <= 0.802 for gap in gaps_of(paced, 20, 10.0 + turn.wait)) == max(0, quick - 1)


def test_asking_takes_nothing_from_a_burst() -> None:
    """However often it is asked whose turn it is, the burst is the same, and a recall goes first in it."""
    asked, other = pacer(burst_of(10)), pacer(burst_of(10))
    for step in range(5000):
        turn_of(asked, ["a"], 900 + step / 50)
    for paced in (asked, other):
        paced.sent("a", Kind.TEXT, 1000.0)
    assert turn_of(asked, ["a", "b"], 1000.9, urgent=["a"]).room_id == "a"
    assert drive(asked, ROOMS, 60, 1001.0) == drive(other, ROOMS, 60, 1001.0)


@pytest.mark.parametrize(("burst", "low", "high"), [(1, 11.2, 12.8), (5, 7.0, 9.4), (10, 2.4, 6.5), (20, 2.4, 6.5)])
@given(seed=st.integers(0, 2**32))
def test_lone_message_reaches_nine_rooms_in_time(burst: int, low: float, high: float, seed: int) -> None:
    """With default settings a lone message has its last copy after 12 s, with a burst of 10 within 6.5 s."""
    paced = pacer(Limits(1.5, 3.0, 40, burst=burst), seed)
    times = [at for at, _ in drive(paced, ROOMS[1:], 20)]
    assert low <= times[8] - times[0] <= high


def last_rooms_of_a_talk(paced: Pacer, per_hour: int, hours: int, seed: int) -> list[float]:
    """Seconds to the last of nine rooms for each message of a talk; texts that wait for a room travel together."""
    chance, now, said = random.Random(seed), 1000.0, 1000.0
    waiting: dict[str, list[float]] = {room: [] for room in ROOMS}
    last: dict[float, float] = {}
    while True:
        while said <= now:
            author = chance.choice(ROOMS)
            for room in ROOMS:
                waiting[room] += [said] if room != author else []
            said += chance.expovariate(per_hour / 3600)
        turn = turn_of(paced, (room for room in ROOMS if waiting[room]), now)
        if turn.room_id is None:
            now = min(now + turn.wait, said)
            if now > 1000.0 + 3600 * hours:
                return sorted(last.values())
            continue
        paced.sent(turn.room_id, Kind.TEXT, now)
        last |= {at: now - at for at in waiting[turn.room_id]}
        waiting[turn.room_id] = []


@pytest.mark.parametrize(("burst", "median"), [(1, 12.2), (10, 4.7)])
def test_talk_reaches_nine_rooms_in_time(burst: int, median: float) -> None:
    """At 72 messages an hour the last room has half of them in the time that docs/questions.md tells."""
    times = last_rooms_of_a_talk(pacer(Limits(1.5, 3.0, 40, burst=burst)), 72, hours=10, seed=burst)
    assert times[len(times) // 2] == pytest.approx(median, abs=0.3)


def test_bot_keeps_the_pace_of_its_settings(tmp_path: Path) -> None:
    """What `.env` says of the pace is what the bot's pacer holds, each limit in its place."""
    values = {"SEND_INTERVAL": "2", "SEND_BURST": "7", "ROOM_INTERVAL": "4", "SENDS_PER_MINUTE": "30"}
    state = {"STATE_FILE": str(tmp_path / "s.db"), "WECHATY_PUPPET_SERVICE_TOKEN": "insecure_a"}
    bot = RoomSyncBot(Settings.parse({**values, **state, "DAILY_LIMITS": "image:5"}))
    assert bot.pacer._limits == Limits(2.0, 4.0, 30, {Kind.IMAGE: 5}, burst=7)
    bot.close()


CHARACTERS = ["a", "中", "👍🏽", FAMILY, "🇨🇳", "e\u0301", "\n", " "]


@given(st.lists(st.sampled_from(CHARACTERS), max_size=400).map("".join), st.integers(200, 400))
def test_long_text_is_cut_between_characters(text: str, most: int) -> None:
    """Numbered split_text fit, hold all of the text in order, and none begins inside a character."""
    found = split_text(text, most)
    assert all(len(piece.encode()) <= most for piece in found)
    bodies = [piece.split(") ", 1)[1] for piece in found] if len(found) > 1 else found
    assert "".join(bodies) == text
    assert not any(body.startswith(("\u200d", "\u0301", "🏽")) or body.endswith("\u200d") for body in bodies)


@given(st.lists(st.text("中a ", max_size=60), min_size=1, max_size=40))
def test_long_lists_are_cut_between_lines(lines: list[str]) -> None:
    """Pieces of a list fit, hold all of its lines in order, and no line is cut that fits alone."""
    found = split_lines("\n".join(lines), 200)
    assert all(len(piece.encode()) <= 200 for piece in found)
    assert "\n".join(found) == "\n".join(lines)
