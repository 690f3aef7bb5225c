"""The table `cursor`: the last event of the account that is committed, as the gateway numbers them; one row or none."""

from roomsync.model import Cursor
from roomsync.store.connection import Connection


def read(db: Connection) -> Cursor:
    """Return it; one without a number when there is none."""
    row = db.execute("SELECT account_id, seq FROM cursor").fetchone()
    return Cursor(*row) if row else Cursor()


def write(db: Connection, cursor: Cursor) -> None:
    """Keep it in the place of the one before; of one without a number nothing."""
    db.execute("DELETE FROM cursor")
    if cursor.seq:
        db.execute("INSERT INTO cursor VALUES (1, ?, ?)", (cursor.account_id, cursor.seq))
