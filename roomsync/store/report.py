"""What `--status` says of the rooms, read from all tables."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from roomsync.model import State
from roomsync.store.connection import Connection
from roomsync.store.waiting import IS_WAITING

IS_SETTLED = f"state NOT IN ('{State.WAITING}', '{State.SENDING}')"  # as the index deliveries_settled has it
# Each of these is read once for all rooms, from an index; with a scan for each room a million deliveries take minutes.
# What waits, with when the oldest was accepted; of what is being sent that is not asked.
FIRST_WAITING = f"""(
    SELECT room, count(*) AS count, min(id) AS oldest FROM deliveries INDEXED BY deliveries_by_source
    WHERE {IS_WAITING} GROUP BY room)
AS w JOIN deliveries AS d ON d.id = w.oldest JOIN messages AS m ON m.id = d.message_id
"""
WAITING = f"""
SELECT w.room, w.count, m.accepted_at FROM {FIRST_WAITING}
UNION ALL
SELECT room, count(*), NULL FROM deliveries INDEXED BY deliveries_sending
WHERE state = '{State.SENDING}' AND changed >= :since GROUP BY room
"""
SETTLED = f"""
SELECT room, state, count(*) FROM deliveries INDEXED BY deliveries_settled
WHERE {IS_SETTLED} AND changed >= :since GROUP BY room, state
"""
ERRORS = f"""
SELECT room, error, max(changed) FROM deliveries INDEXED BY deliveries_with_error
WHERE changed >= :since AND error IS NOT NULL AND state <> '{State.CANCELLED}' GROUP BY room
"""
NAMES = "SELECT id, gateway_id, coalesce(topic, gateway_id), left_at IS NOT NULL, mode IS NOT NULL FROM rooms"

# How long what was sent lately took, from when it was accepted.
DELAYS = f"""
SELECT d.changed - m.accepted_at FROM rooms AS r
CROSS JOIN deliveries AS d INDEXED BY deliveries_settled
ON d.room = r.id AND d.state = '{State.SENT}' AND d.{IS_SETTLED} AND d.changed >= ?
CROSS JOIN messages AS m ON m.id = d.message_id WHERE m.talker_id <> ''
"""


def delays(db: Connection, since: float) -> list[float]:
    """Return how many seconds each delivery took that was sent since then."""
    return [delay for (delay,) in db.execute(DELAYS, (since,))]


# What was given up, read room by room from the index.
GIVEN_UP = f"""
SELECT count(*) FROM rooms AS r CROSS JOIN deliveries AS d INDEXED BY deliveries_settled
ON d.room = r.id AND d.state IN ('{State.FAILED}', '{State.EXPIRED}') AND d.{IS_SETTLED} AND d.changed >= ?
"""
# When the oldest that waits was accepted, by room; what was held is when staff releases it.
OLDEST = f"SELECT r.gateway_id, m.accepted_at FROM {FIRST_WAITING} JOIN rooms AS r ON r.id = w.room"


def given_up(db: Connection, since: float) -> int:
    """Return how many deliveries failed for good, or became too old, since then."""
    return int(db.execute(GIVEN_UP, (since,)).fetchone()[0])


def oldest(db: Connection) -> dict[str, float]:
    """Return since when the oldest delivery of each room waits, seconds since the epoch."""
    return dict(db.execute(OLDEST))


@dataclass(frozen=True)
class RoomReport:
    """A room with its deliveries: what waits, the oldest for how many seconds, and what became of others lately.

    `left`: the bot is not in it any more.
    """

    id: str
    topic: str
    waiting: int
    sent: int
    failed: int
    expired: int
    cancelled: int
    oldest_waiting: float | None
    last_error: str | None
    left: bool = False


def rooms(db: Connection, since: float, now: float) -> list[RoomReport]:
    """Return every room that something waits for or was settled for since then, or that has a mode, by topic."""
    window = {"since": since}
    waiting: Counter[int] = Counter()
    oldest: dict[int, float] = {}
    for room, count, accepted_at in db.execute(WAITING, window):
        waiting[room] += count
        if accepted_at is not None:
            oldest[room] = accepted_at
    settled: dict[int, Counter[str]] = defaultdict(Counter)
    for room, state, count in db.execute(SETTLED, window):
        settled[room][state] = count
    errors = {room: error for room, error, _ in db.execute(ERRORS, window)}
    names = {room: names for room, *names in db.execute(NAMES)}
    with_mode = [room for room, (*_, has_mode) in names.items() if has_mode]
    reports = [
        RoomReport(
            id=names[room][0],
            topic=names[room][1],
            waiting=waiting[room],
            sent=settled[room][State.SENT] + settled[room][State.OMITTED],
            failed=settled[room][State.FAILED],
            expired=settled[room][State.EXPIRED],
            cancelled=settled[room][State.CANCELLED],
            oldest_waiting=now - oldest[room] if room in oldest else None,
            last_error=errors.get(room),
            left=bool(names[room][2]),
        )
        for room in {*waiting, *settled, *with_mode}
    ]
    return sorted(reports, key=lambda report: report.topic)
