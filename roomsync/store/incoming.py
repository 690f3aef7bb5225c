"""The table `incoming`: message events that came and are not finished, so that a crash loses none of them."""

from collections.abc import Iterable

from roomsync.store.connection import Connection

NOTE = """
INSERT INTO incoming (gateway_id, seen) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM messages WHERE gateway_id = ?)
ON CONFLICT DO NOTHING
"""


def note(db: Connection, message_ids: Iterable[str], now: float) -> list[str]:
    """Note that these events came; return those that never came before, each once, in their order."""
    return [one for one in message_ids if db.execute(NOTE, (one, now, one)).rowcount]


def unfinished(db: Connection) -> list[str]:
    """Return the events that came and are neither finished nor given up, in their order."""
    return [message_id for (message_id,) in db.execute("SELECT gateway_id FROM incoming WHERE failed = 0 ORDER BY id")]


def seen_at(db: Connection, message_id: str) -> float | None:
    """Return when an event came that is not finished; None for another."""
    row = db.execute("SELECT seen FROM incoming WHERE gateway_id = ?", (message_id,)).fetchone()
    return float(row[0]) if row else None


def finish(db: Connection, message_ids: Iterable[str]) -> None:
    """Forget events that need nothing more."""
    db.executemany("DELETE FROM incoming WHERE gateway_id = ?", [(message_id,) for message_id in message_ids])


def give_up(db: Connection, message_id: str) -> None:
    """Mark an event as one that the gateway never gave the message of."""
    db.execute("UPDATE incoming SET failed = 1 WHERE gateway_id = ?", (message_id,))


def given_up(db: Connection, since: float) -> int:
    """Return how many events that came since then were given up."""
    return int(db.execute("SELECT count(*) FROM incoming WHERE failed = 1 AND seen >= ?", (since,)).fetchone()[0])


def prune(db: Connection, before: float) -> None:
    """Forget events that came before that time."""
    db.execute("DELETE FROM incoming WHERE seen < ?", (before,))
