"""Trust: what earns it, and when a member has it."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest

from roomsync.moderation.trust import counts, is_trusted, with_text
from roomsync.store.trust import Trust

NEW = Trust("bot", "alice", "Alice")


@pytest.fixture(params=["Asia/Shanghai", "UTC", "America/Los_Angeles"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is in that time zone."""
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone of a process cannot be set here")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    """A time of this machine, in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def earned(times: Sequence[str]) -> Trust:
    """What speaks for a member after a text at each of these times."""
    found = NEW
    for text in times:
        found = with_text(found, "Alice", at(text))
    return found


@pytest.mark.parametrize(
    ("times", "texts", "days", "is_enough"),
    [
        ([], 0, 0, False),
        (["2026-11-30 23:59:59"] * 5, 5, 1, False),
        (["2026-11-30 00:00:00", *["2026-11-30 23:59:59"] * 9], 10, 1, False),
        (["2026-11-30 23:59:59"] * 3 + ["2026-12-01 00:00:00"], 4, 2, False),
        (["2026-11-30 23:59:59"] * 4 + ["2026-12-01 00:00:00"], 5, 2, True),
        (["2026-11-30 12:00:00", *["2027-03-01 12:00:00"] * 4], 5, 2, True),
        ([f"2026-11-{day} 12:00:00" for day in (26, 27, 28, 29, 30)], 5, 5, True),
    ],
)
@pytest.mark.usefixtures("zone")
def test_five_texts_on_two_days_of_the_machine(times: list[str], texts: int, days: int, is_enough: bool) -> None:
    """Five texts on two days earn trust; a day ends at midnight where the bot runs."""
    found = earned(times)
    assert (found.texts, found.days, is_trusted(found)) == (texts, days, is_enough)
    assert found.last_day == (times[-1][:10] if times else "")


@pytest.mark.parametrize(
    ("trust", "is_enough"),
    [
        (None, False),
        (NEW, False),
        (NEW._replace(texts=4, days=4), False),
        (NEW._replace(texts=99, days=1), False),
        (NEW._replace(texts=5, days=2), True),
        (NEW._replace(is_granted=True), True),
    ],
)
def test_who_is_trusted(trust: Trust | None, is_enough: bool) -> None:
    """A member is trusted by five texts on two days, or by staff's word alone."""
    assert is_trusted(trust) == is_enough


@pytest.mark.parametrize(("units", "is_counted"), [(0, False), (11, False), (12, True), (1000, True)])
def test_a_short_text_earns_nothing(units: int, is_counted: bool) -> None:
    """A text counts from twelve units on."""
    assert counts(units) == is_counted


def test_a_member_has_its_last_name() -> None:
    """What is kept of a member has the name under which it spoke last, and staff's word stays."""
    found = with_text(NEW._replace(is_granted=True), "Alice（出差）", at("2026-11-30 12:00:00"))
    assert (found.name, found.is_granted) == ("Alice（出差）", True)
