"""The gateway's protocol, as far as other wings need it: types of events, kinds of message, and who takes what.

The numbers are those of wechaty/grpc (proto/wechaty/puppet/event.proto) and wechaty-puppet (src/schemas/message.ts).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Protocol, TypeVar

import betterproto

from roomsync.language import _
from roomsync.model import Cursor, Kind
from roomsync.text.characters import UNSAFE, first_line, harmless, plain
from roomsync.text.kinds import fields_of

MILLISECONDS_FROM = 1e11  # a larger time is in milliseconds (python-wechaty#1290)
MAX_ID = 256  # characters; those of today's gateways have at most 70

T_co = TypeVar("T_co", covariant=True)
Payload = dict[str, object]  # of an event: a JSON object


class EventType(IntEnum):
    """What a gateway reports unasked."""

    HEARTBEAT = 1
    MESSAGE = 2
    DONG = 3
    ERROR = 16
    FRIENDSHIP = 17
    ROOM_INVITATION = 18
    ROOM_JOIN = 19
    ROOM_LEAVE = 20
    ROOM_TOPIC = 21
    SCAN = 22
    READY = 23
    RESET = 24
    LOGIN = 25
    LOGOUT = 26
    DIRTY = 27
    ROOM_ANNOUNCE = 32
    VERIFY_CODE = 33
    VERIFY_SLIDE = 34


# Nothing has to be done about these.
IGNORED_EVENTS = frozenset(
    {EventType.HEARTBEAT, EventType.DONG, EventType.FRIENDSHIP, EventType.ROOM_INVITATION, EventType.RESET}
)
# Of a question for a verify code (src/schemas/verify-code.ts of npm `@juzi/wechaty-puppet`): how it stands.
CODE_EXPIRED, CODE_WRONG = 2, 3
# What a "dirty" event says is out of date (wechaty-puppet, src/schemas/dirty.ts); other things are not remembered.
DIRTY_CONTACT, DIRTY_ROOM, DIRTY_MEMBER = 2, 3, 4
# Between room and contact in the id of a member: STRING_SPLITTER of wechaty-puppet (src/config.ts) and its kin.
MEMBER_SEPARATOR = "\x1f"

KINDS = {
    0: Kind.UNKNOWN,
    1: Kind.FILE,
    2: Kind.AUDIO,
    3: Kind.CONTACT,
    4: Kind.CHAT_HISTORY,
    5: Kind.EMOTICON,
    6: Kind.IMAGE,
    7: Kind.TEXT,
    8: Kind.LOCATION,
    9: Kind.MINIPROGRAM,
    10: Kind.GROUP_NOTE,
    11: Kind.TRANSFER,
    12: Kind.RED_ENVELOPE,
    13: Kind.RECALLED,
    14: Kind.URL,
    15: Kind.VIDEO,
    16: Kind.POST,
    17: Kind.CHANNEL,
    18: Kind.SYSTEM,
    # Of npm `@juzi/wechaty-puppet` alone.
    19: Kind.TEXT,  # Markdown
    20: Kind.CALL,
    22: Kind.NOTE,
    23: Kind.CHANNEL,  # a channel's card
    26: Kind.PRODUCT,  # of a shop in WeChat
    27: Kind.ORDER,
}


def fault_of_id(value: str) -> str:
    """Return what is wrong with an id of a message, room or contact, as the rest of a sentence; empty when nothing is.

    Ids are asked for and compared as they are, so none is mended: what has such a one is refused.
    """
    if len(value) > MAX_ID:
        return _("is longer than {limit} characters: {value}").format(limit=MAX_ID, value=harmless(value, 40))
    return _("has a character that no id has: {value}").format(value=harmless(value)) if UNSAFE.search(value) else ""


def topic_of(value: object) -> str:
    """Return a room's topic, or a person's name, as it enters: one short line; empty when it is no text."""
    return plain(value) if isinstance(value, str) else ""


def error_of(payload: Payload) -> str:
    """Return the first line of what an error event says: `{"data": "..."}`, or `{"gerror": "<JSON with a message>"}`.

    The second is of 1.x gateways (GError of npm `gerror`).
    """
    words = next((one for one in map(payload.get, ("data", "gerror")) if isinstance(one, str) and one), "")
    message = fields_of(words).get("message")
    return first_line(message if isinstance(message, str) else words) or _("it does not say which")


@dataclass
class RawEvent(betterproto.Message):
    """An event, its payload not decoded: it may not be UTF-8."""

    type: int = betterproto.int32_field(1)
    payload: bytes = betterproto.bytes_field(2)
    seq: int = betterproto.int32_field(3)  # of gateways that number their events; else 0


@dataclass
class EventRequest(betterproto.Message):
    """What opens the event stream, with the last event that is known (event.proto of npm `@juzi/wechaty-grpc`).

    Without one it is the empty message of wechaty/grpc.
    """

    seq: int = betterproto.int32_field(1)
    account_id: str = betterproto.string_field(2)


class EventSink(Protocol):
    """What takes events as they come; `feed` must not raise. `has_room` waits until one more may come.

    `cursor`: the last event that is committed, which the gateway is told when it is connected to.
    """

    @property
    def cursor(self) -> Cursor: ...
    def feed(self, event_type: int, text: str, seq: int = 0) -> None: ...
    async def has_room(self) -> None: ...


class RawPayload(Protocol):
    """What a gateway says of a message."""

    room_id: str


class RawMessage(Protocol):
    """A wechaty Message whose payload is loaded."""

    message_id: str
    payload: RawPayload


Fetch = Callable[[str], Awaitable[RawMessage]]  # returns the wechaty Message of an id, payload loaded


class WechatyContact(Protocol):
    """A wechaty Contact."""

    contact_id: str


class WechatyRoom(Protocol):
    """A wechaty Room."""

    room_id: str


class Loader(Protocol[T_co]):
    """The class of a bot's contacts or rooms: `load` returns the one of that id, and asks the gateway nothing."""

    def load(self, id: str, /) -> T_co: ...


class Bot(Protocol):
    """A Wechaty subclass with the handlers that are called for events.

    Not of wechaty's own are `on_dirty`: what is known of a contact, a member or a room is out of date (that of a room
    may be called beside any other); `on_verify_code` and `on_verify_slide`: WeChat asks who logs in.
    """

    Contact: Loader[WechatyContact]
    ContactSelf: Loader[WechatyContact]
    Room: Loader[WechatyRoom]

    async def on_login(self, contact: WechatyContact) -> None: ...
    async def on_logout(self, contact: WechatyContact) -> None: ...
    async def on_ready(self, payload: Payload) -> None: ...
    async def on_scan(self, qr_code: str, status: object, data: object = None) -> None: ...
    async def on_error(self, payload: Payload) -> None: ...
    async def on_message(self, msg: RawMessage) -> None: ...
    async def on_room_join(
        self, room: WechatyRoom, invitees: list[WechatyContact], inviter: WechatyContact, date: datetime
    ) -> None: ...
    async def on_room_leave(
        self, room: WechatyRoom, leavers: list[WechatyContact], remover: WechatyContact, date: datetime
    ) -> None: ...
    async def on_room_topic(
        self, room: WechatyRoom, new_topic: str, old_topic: str, changer: WechatyContact, date: datetime
    ) -> None: ...
    async def on_dirty(self, payload_type: object, payload_id: str) -> None: ...
    async def on_verify_code(self, verify_id: str, status: object, message: str) -> None: ...
    async def on_verify_slide(self, url: str) -> None: ...
