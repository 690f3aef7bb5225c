"""What `--report` tells of the days that are kept: numbers alone, nobody's words, names or ids.

Times are counted in quarters of an hour since the epoch: every local hour begins with one, in all time zones.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from roomsync.model import Kind, Reason, State
from roomsync.store.connection import Connection
from roomsync.store.drafts import DraftState
from roomsync.store.held import HeldState
from roomsync.store.report import IS_SETTLED

QUARTER = 900  # seconds
# What members said, and not what WeChat or the bot did.
IS_TALK = f"m.talker_id <> '' AND m.kind NOT IN ('{Kind.SYSTEM}', '{Kind.RECALLED}')"
# What staff tells the bot stands in `messages`, too, but its room has no mode.
TALK = f"""
FROM messages AS m JOIN rooms AS r ON r.id = m.room
WHERE {IS_TALK} AND r.mode IS NOT NULL AND m.accepted_at BETWEEN :since AND :until
"""
SAID = f"SELECT CAST(m.accepted_at / {QUARTER} AS INTEGER) AS quarter, m.room, m.kind, count(*) {TALK} GROUP BY 1, 2, 3"
# From an index, room by room; with a look at every message a million of them take minutes.
OF_ROOMS = (
    f"FROM rooms AS r CROSS JOIN deliveries AS d INDEXED BY deliveries_settled ON d.room = r.id AND d.{IS_SETTLED}"
)
# The delays in milliseconds as one text: with a row for each delivery a report takes more than twice the time.
ARRIVED = f"""
SELECT d.room, CAST(d.changed / {QUARTER} AS INTEGER), group_concat(CAST((d.changed - m.accepted_at) * 1000 AS INTEGER))
{OF_ROOMS} AND d.state = '{State.SENT}' AND d.changed BETWEEN :since AND :until
CROSS JOIN messages AS m ON m.id = d.message_id WHERE {IS_TALK} GROUP BY 1, 2
"""
NOT_ARRIVED = f"""
SELECT d.room, CAST(d.changed / {QUARTER} AS INTEGER), d.state, d.reason, count(*) {OF_ROOMS}
AND d.state IN ('{State.FAILED}', '{State.EXPIRED}', '{State.CANCELLED}') AND d.changed BETWEEN :since AND :until
CROSS JOIN messages AS m ON m.id = d.message_id WHERE {IS_TALK} GROUP BY 1, 2, 3, 4
"""
NOT_RELAYED = f"""
SELECT count(*) {TALK} AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message_id = m.id)
AND NOT EXISTS (SELECT 1 FROM held WHERE message_id = m.id)
"""
RECALLS = f"SELECT count(*) FROM messages WHERE kind = '{Kind.RECALLED}' AND accepted_at BETWEEN :since AND :until"
# What is held still waits, whenever it was said.
HELD = "SELECT state, count(*) FROM held WHERE state = :held OR changed BETWEEN :since AND :until GROUP BY state"
ANNOUNCED = f"SELECT count(*) FROM drafts WHERE state = '{DraftState.SENT}' AND changed BETWEEN :since AND :until"


class Said(NamedTuple):
    """How many messages of a kind members said in a room, by its key, in a quarter of an hour."""

    quarter: int
    room: int
    kind: str
    number: int


class Arrived(NamedTuple):
    """What was sent to a room in a quarter of an hour: of each delivery how many seconds after it was accepted."""

    room: int
    quarter: int
    delays: list[float]


class NotArrived(NamedTuple):
    """How many deliveries to a room ended in a quarter without being sent, and why they were cancelled."""

    room: int
    quarter: int
    state: State
    reason: Reason | None
    number: int


class Decided(NamedTuple):
    """What staff did: how many commands, how many of them were undone, announcements sent, adverts taught."""

    commands: int
    undone: int
    announcements: int
    adverts: int


class Period:
    """The numbers from `since` until `until`, in seconds since the epoch, read from a state file that is open."""

    def __init__(self, db: Connection, since: float, until: float) -> None:
        self._db = db
        self._window = {"since": since, "until": until}

    def said(self) -> list[Said]:
        """Return what members said in rooms that are in a community."""
        return [Said(*row) for row in self._db.execute(SAID, self._window)]

    def speakers(self) -> int:
        """Return how many members said something there."""
        return self._number(f"SELECT count(DISTINCT m.talker_id) {TALK}")

    def not_relayed(self) -> int:
        """Return how many messages of members went nowhere, though no filter had reasons against them."""
        return self._number(NOT_RELAYED)

    def arrived(self) -> Iterator[Arrived]:
        """Return the deliveries that were sent of what members said."""
        for room, quarter, delays in self._db.execute(ARRIVED, self._window):
            # None is negative: the clock may have been set back.
            yield Arrived(room, quarter, [max(0.0, int(one) / 1000) for one in delays.split(",")])

    def not_arrived(self) -> list[NotArrived]:
        """Return the deliveries of what members said that failed, expired or were cancelled."""
        rows = self._db.execute(NOT_ARRIVED, self._window)
        return [
            NotArrived(room, quarter, State(state), Reason(reason) if reason else None, number)
            for room, quarter, state, reason, number in rows
        ]

    def recalls(self) -> int:
        """Return how many messages were taken back."""
        return self._number(RECALLS)

    def held(self) -> Counter[HeldState]:
        """Return how many messages wait for staff, and of how many others the state changed, by state."""
        rows = self._db.execute(HELD, {"held": HeldState.HELD, **self._window})
        return Counter({HeldState(state): count for state, count in rows})

    def decided(self) -> Decided:
        """Return what staff did."""
        window = "at BETWEEN :since AND :until"
        query = f"SELECT count(*), count(undone_at) FROM actions WHERE {window}"
        commands, undone = self._db.execute(query, self._window).fetchone()
        adverts = self._number(f"SELECT count(*) FROM samples WHERE {window}")
        return Decided(commands, undone, self._number(ANNOUNCED), adverts)

    def _number(self, query: str) -> int:
        return int(self._db.execute(query, self._window).fetchone()[0])


def first_at(db: Connection) -> float | None:
    """Return when the first message was accepted that is kept; None when none is."""
    row = db.execute("SELECT min(accepted_at) FROM messages").fetchone()
    return None if row[0] is None else float(row[0])


def waiting(db: Connection) -> dict[int, int]:
    """Return how many deliveries wait for each room, by its key."""
    return dict(db.execute(f"SELECT room, count(*) FROM deliveries WHERE state = '{State.WAITING}' GROUP BY room"))


def rooms(db: Connection) -> dict[int, tuple[str, bool]]:
    """Return the topic of each room by its key, empty where none is known, and whether it is in a community."""
    rows = db.execute("SELECT id, coalesce(topic, ''), mode IS NOT NULL FROM rooms")
    return {key: (topic, bool(is_listed)) for key, topic, is_listed in rows}
