"""Other relays in the same rooms: known by their headers, never answered."""

from roomsync import store
from roomsync.store import StateFile

RELAY_TTL = 600.0  # seconds after a relayed text in which pictures of that account are taken for relayed, too


class LoopGuard:
    """Knows the accounts whose last text in a room began with a header of the community.

    What such an account says until it speaks for itself again is somebody's, relayed by it: a picture behind a caption
    has no header of its own. `now` is in seconds since the epoch.
    """

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def is_relay(self, talker_id: str, room_id: str, now: float) -> bool:
        """Return whether that account's last text in that room was a relayed one, not long ago."""
        with self._state.connection() as db:
            at = store.peers.relayed_at(db, talker_id, room_id)
        return at is not None and now - at < RELAY_TTL

    def was_relay(self, talker_id: str) -> bool:
        """Return whether that account's last text in some room was a relayed one, however long ago."""
        with self._state.connection() as db:
            return store.peers.is_known(db, talker_id)

    def mark_relayed(self, talker_id: str, room_id: str, now: float) -> None:
        """Note that an account said somebody's words in a room, with a header."""
        with self._state.transaction() as db:
            store.peers.mark(db, talker_id, room_id, now)

    def clear(self, talker_id: str, room_id: str) -> None:
        """Note that an account speaks for itself (again) in a room."""
        with self._state.transaction() as db:
            store.peers.clear(db, talker_id, room_id)
