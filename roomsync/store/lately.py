"""The table `lately`: what each member said in the last minutes, to know what is said in several rooms."""

from roomsync.store.connection import Connection
from roomsync.store.rooms import KEY, key


def add(db: Connection, talker_id: str, room_id: str, form: str, now: float) -> None:
    """Note what somebody said in a room. `form`: what is compared of it."""
    script = "INSERT INTO lately (talker_id, room, form, at) VALUES (?, ?, ?, ?)"
    db.execute(script, (talker_id, key(db, room_id), form, now))


def said_elsewhere(db: Connection, talker_id: str, room_id: str, since: float) -> list[str]:
    """Return the forms of what somebody said in other rooms since then."""
    query = f"SELECT form FROM lately WHERE talker_id = ? AND room <> coalesce({KEY}, 0) AND at >= ?"
    return [form for (form,) in db.execute(query, (talker_id, room_id, since))]


def prune(db: Connection, before: float) -> None:
    """Forget what was said before that time."""
    db.execute("DELETE FROM lately WHERE at < ?", (before,))
