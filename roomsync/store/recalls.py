"""The table `recalls`: which messages were taken back, by their authors or by staff."""

from typing import NamedTuple

from roomsync.model import State
from roomsync.store.connection import Connection
from roomsync.store.rooms import KEY
from roomsync.store.waiting import IS_NO_COUNT

IS_RECALLED = f"""
SELECT 1 FROM recalls AS c CROSS JOIN messages AS m ON m.id = c.message_id
WHERE c.recalled_id = ? AND m.room = {KEY}
"""
OF_DELIVERY = "SELECT recalled, recalled_send FROM deliveries LEFT JOIN recalls USING (message_id) WHERE id = ?"
# The sends that brought a message, by room, with the last part that each brought. Not a caption under which a later
# picture of the same member stands, too, because its own was omitted.
COPIES = f"""
SELECT r.gateway_id, d.send_id, max(d.part) FROM deliveries AS d JOIN rooms AS r ON r.id = d.room
JOIN parts AS p USING (message_id, part) WHERE d.message_id = ? AND d.send_id IS NOT NULL AND d.{IS_NO_COUNT}
AND d.state IN ('{State.SENT}', '{State.SENDING}', '{State.WAITING}')
AND NOT (p.caption AND coalesce((
    SELECT next.state = '{State.OMITTED}' FROM deliveries AS next JOIN parts AS c USING (message_id, part)
    WHERE next.room = d.room AND next.id > d.id AND c.caption AND c.header = p.header
    ORDER BY next.id LIMIT 1), 0))
GROUP BY d.room, d.send_id ORDER BY d.room, d.send_id DESC
"""
RECALLED_TOO = f"""
SELECT recalled FROM recalls JOIN deliveries AS d ON d.message_id = recalled WHERE d.send_id = ? AND d.{IS_NO_COUNT}
"""


class Copy(NamedTuple):
    """A send that brought a message to a room; `part` is the last part of the message that it brought."""

    room_id: str
    send_id: int
    part: int


class Recall(NamedTuple):
    """What a recall takes back in one room: a message, and the send that brought it. None: forgotten meanwhile."""

    recalled: int | None
    send_id: int | None


def add(db: Connection, message_id: int, recalled_id: str, recalled: int | None) -> None:
    """Note that the recall `message_id` takes back the message that the gateway calls `recalled_id`.

    `recalled`: the key of that message; None while it is not known.
    """
    script = "INSERT INTO recalls (message_id, recalled_id, recalled) VALUES (?, ?, ?)"
    db.execute(script, (message_id, recalled_id, recalled))


def is_recalled(db: Connection, recalled_id: str, room_id: str) -> bool:
    """Return whether the message of that id, said in that room, was taken back."""
    return db.execute(IS_RECALLED, (recalled_id, room_id)).fetchone() is not None


def is_known(db: Connection, message_id: int) -> bool:
    """Return whether the message of that key was taken back."""
    return db.execute("SELECT 1 FROM recalls WHERE recalled = ?", (message_id,)).fetchone() is not None


def by_staff(db: Connection, message_id: int) -> int | None:
    """Return the recall with which staff took the message of that key back; None when it did not."""
    query = "SELECT message_id FROM recalls WHERE recalled = ? AND recalled_id = ''"
    row = db.execute(query, (message_id,)).fetchone()
    return int(row[0]) if row else None


def remove(db: Connection, recall: int) -> None:
    """Forget that a message was taken back."""
    db.execute("DELETE FROM recalls WHERE message_id = ?", (recall,))


def of_delivery(db: Connection, delivery_id: int) -> Recall:
    """Return what the recall of that delivery takes back."""
    return Recall(*db.execute(OF_DELIVERY, (delivery_id,)).fetchone())


def copies(db: Connection, message_id: int) -> list[Copy]:
    """Return the copies of a message, the last one of each room first."""
    return [Copy(*row) for row in db.execute(COPIES, (message_id,))]


def recalled_in(db: Connection, send_id: int) -> set[int]:
    """Return the messages that went with a send and were taken back."""
    return {message_id for (message_id,) in db.execute(RECALLED_TOO, (send_id,))}
