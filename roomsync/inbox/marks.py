"""What an event does to the cursor, on gateways that number their events. Pure."""

from collections.abc import Iterable

from roomsync.model import Cursor


class Marks:
    """Gives each event its mark: the cursor that it leaves, once it is committed with all that came before it.

    A number belongs to the account that logged in before it on the same connection, whenever that login is handled.
    """

    def __init__(self) -> None:
        self._account = ""
        self._connection = -1

    def mark(self, seq: int, connection: int, account: str | None) -> Cursor | None:
        """Return the mark of the event that came next; None for one that leaves the cursor where it is.

        `seq`: its number, 0 without one. `connection`: which it came on. `account`: of a login whose it is, of a logout
        empty, of any other event None.
        """
        if connection != self._connection:
            self._account, self._connection = "", connection
        if account is not None:
            self._account = account
            return Cursor(account, max(seq, 0) if account else 0)
        return Cursor(self._account, seq) if seq > 0 and self._account else None


def is_newer(cursor: Cursor, than: Cursor) -> bool:
    """Return whether a cursor goes on from an earlier one: with that in its place a gateway only tells more again."""
    return cursor.account_id == than.account_id and cursor.seq >= than.seq


def moved(cursor: Cursor, marks: Iterable[Cursor]) -> Cursor:
    """Return where the cursor is after these marks, in their order.

    It is where the newest number is, also when that is a lower one: a gateway may begin to count anew. A logout, or the
    login of another account, leaves none.
    """
    for mark in marks:
        if mark.seq:
            cursor = mark
        elif mark.account_id != cursor.account_id:
            cursor = Cursor()
    return cursor
