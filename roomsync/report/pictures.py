"""What the two pictures of a report show of its figures."""

from markupsafe import Markup

from roomsync.language import _
from roomsync.report import words
from roomsync.report.charts import DELAY_TICKS, Bar, Day, Mark, count_marks, delay_share, over_time
from roomsync.report.figures import Figures
from roomsync.report.hours import days_of

LOWEST_MARK = 0.2  # a line below it would stand among the medians
LEAST_SCALE = 10.0  # seconds; a picture of delays shows at least these


def arrivals(figures: Figures, title: str) -> Markup:
    """Return the deliveries of each hour: those that arrived, and on top of them those that were lost."""
    most = max((tally.arrived + tally.lost for tally in figures.hours.values()), default=0)
    top, marks = count_marks(most)
    bars = []
    for at, tally in figures.hours.items():
        end, arrived = (tally.arrived + tally.lost) / top, tally.arrived / top
        spans = [("main", 0.0, arrived)] if tally.arrived else []
        spans += [("bad", arrived, end)] if tally.lost else []
        told = _("{hour}: {arrived} arrived, {lost} lost").format(
            hour=words.hour(at), arrived=words.number(tally.arrived), lost=words.number(tally.lost)
        )
        bars.append(Bar(tuple(spans), told))
    return over_time(bars, [Mark(share, words.number(number)) for share, number in marks], _days(figures), title)


def delays(figures: Figures, title: str) -> Markup:
    """Return the delays of each hour: up to the median, and on to the longest."""
    most = max(LEAST_SCALE, figures.total.worst or 0.0)
    bars = []
    for at, tally in figures.hours.items():
        if tally.median is None or tally.worst is None:
            bars.append(Bar((), ""))
            continue
        median, worst = delay_share(tally.median, most), delay_share(tally.worst, most)
        told = _("{hour}: median {median}, longest {worst}").format(
            hour=words.hour(at), median=words.span(tally.median), worst=words.span(tally.worst)
        )
        bars.append(Bar((("main", 0.0, median), ("soft", median, worst)), told))
    ticks = [(delay_share(tick, most), tick) for tick in DELAY_TICKS if tick <= most]
    marks = [Mark(share, words.length(tick)) for share, tick in ticks if share >= LOWEST_MARK]
    return over_time(bars, marks, _days(figures), title)


def _days(figures: Figures) -> list[Day]:
    return [Day(len(hours), words.weekday(date), words.short_date(date)) for date, hours in days_of(figures.hours)]
