"""Other relays in the same rooms: known by their headers, never answered."""

from roomsync.statefile import StateFile

RELAY_LIFE = 600.0  # seconds after a relayed text in which pictures of that account are taken for relayed, too


class Relays:
    """Accounts whose last text in a room began with a header of the community. `now` is in seconds since the epoch.

    What such an account says until it speaks for itself again is somebody's, brought by it: a picture behind a caption
    has no header of its own.
    """

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def is_relay(self, talker_id: str, room_id: str, now: float) -> bool:
        """Whether that account's last text in that room was a relayed one, not long ago."""
        with self._state.reading() as db:
            row = db.execute("SELECT value FROM status WHERE key = ?", (f"relay:{talker_id}:{room_id}",)).fetchone()
            return row is not None and now - float(row[0]) < RELAY_LIFE

    def was_relay(self, talker_id: str) -> bool:
        """Whether that account's last text in some room was a relayed one, however long ago."""
        start = f"relay:{talker_id}:"
        with self._state.reading() as db:
            row = db.execute("SELECT 1 FROM status WHERE substr(key, 1, ?) = ? LIMIT 1", (len(start), start)).fetchone()
            return row is not None

    def spoke_for_itself(self, talker_id: str, room_id: str) -> None:
        """The account is (again) a person."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM status WHERE key = ?", (f"relay:{talker_id}:{room_id}",))

    def brought(self, talker_id: str, room_id: str, now: float) -> None:
        """An account said somebody's words in a room, with a header."""
        with self._state.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO status (key, value) VALUES (?, ?)", (f"relay:{talker_id}:{room_id}", str(now))
            )
