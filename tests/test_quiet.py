"""The quiet hours of a calendar: when they start and end, also on days that are longer or shorter."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from roomsync.delivery.quiet import DailyHours
from roomsync.model import Hours

NIGHT = Hours(23 * 60, 8 * 60)
Calendar = Callable[[str], None]


def at(text: str, fold: int = 0) -> float:
    """A moment of this machine's calendar; `fold`: the second of two that are called so."""
    return datetime.fromisoformat(text).replace(fold=fold).timestamp()


def when(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%m-%d %H:%M")


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calendar]:
    """Sets the machine's time zone for one test."""
    if not hasattr(time, "tzset"):
        pytest.skip("this machine's time zone cannot be set")
    with monkeypatch.context() as patch:

        def set_zone(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        yield set_zone
    time.tzset()


@pytest.fixture
def berlin(calendar: Calendar) -> None:
    """In 2026 the clock goes from 2 to 3 on March 29, and from 3 back to 2 on October 25."""
    calendar("CET-1CEST,M3.5.0,M10.5.0/3")


@pytest.mark.parametrize(
    ("now", "end", "start"),
    [
        ("2026-01-05 22:59:59", "", "01-05 23:00"),
        ("2026-01-05 23:00", "01-06 08:00", "01-06 23:00"),
        ("2026-01-06 00:00", "01-06 08:00", "01-06 23:00"),
        ("2026-01-06 07:59:59", "01-06 08:00", "01-06 23:00"),
        ("2026-01-06 08:00", "", "01-06 23:00"),
        ("2026-12-31 23:30", "01-01 08:00", "01-01 23:00"),
    ],
)
def test_hours_span_midnight(berlin: None, now: str, end: str, start: str) -> None:
    """Hours from 23 to 8 begin in the evening, end in the morning, and are the same ones on both days."""
    quiet = DailyHours(NIGHT)
    ends = quiet.end(at(now))
    assert (when(ends) if ends else "", when(quiet.start(at(now)))) == (end, start)


def test_hours_within_a_day(berlin: None) -> None:
    """Hours from 12:30 to 14 are those of that day; what is asked for in any order gets the same answers."""
    quiet = DailyHours(Hours(12 * 60 + 30, 14 * 60))
    days = ("2026-01-06 13:00", "2026-01-05 12:00", "2026-01-05 13:00", "2026-01-06 13:00", "2026-01-06 14:00")
    assert [when(quiet.end(at(day))) if quiet.end(at(day)) else "" for day in days] == [
        "01-06 14:00",
        "",
        "01-05 14:00",
        "01-06 14:00",
        "",
    ]


def test_hours_are_those_of_this_machine(calendar: Calendar) -> None:
    """The same moment is quiet in Shanghai, where it is midnight, and not in London."""
    midnight = 1_767_542_400.0  # 2026-01-05 00:00 in Shanghai
    found = []
    for zone in ("CST-8", "GMT0"):
        calendar(zone)
        found.append(DailyHours(NIGHT).end(midnight))
    assert found == [midnight + 8 * 3600, 0.0]


@pytest.mark.parametrize(
    ("hours", "day", "length"),
    [
        (NIGHT, "2026-03-28", 8.0),
        (NIGHT, "2026-10-24", 10.0),
        (Hours(60, 150), "2026-03-29", 1.5),  # to 2:30, which is 3:30 that day
        (Hours(60, 150), "2026-10-25", 1.5),  # to the first 2:30
        (Hours(150, 240), "2026-03-29", 0.5),  # from 2:30, which is 3:30 that day, to 4
        (Hours(150, 240), "2026-10-25", 2.5),
        (Hours(150, 180), "2026-03-29", 0.0),  # not that day
    ],
)
def test_days_of_another_length(berlin: None, hours: Hours, day: str, length: float) -> None:
    """When the clock is put forward or back, the quiet hours of that day come once, and end where they say."""
    step, quiet, found = 300, DailyHours(hours), 0
    first = at(f"{day} 12:00") - (0 if hours == NIGHT else 12 * 3600)
    changes, was_quiet = 0, False
    for now in range(int(first), int(first) + 23 * 3600, step):
        end = quiet.end(now)
        assert end == 0 or now < end
        start = quiet.start(now)
        assert now < start <= now + 49 * 3600
        assert quiet.end(start) > start
        found += bool(end)
        changes += bool(end) != was_quiet
        was_quiet = bool(end)
    assert (found * step / 3600, changes) == (length, 2 if length else 0)
