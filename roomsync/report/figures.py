"""The numbers of a report, by hour, room and kind: what the state file has, added up. Knows no words and no page."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from roomsync import store
from roomsync.model import Reason, State
from roomsync.report.hours import DAY, days_of, hour_of, hours_between, midnight
from roomsync.session import Cooldown
from roomsync.store import history
from roomsync.store.held import HeldState
from roomsync.store.history import Decided, Period

MAX_DAYS = 31  # of a state file that keeps more: more hours would be no picture
LOST = (State.FAILED, State.EXPIRED)


@dataclass
class Tally:
    """What was counted of an hour, a day or a room. `delays`: seconds, one of each delivery that arrived."""

    said: int = 0
    arrived: int = 0
    lost: int = 0
    delays: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """The delay that half of the deliveries were quicker than, in seconds; None when none arrived."""
        return statistics.median(self.delays) if self.delays else None

    @property
    def worst(self) -> float | None:
        """The longest delay, in seconds; None when none arrived."""
        return max(self.delays, default=None)

    def add(self, other: "Tally") -> None:
        """Add what was counted elsewhere."""
        self.said += other.said
        self.arrived += other.arrived
        self.lost += other.lost
        self.delays += other.delays


@dataclass(frozen=True)
class Figures:
    """All that a report tells, from `since` to `until`; times in seconds since the epoch.

    `is_cut`: the state file keeps more days than these. `hours`: by when they began, each of the time. `rooms`: those
    of a community, and others that something was sent to, by their key; `topics` has their names, `waiting` what waits
    for them now. `kinds`: messages that members said, by kind. `ends`: deliveries that were not sent, by state and
    reason. `pause`: the last of the account that WeChat asked for.
    """

    since: float
    until: float
    is_cut: bool
    hours: dict[int, Tally]
    rooms: dict[int, Tally]
    topics: dict[int, str]
    waiting: dict[int, int]
    kinds: Counter[str]
    speakers: int
    not_relayed: int
    unreadable: int
    recalls: int
    ends: Counter[tuple[State, Reason | None]]
    held: Counter[HeldState]
    decided: Decided
    pause: Cooldown

    @cached_property
    def total(self) -> Tally:
        """All hours together."""
        return total_of(self.hours.values())

    @cached_property
    def days(self) -> dict[tuple[int, int, int], Tally]:
        """The local days, each of the time."""
        return {date: total_of(self.hours[hour] for hour in hours) for date, hours in days_of(self.hours)}


def total_of(tallies: Iterable[Tally]) -> Tally:
    """Return tallies added up."""
    total = Tally()
    for one in tallies:
        total.add(one)
    return total


def read_figures(db: store.Connection, now: float) -> Figures:
    """Return the numbers of a state file at `now`, of the last days that it keeps."""
    first = history.first_at(db)
    begin = min(now, now if first is None else first)
    since = midnight(max(begin, now - (MAX_DAYS - 1) * DAY))
    period = Period(db, since, now)
    rooms = history.rooms(db)
    by_hour = {hour: Tally() for hour in hours_between(since, now)}
    by_room: defaultdict[int, Tally] = defaultdict(Tally)
    by_room.update({key: Tally() for key, (_, is_listed) in rooms.items() if is_listed})
    kinds = _count_said(period, by_hour, by_room)
    for arrived in period.arrived():
        for tally in (by_hour[hour_of(arrived.quarter)], by_room[arrived.room]):
            tally.arrived += len(arrived.delays)
            tally.delays += arrived.delays
    return Figures(
        since=since,
        until=now,
        is_cut=begin < since,
        hours=by_hour,
        rooms=dict(by_room),
        topics={key: topic for key, (topic, _) in rooms.items()},
        waiting=history.waiting(db),
        kinds=kinds,
        speakers=period.speakers(),
        not_relayed=period.not_relayed(),
        unreadable=store.incoming.given_up(db, since),
        recalls=period.recalls(),
        ends=_count_ends(period, by_hour, by_room),
        held=period.held(),
        decided=period.decided(),
        pause=store.health.read(db).cooldown,
    )


def _count_said(period: Period, by_hour: Mapping[int, Tally], by_room: Mapping[int, Tally]) -> Counter[str]:
    """Count messages by hour and room; return how many there were of each kind."""
    kinds: Counter[str] = Counter()
    for said in period.said():
        by_hour[hour_of(said.quarter)].said += said.number
        by_room[said.room].said += said.number
        kinds[said.kind] += said.number
    return kinds


def _count_ends(
    period: Period, by_hour: Mapping[int, Tally], by_room: Mapping[int, Tally]
) -> Counter[tuple[State, Reason | None]]:
    """Count what was lost by hour and room; return how many deliveries ended in which way without being sent."""
    ends: Counter[tuple[State, Reason | None]] = Counter()
    for one in period.not_arrived():
        ends[one.state, one.reason] += one.number
        if one.state in LOST:
            by_hour[hour_of(one.quarter)].lost += one.number
            by_room[one.room].lost += one.number
    return ends
