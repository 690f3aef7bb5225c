"""Announcements that a gateway shows twice: as an event, and as a message of who set it."""

import re

from roomsync import store
from roomsync.model import ANNOUNCED, SEPARATOR, Announcement, Kind, Message
from roomsync.store import StateFile

TWICE_TTL = 120.0  # seconds between the two
MAX_COMPARED = 100  # characters: a long text is kept in pieces
# What stands before the words: that all are meant (also as it is relayed), what it is, and the number of a piece.
LEAD = re.compile(r"\A(?:\(1/\d{1,5}\)|[@＠]所有人|\[?群公告\]?[:：]?|\s)*")


def is_shown_twice(message: Message, state: StateFile, now: float) -> bool:
    """Return whether an announcement was relayed as a message already, or a message as an announcement.

    That is known by its words: of one room, of who set it, where that is told, within TWICE_TTL.
    """
    if message.kind is not Kind.TEXT:
        return False
    announced, since = Announcement.parse(message.id), now - TWICE_TTL
    with state.connection() as db:
        if announced:
            said = store.messages.texts(db, message.room_id, message.talker_id, since)
            # The same announcement once more is another one.
            return _start_of(announced.words) in [_start_of(body) for one, body in said if not Announcement.parse(one)]
        start = SEPARATOR.join((ANNOUNCED, message.room_id, ""))
        earlier = map(Announcement.parse, store.messages.ids_from(db, start, since))
        return any(
            one and one.changer_id in ("", message.talker_id) and _start_of(one.words) == _start_of(message.text)
            for one in earlier
        )


def _start_of(text: str) -> str:
    return "".join(LEAD.sub("", text, count=1).split())[:MAX_COMPARED]
