"""Other relays in the same rooms: known by their headers, never answered, and not doubled where it can be seen."""

import sqlite3
from collections.abc import Iterable

from roomsync.headers import Spoken
from roomsync.kinds import Kind
from roomsync.outcomes import somebody_spoke
from roomsync.statefile import StateFile

BROUGHT = "another relay brought it"
RELAY_LIFE = 600.0  # seconds after a relayed text in which pictures of that account are taken for relayed, too
MEDIA_PATIENCE = 60.0  # seconds in which a picture is waited for whose caption another relay brought
HELD = -1  # `urgent` of what waits so: what was said later passes it
# What waits for a room and was never tried, with its part.
WAITING = """
SELECT d.id, d.message_id, p.body, p.caption FROM deliveries AS d
JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part
WHERE d.state = 'waiting' AND d.send_id IS NULL AND d.room_id = ?
"""

# What was cancelled for that reason, but not what its author took back since.
RESTORE = """
UPDATE deliveries SET state = 'waiting', error = NULL, changed = ?
WHERE room_id = ? AND state = 'cancelled' AND error = ? AND NOT EXISTS (
    SELECT 1 FROM messages AS m JOIN messages AS r ON r.gateway_id = 'recall:' || m.gateway_id
    WHERE m.id = deliveries.message_id)
"""


class Relays:
    """Accounts whose last text in a room began with a header of the community. `now` is in seconds since the epoch.

    What such an account says until it speaks for itself again is somebody's, brought by it: a picture behind a caption
    has no header of its own.
    """

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def is_relay(self, talker_id: str, room_id: str, now: float) -> bool:
        """Whether that account's last text in that room was a relayed one, not long ago."""
        with self._state.reading() as db:
            row = db.execute("SELECT value FROM status WHERE key = ?", (f"relay:{talker_id}:{room_id}",)).fetchone()
            return row is not None and now - float(row[0]) < RELAY_LIFE

    def was_relay(self, talker_id: str) -> bool:
        """Whether that account's last text in some room was a relayed one, however long ago."""
        start = f"relay:{talker_id}:"
        with self._state.reading() as db:
            row = db.execute("SELECT 1 FROM status WHERE substr(key, 1, ?) = ? LIMIT 1", (len(start), start)).fetchone()
            return row is not None

    def spoke_for_itself(self, talker_id: str, room_id: str) -> None:
        """The account is (again) a person."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM status WHERE key = ?", (f"relay:{talker_id}:{room_id}",))

    def brought(
        self, message_id: str, talker_id: str, room_id: str, spoken: list[tuple[str, Spoken]], now: float
    ) -> None:
        """An account brought texts (each with its header) to a room: what waits there of them need not go again."""
        with self._state.transaction() as db:
            last_head = spoken[-1][0] if spoken else ""
            rows = [(f"relay:{talker_id}:{room_id}", str(now)), (f"brought:{talker_id}:{room_id}", last_head)]
            db.executemany("INSERT OR REPLACE INTO status (key, value) VALUES (?, ?)", rows)
            somebody_spoke(db, room_id, now)
            for header, said in spoken:
                self._settle(db, room_id, header, said.text, f"{BROUGHT} ({message_id})", now)

    def taken_back(self, message_ids: Iterable[str], room_id: str, now: float) -> int:
        """What an account brought to a room is taken back: deliveries that were cancelled for it wait again; how many.

        Else a member could say in another's name what that one said, take it back, and nobody in the room had seen it.
        """
        reasons = [f"{BROUGHT} ({message_id})" for message_id in message_ids]
        with self._state.transaction() as db:
            return sum(db.execute(RESTORE, (now, room_id, reason)).rowcount for reason in reasons)

    @staticmethod
    def _settle(db: sqlite3.Connection, room_id: str, header: str, text: str, reason: str, now: float) -> None:
        rows = db.execute(f"{WAITING} AND p.header = ? AND p.kind = 'text' ORDER BY d.id", (room_id, header)).fetchall()
        for delivery, message, body, caption in rows:
            # Consecutive texts of one speaker share a header: they are taken off the front one by one.
            if text != body and not text.startswith(f"{body}\n"):
                continue
            text = text[len(body) + 1 :]
            if not caption:
                db.execute(
                    "UPDATE deliveries SET state = 'cancelled', error = ?, changed = ? WHERE id = ?",
                    (reason, now, delivery),
                )
                continue
            # The picture behind a caption is the other relay's to bring; ours goes, with its caption, if it does not.
            db.execute(
                "UPDATE deliveries SET urgent = ?, next_try = ?"
                " WHERE message_id = ? AND room_id = ? AND state = 'waiting' AND send_id IS NULL",
                (HELD, now + MEDIA_PATIENCE, message, room_id),
            )

    def brought_media(self, talker_id: str, room_id: str, kind: Kind, now: float) -> None:
        """An account that is a relay brought a picture or card: it is of the member whom it named last in that room.

        The oldest of that member's that waits there need not go again.
        """
        with self._state.transaction() as db:
            row = db.execute(
                "SELECT d.message_id FROM deliveries AS d"
                " JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part"
                " JOIN parts AS c ON c.message_id = d.message_id AND c.caption = 1"
                " WHERE d.state = 'waiting' AND d.send_id IS NULL AND d.room_id = ? AND p.kind = ?"
                " AND c.header = (SELECT value FROM status WHERE key = ?) ORDER BY d.id LIMIT 1",
                (room_id, kind, f"brought:{talker_id}:{room_id}"),
            ).fetchone()
            somebody_spoke(db, room_id, now)
            if row:
                db.execute(
                    "UPDATE deliveries SET state = 'cancelled', error = ?, changed = ?"
                    " WHERE message_id = ? AND room_id = ? AND state = 'waiting'",
                    (BROUGHT, now, row[0], room_id),
                )
