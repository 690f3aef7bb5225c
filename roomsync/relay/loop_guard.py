"""Other relays in the same rooms: known by their headers, never answered."""

from collections.abc import Collection

from roomsync import store
from roomsync.model import Kind, Message
from roomsync.store import StateFile
from roomsync.text.headers import HeaderTemplate
from roomsync.text.kinds import CARDS, MEDIA
from roomsync.text.phrases import RECALLED, is_headerless

RELAY_TTL = 600.0  # seconds after a relayed text in which pictures of that account are taken for relayed, too


class LoopGuard:
    """Knows the accounts whose last text in a room began with a header of the community.

    What such an account says until it speaks for itself again is somebody's, relayed by it: a picture behind a caption
    has no header of its own.
    """

    def __init__(self, state: StateFile, template: HeaderTemplate) -> None:
        self._state = state
        self._template = template

    def is_relayed(self, message: Message, labels: Collection[str], now: float) -> bool:
        """Return whether another relay said it: two relays in the same rooms must never answer each other."""
        template, text = self._template, message.text
        announced = text.removesuffix(f" {RECALLED}")
        with self._state.transaction() as db:
            at = store.peers.relayed_at(db, message.talker_id, message.room_id)
            is_relay = at is not None and now - at < RELAY_TTL
            if message.kind is not Kind.TEXT:  # relays bring nothing but texts, pictures, files and cards
                return is_relay and message.kind in (*MEDIA, *CARDS)
            if announced != text and template.parse_subject(announced, labels):
                return True
            if template.parse(text, labels):
                store.peers.mark_relayed(db, message.talker_id, message.room_id, now)
                return True
            if is_headerless(text) and store.peers.is_known(db, message.talker_id):
                return True
            if is_relay:
                store.peers.clear(db, message.talker_id, message.room_id)
            return False
