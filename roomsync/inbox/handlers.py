"""What a gateway's events call in the bot: `on_login`, `on_scan`, `on_room_join`, ..., with wechaty's objects."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from roomsync.session import Session

# The numbers of wechaty's EventType (wechaty/grpc, proto/wechaty/puppet/event.proto).
MESSAGE, ERROR, ROOM_JOIN, ROOM_LEAVE, ROOM_TOPIC, SCAN, READY, LOGIN, LOGOUT, DIRTY = (
    2,
    16,
    19,
    20,
    21,
    22,
    23,
    25,
    26,
    27,
)
UNHEARD = frozenset({1, 3, 17, 18, 24})  # heartbeat, dong, friendship, room invitation, reset: nothing to do
# Of wechaty's PayloadType: what a "dirty" event says is out of date.
DIRTY_ROOM = 3

Payload = dict[str, Any]


class Handlers:
    """Gives each event but messages, which need more care, to the handler of `bot` that wechaty would call."""

    def __init__(self, bot: Any, session: Session) -> None:
        self._bot = bot
        self._session = session
        self.by_type: dict[int, Callable[[Payload], Coroutine[Any, Any, None]]] = {
            LOGIN: self._login,
            LOGOUT: self._logout,
            READY: self._ready,
            SCAN: self._scan,
            ERROR: self._error,
            ROOM_JOIN: self._room_join,
            ROOM_LEAVE: self._room_leave,
            ROOM_TOPIC: self._room_topic,
            DIRTY: self._dirty,
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
        invitees = [self._bot.Contact.load(str(i)) for i in payload.get("inviteeIdList") or ()]
        inviter = self._bot.Contact.load(str(payload.get("inviterId") or ""))
        await self._bot.on_room_join(self._room(payload), invitees, inviter, _date(payload))

    async def _room_leave(self, payload: Payload) -> None:
        leavers = [self._bot.Contact.load(str(i)) for i in payload.get("removeeIdList") or ()]
        remover = self._bot.Contact.load(str(payload.get("removerId") or ""))
        await self._bot.on_room_leave(self._room(payload), leavers, remover, _date(payload))

    async def _room_topic(self, payload: Payload) -> None:
        changer = self._bot.Contact.load(str(payload.get("changerId") or ""))
        new, old = str(payload.get("newTopic") or ""), str(payload.get("oldTopic") or "")
        await self._bot.on_room_topic(self._room(payload), new, old, changer, _date(payload))

    async def _dirty(self, payload: Payload) -> None:
        """A gateway says that what was loaded of a contact, a member or a room is out of date."""
        self._bot.puppet.forget_names()
        if payload.get("payloadType") == DIRTY_ROOM:
            await self._bot.on_room_dirty(self._bot.Room.load(text_of(payload, "payloadId")))

    def _room(self, payload: Payload) -> Any:
        return self._bot.Room.load(text_of(payload, "roomId"))


def text_of(payload: Payload, key: str) -> str:
    value = payload.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"its {key} is {value!r:.100}")
    value.encode()  # raises for what UTF-8 cannot say, which neither the gateway nor the state file could take
    return value


def _date(payload: Payload) -> datetime:
    """Gateways send seconds or milliseconds (python-wechaty#1290), or nothing."""
    stamp = payload.get("timestamp")
    if not isinstance(stamp, int | float) or not 0 < stamp < 4e12:
        return datetime.now()
    return datetime.fromtimestamp(stamp / 1000 if stamp > 1e11 else stamp)
