"""WeChat through a Wechaty gateway: the only module that imports wechaty, and the mends for what is wrong with it."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Sequence
from typing import Any, TypeVar

from grpclib.client import Channel
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import H2Error

from roomsync import errors
from roomsync.config.settings import Settings
from roomsync.gateway.channel import explained, find_endpoint, open_channel
from roomsync.gateway.compat import mended_import
from roomsync.gateway.contents import Contents, RawEvent
from roomsync.gateway.members import Names
from roomsync.inbox.dispatcher import Events, Feed
from roomsync.inbox.incoming import Incoming
from roomsync.model import Kind, Message
from roomsync.session import Session
from roomsync.text.kinds import MEDIA
from roomsync.text.system_messages import is_throttle_error

T = TypeVar("T")
log = logging.getLogger(__name__)

with mended_import():
    from wechaty_puppet import Puppet, PuppetOptions

    PuppetOptions.__hash__ = object.__hash__
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from wechaty import Wechaty, WechatyOptions
    from wechaty_grpc.wechaty import PuppetStub
    from wechaty_grpc.wechaty.puppet import EventRequest, MessageType
    from wechaty_puppet_service import PuppetService

__all__ = ["GatewayPuppet", "Wechaty", "options", "prepare"]

# What a gateway says of a handle made by an earlier process of it: the file behind it is not there.
GONE = "ENOENT"
EVENT = "/wechaty.Puppet/Event"
CALL_TIMEOUT = 30.0  # seconds until a call without an answer is given up
PING_TIMEOUT = 15.0
START_TIMEOUT = 20.0  # a gateway itself gives up after 15
HEARTBEAT_TIMEOUT = 5.0  # gateways of today send a heartbeat at once; those of others may not
TOPIC_TRIES = 2
ROOM_CALLS = 20  # rooms asked for at the same time

# What a gateway calls the kinds (wechaty-puppet, src/schemas/message.ts), and what python-wechaty calls them.
KINDS: dict[int, tuple[Kind, Any]] = {
    1: (Kind.FILE, MessageType.MESSAGE_TYPE_ATTACHMENT),
    2: (Kind.AUDIO, MessageType.MESSAGE_TYPE_AUDIO),
    3: (Kind.CONTACT, MessageType.MESSAGE_TYPE_CONTACT),
    4: (Kind.CHAT_HISTORY, MessageType.MESSAGE_TYPE_CHAT_HISTORY),
    5: (Kind.EMOTICON, MessageType.MESSAGE_TYPE_EMOTICON),
    6: (Kind.IMAGE, MessageType.MESSAGE_TYPE_IMAGE),
    7: (Kind.TEXT, MessageType.MESSAGE_TYPE_TEXT),
    8: (Kind.LOCATION, MessageType.MESSAGE_TYPE_LOCATION),
    9: (Kind.MINIPROGRAM, MessageType.MESSAGE_TYPE_MINI_PROGRAM),
    10: (Kind.GROUP_NOTE, MessageType.MESSAGE_TYPE_UNSPECIFIED),
    11: (Kind.TRANSFER, MessageType.MESSAGE_TYPE_TRANSFER),
    12: (Kind.RED_ENVELOPE, MessageType.MESSAGE_TYPE_RED_ENVELOPE),
    13: (Kind.RECALLED, MessageType.MESSAGE_TYPE_RECALLED),
    14: (Kind.URL, MessageType.MESSAGE_TYPE_URL),
    15: (Kind.VIDEO, MessageType.MESSAGE_TYPE_VIDEO),
    16: (Kind.POST, MessageType.MESSAGE_TYPE_UNSPECIFIED),
    18: (Kind.SYSTEM, MessageType.MESSAGE_TYPE_UNSPECIFIED),
}
UNKNOWN = (Kind.UNKNOWN, MessageType.MESSAGE_TYPE_UNSPECIFIED)


class GatewayPuppet(PuppetService):
    """python-wechaty's client of a gateway, made fit for a relay.

    `PuppetService.start` stops the account and logs it in again, `stop` logs it out, neither knows TLS, and reading
    events dies of the first one that it cannot parse. This one opens the event stream, then calls Start, and leaves
    by closing the connection. Its own methods raise `errors.GatewayError`; those that it inherits raise as before.
    """

    def __init__(self, settings: Settings, session: Session) -> None:
        # Not PuppetService.__init__: it takes a token from the variables TOKEN and token, and logs it.
        Puppet.__init__(self, PuppetOptions(), "puppet_service")
        self.settings = settings
        self.session = session
        self.endpoint = ""
        self.events: Feed | None = None  # set by `prepare`
        self.channel: Channel | None = None
        self._puppet_stub: Any = None
        self._stream: AsyncGenerator[Any, None] | None = None
        self._first: asyncio.Task[Any] | None = None
        self._names = Names(self._stub, self._explained)

    @property
    def login_user_id(self) -> str | None:  # type: ignore[override]  # set in an __init__ that is not run
        """The account's contact id, which wechaty asks for; None when nobody is logged in."""
        return self.session.account_id or None

    # The connection.

    async def connect(self) -> None:
        """Open the event stream, then call Start: this order logs nobody in or out. Raises `GatewayError`."""
        try:
            await self._connect()
        except errors.AnswerLate:
            raise
        except errors.AnswerLost as error:
            hint = "; if it speaks TLS, set WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT=false"
            raise errors.AnswerLost(f"{error}{hint if self.settings.no_tls else ''}") from error

    async def _connect(self) -> None:
        self.endpoint = await find_endpoint(self.settings)
        self.channel = open_channel(self.settings, self.endpoint)
        self._puppet_stub = PuppetStub(self.channel, timeout=CALL_TIMEOUT)
        # Not PuppetStub.event: it ends the stream for good at a payload that is not UTF-8.
        request = EventRequest()
        stream: AsyncGenerator[Any, None] = PuppetStub(self.channel)._unary_stream(EVENT, request, RawEvent)
        self._stream, self._first = stream, asyncio.create_task(anext(stream), name="first event")
        await asyncio.wait({self._first}, timeout=HEARTBEAT_TIMEOUT)
        if self._first.done():
            try:
                await self._explained(asyncio.shield(self._first))
            except StopAsyncIteration:
                raise errors.GatewayLost(f"{self.endpoint} ended the event stream at once") from None
        await self._explained(PuppetStub(self.channel, timeout=START_TIMEOUT).start())

    async def listen(self) -> None:
        """Feed `events` until the stream ends. Raises `GatewayError`."""
        assert self._first and self._stream and self.events
        try:
            event = await self._explained(self._first)
            while True:
                self.events.feed(event.type, event.payload.decode("utf-8", "replace"))
                event = await self._explained(anext(self._stream))
        except StopAsyncIteration:
            return

    async def ping(self) -> None:
        """A small call that every gateway knows. Raises `GatewayError`."""
        if self.channel is None:
            raise errors.GatewayLost("not connected to the gateway")
        await self._explained(PuppetStub(self.channel, timeout=PING_TIMEOUT).version())

    async def disconnect(self) -> None:
        """Close the connection and nothing else. The account stays logged in at the gateway."""
        if self._first:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        if self._stream:
            with contextlib.suppress(GRPCError, StreamTerminatedError, OSError, H2Error):
                await self._stream.aclose()
        if self.channel:
            self.channel.close()
        self._first = self._stream = self.channel = self._puppet_stub = None
        self.forget_names()

    start, stop = connect, disconnect

    async def logout(self) -> None:
        """Refused: this bot never logs WeChat out."""
        raise errors.GatewayError("the bot never logs WeChat out")

    async def _explained(self, call: Awaitable[T]) -> T:
        return await explained(call, self.endpoint, self.settings.token)

    def _stub(self) -> Any:
        if self._puppet_stub is None:
            raise errors.GatewayLost("not connected to the gateway")
        return self._puppet_stub

    # What is said.

    async def message_payload(self, message_id: str) -> Any:
        """A message's payload; `kind` is added to it. Unknown types no longer raise IndexError."""
        payload = await self._explained(self._stub().message_payload(id=message_id))
        payload.kind, payload.type = KINDS.get(payload.type, UNKNOWN)
        return payload

    async def read(self, message: Any) -> Message:
        """A wechaty Message with what a relay needs of it: who said it, and what a card or picture is made of."""
        payload = message.payload
        stub = self._stub()
        name, content = await asyncio.gather(
            self._names.of_member(payload.room_id, payload.from_id),
            Contents(stub, self._explained, self.contact_name).read(message.message_id, payload.kind),
        )
        return Message(message.message_id, payload.room_id, payload.from_id, name, payload.kind, payload.text, content)

    async def contact_name(self, contact_id: str) -> str:
        """The name that a contact chose; empty when the gateway does not give it. Raises `GatewayError`."""
        return await self._names.of_contact(contact_id)

    def forget_names(self) -> None:
        """Ask for members' names again."""
        self._names.forget()

    async def send(self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = ()) -> str | None:
        """One call, one answer: the id of what was sent, where the gateway gives one. Raises `GatewayError`."""
        stub = self._stub()
        if kind is Kind.TEXT:
            call = stub.message_send_text(conversation_id=room_id, text=body, mentonal_ids=list(mentions))
        elif kind is Kind.URL:
            call = stub.message_send_url(conversation_id=room_id, url_link=body)
        elif kind is Kind.MINIPROGRAM:
            call = stub.message_send_mini_program(conversation_id=room_id, mini_program=body)
        else:
            call = stub.message_send_file(conversation_id=room_id, filebox=both_urls(body))
        try:
            return (await self._throttle_told(call)).id or None
        except errors.Throttled:
            raise
        except errors.GatewayRefused as error:
            if kind in MEDIA and GONE in str(error):
                raise errors.Unsendable(f"the file is no longer at the gateway ({error})") from error
            raise

    async def recall(self, sent_id: str) -> bool:
        """Take back what was sent; whether the gateway did. Raises `GatewayError`."""
        return bool((await self._throttle_told(self._stub().message_recall(id=sent_id))).success)

    async def _throttle_told(self, call: Awaitable[T]) -> T:
        """What a call answers; an error that means "too fast", whatever its status, as `Throttled`."""
        try:
            return await self._explained(call)
        except (errors.GatewayRefused, errors.Unsendable) as error:
            if is_throttle_error(str(error)):
                raise errors.Throttled(str(error)) from error
            raise

    # Rooms.

    async def topics(self) -> dict[str, str | None]:
        """Topic of every room of the account, fresh from the gateway; None for one that does not tell it.

        Raises `GatewayError` when the list cannot be had, or the connection is gone.
        """
        ids = (await self._explained(self._stub().room_list())).ids
        slots = asyncio.Semaphore(ROOM_CALLS)

        async def topic(room_id: str) -> str | None:
            async with slots:
                for _ in range(TOPIC_TRIES):
                    try:
                        return await self.topic(room_id)
                    except errors.GatewayError as error:
                        if errors.is_gone(error):
                            raise
                        log.warning("Room %s does not tell its topic: %s", room_id, error)
                return None

        found = await asyncio.gather(*map(topic, ids))
        return dict(zip(ids, found, strict=True))

    async def topic(self, room_id: str) -> str:
        """A room's topic, fresh from the gateway (wechaty's `room.topic()` is stale for ever)."""
        return str((await self._explained(self._stub().room_payload(id=room_id))).topic)


def both_urls(filebox: str) -> str:
    """A file box whose URL both sides can read: python-wechaty writes `remoteUrl`, file-box 1.x reads `url`."""
    try:
        box = json.loads(filebox)
        url = box.get("url") or box.get("remoteUrl")
    except (ValueError, AttributeError):
        return filebox
    return json.dumps({**box, "url": url, "remoteUrl": url}) if url else filebox


def options(puppet: GatewayPuppet) -> Any:
    """What to make a Wechaty of that stands on `puppet`. The scheduler given is never started: it has no job file."""
    return WechatyOptions(puppet=puppet, scheduler=AsyncIOScheduler())


async def prepare(bot: Any, incoming: Incoming) -> Events:
    """Do for `bot`, a Wechaty on a GatewayPuppet, what `Wechaty.start` does before it connects.

    `Wechaty.start` itself swallows every error, restarts by itself and starts a web server and a scheduler.
    """
    await bot.init_puppet()
    puppet: GatewayPuppet = bot.puppet

    async def fetch(message_id: str) -> Any:
        message = bot.Message.load(message_id)
        message.payload = await puppet.message_payload(message_id)
        return message

    events = puppet.events = Events(bot, bot.session, fetch, incoming)
    return events
