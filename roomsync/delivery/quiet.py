"""When the quiet hours of each day are, on this machine's calendar. Pure: the time is an argument."""

from datetime import date, datetime, timedelta

from roomsync.model import Hours


class DailyHours:
    """Quiet hours that come every day, as the gate asks for them; it asks often, so what was found is kept.

    They are moments, found once a day, so that an hour that a calendar has twice does not begin them anew. Of such an
    hour the first is meant, and a time that a calendar leaves out is as much later (https://peps.python.org/pep-0495/);
    `time.mktime` would leave both to the platform.
    """

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self._known = (0.0, 0.0, 0.0)  # from when on which start and end are the next

    def end(self, now: float) -> float:
        """Return when the quiet hours end that `now` is in, seconds since the epoch; 0 when it is in none."""
        start, end = self._next(now)
        return end if start <= now else 0.0

    def start(self, now: float) -> float:
        """Return when the next quiet hours after `now` start."""
        start, end = self._next(now)
        return start if start > now else self._find(end)[0]

    def _next(self, now: float) -> tuple[float, float]:
        """Return start and end of the quiet hours that `now` is in, or else of the next."""
        since, start, end = self._known
        if not since <= now < end:
            start, end = self._find(now)
            self._known = now, start, end
        return start, end

    def _find(self, now: float) -> tuple[float, float]:
        day = datetime.fromtimestamp(now).date() - timedelta(days=1)
        while True:
            spans_midnight = self._hours.end < self._hours.start
            start = _moment(day, self._hours.start)
            end = _moment(day + timedelta(days=spans_midnight), self._hours.end)
            if now < end and start < end:  # the start may be left out that day, the end not
                return start, end
            day += timedelta(days=1)


def _moment(day: date, minutes: int) -> float:
    hour, minute = divmod(minutes, 60)
    return datetime(day.year, day.month, day.day, hour, minute).timestamp()
