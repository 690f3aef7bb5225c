"""An embedded gateway on 127.0.0.1: real gRPC, people who are scripted. For `--demo` and for the tests."""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import betterproto
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server, Stream
from wechaty_grpc.wechaty import puppet as pb

from roomsync.gateway.protocol import EventRequest, EventType, RawEvent
from roomsync.loopback.account import (
    MESSAGES,
    TYPES,
    Account,
    Answer,
    DownloadRequest,
    DownloadResponse,
    Fields,
)

Call = Stream[betterproto.Message, betterproto.Message]
CHUNK = 65_536  # bytes of a file in one answer, as real gateways send it


@dataclass
class LoopbackGateway(Account):
    """A gateway with one WeChat account. It answers what the bot asks of a gateway, and keeps what is sent."""

    token: str = "loopback_token"
    logged_in: bool = True
    port: int = 0
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._stream: asyncio.Queue[RawEvent | None] | None = None  # None in it ends the stream
        self._server: Server | None = None
        self._changed = asyncio.Condition()

    async def start(self, tls: ssl.SSLContext | None = None) -> str:
        """Listen; return the endpoint, `127.0.0.1:<port>`. A port of 0 takes a free one and keeps it."""
        self._server = Server([self])
        await self._server.start("127.0.0.1", self.port, ssl=tls)
        listening = self._server._server  # grpclib has no name for the port that it was given
        assert isinstance(listening, asyncio.Server)
        self.port = listening.sockets[0].getsockname()[1]
        return f"127.0.0.1:{self.port}"

    async def close(self) -> None:
        """Stop listening and drop every connection, as a gateway that is killed."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        self._server = self._stream = None

    def emit(self, event_type: int, payload: Mapping[str, object] | str) -> None:
        """Give an event to the connected bot; `payload` goes as JSON, a str as it is."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        if self._stream:
            self._stream.put_nowait(RawEvent(type=event_type, payload=text.encode()))

    def say(
        self,
        room_id: str,
        talker_id: str,
        text: str = "",
        *,
        kind: str | int = "text",
        content: str = "",
        mentions: Sequence[str] = (),
        id: str = "",
        quote_id: str = "",
    ) -> str:
        """Let somebody say something in a room (empty: in a private chat); return the id of the message.

        `kind` is a name of TYPES or a number; `content` the JSON of a picture or card, or the id of a contact whose
        card it is; `mentions` contact ids; `id` an id of one's own; `quote_id` that of what is quoted.
        """
        message_id = id or f"said-{next(self._numbers)}"
        number, to_id = TYPES[kind] if isinstance(kind, str) else kind, "" if room_id else self.bot_id
        fields = {"text": text, "type": number, "from_id": talker_id, "room_id": room_id, "to_id": to_id}
        fields |= {"timestamp": 1_700_000_000, "mention_ids": list(mentions), "quote_id": quote_id}
        self._keep(message_id, content, **fields)
        self.emit(EventType.MESSAGE, {"messageId": message_id})
        return message_id

    async def until(self, condition: Callable[[], bool], limit: float = 10.0) -> None:
        """Wait until `condition()`, looked at after every call. Raises TimeoutError after `limit` seconds."""
        async with asyncio.timeout(limit), self._changed:
            await self._changed.wait_for(condition)

    async def answer(self, name: str, answer: Answer, request: betterproto.Message) -> Fields:
        """Return the fields that a call is answered with."""
        return answer(request)

    def __mapping__(self) -> dict[str, Handler]:
        """Return the service, by the names of wechaty/grpc, as grpclib wants it."""
        event = Handler(self._event, Cardinality.UNARY_STREAM, EventRequest, RawEvent)
        download = Handler(self._download, Cardinality.UNARY_STREAM, DownloadRequest, DownloadResponse)
        return {
            "/wechaty.Puppet/Event": event,
            "/wechaty.Puppet/Download": download,
            **{f"/wechaty.Puppet/{name}": self._handler(name, answer) for name, answer in self.answers().items()},
        }

    def _handler(self, name: str, answer: Answer) -> Handler:
        request_type, response_type = (
            MESSAGES.get(one) or getattr(pb, one) for one in (f"{name}Request", f"{name}Response")
        )

        async def handle(stream: Call) -> None:
            request = await stream.recv_message()
            assert request is not None
            self._authorize(stream)
            await self._notify(name)
            fields = await self.answer(name, answer, request)
            await self._notify()
            await stream.send_message(response_type(**fields))

        return Handler(handle, Cardinality.UNARY_UNARY, request_type, response_type)

    async def _download(self, stream: Call) -> None:
        request = await stream.recv_message()
        assert isinstance(request, DownloadRequest)
        self._authorize(stream)
        await self._notify("Download")
        data = (await self.answer("Download", self.file_behind, request))["data"]
        assert isinstance(data, bytes)
        for start in range(0, len(data), CHUNK):
            await stream.send_message(DownloadResponse(chunk=data[start : start + CHUNK]))

    async def _notify(self, *calls: str) -> None:
        """Note calls, and let those who wait in `until` look again."""
        self.calls.extend(calls)
        async with self._changed:
            self._changed.notify_all()

    def _authorize(self, stream: Call) -> None:
        given = str(stream.metadata["authorization"]) if stream.metadata and "authorization" in stream.metadata else ""
        if given != f"Wechaty {self.token}":
            # Real gateways quote what they were given, too.
            raise GRPCError(Status.UNAUTHENTICATED, f'Invalid Wechaty TOKEN "{given.removeprefix("Wechaty ")}"')

    def greet(self, request: EventRequest) -> None:
        """Give the events that every new stream begins with."""
        self.emit(EventType.HEARTBEAT, {"data": "connected"})
        if self.logged_in:
            self.emit(EventType.LOGIN, {"contactId": self.bot_id})

    async def _event(self, stream: Call) -> None:
        request = await stream.recv_message()
        assert isinstance(request, EventRequest)
        self._authorize(stream)
        await self._notify("Event")
        if self._stream is not None:
            raise GRPCError(Status.ALREADY_EXISTS, "event() can not call twice")
        self._stream = asyncio.Queue()
        await self._notify()
        self.greet(request)
        try:
            while (event := await self._stream.get()) is not None:
                await stream.send_message(event)
        finally:
            self._stream = None
