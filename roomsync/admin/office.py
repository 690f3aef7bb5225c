"""What commands work on: the rooms by their labels, the communities by their names, and the bot's state."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from roomsync.admin.decisions import Decided
from roomsync.admin.replies import Context, Refused
from roomsync.admin.syntax import number_of
from roomsync.delivery.gate import Gate
from roomsync.model import Room
from roomsync.relay.presenter import Presenter
from roomsync.relay.rooms import Rooms
from roomsync.session import Session
from roomsync.text.characters import fold

MIN_START = 2  # characters of a community's name that name it


@dataclass(frozen=True)
class Office:
    """The bot, as far as staff can change it. `clock`: seconds since the epoch; `max_text`: bytes of one text;
    `ttl`: seconds after which a message is too old to be sent.
    """

    decided: Decided
    session: Session
    gate: Gate
    presenter: Presenter
    clock: Callable[[], float]
    max_text: int
    ttl: float

    @property
    def rooms(self) -> Rooms:
        """The rooms of all communities."""
        return self.decided.rooms

    def all_rooms(self, community: str = "") -> list[Room]:
        """Return the rooms of a community, or of all; each community by label."""
        prefixes = [community] if community else self.rooms.prefixes
        return [room for prefix in prefixes for room in self.rooms.community(prefix)]

    def split_community(self, text: str) -> tuple[str, str]:
        """Return the community that the first word of a text names, empty for none, and the rest of the text."""
        word, _, rest = text.strip().partition(" ")
        starts = [one for one in self.rooms.prefixes if fold(one).startswith(fold(word))]
        exact = [one for one in starts if fold(one) == fold(word)]
        found = exact or (starts if len(fold(word)) >= MIN_START and not fold(word).isdecimal() else [])
        return (found[0], rest.strip()) if len(found) == 1 else ("", text.strip())

    def room(self, text: str) -> Room:
        """Return the room that a text names by its label, with its community before it where that is needed, or `#5`.

        Raises `Refused`.
        """
        community, label = self.split_community(text)
        rooms = self.all_rooms(community)
        label = re.sub(r"^([#＃]\s*\d+)（.*）$", r"\1", label)  # as answers write it: `#5（101）`
        if label[:1] in ("#", "＃") and (number := number_of(label)) is not None:
            rooms = [room for room in rooms if self.rooms.numbers.get(room.id) == number]
            label = rooms[0].label if rooms else label
        found = [room for room in rooms if fold(room.label) == fold(label)] or [
            room for room in rooms if fold(room.topic) == fold(text)
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise Refused(f"没有「{label or text}」这个群。发 /群 看全部。")
        names = "、".join(map(self.label, found))
        raise Refused(f"有 {len(found)} 个群叫「{label}」，请写其中一个：{names}")

    def scope(self, community: str) -> str:
        """Return how an answer says for which rooms something is; empty where there is one community alone."""
        if len(self.rooms.prefixes) < 2:
            return ""
        return f"「{community}」" if community else "全部社群"

    def label(self, room: Room) -> str:
        """Return what a room is called in an answer; where another one has that label, by its number: `#5（101）`."""
        short = self.short_label(room)
        return short if len(self.rooms.prefixes) < 2 else f"{room.community} {short}"

    def short_label(self, room: Room) -> str:
        """Return what a room is called below its community."""
        alike = [one for one in self.rooms.community(room.community) if fold(one.label) == fold(room.label)]
        return room.label if len(alike) < 2 else f"#{self.rooms.numbers.get(room.id, 0)}（{room.label}）"


def person(context: Context) -> str:
    """Return what who gives a command is called on record."""
    return context.name or context.contact_id or "本机"
