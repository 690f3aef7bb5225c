"""What `--status` tells of the rooms, read from all tables."""

from sqlite3 import Connection
from typing import NamedTuple

from roomsync.model import State

ROOMS = f"""
SELECT r.gateway_id, coalesce(r.topic, r.gateway_id),
    sum(d.state IN ('{State.WAITING}', '{State.SENDING}')),
    sum(d.state IN ('{State.SENT}', '{State.OMITTED}') AND d.changed >= :since),
    sum(d.state = '{State.FAILED}' AND d.changed >= :since),
    sum(d.state = '{State.EXPIRED}' AND d.changed >= :since),
    sum(d.state = '{State.CANCELLED}' AND d.changed >= :since),
    min(CASE WHEN d.state IN ('{State.WAITING}', '{State.SENDING}') THEN m.accepted_at END),
    (SELECT error FROM deliveries WHERE room = r.id AND changed >= :since AND error IS NOT NULL
        ORDER BY changed DESC LIMIT 1)
FROM deliveries AS d JOIN messages AS m ON m.id = d.message_id JOIN rooms AS r ON r.id = d.room
WHERE d.changed >= :since OR d.state IN ('{State.WAITING}', '{State.SENDING}') GROUP BY d.room ORDER BY 2
"""


class RoomReport(NamedTuple):
    """A room with its deliveries: those that wait, and what became of the others since a time."""

    id: str
    topic: str
    waiting: int
    sent: int
    failed: int
    expired: int
    cancelled: int
    oldest: float | None  # when the oldest that waits was accepted
    last_error: str | None


def rooms(db: Connection, since: float) -> list[RoomReport]:
    """Return every room that something waits for or was settled for since then, by topic."""
    return [RoomReport(*row) for row in db.execute(ROOMS, {"since": since})]
