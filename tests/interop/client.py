"""A client with no bot around it: shows what a gateway does on the wire, before any bot makes something of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import betterproto
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod

from tests.interop.gateway import RealGateway

Answer = TypeVar("Answer", bound=betterproto.Message)


@dataclass
class EventRequest(betterproto.Message):
    """Of @juzi/wechaty-grpc (proto/wechaty/puppet/event.proto), as the next."""

    seq: int = betterproto.int32_field(1)
    account_id: str = betterproto.string_field(2)


@dataclass
class EventResponse(betterproto.Message):
    type: int = betterproto.int32_field(1)
    payload: str = betterproto.string_field(2)
    seq: int = betterproto.int32_field(3)


@dataclass
class Strings(betterproto.Message):
    """Many requests: an id of a message or conversation, then another string."""

    first: str = betterproto.string_field(1)
    second: str = betterproto.string_field(2)


@dataclass
class SendText(betterproto.Message):
    conversation_id: str = betterproto.string_field(1)
    text: str = betterproto.string_field(2)
    quote_id: str = betterproto.string_field(4)


@dataclass
class MessagePayload(betterproto.Message):
    id: str = betterproto.string_field(1)
    text: str = betterproto.string_field(3)
    type: int = betterproto.int32_field(5)
    quote_id: str = betterproto.string_field(11)


@dataclass
class RecordContent(betterproto.Message):
    """Of chat-history.proto, as the next two."""

    type: int = betterproto.int32_field(1)
    text: str = betterproto.string_field(2)


@dataclass
class Record(betterproto.Message):
    type: int = betterproto.int32_field(1)
    sender_name: str = betterproto.string_field(3)
    title: str = betterproto.string_field(6)
    message: RecordContent = betterproto.message_field(7)


@dataclass
class ChatHistory(betterproto.Message):
    records: list[Record] = betterproto.message_field(1)


class Client:
    """One connection to a plain gateway; `events` grows while its stream is held."""

    def __init__(self, gateway: RealGateway, channel: Channel) -> None:
        self._gateway = gateway
        self._channel = channel
        self._metadata = {"authorization": f"Wechaty {gateway.token}"}
        self.events: list[EventResponse] = []

    async def call(self, name: str, request: betterproto.Message, answer: type[Answer]) -> Answer:
        """Make a call ("MessagePayload"). Raises GRPCError."""
        method = UnaryUnaryMethod(self._channel, f"/wechaty.Puppet/{name}", type(request), answer)
        return await method(request, metadata=self._metadata, timeout=10)

    async def read_events(self, seq: int, account: str) -> None:
        """Hold the event stream, until cancelled, naming the last event that was seen."""
        method = UnaryStreamMethod(self._channel, "/wechaty.Puppet/Event", EventRequest, EventResponse)
        async with method.open(metadata=self._metadata) as stream:
            await stream.send_message(EventRequest(seq=seq, account_id=account), end=True)
            async for event in stream:
                self.events.append(event)

    async def until(self, type: int, count: int = 1) -> list[EventResponse]:
        """Wait until so many events of that type came; return all of it. TimeoutError after ten seconds."""
        async with asyncio.timeout(10):
            while len(found := [event for event in self.events if event.type == type]) < count:
                await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def connected(gateway: RealGateway) -> AsyncIterator[Client]:
    """A client that only makes calls."""
    host, port = gateway.endpoint.split(":")
    channel = Channel(host, int(port))
    try:
        yield Client(gateway, channel)
    finally:
        channel.close()


@asynccontextmanager
async def listening(gateway: RealGateway, seq: int = 0, account: str = "") -> AsyncIterator[Client]:
    """A client that holds the event stream; when the block ends, the gateway has freed it."""
    closed = gateway.streams.count("closed")
    async with connected(gateway) as client:
        reading = asyncio.create_task(client.read_events(seq, account), name="events")
        try:
            await client.until(1)  # the heartbeat that greets
            yield client
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    await gateway.wait(lambda: gateway.streams.count("closed") > closed)


def message_ids(events: list[EventResponse]) -> list[str]:
    """The ids in message events."""
    return [json.loads(event.payload)["messageId"] for event in events]
