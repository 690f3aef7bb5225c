"""The table `requests`: commands that somebody gives on the machine, in another process, and their answers."""

from typing import NamedTuple

from roomsync.store.connection import Connection


class Request(NamedTuple):
    """A command; `confirmed`: what it would ask before it is done is agreed to. After `until` nobody waits for it."""

    id: int
    until: float
    command: str
    confirmed: bool


def add(db: Connection, command: str, confirmed: bool, until: float) -> int:
    """Leave a command for the bot that runs, to be carried out until then or never; return its number."""
    script = "INSERT INTO requests (until, command, confirmed) VALUES (?, ?, ?) RETURNING id"
    return int(db.execute(script, (until, command, confirmed)).fetchone()[0])


def open_ones(db: Connection) -> list[Request]:
    """Return the commands without an answer, in their order."""
    query = "SELECT id, until, command, confirmed FROM requests WHERE succeeded IS NULL ORDER BY id"
    return [Request(number, until, command, bool(confirmed)) for number, until, command, confirmed in db.execute(query)]


def is_open(db: Connection, number: int) -> bool:
    """Return whether a command is there, and has no answer."""
    query = "SELECT 1 FROM requests WHERE id = ? AND succeeded IS NULL"
    return db.execute(query, (number,)).fetchone() is not None


def version(db: Connection) -> int:
    """Return a number that is another one after another process wrote to the file."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])


def answer(db: Connection, number: int, text: str, succeeded: bool) -> None:
    """Answer a command."""
    db.execute("UPDATE requests SET answer = ?, succeeded = ? WHERE id = ?", (text, succeeded, number))


def answer_to(db: Connection, number: int) -> tuple[str, bool] | None:
    """Return the answer to a command, and whether it was carried out; None while there is none."""
    row = db.execute("SELECT answer, succeeded FROM requests WHERE id = ?", (number,)).fetchone()
    return None if row is None or row[1] is None else (row[0], bool(row[1]))


def withdraw(db: Connection, number: int) -> bool:
    """Take back a command that has no answer; return whether there was none."""
    return db.execute("DELETE FROM requests WHERE id = ? AND succeeded IS NULL", (number,)).rowcount > 0


def prune(db: Connection, before: float) -> None:
    """Forget commands for which nobody waited any more by that time."""
    db.execute("DELETE FROM requests WHERE until < ?", (before,))
