"""The table `lately`: what each member said in the last minutes, to know what is said in several rooms."""

from roomsync.store.connection import Connection
from roomsync.store.rooms import KEY

ELSEWHERE = f"""
SELECT DISTINCT m.room, form FROM lately AS l JOIN messages AS m ON m.id = l.message_id
WHERE l.talker_id = ? AND l.at >= ? AND l.community = ? AND m.room <> coalesce({KEY}, 0)
AND NOT EXISTS (SELECT 1 FROM recalls WHERE recalled = m.id)
"""


def add(db: Connection, message_id: int, talker_id: str, community: str, form: str, now: float) -> None:
    """Note what somebody said in a room of a community. `form`: what is compared of it."""
    script = "INSERT INTO lately (message_id, talker_id, community, form, at) VALUES (?, ?, ?, ?, ?)"
    db.execute(script, (message_id, talker_id, community, form, now))


def said_elsewhere(db: Connection, talker_id: str, community: str, room_id: str, since: float) -> list[tuple[int, str]]:
    """Return what somebody said in other rooms of a community since then, and did not take back: rooms and forms."""
    return db.execute(ELSEWHERE, (talker_id, since, community, room_id)).fetchall()


def clamp(db: Connection, now: float) -> None:
    """Let nothing have been said later than now, after the clock was set back."""
    db.execute("UPDATE lately SET at = ? WHERE at > ?", (now, now))


def prune(db: Connection, before: float) -> None:
    """Forget what was said before that time."""
    db.execute("DELETE FROM lately WHERE at < ?", (before,))
