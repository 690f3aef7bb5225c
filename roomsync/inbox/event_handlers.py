"""What events other than messages call in the bot, with wechaty's objects: `on_login`, `on_room_join`, ..."""

import json
from collections.abc import Iterator
from datetime import datetime

from roomsync.gateway.protocol import (
    MEMBER_SEPARATOR,
    MILLISECONDS_FROM,
    Bot,
    EventType,
    Payload,
    WechatyContact,
    fault_of_id,
    topic_of,
)
from roomsync.language import _
from roomsync.model import Announcement
from roomsync.session import Session

MAX_TIMESTAMP = 4e12
MAX_EVENT = 100_000  # characters; the longest that is real names 500 people, WeChat's limit for a room
MAX_PEOPLE = 500
MAX_QRCODE = 1000  # characters; a QR code has no room for more
IDS = ("messageId", "contactId", "roomId", "inviterId", "removerId", "changerId")
NEEDED: dict[int, str] = {  # without which an event says nothing
    EventType.MESSAGE: "messageId",
    EventType.LOGIN: "contactId",
    EventType.ROOM_JOIN: "roomId",
    EventType.ROOM_LEAVE: "roomId",
    EventType.ROOM_TOPIC: "roomId",
    EventType.VERIFY_CODE: "id",
}
LISTS_OF_IDS = ("inviteeIdList", "removeeIdList")


def payload_of(event_type: int, text: str) -> Payload:
    """Return an event's payload, its ids such as can be used and the one that it needs there.

    Raises ValueError, or RecursionError, for another one.

    A logout is one, whoever it names.
    """
    if len(text) > MAX_EVENT:
        raise ValueError(_("it has {count} characters, more than {limit}").format(count=len(text), limit=MAX_EVENT))
    payload = json.loads(text)
    if not isinstance(payload, dict):
        raise ValueError(_("it is no JSON object"))
    for key, one in _ids(payload):
        if fault := fault_of_id(one):
            if event_type != EventType.LOGOUT:
                raise ValueError(_("its {key} {fault}").format(key=key, fault=fault))
            payload[key] = None
    if event_type in NEEDED:
        text_of(payload, NEEDED[event_type])
    return payload


def _ids(payload: Payload) -> Iterator[tuple[str, str]]:
    for key in IDS:
        if isinstance(one := payload.get(key), str):
            yield key, one
    yield from (("payloadId", one) for one in string_of(payload, "payloadId").split(MEMBER_SEPARATOR))
    for key in LISTS_OF_IDS:
        people = payload.get(key)
        yield from ((key, one) for one in people if isinstance(one, str)) if isinstance(people, list) else ()


async def call_handler(bot: Bot, session: Session, event_type: EventType, payload: Payload) -> None:
    """Call what wechaty would call in `bot` for an event that is no message, whose payload `payload_of` gave."""
    match event_type:
        case EventType.LOGIN:
            contact_id = text_of(payload, "contactId")
            session.log_in(contact_id)
            await bot.on_login(bot.ContactSelf.load(contact_id))
        case EventType.LOGOUT:
            contact_id = string_of(payload, "contactId") or session.account_id
            session.log_out()
            await bot.on_logout(bot.ContactSelf.load(contact_id))
        case EventType.READY:
            await bot.on_ready(payload)
        case EventType.SCAN:
            await bot.on_scan(qrcode_of(payload), payload.get("status"), payload.get("data"))
        case EventType.ERROR:
            await bot.on_error(payload)
        case EventType.DIRTY:
            await bot.on_dirty(payload.get("payloadType"), string_of(payload, "payloadId"))
        case EventType.VERIFY_CODE:
            message = topic_of(payload.get("message"))
            await bot.on_verify_code(verify_id_of(payload), payload.get("status"), message)
        case EventType.VERIFY_SLIDE:
            await bot.on_verify_slide(_shown(payload, "sliderExeUrl"))
        case _:
            await _call_room_handler(bot, event_type, payload)


async def _call_room_handler(bot: Bot, event_type: EventType, payload: Payload) -> None:
    room, date = bot.Room.load(text_of(payload, "roomId")), _date(payload)

    def contact(key: str) -> WechatyContact:
        return bot.Contact.load(string_of(payload, key))

    def contacts(key: str) -> list[WechatyContact]:
        ids = payload.get(key)
        people = ids[:MAX_PEOPLE] if isinstance(ids, list) else []
        return [bot.Contact.load(one) for one in people if isinstance(one, str)]

    match event_type:
        case EventType.ROOM_JOIN:
            await bot.on_room_join(room, contacts("inviteeIdList"), contact("inviterId"), date)
        case EventType.ROOM_LEAVE:
            await bot.on_room_leave(room, contacts("removeeIdList"), contact("removerId"), date)
        case EventType.ROOM_TOPIC:
            new, old = topic_of(payload.get("newTopic")), topic_of(payload.get("oldTopic"))
            await bot.on_room_topic(room, new, old, contact("changerId"), date)


def text_of(payload: Payload, key: str) -> str:
    """Return a text of an event. Raises ValueError when there is none."""
    value = payload.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(_("its {key} is missing, or no text").format(key=key))
    return value


def verify_id_of(payload: Payload) -> str:
    """Return what WeChat's question for a verify code is called. Raises ValueError when it has no usable name."""
    verify_id = text_of(payload, "id")
    if fault := fault_of_id(verify_id):
        raise ValueError(_("its id {fault}").format(fault=fault))
    return verify_id


def announcement_of(payload: Payload) -> Announcement:
    """Return what an event of the type ROOM_ANNOUNCE says. Raises ValueError when it has no room, or no words.

    Source: EventRoomAnnouncePayload in src/schemas/event.ts of npm `@juzi/wechaty-puppet`.
    """
    stamp = payload.get("timestamp")
    is_time = isinstance(stamp, int | float) and 0 < stamp < MAX_TIMESTAMP
    words = text_of(payload, "newAnnounce").encode("utf-8", "replace").decode()
    return Announcement(
        text_of(payload, "roomId"), string_of(payload, "changerId"), f"{stamp:.0f}" if is_time else "", words
    )


def qrcode_of(payload: Payload) -> str:
    """Return what stands in the QR code of a scan event; empty when there is none that can be shown."""
    return _shown(payload, "qrcode")


def _shown(payload: Payload, key: str) -> str:
    value = string_of(payload, key)
    return value if len(value) <= MAX_QRCODE and value.isprintable() else ""


def string_of(payload: Payload, key: str) -> str:
    """Return a text of an event; empty when there is none."""
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def _date(payload: Payload) -> datetime:
    """Return when it happened: gateways send seconds or milliseconds, or nothing."""
    stamp = payload.get("timestamp")
    if not isinstance(stamp, int | float) or not 0 < stamp < MAX_TIMESTAMP:
        return datetime.now()
    return datetime.fromtimestamp(stamp / 1000 if stamp > MILLISECONDS_FROM else stamp)
