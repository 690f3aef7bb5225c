"""A week of a community in a state file, made by the bot's own functions of the store: what a report is drawn from."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from roomsync import store
from roomsync.model import Kind, Message, Mode, Part, Reason, State
from roomsync.session import Cooldown
from roomsync.store import Connection, StateFile
from roomsync.store.held import HeldState

SECRET = "密语squeamish"  # what every member says, and nothing of a report may hold
NAME = "张秘密ossifrage"  # what every member is called
KINDS = (Kind.TEXT,) * 30 + (Kind.IMAGE,) * 6 + (Kind.URL,) * 3 + (Kind.EMOTICON,) * 4 + (Kind.FILE, Kind.MINIPROGRAM)
# How much is said in each hour of the day, beside the most.
LIVELY = (2, 1, 0, 0, 0, 0, 1, 4, 12, 20, 24, 18, 14, 10, 16, 20, 22, 18, 12, 14, 24, 26, 16, 6)


@dataclass
class Week:
    """Says things in rooms that share a prefix, and lets them arrive; the same for the same `seed`."""

    db: Connection
    topics: dict[str, str]
    seed: int = 7
    chance: random.Random = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        store.rooms.note_topics(self.db, self.topics)
        for room_id in self.topics:
            store.rooms.set_mode(self.db, room_id, Mode.NORMAL)

    def say(self, room_id: str, at: float, kind: Kind = Kind.TEXT, member: int = 0, to: tuple[str, ...] = ()) -> int:
        """A member says something, which waits for these rooms; return its key."""
        self.count += 1
        message = Message(f"said-{self.count}", room_id, f"wxid_{SECRET}{member}", f"{NAME}{member}", kind, SECRET)
        key = store.messages.add(self.db, message, at)
        assert key is not None
        store.deliveries.add(self.db, key, dict.fromkeys(to, (Part(kind, SECRET, f"[{NAME}]:  "),)), at)
        return key

    def settle(self, key: int, state: State, at: float, *, reason: Reason | None = None) -> None:
        """All that waits of a message ends so."""
        rows = self.db.execute("SELECT id FROM deliveries WHERE message_id = ? AND state = 'waiting'", (key,))
        ids = [one for (one,) in rows]
        if state in (State.SENT, State.FAILED):
            store.deliveries.change(self.db, ids, State.WAITING, State.SENDING, at)
            error = f"error of {SECRET}" if state is State.FAILED else None
            store.deliveries.change(self.db, ids, State.SENDING, state, at, error=error)
        else:
            store.deliveries.change(self.db, ids, State.WAITING, state, at, reason=reason)

    def hold(self, key: int, room_id: str, state: HeldState, at: float) -> None:
        """A filter has reasons against a message."""
        message = Message(f"said-{self.count}", room_id, "wxid", NAME, Kind.TEXT, SECRET)
        store.held.add(self.db, key, message, state, [SECRET], "", at)


def topics_of(count: int) -> dict[str, str]:
    """The rooms of a community, some of which would do harm if their names were written as they are."""
    named = ("北京", "上海", "深圳·架构", "<script>alert(1)</script>", "杭州\u202eevil", "🚀 <b>海外</b> & friends")
    return {
        f"r{one}": f"Milvus用户交流群{named[one - 1] if one <= len(named) else 100 + one}"
        for one in range(1, count + 1)
    }


def fill(path: Path, until: float, *, days: int = 7, rooms: int = 9, lively: float = 1.0) -> int:
    """Fill a state file with what was said in so many days; return how many deliveries that are."""
    state = StateFile(path)
    with state.transaction() as db:
        week = Week(db, topics_of(rooms))
        for hour in range(days * 24):
            _fill_hour(week, until - (days * 24 - hour) * 3600, lively)
        store.actions.add(db, "wxid", NAME, "", SECRET, None, until - 4000)
        number = store.actions.add(db, "wxid", NAME, "", SECRET, {"op": "x"}, until - 3000)
        store.actions.note_undone(db, number, NAME, until - 2000)
        store.health.note_cooldown(db, Cooldown(until - 90_000, 1800.0))
        (count,) = db.execute("SELECT count(*) FROM deliveries").fetchone()
    state.close()
    return int(count)


def _fill_hour(week: Week, begin: float, lively: float) -> None:
    chance, local = week.chance, time.localtime(begin)
    weekend = 0.5 if local.tm_wday >= 5 else 1.0
    busy = 40.0 if local.tm_hour == 20 and local.tm_wday == 2 else 1.0  # one evening WeChat let the account wait
    for _ in range(round(LIVELY[local.tm_hour] * weekend * lively * chance.uniform(0.6, 1.2))):
        at, room_id = begin + chance.uniform(0, 3599), f"r{min(len(week.topics), 1 + int(chance.expovariate(0.45)))}"
        key = week.say(room_id, at, chance.choice(KINDS), chance.randrange(60), tuple(week.topics.keys() - {room_id}))
        luck = chance.random()
        if luck < 0.004:
            week.settle(key, State.FAILED, at + 900)
        elif luck < 0.006:
            week.settle(key, State.CANCELLED, at + 5, reason=Reason.RECALLED)
        else:
            week.settle(key, State.SENT, at + chance.lognormvariate(1.6, 0.8) * busy)
        if luck > 0.99:
            state = chance.choice([HeldState.ADVERT, HeldState.ADVERT, HeldState.RELEASED, HeldState.HELD])
            week.hold(week.say(room_id, at, member=chance.randrange(60)), room_id, state, at)
