"""Which rooms belong together: communities by the prefix of a room's topic, labels by what follows it."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from roomsync.model import Mode, Room
from roomsync.text.characters import INVISIBLE, UNSAFE, fold, fold_character

MAX_TOPIC = 1000  # characters of a topic that are looked at: WeChat allows 32


def label_of(topic: str, prefix: str) -> str | None:
    """Return what `topic` has after `prefix`, as it is written there (`101`); None when it does not start with it.

    A topic that is the prefix alone is its own label, so that a header never reads `[Alice@]`.
    """
    wanted, topic = fold(prefix), unicodedata.normalize("NFC", topic[:MAX_TOPIC])
    taken = ""
    for position, character in enumerate(topic):
        if taken == wanted:
            return _clean(topic[position:]) or _clean(topic) or None
        taken += fold_character(character)
        if not wanted.startswith(taken):
            return None
    return (_clean(topic) or None) if taken == wanted else None


def _clean(text: str) -> str:
    return " ".join(UNSAFE.sub(" ", text.translate(INVISIBLE)).split())


def _by_number(room: Room) -> list[tuple[int, int, str]]:
    """Return a sort key in which `9` comes before `10`."""
    parts = re.split(r"([0-9]+)", unicodedata.normalize("NFKC", room.label))
    return [(0, len(part.lstrip("0")), part) if part.isdecimal() else (1, 0, part) for part in parts]


class Rooms:
    """The rooms of all communities as they are known now. `prefixes` name the communities.

    A room whose topic is `staff_topic`, as topics are compared, is in none of them, and neither is the one where staff
    is heard, whatever it is called.
    """

    def __init__(self, prefixes: Iterable[str], staff_topic: str = "") -> None:
        # The longest prefix that fits wins: of `Milvus` and `Milvus-dev`, the second takes `Milvus-dev 1`.
        self.prefixes = tuple(sorted(prefixes, key=lambda prefix: -len(fold(prefix))))
        self.staff_topic, self.staff_room_id = staff_topic, ""
        self.numbers: Mapping[str, int] = {}  # what staff calls rooms of one label, by room id
        self.modes: Mapping[str, Mode] = {}  # as far as they were decided, by room id
        self.shut: tuple[str, ...] = ()  # rooms that hear nothing
        self.changes = 0  # how often what is known of some room changed
        self._rooms: dict[str, Room] = {}
        self._named: set[str] = set()  # rooms whose topic is `staff_topic`
        self._outside: set[str] = set()
        self._left: set[str] = set()

    def place(self, room_id: str, topic: str) -> Room | None:
        """Note a room's topic as it is now; return the room, or None when it is in no community.

        A room that the bot has left is one that it is in again.
        """
        self._left.discard(room_id)
        self._named.discard(room_id)
        self.changes += 1
        prefix = self.community_of(topic) if room_id != self.staff_room_id else None
        label = label_of(topic, prefix) if prefix else None
        if prefix and label is not None:
            self._outside.discard(room_id)
            self._rooms[room_id] = Room(room_id, topic, prefix, label)
            return self._rooms[room_id]
        if self._is_for_staff(topic):
            self._named.add(room_id)
        self._rooms.pop(room_id, None)
        self._outside.add(room_id)
        return None

    def _is_for_staff(self, topic: str) -> bool:
        return bool(self.staff_topic) and fold(topic) == fold(self.staff_topic)

    def decide(self, modes: Mapping[str, Mode], numbers: Mapping[str, int]) -> None:
        """Note how rooms take part, as far as that was decided, and what staff calls those of one label."""
        self.modes, self.numbers = modes, numbers
        self.shut = tuple(room_id for room_id, mode in modes.items() if not mode.hears)

    def community_of(self, topic: str) -> str | None:
        """Return the prefix of the community that a room with that topic is in, if any."""
        if self._is_for_staff(topic):
            return None
        return next((prefix for prefix in self.prefixes if label_of(topic, prefix) is not None), None)

    def remove(self, room_id: str) -> Room | None:
        """Note that the bot is no longer in a room; return the room, or None when it was in no community."""
        self._left.add(room_id)
        self._named.discard(room_id)
        return self._rooms.pop(room_id, None)

    def forget(self, room_id: str) -> None:
        """Forget that a room was left, or is in no community: its topic is asked for when it is heard of."""
        self._left.discard(room_id)
        self._outside.discard(room_id)

    def replace_all(self, topics: Mapping[str, str]) -> None:
        """Note all rooms of the account with their topics as they are now, at once: nobody sees a part of them."""
        fresh = Rooms(self.prefixes, self.staff_topic)
        fresh.staff_room_id = self.staff_room_id
        for room_id, topic in topics.items():
            fresh.place(room_id, topic)
        self._rooms, self._outside, self._left = fresh._rooms, fresh._outside, fresh._left
        self._named = fresh._named
        self.changes += 1

    def get(self, room_id: str) -> Room | None:
        """Return the room of that id, when it is in a community."""
        return self._rooms.get(room_id)

    def community_in(self, room_id: str) -> str | None:
        """Return the community that a room is in; None for none.

        It is empty for one that was in a community and is not listed now: which one it is in, nobody knows.
        """
        room = self._rooms.get(room_id)
        if room:
            return room.community
        return "" if room_id in self.modes and room_id != self.staff_room_id else None

    def knows(self, room_id: str) -> bool:
        """Return whether it is known of that room that it is in a community, in none, or left."""
        return room_id in self._rooms or room_id in self._outside or room_id in self._left

    def has_left(self, room_id: str) -> bool:
        """Return whether the bot was taken out of that room: gateways go on answering for it."""
        return room_id in self._left

    def others(self, room: Room) -> list[Room]:
        """Return every other room of its community that hears what is said in it, by label."""
        return [one for one in self.community(room.community) if one.id != room.id and self.mode(one.id).hears]

    def mode(self, room_id: str) -> Mode:
        """Return how a room takes part in its community."""
        return self.modes.get(room_id, Mode.NORMAL)

    def named_for_staff(self) -> frozenset[str]:
        """Return the rooms whose topic is the one that was set for the room of the staff."""
        return frozenset(self._named)

    def community(self, prefix: str) -> list[Room]:
        """Return the rooms of one community, by label."""
        rooms = list(self._rooms.values())  # at once: the state file's thread asks, too
        return sorted((room for room in rooms if room.community == prefix), key=_by_number)
