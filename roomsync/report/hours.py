"""Local hours and days, also where clocks change: a day may have 23 or 25 hours, and an hour may come twice. Pure."""

import time
from collections.abc import Iterable
from functools import cache
from itertools import groupby

from roomsync.store.history import QUARTER

DAY = 86400

Date = tuple[int, int, int]  # year, month, day


@cache
def hour_of(quarter: int) -> int:
    """Return when the local hour began in which a quarter of an hour lies: seconds since the epoch."""
    at = quarter * QUARTER
    local = time.localtime(at)
    return at - local.tm_min * 60 - local.tm_sec


def midnight(at: float) -> int:
    """Return when the local day began in which a time lies."""
    year, month, day = date_of(at)
    return int(time.mktime((year, month, day, 0, 0, 0, 0, 0, -1)))


def date_of(at: float) -> Date:
    """Return the local date of a time."""
    local = time.localtime(at)
    return local.tm_year, local.tm_mon, local.tm_mday


def hours_between(since: float, until: float) -> list[int]:
    """Return when each local hour began from the one of `since` to that of `until`, both among them."""
    quarters = range(int(since // QUARTER), int(until // QUARTER) + 1)
    return sorted({hour_of(quarter) for quarter in quarters})


def days_of(hours: Iterable[int]) -> list[tuple[Date, list[int]]]:
    """Return hours, which are in order, by their local date."""
    return [(date, list(found)) for date, found in groupby(hours, date_of)]
