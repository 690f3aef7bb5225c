"""What has to be done from time to time: deliveries that are too old given up, the file kept small, the status told."""

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable

from roomsync import lines
from roomsync.courier import RETRY_MOST
from roomsync.journal import Journal
from roomsync.kinds import SILENT
from roomsync.model import Kind, Part
from roomsync.outbox import add_deliveries
from roomsync.outcomes import ECHO_LIFE
from roomsync.settings import Settings
from roomsync.statefile import StateFile

log = logging.getLogger(__name__)

ROUND_EVERY = 10.0  # seconds
PRUNE_AT_ONCE = 2000  # messages in one transaction, so that none takes long
LIGHTEN_AT_ONCE = 50  # likewise pictures
# What is remembered of rooms and accounts besides messages, each with the time it was.
OLD_MARKS = """
DELETE FROM status WHERE (key GLOB 'relay:*' OR key GLOB 'answered:*')
AND CAST(value AS REAL) < ?
"""
NOTICE = "notice"  # the kind of a message that is the bot's own, about messages


class Housekeeper:
    """`last_event` gives when the last event came, `clock` what time it is, both in seconds since the epoch."""

    def __init__(
        self,
        state: StateFile,
        journal: Journal,
        settings: Settings,
        clock: Callable[[], float],
        last_event: Callable[[], float],
    ) -> None:
        self._state = state
        self._journal = journal
        self._ttl = settings.relay_ttl_hours * 3600
        self._retention = settings.retention_days * 86400
        self._clock = clock
        self._last_event = last_event
        self._told = 0.0
        self._last_round = float("inf")

    def round(self) -> None:
        """Do what is due. Raises `StateFileError`."""
        now = self._clock()
        if now < self._last_round:
            bring_forward(self._state, now)
        self._last_round = now
        if expired := expire(self._state, now - self._ttl, now):
            log.error("%d deliveries were older than RELAY_TTL_HOURS and are given up.", expired)
        lighten(self._state, now - ECHO_LIFE)
        prune(self._state, now - self._retention)  # some each round: it must not keep the loop
        if self._last_event() != self._told:
            self._told = self._last_event()
            self._journal.status(last_event=str(self._told))

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """A round every ten seconds, until cancelled."""
        while True:
            self.round()
            await sleep(ROUND_EVERY)


def expire(state: StateFile, accepted_before: float, now: float) -> int:
    """Give up what was accepted before that time and still waits; how many deliveries that were.

    Each room gets one line that says how many messages it missed; one that still waits there is brought up to date.
    """
    with state.transaction() as db:
        old = db.execute(
            # From the waiting ones to their messages: those are few where the messages are many.
            "SELECT d.id, d.room_id, d.message_id, m.kind FROM deliveries AS d INDEXED BY deliveries_waiting"
            " CROSS JOIN messages AS m ON m.id = d.message_id"
            " WHERE d.state = 'waiting' AND m.accepted < ? AND m.kind <> ?",
            (accepted_before, NOTICE),
        ).fetchall()
        db.executemany(
            "UPDATE deliveries SET state = 'expired', changed = ? WHERE id = ?", [(now, row[0]) for row in old]
        )
        said = {(room_id, message_id) for _, room_id, message_id, kind in old if kind not in SILENT}
        missed = Counter(room_id for room_id, _ in said)
        for room_id, messages in missed.items():
            _notify(db, room_id, messages, now)
        return len(old)


def _notify(db: sqlite3.Connection, room_id: str, missed: int, now: float) -> None:
    """A notice is a message of its own; its talker_id holds how many messages it speaks of."""
    row = db.execute(
        "SELECT m.id, m.talker_id FROM deliveries AS d JOIN messages AS m ON m.id = d.message_id"
        " WHERE d.room_id = ? AND d.state = 'waiting' AND m.kind = ? AND d.send_id IS NULL",
        (room_id, NOTICE),
    ).fetchone()
    if row:
        missed += int(row[1])
        db.execute("UPDATE messages SET talker_id = ? WHERE id = ?", (str(missed), row[0]))
        db.execute("UPDATE parts SET body = ? WHERE message_id = ?", (lines.missed(missed), row[0]))
        return
    (message_id,) = db.execute(
        "INSERT INTO messages (gateway_id, room_id, talker_id, name, kind, accepted)"
        " VALUES ('notice:' || hex(randomblob(8)), ?, ?, '', ?, ?) RETURNING id",
        (room_id, str(missed), NOTICE, now),
    ).fetchone()
    add_deliveries(db, message_id, {room_id: [Part(Kind.TEXT, lines.missed(missed))]}, now)


def bring_forward(state: StateFile, now: float) -> None:
    """The clock may have been set back: what is tried again later than any delay could make it is tried now."""
    with state.transaction() as db:
        db.execute(
            "UPDATE deliveries SET next_try = ? WHERE state = 'waiting' AND next_try > ?", (now, now + RETRY_MOST)
        )
        # Nothing was later than now: else the last send, and who spoke last, would not be known.
        db.execute("UPDATE sends SET at = ? WHERE at > ?", (now, now))
        db.execute("UPDATE messages SET accepted = ? WHERE accepted > ?", (now, now))


def lighten(state: StateFile, before: float) -> int:
    """Blank pictures and files that were carried as bytes, once none of their deliveries needs them; how many.

    `before`: when the last of them must have been settled, so that WeChat's notice does not ask for one again.
    """
    with state.transaction() as db:
        return db.execute(
            "UPDATE parts SET body = '{}' WHERE (message_id, part) IN ("
            " SELECT p.message_id, p.part FROM parts AS p INDEXED BY parts_heavy"
            " WHERE length(p.body) > 4096 AND p.kind <> 'text' AND NOT EXISTS ("
            "  SELECT 1 FROM deliveries AS d WHERE d.message_id = p.message_id"
            "  AND (d.state IN ('waiting', 'sending') OR d.changed >= ?)) LIMIT ?)",
            (before, LIGHTEN_AT_ONCE),
        ).rowcount


def prune(state: StateFile, before: float) -> int:
    """Forget messages of which nothing has happened since then, some at once; how many were forgotten."""
    with state.transaction() as db:
        count = db.execute(
            "DELETE FROM messages WHERE id IN (SELECT id FROM messages AS m WHERE m.accepted < ? AND NOT EXISTS"
            " (SELECT 1 FROM deliveries AS d WHERE d.message_id = m.id"
            "  AND (d.state IN ('waiting', 'sending') OR d.changed >= ?)) LIMIT ?)",
            (before, before, PRUNE_AT_ONCE),
        ).rowcount
        db.execute("DELETE FROM sends WHERE at < ?", (before,))
        db.execute("DELETE FROM spent WHERE at < ?", (before,))
        db.execute("DELETE FROM incoming WHERE seen < ?", (before,))
        db.execute(OLD_MARKS, (before,))
    if count:
        with state.reading() as db:
            # Not `execute`, which before Python 3.12 takes one step of it, and so frees one page.
            db.executescript("PRAGMA incremental_vacuum")
    return count
