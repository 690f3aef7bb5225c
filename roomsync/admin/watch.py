"""The watch: tells staff what the filter found, several messages together."""

import math

from roomsync import store
from roomsync.admin.filtering import tripped
from roomsync.admin.held import report
from roomsync.admin.office import Office
from roomsync.model import FilterMode

REPORT_INTERVAL = 30.0  # seconds between two reports
MAX_READ = 1000  # messages that are counted for one


class Watch:
    """Says what staff has to be told of the filter, at most once in REPORT_INTERVAL."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._reported_at = -math.inf

    def is_due(self, db: store.Connection, now: float) -> bool:
        """Return whether there is something to tell, and it may be told now."""
        office = self._office
        is_off = office.decided.moderator.mode is FilterMode.OFF
        # Before the session is ready no room is known, and so none could be named.
        if is_off or not office.session.is_ready or now < self._reported_at + REPORT_INTERVAL:
            return False
        return store.moderation.read(db).tripped_at is not None or bool(store.held.unreported(db, 1))

    def report(self, db: store.Connection, now: float) -> list[str]:
        """Return what staff is told now, and note that it is."""
        self._reported_at = now
        lines = report(self._office, store.held.unreported(db, MAX_READ), now)
        store.held.note_reported(db)
        if store.moderation.read(db).tripped_at is not None:
            store.moderation.note_told(db)
            lines.append(tripped())
        return lines
