"""What is said in a room, decided and committed: relayed to the others, taken back, answered, or left alone."""

import logging
from collections.abc import Sequence

from roomsync import store
from roomsync.config.settings import Settings
from roomsync.delivery.outbox import Outbox, add_line
from roomsync.delivery.recalls import Recalls
from roomsync.model import Kind, Message, Part, Room
from roomsync.relay.authors import author_of
from roomsync.relay.loop_guard import LoopGuard
from roomsync.relay.rendering import parts, parts_for_author, quote_in
from roomsync.relay.rooms import Rooms
from roomsync.store import StateFile
from roomsync.text.kinds import CARDS, MEDIA
from roomsync.text.phrases import RECALLED, introduction, is_headerless
from roomsync.text.system_messages import recalled_ids

log = logging.getLogger(__name__)

ANSWER_EVERY = 3600.0  # seconds between two answers in one room to those who mention the bot


class Switchboard:
    """Every method raises `StateFileError` when the file cannot be used. `now` is in seconds since the epoch."""

    def __init__(self, settings: Settings, rooms: Rooms, state: StateFile, outbox: Outbox) -> None:
        self._style = settings.style
        self._mention_quoted = settings.mention_quoted
        self._rooms = rooms
        self._state = state
        self._outbox = outbox
        self.recalls = Recalls(state)
        self._loop_guard = LoopGuard(state)

    def hear(self, message: Message, source: Room, now: float) -> bool:
        """Commit what `message`, said in `source`, becomes in the other rooms; whether there is something to send."""
        labels = [room.label for room in self._rooms.community(source.community)]
        if self._outbox.is_ours(message.id) or self._is_of_a_relay(message, labels, now):
            log.debug("Message %s is a relayed one: left alone.", message.id)
            return False
        others = [room.id for room in self._rooms.others(source)]
        shown = parts(message, source, self._style, labels)
        special = self._for_author(message, source, labels)
        return self._outbox.accept(message, shown, others, now, special)

    def _is_of_a_relay(self, message: Message, labels: Sequence[str], now: float) -> bool:
        """Two relays in the same rooms must never answer each other."""
        form, talker = self._style.header, message.talker_id
        if message.kind is not Kind.TEXT:  # relays bring nothing but texts, pictures, files and cards
            return message.kind in (*MEDIA, *CARDS) and self._loop_guard.is_relay(talker, message.room_id, now)
        announced = message.text.removesuffix(f" {RECALLED}")
        if announced != message.text and form.parse_subject(announced, labels):
            return True
        if form.parse(message.text, labels):
            self._loop_guard.mark_relayed(talker, message.room_id, now)
            return True
        if is_headerless(message.text) and self._loop_guard.was_relay(talker):
            return True
        if self._loop_guard.is_relay(talker, message.room_id, now):
            self._loop_guard.clear(talker, message.room_id)
        return False

    def _for_author(self, message: Message, source: Room, labels: Sequence[str]) -> dict[str, list[Part]]:
        """What the author of a quoted message gets in the author's own room, if that is another of this community."""
        quote = quote_in(message) if self._mention_quoted else None
        author = author_of(quote, self._state, self._style.header, labels) if quote else None
        home = self._rooms.get(author.room_id) if author else None
        if not author or not home or home.id == source.id or home.community != source.community:
            return {}
        return {home.id: parts_for_author(message, source, self._style, labels, author)}

    def take_back(self, text: str, source: Room, now: float) -> bool:
        """A message of the kind RECALLED was seen in `source`; whether there is something to send."""
        ids = recalled_ids(text)
        copies = self.recalls.accept(ids, source.id, now)
        if copies is not None:
            log.info("A message of %s is taken back, with its %d copies.", source.label, copies)
        return bool(copies)

    def first_time(self, message_id: str, source: Room, now: float) -> bool:
        """Take note of a notice of WeChat's; whether it was not seen before."""
        return self._outbox.accept(Message(message_id, source.id, "", "", Kind.SYSTEM), [], [], now)

    def answer(self, source: Room, now: float) -> bool:
        """The bot itself was mentioned: say what it does, at most once an hour in a room; whether it does now."""
        with self._state.transaction() as db:
            if now - store.rooms.introduced_at(db, source.id) < ANSWER_EVERY:
                return False
            store.rooms.note_introduction(db, source.id, now)
            add_line(db, source.id, introduction(source.community, len(self._rooms.others(source))), now)
        return True
