"""What a gateway's events call in the bot: `on_login`, `on_scan`, `on_room_join`, ..., with wechaty's objects."""

from collections.abc import Callable, Coroutine
from datetime import datetime

from roomsync.gateway.protocol import Bot, EventType, Payload, WechatyContact, WechatyRoom
from roomsync.session import Session

Handler = Callable[[Payload], Coroutine[None, None, None]]
MILLISECONDS_FROM = 1e11  # a larger time is in milliseconds (python-wechaty#1290)
MAX_TIMESTAMP = 4e12


class Handlers:
    """Gives each event but messages, which need more care, to the handler of `bot` that wechaty would call."""

    def __init__(self, bot: Bot, session: Session) -> None:
        self._bot = bot
        self._session = session
        self.by_type: dict[EventType, Handler] = {
            EventType.LOGIN: self._login,
            EventType.LOGOUT: self._logout,
            EventType.READY: self._ready,
            EventType.SCAN: self._scan,
            EventType.ERROR: self._error,
            EventType.ROOM_JOIN: self._room_join,
            EventType.ROOM_LEAVE: self._room_leave,
            EventType.ROOM_TOPIC: self._room_topic,
            EventType.DIRTY: self._dirty,
        }

    async def _login(self, payload: Payload) -> None:
        contact_id = text_of(payload, "contactId")
        self._session.log_in(contact_id)
        await self._bot.on_login(self._bot.ContactSelf.load(contact_id))

    async def _logout(self, payload: Payload) -> None:
        contact_id = str(payload.get("contactId") or self._session.account_id)
        self._session.log_out()
        await self._bot.on_logout(self._bot.ContactSelf.load(contact_id))

    async def _ready(self, payload: Payload) -> None:
        await self._bot.on_ready(payload)

    async def _scan(self, payload: Payload) -> None:
        await self._bot.on_scan(str(payload.get("qrcode") or ""), payload.get("status"), payload.get("data"))

    async def _error(self, payload: Payload) -> None:
        await self._bot.on_error(payload)

    async def _room_join(self, payload: Payload) -> None:
        invitees, inviter = self._contacts(payload, "inviteeIdList"), self._contact(payload, "inviterId")
        await self._bot.on_room_join(self._room(payload), invitees, inviter, _date(payload))

    async def _room_leave(self, payload: Payload) -> None:
        leavers, remover = self._contacts(payload, "removeeIdList"), self._contact(payload, "removerId")
        await self._bot.on_room_leave(self._room(payload), leavers, remover, _date(payload))

    async def _room_topic(self, payload: Payload) -> None:
        new, old = str(payload.get("newTopic") or ""), str(payload.get("oldTopic") or "")
        changer = self._contact(payload, "changerId")
        await self._bot.on_room_topic(self._room(payload), new, old, changer, _date(payload))

    async def _dirty(self, payload: Payload) -> None:
        await self._bot.on_dirty(payload.get("payloadType"), text_of(payload, "payloadId"))

    def _room(self, payload: Payload) -> WechatyRoom:
        return self._bot.Room.load(text_of(payload, "roomId"))

    def _contact(self, payload: Payload, key: str) -> WechatyContact:
        return self._bot.Contact.load(str(payload.get(key) or ""))

    def _contacts(self, payload: Payload, key: str) -> list[WechatyContact]:
        ids = payload.get(key)
        return [self._bot.Contact.load(str(one)) for one in ids] if isinstance(ids, list) else []


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
