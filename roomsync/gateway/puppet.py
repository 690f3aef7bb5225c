"""python-wechaty on a gateway, made fit for a relay: the one module that imports wechaty."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from grpclib.client import Channel
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import H2Error

from roomsync import errors
from roomsync.config.settings import Settings
from roomsync.gateway.channel import open_channel
from roomsync.gateway.client import Client
from roomsync.gateway.compat import patched_import
from roomsync.gateway.discovery import find_endpoint
from roomsync.gateway.members import Members
from roomsync.gateway.payloads import Contents, payload_of, said_at
from roomsync.gateway.protocol import KINDS, EventRequest, EventSink, Fetch, RawEvent, RawMessage
from roomsync.model import Announcement, Cursor, Kind
from roomsync.session import Session

with patched_import():
    from wechaty_puppet import Puppet, PuppetOptions

    PuppetOptions.__hash__ = object.__hash__
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from wechaty import Wechaty, WechatyOptions
    from wechaty_grpc.wechaty import PuppetStub
    from wechaty_grpc.wechaty.puppet import MessageType
    from wechaty_puppet_service import PuppetService

__all__ = ["GatewayPuppet", "Wechaty", "options", "prepare"]

EVENT = "/wechaty.Puppet/Event"
CALL_TIMEOUT = 30.0  # seconds until a call without an answer is given up
PING_TIMEOUT = 15.0
START_TIMEOUT = 20.0  # a gateway itself gives up after 15
HEARTBEAT_TIMEOUT = 5.0  # gateways of today send a heartbeat at once; those of others may not

# What python-wechaty calls the kinds. It has no word for some, and another one for two.
RENAMED = {Kind.FILE: "ATTACHMENT", Kind.MINIPROGRAM: "MINI_PROGRAM"}
MESSAGE_TYPES = {
    kind: getattr(MessageType, f"MESSAGE_TYPE_{RENAMED.get(kind, kind.name)}", MessageType.MESSAGE_TYPE_UNSPECIFIED)
    for kind in Kind
}


class GatewayPuppet(PuppetService):
    """python-wechaty's client of a gateway, on a connection that logs nobody out.

    `PuppetService.start` stops the account and logs it in again, `stop` logs it out, neither knows TLS, and reading
    events dies of the first one that it cannot parse. This one opens the event stream, then calls Start, and leaves
    by closing the connection. Its own methods raise `errors.GatewayError`; those that it inherits raise as before.
    """

    def __init__(self, settings: Settings, session: Session) -> None:
        # Not PuppetService.__init__: it takes a token from the variables TOKEN and token, and logs it.
        Puppet.__init__(self, PuppetOptions(), "puppet_service")
        self.settings = settings
        self.session = session
        self.client = Client(settings.token)
        self.members = Members(self.client)
        self.contents = Contents(self.client, self.members)
        self.events: EventSink | None = None  # set before `connect`
        self.channel: Channel | None = None
        self._stream: AsyncGenerator[Any, None] | None = None
        self._first: asyncio.Task[Any] | None = None
        self._numbers_events = False  # whether this gateway was seen to do that

    @property
    def endpoint(self) -> str:
        """Where the gateway is, `host:port`; empty before the first connection."""
        return self.client.endpoint

    @property
    def login_user_id(self) -> str | None:  # type: ignore[override]  # set in an __init__ that is not run
        """The account's contact id, which wechaty asks for; None when nobody is logged in."""
        return self.session.account_id or None

    @property
    def puppet_stub(self) -> Any:
        """The stub that inherited methods call. Raises `GatewayLost` while there is none."""
        return self.client.stub

    async def connect(self) -> None:
        """Open the event stream, then call Start: this order logs nobody in or out. Raises `GatewayError`."""
        try:
            await self._connect()
        except errors.AnswerLost as error:
            if isinstance(error, errors.AnswerLate) or not self.settings.no_tls:
                raise
            hint = "if it speaks TLS, set WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT=false"
            raise errors.AnswerLost(f"{error}; {hint}") from error

    async def open(self) -> Channel:
        """Open a connection for calls alone, beside a bot that has the event stream. Raises `GatewayError`."""
        endpoint = await find_endpoint(self.settings)
        self.channel = open_channel(self.settings, endpoint)
        self.client.open(PuppetStub(self.channel, timeout=CALL_TIMEOUT), endpoint)
        return self.channel

    async def _connect(self) -> None:
        channel = await self.open()
        cursor = self.events.cursor if self.events else Cursor()
        self._numbers_events |= cursor.seq > 0
        request = EventRequest(seq=cursor.seq, account_id=cursor.account_id)
        # Not PuppetStub.event: it ends the stream for good at a payload that is not UTF-8.
        stream: AsyncGenerator[Any, None] = PuppetStub(channel)._unary_stream(EVENT, request, RawEvent)
        self._stream, self._first = stream, asyncio.create_task(anext(stream), name="first event")
        await asyncio.wait({self._first}, timeout=HEARTBEAT_TIMEOUT)
        if self._first.done():
            try:
                await self.client.call(asyncio.shield(self._first))
            except StopAsyncIteration:
                raise errors.GatewayLost(f"{self.endpoint} ended the event stream at once") from None
        await self.client.call(PuppetStub(channel, timeout=START_TIMEOUT).start())

    async def listen(self) -> None:
        """Feed `events` until the stream ends. Raises `GatewayError`."""
        assert self._first and self._stream and self.events
        try:
            event = await self.client.call(self._first)
            while True:
                self._numbers_events |= event.seq > 0
                self.events.feed(event.type, event.payload.decode("utf-8", "replace"), event.seq)
                await self.events.has_room()
                event = await self.client.call(anext(self._stream))
        except StopAsyncIteration:
            return

    async def ping(self) -> None:
        """Make a small call that every gateway knows. Raises `GatewayError`."""
        if self.channel is None:
            raise errors.GatewayLost("not connected to the gateway")
        await self.client.call(PuppetStub(self.channel, timeout=PING_TIMEOUT).version())

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
        self._first = self._stream = self.channel = None
        self.client.close()
        self.members.forget()

    start, stop = connect, disconnect

    async def logout(self) -> None:
        """Refuse: this bot never logs WeChat out."""
        raise errors.GatewayError("the bot never logs WeChat out")

    async def message_payload(self, message_id: str) -> Any:
        """Return a message's payload; `kind` and `said_at` are added to it. Unknown types no longer raise IndexError.

        An announcement says all by its id: no gateway is asked. When it was said is looked at only where events are
        numbered, and may be told long after: elsewhere a machine's clock that is wrong by a day must not keep anything
        back.
        """
        announced = Announcement.parse(message_id)
        payload: Any = payload_of(announced) if announced else await self.client.message_payload(message_id)
        payload.kind = KINDS.get(payload.type, Kind.UNKNOWN)
        payload.type = MESSAGE_TYPES[payload.kind]
        payload.said_at = said_at(payload) if self._numbers_events else 0.0
        return payload


def options(puppet: GatewayPuppet) -> Any:
    """Return what to make a Wechaty of that stands on `puppet`; its scheduler, never started, has no job file."""
    return WechatyOptions(puppet=puppet, scheduler=AsyncIOScheduler())


async def prepare(bot: Any) -> Fetch:
    """Do for `bot`, a Wechaty on a GatewayPuppet, what `Wechaty.start` does before it connects; return its `Fetch`.

    `Wechaty.start` itself swallows every error, restarts by itself and starts a web server and a scheduler.
    """
    await bot.init_puppet()
    puppet: GatewayPuppet = bot.puppet

    async def fetch(message_id: str) -> RawMessage:
        message: RawMessage = bot.Message.load(message_id)
        message.payload = await puppet.message_payload(message_id)
        return message

    return fetch
