"""What staff decided, kept in the state file and known to those who act on it."""

from collections.abc import Mapping
from typing import NamedTuple

from roomsync import store
from roomsync.moderation.moderator import Moderator
from roomsync.moderation.mutes import Mutes
from roomsync.relay.rooms import Rooms
from roomsync.store import StateFile


class Decided(NamedTuple):
    """Which room is staff's, how the others take part, who is muted, what is judged, as it stands in the state file."""

    state: StateFile
    rooms: Rooms
    mutes: Mutes
    moderator: Moderator

    def spared(self, db: store.Connection, since: float) -> list[str]:
        """Return the rooms whose community is paused, or was since then: what waits for them is kept, however old.

        By what is noted of them: right after a start none is found yet.
        """
        paused = store.pauses.ended_since(db, since)
        if not paused:
            return []
        communities = {one: self.rooms.community_of(topic) for one, topic in store.rooms.topics(db).items()}
        return [one for one, community in communities.items() if community and ("" in paused or community in paused)]

    def load(self, now: float) -> Mapping[str, float]:
        """Read all of it; return the pauses, which are the session's."""
        with self.state.connection() as db:
            return self.load_from(db, now)

    def load_from(self, db: store.Connection, now: float) -> Mapping[str, float]:
        """Do so in an open transaction; the session is told of the pauses outside the thread of the file."""
        name, room_id = store.staff.room(db)
        # Before any room is found: what was staff's room is in no community, whatever it is called now.
        self.rooms.staff_room_id = room_id if name == self.rooms.staff_topic else ""
        self.mutes.load(db, now)
        self.moderator.load(db)
        self.rooms.decide(store.rooms.modes(db), store.rooms.numbers(db))
        return store.pauses.ends(db, now)
