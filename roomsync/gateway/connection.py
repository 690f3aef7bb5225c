"""The connection to a gateway, without wechaty: its events, and calls beside them. It logs nobody in or out."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from grpclib.client import Channel
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import H2Error
from wechaty_grpc.wechaty import PuppetStub

from roomsync import errors
from roomsync.config.settings import Settings
from roomsync.gateway.channel import open_channel
from roomsync.gateway.client import Client
from roomsync.gateway.discovery import find_endpoint
from roomsync.gateway.members import Members
from roomsync.gateway.protocol import EventRequest, EventSink, RawEvent
from roomsync.language import _
from roomsync.model import Cursor

EVENT = "/wechaty.Puppet/Event"
CALL_TIMEOUT = 30.0  # seconds until a call without an answer is given up
PING_TIMEOUT = 15.0
START_TIMEOUT = 20.0  # a gateway itself gives up after 15
HEARTBEAT_TIMEOUT = 5.0  # gateways of today send a heartbeat at once; those of others may not


class Connection:
    """A connection to a gateway that is opened by `connect`, or by `open` for calls alone.

    It opens the event stream, then calls Start, and leaves by closing the connection: this logs nobody in or out.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = Client(settings.token)
        self.members = Members(self.client)
        self.events: EventSink | None = None  # set before `connect`
        self.channel: Channel | None = None
        self._stream: AsyncGenerator[Any, None] | None = None
        self._first: asyncio.Task[Any] | None = None
        self._numbers_events = False  # whether this gateway was seen to do that

    @property
    def endpoint(self) -> str:
        """Where the gateway is, `host:port`; empty before the first connection."""
        return self.client.endpoint

    async def connect(self) -> None:
        """Open the event stream, then call Start: this order logs nobody in or out. Raises `GatewayError`."""
        try:
            await self._connect()
        except errors.AnswerLost as error:
            if isinstance(error, errors.AnswerLate) or not self.settings.no_tls:
                raise
            hint = _("if it speaks TLS, set WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT=false")
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
                raise errors.GatewayLost(
                    _("{endpoint} ended the event stream at once").format(endpoint=self.endpoint)
                ) from None
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
            raise errors.GatewayLost(_("not connected to the gateway"))
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
