"""An embedded gateway on 127.0.0.1: real gRPC, people who are scripted. For `--demo` and for the tests.

It answers what the bot asks of a gateway, keeps what is sent, and can be told to misbehave: `script` a method to
fail, to be slow, or to do its work and fail then.
"""

import asyncio
import json
import ssl
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server, Stream
from wechaty_grpc.wechaty import puppet as pb

from roomsync.gateway.contents import RawEvent
from roomsync.inbox.handlers import LOGIN, LOGOUT, MESSAGE, ROOM_JOIN, ROOM_LEAVE, ROOM_TOPIC
from roomsync.loopback.account import TYPES, Account, StoredMessage

HEARTBEAT = 1


@dataclass(frozen=True)
class Fault:
    """What a call does instead of its work: wait, then (perhaps after the work) fail."""

    error: GRPCError | None = None
    delay: float = 0.0
    after: bool = False


def refused(text: str, status: Status = Status.UNKNOWN) -> GRPCError:
    """An error as a gateway answers it."""
    return GRPCError(status, text)


@dataclass
class LoopbackGateway(Account):
    """A gateway with one WeChat account, logged in from the start unless told otherwise."""

    token: str = "loopback_token"
    logged_in: bool = True
    port: int = 0
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._stream: asyncio.Queue[Any] | None = None
        self._server: Server | None = None
        self._changed = asyncio.Condition()

    async def start(self, tls: ssl.SSLContext | None = None) -> str:
        """Listen; the endpoint, `127.0.0.1:<port>`. A port of 0 takes a free one and keeps it."""
        self._server = Server([self])
        await self._server.start("127.0.0.1", self.port, ssl=tls)
        listening: Any = self._server._server  # grpclib has no name for the port that it was given
        self.port = listening.sockets[0].getsockname()[1]
        return f"127.0.0.1:{self.port}"

    async def close(self) -> None:
        """Stop listening and drop every connection, as a gateway that is killed."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        self._server = self._stream = None

    # The people and what they do.

    def emit(self, event_type: int, payload: Any) -> None:
        """An event to the connected bot; `payload` is sent as JSON, a str as it is."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.emit_bytes(event_type, text.encode())

    def emit_bytes(self, event_type: int, payload: bytes) -> None:
        """An event whose payload need not be UTF-8."""
        if self._stream:
            self._stream.put_nowait(RawEvent(type=event_type, payload=payload))

    def say(self, room_id: str, talker_id: str, text: str = "", **more: Any) -> str:
        """Someone says something in a room (empty: in a private chat). The id of the message.

        `kind` is a name of TYPES or a number; `content` the JSON of a picture or card, or the id of a contact whose
        card it is; `mentions` contact ids; `id` an id of one's own.
        """
        kind = more.get("kind", "text")
        message_id = str(more.get("id") or f"said-{next(self._numbers)}")
        payload = pb.MessagePayloadResponse(
            id=message_id,
            text=text,
            type=TYPES.get(kind, kind),
            from_id=talker_id,
            room_id=room_id,
            to_id="" if room_id else self.bot_id,
            timestamp=int(more.get("timestamp", 1_700_000_000)),
            mention_ids=list(more.get("mentions", ())),
        )
        self._messages[message_id] = StoredMessage(payload, more.get("content", ""))
        self.emit(MESSAGE, {"messageId": message_id})
        return message_id

    def rename(self, room_id: str, topic: str) -> None:
        """The topic of a room is changed."""
        old, self._rooms[room_id].topic = self._rooms[room_id].topic, topic
        payload = {"changerId": self.bot_id, "newTopic": topic, "oldTopic": old, "roomId": room_id, "timestamp": 1}
        self.emit(ROOM_TOPIC, payload)

    def invite(self, room_id: str, topic: str) -> None:
        """The account is added to a room."""
        self.add_room(room_id, topic)
        payload = {"inviteeIdList": [self.bot_id], "inviterId": "alice", "roomId": room_id, "timestamp": 1}
        self.emit(ROOM_JOIN, payload)

    def remove(self, room_id: str) -> None:
        """The account is removed from a room."""
        del self._rooms[room_id]
        payload = {"removeeIdList": [self.bot_id], "removerId": "alice", "roomId": room_id, "timestamp": 1}
        self.emit(ROOM_LEAVE, payload)

    def login(self) -> None:
        """The account is logged in."""
        self.logged_in = True
        self.emit(LOGIN, {"contactId": self.bot_id})

    def logout(self) -> None:
        """The account is logged out, as WeChat does to it."""
        self.logged_in = False
        self.emit(LOGOUT, {"contactId": self.bot_id, "data": "kicked"})

    def script(self, method: str, *faults: Fault) -> None:
        """The next calls of `method` (`MessageSendText`), one by one, do that; those after them work."""
        self._faults[method].extend(faults)

    @property
    def streams(self) -> bool:
        """Whether a bot hears the events."""
        return self._stream is not None

    def end_stream(self) -> None:
        """End the event stream cleanly."""
        if self._stream:
            self._stream.put_nowait(None)

    async def until(self, condition: Callable[[], bool], limit: float = 10.0) -> None:
        """Wait until `condition()`, looked at after every call. Raises TimeoutError after `limit` seconds."""
        async with asyncio.timeout(limit), self._changed:
            await self._changed.wait_for(condition)

    # The service, by the names of wechaty/grpc.

    def __mapping__(self) -> dict[str, Handler]:
        unary, streaming = Cardinality.UNARY_UNARY, Cardinality.UNARY_STREAM
        handlers = {"/wechaty.Puppet/Event": Handler(self._event, streaming, pb.EventRequest, RawEvent)}
        for name, work in self.works().items():
            request, answer = getattr(pb, f"{name}Request"), getattr(pb, f"{name}Response")
            handlers[f"/wechaty.Puppet/{name}"] = Handler(self._call(name, work), unary, request, answer)
        return handlers

    def _call(self, name: str, work: Callable[[Any], Awaitable[Any]]) -> Callable[[Stream[Any, Any]], Awaitable[None]]:
        async def handle(stream: Stream[Any, Any]) -> None:
            request = await stream.recv_message()
            self._authorize(stream)
            await self._tell(name)
            fault = self._faults[name].popleft() if self._faults[name] else Fault()
            await asyncio.sleep(fault.delay)
            answer = await work(request) if fault.after or not fault.error else None
            await self._tell()
            if fault.error:
                raise fault.error
            await stream.send_message(answer)

        return handle

    async def _tell(self, call: str = "") -> None:
        """Let those who wait in `until` look again."""
        if call:
            self.calls.append(call)
        async with self._changed:
            self._changed.notify_all()

    def _authorize(self, stream: Stream[Any, Any]) -> None:
        said = str(stream.metadata["authorization"]) if stream.metadata and "authorization" in stream.metadata else ""
        if said != f"Wechaty {self.token}":
            # Real gateways quote what they were given, too.
            raise GRPCError(Status.UNAUTHENTICATED, f'Invalid Wechaty TOKEN "{said.removeprefix("Wechaty ")}"')

    async def _event(self, stream: Stream[Any, Any]) -> None:
        await stream.recv_message()
        self._authorize(stream)
        await self._tell("Event")
        if self._stream is not None:
            raise GRPCError(Status.ALREADY_EXISTS, "event() can not call twice")
        self._stream = asyncio.Queue()
        await self._tell()
        self.emit(HEARTBEAT, {"data": "connected"})
        if self.logged_in:
            self.emit(LOGIN, {"contactId": self.bot_id})
        try:
            while (event := await self._stream.get()) is not None:
                await stream.send_message(event)
        finally:
            self._stream = None
