"""What staff decided, read from the state file by those who act on it."""

from collections.abc import Mapping

from roomsync import store
from roomsync.moderation.mutes import Mutes
from roomsync.relay.rooms import Rooms
from roomsync.store import StateFile


def load(db: store.Connection, rooms: Rooms, mutes: Mutes, now: float) -> Mapping[str, float]:
    """Let rooms and mutes be as they were decided; return the pauses, which are the session's."""
    mutes.load(db, now)
    rooms.modes = store.rooms.modes(db)
    return store.pauses.ends(db, now)


def load_from(state: StateFile, rooms: Rooms, mutes: Mutes, now: float) -> Mapping[str, float]:
    """Do the same with the file as it is."""
    with state.connection() as db:
        return load(db, rooms, mutes, now)
