"""Message events that came and are not finished: noted before anything is asked about them."""

from collections.abc import Iterable, Sequence

from roomsync import store
from roomsync.inbox.marks import is_newer, moved
from roomsync.model import Cursor
from roomsync.store import StateFile


class Incoming:
    """Remembers in the state file. Every method raises `StateFileError` when the file cannot be used."""

    def __init__(self, state: StateFile) -> None:
        self.state = state
        self.cursor = Cursor()  # as it is in the file, once it was loaded
        self._finished: list[str] = []  # but not in the file yet

    def load_cursor(self) -> None:
        """Read which event the last process committed last."""
        with self.state.connection() as db:
            self.cursor = store.cursor.read(db)

    def note(self, message_ids: Iterable[str], now: float, marks: Sequence[Cursor] = ()) -> list[str]:
        """Commit that these message events came, before anything is asked about them; return those that are new.

        The echo of a send whose id is known tells nothing, so it is not noted, and nobody asks the gateway for it.

        `marks`: where they, and what came between them, leave the cursor. It is committed with them: an earlier cursor
        would only let a gateway tell again what is known, a later one would lose what is not.
        """
        with self.state.connection() as db:
            others = [one for one in message_ids if not store.sends.is_ours(db, one)]
        if not others and not marks:
            return []
        finished = tuple(self._finished)
        may_wait = not others and is_newer(moved(self.cursor, marks), self.cursor)
        with self.state.transaction(durable=not may_wait) as db:
            store.incoming.finish(db, finished)
            new = store.incoming.note(db, others, now)
            cursor = self._move_cursor(db, marks) if marks else self.cursor
        self.cursor = cursor
        del self._finished[: len(finished)]  # only now that it is written; more may have been added meanwhile
        return new

    @staticmethod
    def _move_cursor(db: store.Connection, marks: Sequence[Cursor]) -> Cursor:
        before = store.cursor.read(db)
        cursor = moved(before, marks)
        if cursor != before:
            store.cursor.write(db, cursor)
        return cursor

    def unfinished(self) -> list[str]:
        """Return the events that came and were not finished, in their order: a crash or an outage cut them off."""
        with self.state.connection() as db:
            finished = set(self._finished)
            return [message_id for message_id in store.incoming.unfinished(db) if message_id not in finished]

    def finish(self, message_id: str) -> None:
        """Mark an event that needs nothing more. Written with the next event: a crash before that only asks again."""
        self._finished.append(message_id)

    def give_up(self, message_id: str) -> None:
        """Mark an event that is given up; it is counted in `--status`."""
        with self.state.transaction() as db:
            store.incoming.give_up(db, message_id)
