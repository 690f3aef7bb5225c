"""The table `call_log`: calls whose send is forgotten, or was made again. They count for the pace all the same."""

from roomsync.model import Kind
from roomsync.store.connection import Connection

RECENT = """
SELECT c.at, r.gateway_id, c.kind FROM (
    SELECT at, room, kind FROM sends WHERE room IN (SELECT id FROM rooms) AND at >= ? UNION ALL
    SELECT at, room, kind FROM call_log WHERE at >= ?
) AS c JOIN rooms AS r ON r.id = c.room ORDER BY c.at
"""


def log_call(db: Connection, send_id: int) -> None:
    """Keep the call of a send that is about to be forgotten or repeated."""
    db.execute("INSERT INTO call_log (at, room, kind) SELECT at, room, kind FROM sends WHERE id = ?", (send_id,))


def recent(db: Connection, since: float) -> list[tuple[float, str, Kind]]:
    """Return all calls since then, oldest first, whatever became of them: when, to which room, of which kind."""
    return [(at, room_id, Kind(kind)) for at, room_id, kind in db.execute(RECENT, (since, since))]


def prune(db: Connection, before: float) -> None:
    """Forget calls that were made before that time."""
    db.execute("DELETE FROM call_log WHERE at < ?", (before,))
