"""Recalls: when a member takes a message back, its copies go, too, or their rooms are told."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from roomsync.headers import subject_of
from roomsync.lines import RECALLED
from roomsync.model import Kind, Part, Send
from roomsync.outbox import add_deliveries
from roomsync.outcomes import forget_send
from roomsync.statefile import StateFile

WINDOW = 120.0  # seconds in which WeChat lets a message be taken back


ADD = """
INSERT INTO messages (gateway_id, room_id, talker_id, name, kind, accepted) VALUES (?, ?, '', '', ?, ?)
ON CONFLICT DO NOTHING
"""
# The messages that travelled in a send and were taken back, too.
RECALLED_TOO = """
SELECT d.message_id FROM deliveries AS d JOIN messages AS m ON m.id = d.message_id
JOIN messages AS r ON r.gateway_id = 'recall:' || m.gateway_id WHERE d.send_id = ?
"""

# The sends that brought a message (its id), by room, with the last part that each brought. Not a caption under which
# a later picture of the same member stands, too, because it had none of its own.
COPIES = """
SELECT d.room_id, d.send_id, max(d.part) FROM deliveries AS d
JOIN parts AS p ON p.message_id = d.message_id AND p.part = d.part
WHERE d.message_id = ? AND d.send_id IS NOT NULL AND d.state IN ('sent', 'sending', 'waiting')
AND NOT (p.caption AND coalesce((
    SELECT next.state = 'sent' AND next.send_id IS NULL FROM deliveries AS next
    JOIN parts AS c ON c.message_id = next.message_id AND c.part = next.part
    WHERE next.room_id = d.room_id AND next.id > d.id AND c.caption AND c.header = p.header
    ORDER BY next.id LIMIT 1), 0))
GROUP BY d.room_id, d.send_id ORDER BY d.room_id, d.send_id DESC
"""


class Recalls:
    """Recalls in the state file: a recall is a message of its own, with an urgent delivery for each send to take back.

    Every method raises `StateFileError` when the file cannot be used. `now` is in seconds since the epoch.
    """

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def accept(self, gateway_ids: Iterable[str], room_id: str, now: float) -> int | None:
        """The message of one of these ids, said in that room, is taken back: what waits of it is cancelled.

        How many copies of it have to be taken back; None when no such message was relayed, or it is a recall known
        already.
        """
        with self._state.transaction() as db:
            ids = tuple(gateway_ids)
            message = self._message(db, ids, room_id)
            if message is None:
                # It may come yet: one whose payload is slow is overtaken by its own recall.
                db.executemany(ADD, [(f"recall:{one}", room_id, Kind.RECALLED, now) for one in ids])
                return None
            row = db.execute(
                f"{ADD} RETURNING id", (f"recall:{message['gateway_id']}", room_id, Kind.RECALLED, now)
            ).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE deliveries SET state = 'cancelled', changed = ? WHERE message_id = ? AND state = 'waiting'"
                " AND send_id IS NULL",
                (now, message["id"]),
            )
            copies = db.execute(COPIES, (message["id"],)).fetchall()
            last = {room: max(part for r, _, part in copies if r == room) for room, _, _ in copies}
            rooms: dict[str, list[Part]] = {}
            for room, send_id, part in copies:
                # Only one of several copies in a room, the picture and not its caption, is announced when it stays.
                body = {"send": send_id, "message": message["id"], "announce": part == last[room]}
                rooms.setdefault(room, []).append(Part(Kind.RECALLED, json.dumps(body), header=message["header"]))
            add_deliveries(db, row[0], rooms, now, urgent=True)
            return len(copies)

    @staticmethod
    def _message(db: sqlite3.Connection, gateway_ids: Iterable[str], room_id: str) -> dict[str, Any] | None:
        for gateway_id in gateway_ids:
            row = db.execute(
                "SELECT m.id, m.gateway_id, p.header FROM messages AS m JOIN parts AS p ON p.message_id = m.id"
                " WHERE m.gateway_id = ? AND m.room_id = ? ORDER BY p.part LIMIT 1",
                (gateway_id, room_id),
            ).fetchone()
            if row:
                return {"id": row[0], "gateway_id": row[1], "header": row[2]}
        return None

    def target(self, send: Send, now: float) -> str | None:
        """The gateway's id of what `send`, of the kind RECALLED, takes back; None when that cannot be (any more)."""
        with self._state.reading() as db:
            row = db.execute(
                "SELECT sent_id FROM sends WHERE id = ? AND at >= ?", (json.loads(send.body)["send"], now - WINDOW)
            ).fetchone()
            return row[0] if row else None

    def done(self, send: Send, taken: bool, now: float, *, certain: bool = True) -> None:
        """The copy is gone (`taken`), and what travelled with it is sent again; or it stays, and its room is told.

        Not `certain`: it seems to be gone, and its room is told all the same.
        """
        body = json.loads(send.body)
        with self._state.transaction() as db:
            copies = db.execute(
                "SELECT id, message_id, state FROM deliveries WHERE send_id = ?", (body["send"],)
            ).fetchall()
            own = [(now, row[0]) for row in copies if row[1] == body["message"]]
            if taken:
                gone = {row[0] for row in db.execute(RECALLED_TOO, (body["send"],))}
                rest = [(now, row[0]) for row in copies if row[1] not in {body["message"], *gone} and row[2] == "sent"]
                db.executemany("UPDATE deliveries SET state = 'waiting', changed = ? WHERE id = ?", rest)
                forget_send(db, body["send"])
            db.execute(
                "UPDATE deliveries SET state = 'cancelled', changed = ?"
                " WHERE message_id = ? AND room_id = ? AND state = 'waiting' AND send_id IS NULL",
                (now, body["message"], send.room_id),
            )
            unsent = [row[0] for row in copies if row[1] == body["message"] and row[2] == "waiting"]
            if taken or unsent:
                db.executemany("UPDATE deliveries SET state = 'cancelled', changed = ? WHERE id = ?", own)
            may_be_seen = bool(own) and not (taken and certain)
            self._close(db, send, announce=may_be_seen and body["announce"], now=now)

    @staticmethod
    def _close(db: sqlite3.Connection, send: Send, *, announce: bool, now: float) -> None:
        """The recall itself is finished, or becomes the line that tells of it."""
        (delivery,) = send.deliveries
        if not announce:
            db.execute("UPDATE deliveries SET state = 'sent', changed = ? WHERE id = ?", (now, delivery))
            return
        message_id, header = db.execute(
            "SELECT d.message_id, p.header FROM deliveries AS d JOIN parts AS p ON p.message_id = d.message_id"
            " AND p.part = d.part WHERE d.id = ?",
            (delivery,),
        ).fetchone()
        line = f"{subject_of(header)} {RECALLED}"
        (part,) = db.execute("SELECT max(part) + 1 FROM parts WHERE message_id = ?", (message_id,)).fetchone()
        db.execute(
            "INSERT INTO parts (message_id, part, kind, body) VALUES (?, ?, ?, ?)", (message_id, part, Kind.TEXT, line)
        )
        db.execute(
            "UPDATE deliveries SET state = 'waiting', part = ?, attempts = 0, changed = ? WHERE id = ?",
            (part, now, delivery),
        )
        forget_send(db, send.id)
