"""Muted members: what they say is relayed nowhere."""

import math
from collections.abc import Mapping

from roomsync import store
from roomsync.language import _
from roomsync.model import Decision, Message, Room, Verdict


class Mutes:
    """Knows who is muted, as it is in the state file since `load`."""

    def __init__(self) -> None:
        self._until: Mapping[str, float] = {}

    def load(self, db: store.Connection, now: float) -> None:
        """Read who is muted."""
        self._until = {
            one.contact_id: math.inf if one.until is None else one.until for one in store.mutes.all_of(db, now)
        }

    def check(self, message: Message, room: Room, now: float) -> Verdict:
        """Return what should become of a message: it is dropped while its talker is muted."""
        if self._until.get(message.talker_id, 0.0) > now:
            return Verdict(Decision.DROP, (_("its talker is muted"),))
        return Verdict(Decision.RELAY)
