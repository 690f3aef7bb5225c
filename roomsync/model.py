"""What the wings hand each other: plain dataclasses and enums. Imports nothing of ours, and knows no I/O.

Ids of rooms, messages and contacts are the gateway's, as text. Times are in seconds since the epoch.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

MAX_DELAY = 900.0  # seconds; when the oldest delivery waits longer, the bot does not keep up


class Kind(StrEnum):
    """What was said; the values are what the state file, DAILY_LIMITS and HOLD_KINDS call it."""

    TEXT = "text"
    IMAGE = "image"
    URL = "url"
    MINIPROGRAM = "miniprogram"
    FILE = "file"
    VIDEO = "video"
    EMOTICON = "emoticon"
    AUDIO = "audio"
    CONTACT = "contact"
    CHAT_HISTORY = "chat_history"
    LOCATION = "location"
    GROUP_NOTE = "group_note"
    TRANSFER = "transfer"
    RED_ENVELOPE = "red_envelope"
    RECALLED = "recalled"
    POST = "post"
    CHANNEL = "channel"
    CALL = "call"
    NOTE = "note"
    PRODUCT = "product"
    ORDER = "order"
    SYSTEM = "system"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Hours:
    """Hours of every day, in minutes since midnight; they span it where `end` is the earlier one."""

    start: int
    end: int


@dataclass(frozen=True)
class Cursor:
    """The last event of an account that is committed, as the gateway numbers them; `seq` is 0 where it does not."""

    account_id: str = ""
    seq: int = 0


@dataclass(frozen=True)
class Quote:
    """A reply with what it answers: who said that (`name`), its words, and its id where the gateway tells.

    `key`: that of the one message that is quoted, in the state file, where the gateway's id leads to one.
    """

    name: str
    content: str
    reply: str
    message_id: str = ""
    key: int | None = None


@dataclass(frozen=True)
class Message:
    """One thing said in a source room.

    `name` is the talker's in that room. `content` is what a card, a file or a place is made of, as JSON text, a card's
    and a file's as the gateway gave it; None for text and when the gateway did not give it. `said_at`: when it was said
    by the gateway's word, seconds since the epoch; 0 when nothing has to be made of that. `quote_id`: the gateway's id
    of what it quotes, where the gateway tells no more of that.
    """

    id: str
    room_id: str
    talker_id: str
    name: str
    kind: Kind
    text: str = ""
    content: str | None = None
    quote: Quote | None = None
    mention_ids: tuple[str, ...] = ()
    said_at: float = 0.0
    quote_id: str = ""


ANNOUNCED, SEPARATOR = "announcement", "\x1f"  # no id that a gateway gives has the second


@dataclass(frozen=True)
class Announcement:
    """What was set as the announcement of a room, and by whom (empty where nobody is named).

    `stamp`: when, as the gateway writes it; empty when it does not. Gateways give it no id and are not asked for it
    again, so its id is all that it says: the same event is known by it, and a restart loses nothing.
    """

    room_id: str
    changer_id: str
    stamp: str
    words: str

    @property
    def id(self) -> str:
        """The id of the message that it becomes."""
        return SEPARATOR.join((ANNOUNCED, self.room_id, self.changer_id, self.stamp, self.words))

    @classmethod
    def parse(cls, message_id: str) -> "Announcement | None":
        """Return the announcement that has this id; None when it is the id of a message that a gateway has."""
        name, *fields = message_id.split(SEPARATOR, 4)
        return cls(*fields) if name == ANNOUNCED and len(fields) == 4 else None


@dataclass(frozen=True)
class Author:
    """Who said what was quoted: contact id, name, and the room where it was said."""

    id: str
    name: str
    room_id: str


@dataclass(frozen=True)
class Room:
    """A WeChat group chat of a community. `label` is what its topic has after the community's prefix."""

    id: str
    topic: str
    community: str
    label: str


class Mode(StrEnum):
    """How a room takes part in its community."""

    NORMAL = "normal"
    RECEIVE = "receive"  # it hears all, and is not relayed
    SEND = "send"  # it is relayed, and hears nothing
    OFF = "off"
    ASKED = "asked"  # off, until staff says whether it may join

    @property
    def hears(self) -> bool:
        """Whether what is said in other rooms is relayed to it."""
        return self in (Mode.NORMAL, Mode.RECEIVE)

    @property
    def speaks(self) -> bool:
        """Whether what is said in it is relayed."""
        return self in (Mode.NORMAL, Mode.SEND)


@dataclass(frozen=True)
class Part:
    """One thing to send, said by whom `header` names: for the kind TEXT `body` is the words, else the gateway's JSON.

    `mention`: the id of the one member who is told of it. `caption`: it only says who sent the part after it. Of the
    kind RECALLED, `body` is the line for a room in which the message cannot be taken back; empty for none. Of a reply
    `quoted` is the key of the message that it quotes, if the bot knows it, and `quote_line` the line that says so where
    the gateway cannot quote.
    """

    kind: Kind
    body: str
    header: str = ""
    mention: str = ""
    caption: bool = False
    quoted: int | None = None
    quote_line: str = ""


class FilterMode(StrEnum):
    """What becomes of a message for which there are reasons not to relay it."""

    OFF = "off"  # nobody asks for reasons
    OBSERVE = "observe"  # it is relayed, and staff is told
    HOLD = "hold"


class Decision(IntEnum):
    """What a filter says should become of a message; the strictest counts."""

    RELAY = 0  # if there are reasons, staff is told
    HOLD = 1  # a person decides
    DROP = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Verdict:
    """A filter's answer, and why."""

    decision: Decision
    reasons: tuple[str, ...] = ()


class State(StrEnum):
    """Where a delivery is in its life."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    OMITTED = "omitted"  # a caption that would only say the same once more
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a delivery was cancelled."""

    RECALLED = "recalled"  # its author took the message back
    ROOM_LEFT = "room_left"  # its room is no longer in the community, or the bot no longer in the room
    ROOM_SHUT = "room_shut"  # staff decided that its room hears nothing
    UNDONE = "undone"  # staff took back the recall that it was of
    COUNTED = "counted"  # a picture of the quiet hours: a line, which has this reason, too, says how many there were


@dataclass(frozen=True)
class Head:
    """A room with waiting deliveries. `urgent`: one goes ahead of those of other rooms; `urgent_at`: it does then."""

    room_id: str
    urgent: bool = False
    urgent_at: float | None = None


@dataclass(frozen=True)
class Shown:
    """What a send shows to a room: of whom, under which header, of which kind."""

    talker_id: str
    header: str
    kind: Kind


@dataclass(frozen=True)
class Send:
    """One call to the gateway for one room, carrying one delivery or, of texts, several.

    `body` is the text, or the gateway's JSON for any other kind. Of the kind RECALLED nothing is sent: an earlier send
    is taken back, and `body` is the line for where that cannot be. `attempts`: how often its first delivery was tried.
    `quote_id`: the gateway's id of what the text quotes in that room; empty for none.
    """

    id: int
    room_id: str
    kind: Kind
    body: str
    deliveries: tuple[int, ...]
    attempts: int
    mentions: tuple[str, ...] = ()
    shows: Shown | None = None  # of its first delivery
    repeated: bool = field(default=False, compare=False)  # it may have been made before
    quote_id: str = ""
