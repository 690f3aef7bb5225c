"""What `--status` says of the rooms, read from all tables."""

from dataclasses import dataclass
from sqlite3 import Connection

from roomsync.model import State

IS_UNSETTLED = f"d.state IN ('{State.WAITING}', '{State.SENDING}')"
ROOMS = f"""
WITH errors AS (SELECT room, error, max(changed) FROM deliveries
    WHERE changed >= :since AND error IS NOT NULL AND state <> '{State.CANCELLED}' GROUP BY room)
SELECT r.gateway_id, coalesce(r.topic, r.gateway_id), sum({IS_UNSETTLED}),
    sum(d.state IN ('{State.SENT}', '{State.OMITTED}') AND d.changed >= :since),
    sum(d.state = '{State.FAILED}' AND d.changed >= :since), sum(d.state = '{State.EXPIRED}' AND d.changed >= :since),
    sum(d.state = '{State.CANCELLED}' AND d.changed >= :since),
    :now - min(CASE WHEN {IS_UNSETTLED} THEN m.accepted_at END), e.error
FROM deliveries AS d JOIN messages AS m ON m.id = d.message_id JOIN rooms AS r ON r.id = d.room
LEFT JOIN errors AS e ON e.room = d.room
WHERE d.changed >= :since OR {IS_UNSETTLED} GROUP BY d.room ORDER BY 2
"""


@dataclass(frozen=True)
class RoomReport:
    """A room with its deliveries: what waits, the oldest for how many seconds, and what became of others lately."""

    id: str
    topic: str
    waiting: int
    sent: int
    failed: int
    expired: int
    cancelled: int
    oldest_waiting: float | None
    last_error: str | None


def rooms(db: Connection, since: float, now: float) -> list[RoomReport]:
    """Return every room that something waits for or was settled for since then, by topic."""
    return [RoomReport(*row) for row in db.execute(ROOMS, {"since": since, "now": now})]
