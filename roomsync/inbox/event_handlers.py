"""What events other than messages call in the bot, with wechaty's objects: `on_login`, `on_room_join`, ..."""

from datetime import datetime

from roomsync.gateway.protocol import Bot, EventType, Payload, WechatyContact
from roomsync.session import Session

MILLISECONDS_FROM = 1e11  # a larger time is in milliseconds (python-wechaty#1290)
MAX_TIMESTAMP = 4e12


async def call_handler(bot: Bot, session: Session, event_type: EventType, payload: Payload) -> None:
    """Call what wechaty would call in `bot` for an event that is no message. Raises ValueError for a bad payload."""
    match event_type:
        case EventType.LOGIN:
            contact_id = text_of(payload, "contactId")
            session.log_in(contact_id)
            await bot.on_login(bot.ContactSelf.load(contact_id))
        case EventType.LOGOUT:
            contact_id = str(payload.get("contactId") or session.account_id)
            session.log_out()
            await bot.on_logout(bot.ContactSelf.load(contact_id))
        case EventType.READY:
            await bot.on_ready(payload)
        case EventType.SCAN:
            await bot.on_scan(str(payload.get("qrcode") or ""), payload.get("status"), payload.get("data"))
        case EventType.ERROR:
            await bot.on_error(payload)
        case EventType.DIRTY:
            await bot.on_dirty(payload.get("payloadType"), str(payload.get("payloadId") or ""))
        case _:
            await _call_room_handler(bot, event_type, payload)


async def _call_room_handler(bot: Bot, event_type: EventType, payload: Payload) -> None:
    room, date = bot.Room.load(text_of(payload, "roomId")), _date(payload)

    def contact(key: str) -> WechatyContact:
        return bot.Contact.load(str(payload.get(key) or ""))

    def contacts(key: str) -> list[WechatyContact]:
        ids = payload.get(key)
        return [bot.Contact.load(str(one)) for one in ids] if isinstance(ids, list) else []

    match event_type:
        case EventType.ROOM_JOIN:
            await bot.on_room_join(room, contacts("inviteeIdList"), contact("inviterId"), date)
        case EventType.ROOM_LEAVE:
            await bot.on_room_leave(room, contacts("removeeIdList"), contact("removerId"), date)
        case EventType.ROOM_TOPIC:
            new, old = str(payload.get("newTopic") or ""), str(payload.get("oldTopic") or "")
            await bot.on_room_topic(room, new, old, contact("changerId"), date)


def text_of(payload: Payload, key: str) -> str:
    """Return a text of an event. Raises ValueError when there is none, or one that no text can be."""
    value = payload.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"its {key} is {value!r:.100}")
    value.encode()  # raises for what UTF-8 cannot say, which neither the gateway nor the state file could take
    return value


def _date(payload: Payload) -> datetime:
    """Return when it happened: gateways send seconds or milliseconds, or nothing."""
    stamp = payload.get("timestamp")
    if not isinstance(stamp, int | float) or not 0 < stamp < MAX_TIMESTAMP:
        return datetime.now()
    return datetime.fromtimestamp(stamp / 1000 if stamp > MILLISECONDS_FROM else stamp)
