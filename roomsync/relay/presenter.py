"""What a message becomes in the other rooms, with what the state file knows of what it quotes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from roomsync import store
from roomsync.model import Kind, Message, Part, Quote, Room
from roomsync.relay.authors import MAX_COMPARED, author_of
from roomsync.relay.rendering import Style, parts, parts_for_author
from roomsync.relay.rooms import Rooms
from roomsync.session import Session
from roomsync.store import StateFile
from roomsync.text.headers import NAMELESS
from roomsync.text.kinds import line_of as line_of_kind
from roomsync.text.phrases import HELD_WORDS

MIN_ONES_OWN = 12  # characters of a text that no two people say by chance
MAX_KEPT_BACK = 200  # messages, the newest, with which a quote is compared


class Presenter:
    """Writes messages for other rooms. Every method raises `StateFileError` when the file cannot be used."""

    def __init__(self, state: StateFile, rooms: Rooms, session: Session, style: Style) -> None:
        self._state, self._rooms = state, rooms
        self._session = session
        self._style = style

    def become(
        self, message: Message, source: Room, labels: Sequence[str]
    ) -> tuple[list[Part], Mapping[str, Sequence[Part]]]:
        """Return what the other rooms get for a message, and what some of them get in its place, by room id.

        `labels` are those of the community's rooms.
        """
        if message.quote:
            message = self._without_held_words(message, message.quote, labels)
        return parts(message, source, self._style, labels), self._for_author(message, source, labels)

    def _without_held_words(self, message: Message, quote: Quote, labels: Sequence[str]) -> Message:
        """Return a reply without the words of what it quotes, and without the name, if that is held or an advert."""
        copied = self._style.header.parse(quote.content, labels)  # what is quoted came from another room
        words = copied.text if copied else quote.content
        with self._state.connection() as db:
            is_held = bool(quote.message_id) and store.held.is_kept_back(db, quote.message_id, message.room_id)
            if not is_held:
                found = store.held.kept_back(db, MAX_KEPT_BACK)
                name = copied.name if copied else quote.name
                is_held = any(_is_quoted(name, words, one.message) for one in found)
        return replace(message, quote=replace(quote, name=NAMELESS, content=HELD_WORDS)) if is_held else message

    def _for_author(self, message: Message, source: Room, labels: Sequence[str]) -> dict[str, list[Part]]:
        """Return what the author of a quoted message gets at home, if that is another room of this community."""
        if not message.quote or not self._style.mention_quoted:
            return {}
        author = author_of(message.quote, self._state, self._style.header, labels)
        home = self._rooms.get(author.room_id) if author else None
        if not author or not home or home.id == source.id or home.community != source.community:
            return {}
        if author.id == self._session.account_id:  # nobody can mention the account that speaks
            return {}
        return {home.id: parts_for_author(message, source, self._style, labels, author)}

    def release(self, db: store.Connection, key: int, message: Message, age: str, now: float) -> int | None:
        """Relay, in an open transaction, the message of that key that was held; return to how many rooms.

        `age`: how long ago it was said, as its readers read it. None: its room is in no community any more.
        """
        source = self._rooms.get(message.room_id)
        if source is None:
            return None
        labels = [room.label for room in self._rooms.community(source.community)]
        shown, special = self.become(_aged(message, age), source, labels)
        if message.kind is not Kind.TEXT and not message.quote and shown:
            shown = [replace(shown[0], body=f"{age}{shown[0].body}"), *shown[1:]]
        by_room = {room.id: special.get(room.id, shown) for room in self._rooms.others(source)}
        store.messages.set_accepted(db, key, now)
        store.deliveries.add(db, key, by_room, now)
        return len(by_room)


def _is_quoted(name: str, words: str, message: Message) -> bool:
    """Return whether what is quoted, of whom, is what a message says.

    WeChat shows its start, and what kind of a card it is. What has no words has none to hide, and a few words that
    many say are quoted only from who said them.
    """
    from roomsync.moderation.said import words_of  # which only who moderates needs

    said, start = words_of(message), _start(words)
    shown = line_of_kind(message.kind, message.text, message.content or "{}")
    if not said or start not in (_start(said), _start(shown)):
        return False
    return len(start) >= MIN_ONES_OWN or name == message.name


def _start(words: str) -> str:
    return words.strip().partition("\n")[0][:MAX_COMPARED]


def _aged(message: Message, age: str) -> Message:
    """Return a message whose words say how long ago it was said."""
    if message.quote:
        return replace(message, quote=replace(message.quote, reply=age + message.quote.reply))
    return replace(message, text=age + message.text) if message.kind is Kind.TEXT else message
