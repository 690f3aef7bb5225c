"""The gateway's protocol, as far as other wings need it: types of events, kinds of message, and who takes what.

The numbers are those of wechaty/grpc (proto/wechaty/puppet/event.proto) and wechaty-puppet (src/schemas/message.ts).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Protocol

import betterproto

from roomsync.model import Kind

Payload = dict[str, object]  # of an event: a JSON object


class EventType(IntEnum):
    """What a gateway tells of by itself."""

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


# Nothing has to be done about these.
IGNORED_EVENTS = frozenset(
    {EventType.HEARTBEAT, EventType.DONG, EventType.FRIENDSHIP, EventType.ROOM_INVITATION, EventType.RESET}
)
DIRTY_ROOM = 3  # of wechaty's PayloadType: what a "dirty" event says is out of date

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
    18: Kind.SYSTEM,
}


@dataclass
class RawEvent(betterproto.Message):
    """An event, its payload not decoded: it may not be UTF-8."""

    type: int = betterproto.int32_field(1)
    payload: bytes = betterproto.bytes_field(2)


class EventSink(Protocol):
    """What takes events as they come."""

    def feed(self, event_type: int, text: str) -> None:
        """Take an event; must not raise."""


class RawPayload(Protocol):
    """What a gateway tells of a message."""

    room_id: str


class RawMessage(Protocol):
    """A wechaty Message whose payload is loaded."""

    message_id: str
    payload: RawPayload


class WechatyContact(Protocol):
    """A wechaty Contact."""

    contact_id: str


class WechatyRoom(Protocol):
    """A wechaty Room."""

    room_id: str


class ContactLoader(Protocol):
    """The class of a bot's contacts."""

    def load(self, contact_id: str) -> WechatyContact:
        """Return the contact of that id; asks the gateway nothing."""


class RoomLoader(Protocol):
    """The class of a bot's rooms."""

    def load(self, room_id: str) -> WechatyRoom:
        """Return the room of that id; asks the gateway nothing."""


class Bot(Protocol):
    """A Wechaty subclass with the handlers that are called for events."""

    Contact: ContactLoader
    ContactSelf: ContactLoader
    Room: RoomLoader

    async def on_login(self, contact: WechatyContact) -> None:
        """WeChat is logged in."""

    async def on_logout(self, contact: WechatyContact) -> None:
        """WeChat is logged out."""

    async def on_ready(self, payload: Payload) -> None:
        """The gateway has loaded its contacts and rooms."""

    async def on_scan(self, qr_code: str, status: object, data: object = None) -> None:
        """Somebody has to scan a QR code for the login."""

    async def on_error(self, payload: Payload) -> None:
        """The gateway reports an error."""

    async def on_message(self, msg: RawMessage) -> None:
        """Something was said."""

    async def on_room_join(
        self, room: WechatyRoom, invitees: list[WechatyContact], inviter: WechatyContact, date: datetime
    ) -> None:
        """Somebody joined a room."""

    async def on_room_leave(
        self, room: WechatyRoom, leavers: list[WechatyContact], remover: WechatyContact, date: datetime
    ) -> None:
        """Somebody is no longer in a room."""

    async def on_room_topic(
        self, room: WechatyRoom, new_topic: str, old_topic: str, changer: WechatyContact, date: datetime
    ) -> None:
        """A room has another topic."""

    async def on_dirty(self, payload_type: object, payload_id: str) -> None:
        """What is known of a contact, a member or a room is out of date. Not one of wechaty's own handlers."""
