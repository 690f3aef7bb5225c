"""The tables `staff` and `desk`: who may command the bot, in which room, and the code that lists the first one."""

from typing import NamedTuple

from roomsync.store.connection import Connection


class Member(NamedTuple):
    """Somebody of the staff: `id` is the number in the list."""

    id: int
    contact_id: str
    name: str


def members(db: Connection, account_id: str) -> list[Member]:
    """Return the staff of an account, in the order in which they were listed."""
    query = "SELECT id, contact_id, name FROM staff WHERE account_id = ? ORDER BY id"
    return [Member(*row) for row in db.execute(query, (account_id,))]


def add(db: Connection, account_id: str, contact_id: str, name: str, now: float) -> bool:
    """List somebody; return whether that is news."""
    script = "INSERT INTO staff (account_id, contact_id, name, added_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    return db.execute(script, (account_id, contact_id, name, now)).rowcount > 0


def remove(db: Connection, account_id: str, contact_id: str) -> bool:
    """Take somebody off the list; return whether they were on it."""
    script = "DELETE FROM staff WHERE account_id = ? AND contact_id = ?"
    return db.execute(script, (account_id, contact_id)).rowcount > 0


def room(db: Connection) -> tuple[str, str]:
    """Return the room where staff is heard: the name that was looked for, and its id; empty while there is none."""
    name, room_id = db.execute("SELECT room_name, room_id FROM desk").fetchone()
    return name, room_id


def note_room(db: Connection, name: str, room_id: str) -> None:
    """Note which room of that name is the one where staff is heard."""
    db.execute("UPDATE desk SET room_name = ?, room_id = ?", (name, room_id))


def claim_code(db: Connection, now: float) -> str:
    """Return the code that lists who sends it; empty while there is none."""
    code, until = db.execute("SELECT claim_code, claim_until FROM desk").fetchone()
    return str(code) if until is None or until > now else ""


def set_claim_code(db: Connection, code: str, until: float | None = None) -> None:
    """Let that code list who sends it, until then (None: without an end); an empty one lists nobody."""
    db.execute("UPDATE desk SET claim_code = ?, claim_until = ?", (code, until))
