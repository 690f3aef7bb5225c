"""The table `trust`: how much ordinary talk of each member was relayed, and whom staff trusts."""

from typing import NamedTuple

from roomsync.store.connection import Connection

COLUMNS = "account_id, contact_id, name, texts, days, last_day, is_granted"


class Trust(NamedTuple):
    """What speaks for a member: relayed texts, on how many days, on which last (`2026-11-30`), and staff's word.

    `account_id`: the account that knows the member by that id.
    """

    account_id: str
    contact_id: str
    name: str
    texts: int = 0
    days: int = 0
    last_day: str = ""
    is_granted: bool = False


def get(db: Connection, account_id: str, contact_id: str) -> Trust | None:
    """Return what speaks for a member; None when nothing does."""
    query = f"SELECT {COLUMNS} FROM trust WHERE account_id = ? AND contact_id = ?"
    row = db.execute(query, (account_id, contact_id)).fetchone()
    return Trust(*row)._replace(is_granted=bool(row[-1])) if row else None


def put(db: Connection, trust: Trust) -> None:
    """Note what speaks for a member, in the place of what did before."""
    db.execute(f"INSERT OR REPLACE INTO trust ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", trust)


def remove(db: Connection, account_id: str, contact_id: str) -> None:
    """Let nothing speak for a member."""
    db.execute("DELETE FROM trust WHERE account_id = ? AND contact_id = ?", (account_id, contact_id))
