"""When the next send may go, and to whom; how often of a kind a day. Pure: clock and chance are passed in."""

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from roomsync.delivery.ready_queue import ReadyQueue
from roomsync.model import Kind
from roomsync.session import Cooldown, Session

MINUTE = 60.0
DAY = 86400.0
FIRST_COOLDOWN = 60.0  # seconds; doubles with each one that comes before the pace has recovered
MAX_COOLDOWN = 3600.0
RECOVERY = 600.0  # seconds after a cool-down in which the pace grows from half to full
SLOW = 2.0  # how many times longer every interval is right after a cool-down
# A send is drawn from this much of an interval before its place in an even row to this much behind it. So intervals
# are never alike, from half to one and a half times their average, and a round through the rooms takes its time still.
JITTER = 0.25
MIN_QUICK_GAP, MAX_QUICK_GAP = 0.3, 0.8  # seconds; two sends of a burst are so far apart, by chance


@dataclass(frozen=True)
class Limits:
    """What an account may do; 0 turns a limit off. Intervals in seconds, `daily` in sends of a kind.

    `burst`: how many sends may follow each other quickly after quiet, before `send_interval` holds again; 1 for none.
    """

    send_interval: float = 0.0
    room_interval: float = 0.0
    per_minute: int = 0
    daily: Mapping[Kind, int] | None = None
    burst: int = 1


@dataclass(frozen=True)
class Turn:
    """A room whose turn it is, or how many seconds until one can have it."""

    room_id: str | None
    wait: float = 0.0


def day_of(at: float) -> str:
    """Return the day of a time on this machine's calendar: daily limits end at its midnight."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


class Pacer:
    """One account, one pacer: everything that is sent asks here first.

    It keeps the pause of the account in `session`. `day_of` names the day of a time. `rand` gives chance from 0 to 1: a
    fixed beat is what a machine has.
    """

    def __init__(
        self,
        limits: Limits,
        session: Session,
        day_of: Callable[[float], str] = day_of,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._limits = limits
        self._session = session
        self._day_of = day_of
        self._rand = rand
        self._gap = 0.0
        self._offset = 0.0  # how far behind its place in the row the last send was, in intervals
        self._next_offset = 0.0  # likewise of the next one, if it keeps the gap
        self._saved = 0.0  # how many sends may still go quickly: one for each interval of quiet, `burst` - 1 at most
        self._quick_gap = 0.0
        self._last = 0.0
        self._served: dict[str, float] = {}
        self._minute: deque[float] = deque()
        self._day = ""
        self._today: Counter[Kind] = Counter()

    def restore(self, sends: Iterable[tuple[float, str, Kind]]) -> None:
        """Take over what an earlier process sent: when, to which room, of which kind."""
        for at, room_id, kind in sends:
            self.sent(room_id, kind, at)

    def served_at(self, room_id: str) -> float:
        """Return when a room had its last turn, seconds since the epoch; 0 for never."""
        return self._served.get(room_id, 0.0)

    def choose(self, ready: ReadyQueue, now: float) -> Turn:
        """Return the room served longest ago among those that are due, urgent ones first.

        In `ready` each room stands where `served_at` puts it. The wait is infinite when it is empty. Nothing is changed
        but what the queue forgets, and it may be asked in another thread.
        """
        slowness = self._slowness(now)
        next_at, minute_at = self._last + self._gap_now(slowness), self._minute_free_at(now, slowness)
        free_at = max(next_at, minute_at, self._session.cooldown.until)
        rest = self._limits.room_interval * slowness
        earliest = min(max(free_at, ready.oldest() + rest), max(free_at, ready.next_look()))
        if earliest > now:
            return Turn(None, earliest - now)
        return Turn(ready.first(rest, now))

    def not_ahead_of(self, now: float) -> bool:
        """Let nothing have been later than now: a clock that was set back before this start must not stop the bot.

        Return whether turns of rooms were later, and are not where they were in a queue.
        """
        was_ahead = self._last > now
        if was_ahead:
            self._last = now
            self._served = {room_id: min(at, now) for room_id, at in self._served.items()}
        if self._minute and self._minute[-1] > now:
            self._minute = deque(min(at, now) for at in self._minute)
        cooldown = self._session.cooldown
        if cooldown.until > now + cooldown.length:
            self._session.throttle(Cooldown(now + cooldown.length, cooldown.length))
        return was_ahead

    def _gap_now(self, slowness: float) -> float:
        """Return the seconds from the last send to the next; an account that was just too fast makes no burst."""
        if self._saved >= 1 and slowness == 1:
            return min(self._gap, self._quick_gap)
        return self._gap * slowness

    def _minute_free_at(self, now: float, slowness: float) -> float:
        limit = max(1, int(self._limits.per_minute / slowness))
        if not self._limits.per_minute or len(self._minute) < limit:
            return 0.0
        return min(self._minute[-limit], now) + MINUTE

    def _slowness(self, now: float) -> float:
        """Return how many times longer intervals are now: 2 right after a cool-down, 1 ten minutes later."""
        cooldown = self._session.cooldown
        if not cooldown.length:
            return 1.0
        recovered = min(1.0, max(0.0, (now - cooldown.until) / RECOVERY))
        return SLOW - (SLOW - 1.0) * recovered

    def allows(self, kind: Kind, now: float) -> bool:
        """Return whether one more of that kind may be sent today."""
        limit = (self._limits.daily or {}).get(kind, 0)
        return not limit or self._day_of(now) != self._day or self._today[kind] < limit

    def sent(self, room_id: str, kind: Kind, now: float) -> None:
        """Count a send of that kind to that room, which begins at `now`."""
        if self._day_of(now) != self._day:
            self._day = self._day_of(now)
            self._today.clear()
        self._today[kind] += 1
        self._draw_gaps(now)
        self._last = self._served[room_id] = now
        self._minute.append(now)
        while len(self._minute) > max(1, self._limits.per_minute):
            self._minute.popleft()

    def _draw_gaps(self, now: float) -> None:
        """Draw the gaps behind a send at `now`, and count what it takes from the burst, or what quiet before it gave.

        A quick send takes one whatever it saves, and has no place in the row: what follows a burst keeps its average.
        """
        interval, most, due = self._limits.send_interval, self._limits.burst - 1, self._last + self._gap
        if most and now < due:
            self._saved = max(0.0, self._saved - 1)
        else:
            self._offset = self._next_offset
            if most and interval:
                self._saved = min(most, self._saved + (now - due) / interval) if self._slowness(now) == 1 else 0.0
        self._next_offset = JITTER * (2 * self._rand() - 1)
        self._gap = interval * (1 + self._next_offset - self._offset)
        if most:
            self._quick_gap = MIN_QUICK_GAP + (MAX_QUICK_GAP - MIN_QUICK_GAP) * self._rand()

    def throttled(self, now: float) -> Cooldown:
        """Let the whole account pause: WeChat says that it was too fast. During a pause that changes nothing."""
        before = self._session.cooldown
        if now < before.until:
            return before
        recovered = not before.length or now >= before.until + RECOVERY
        length = FIRST_COOLDOWN if recovered else min(MAX_COOLDOWN, before.length * 2)
        self._session.throttle(Cooldown(now + length, length))
        return self._session.cooldown
