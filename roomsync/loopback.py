"""An embedded gateway on 127.0.0.1: real gRPC, people who are scripted. For `--demo` and for the tests.

It answers what the bot asks of a gateway, keeps what is sent, and can be told to misbehave: `script` a method to
fail, to be slow, or to do its work and fail then.
"""

import asyncio
import itertools
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

from roomsync.contents import RawEvent
from roomsync.handlers import LOGIN, LOGOUT, MESSAGE, ROOM_JOIN, ROOM_LEAVE, ROOM_TOPIC

HEARTBEAT = 1
# wechaty-puppet's numbers of the kinds that people here post.
TYPES = {"unknown": 0, "file": 1, "audio": 2, "contact": 3, "chat_history": 4, "emoticon": 5, "image": 6, "text": 7}
TYPES |= {"location": 8, "miniprogram": 9, "group_note": 10, "transfer": 11, "red_envelope": 12, "recalled": 13}
TYPES |= {"url": 14, "video": 15, "post": 16, "system": 18}


@dataclass(frozen=True)
class Sent:
    """One send that the gateway took: `body` is the text, or the JSON of a file box or card."""

    room_id: str
    kind: str
    body: str
    id: str
    mentions: tuple[str, ...] = ()


@dataclass
class _Room:
    topic: str
    names: dict[str, str]  # contact id -> name in this room, empty where there is none


@dataclass
class _Message:
    payload: Any
    content: str


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
class LoopbackGateway:
    """A gateway with one WeChat account, `bot_id`, logged in from the start unless told otherwise."""

    token: str = "loopback_token"
    bot_id: str = "bot"
    logged_in: bool = True
    ids: bool = True  # whether a send is answered with a message id
    recalls: bool = True  # whether a message can be taken back
    port: int = 0
    sent: list[Sent] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    recalled: list[str] = field(default_factory=list)
    on_sent: Callable[[Sent], None] = lambda sent: None

    def __post_init__(self) -> None:
        self._rooms: dict[str, _Room] = {}
        self._contacts: dict[str, str] = {self.bot_id: "小助手"}
        self._messages: dict[str, _Message] = {}
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._stream: asyncio.Queue[Any] | None = None
        self._numbers = itertools.count(1)
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

    def add_contact(self, contact_id: str, name: str) -> None:
        """Someone on WeChat."""
        self._contacts[contact_id] = name

    def add_room(self, room_id: str, topic: str, names: dict[str, str] | None = None) -> None:
        """A room that the account is in; `names` are its members with their names in it."""
        self._rooms[room_id] = _Room(topic, names or {})

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
        self._messages[message_id] = _Message(payload, more.get("content", ""))
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
        works: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "Start": self._nothing(pb.StartResponse),
            "Stop": self._nothing(pb.StopResponse),
            "Logout": self._nothing(pb.LogoutResponse),
            "Version": self._nothing(pb.VersionResponse),
            "RoomList": self._room_list,
            "RoomPayload": self._room_payload,
            "RoomMemberPayload": self._member,
            "ContactPayload": self._contact,
            "MessagePayload": self._payload,
            "MessageImage": self._image,
            "MessageUrl": self._url,
            "MessageMiniProgram": self._miniprogram,
            "MessageFile": self._file,
            "MessageContact": self._card,
            "MessageRecall": self._recall,
            "MessageSendText": self._send_text,
            "MessageSendFile": self._send_file,
            "MessageSendUrl": self._send_url,
            "MessageSendMiniProgram": self._send_miniprogram,
        }
        unary, streaming = Cardinality.UNARY_UNARY, Cardinality.UNARY_STREAM
        handlers = {"/wechaty.Puppet/Event": Handler(self._event, streaming, pb.EventRequest, RawEvent)}
        for name, work in works.items():
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

    @staticmethod
    def _nothing(answer: Callable[[], Any]) -> Callable[[Any], Awaitable[Any]]:
        async def work(request: Any) -> Any:
            return answer()

        return work

    @staticmethod
    def _found(table: dict[str, Any], key: str) -> Any:
        if key not in table:
            raise GRPCError(Status.UNKNOWN, f"no payload found for id {key}")
        return table[key]

    async def _room_list(self, request: Any) -> Any:
        return pb.RoomListResponse(ids=list(self._rooms))

    async def _room_payload(self, request: Any) -> Any:
        return pb.RoomPayloadResponse(id=request.id, topic=self._found(self._rooms, request.id).topic)

    async def _member(self, request: Any) -> Any:
        alias = self._found(self._rooms, request.id).names.get(request.member_id, "")
        name = self._contacts.get(request.member_id, "")
        return pb.RoomMemberPayloadResponse(id=request.member_id, room_alias=alias, name=name)

    async def _contact(self, request: Any) -> Any:
        return pb.ContactPayloadResponse(id=request.id, name=self._found(self._contacts, request.id))

    async def _payload(self, request: Any) -> Any:
        return self._found(self._messages, request.id).payload

    async def _image(self, request: Any) -> Any:
        return pb.MessageImageResponse(filebox=self._found(self._messages, request.id).content)

    async def _url(self, request: Any) -> Any:
        return pb.MessageUrlResponse(url_link=self._found(self._messages, request.id).content)

    async def _miniprogram(self, request: Any) -> Any:
        return pb.MessageMiniProgramResponse(mini_program=self._found(self._messages, request.id).content)

    async def _file(self, request: Any) -> Any:
        return pb.MessageFileResponse(filebox=self._found(self._messages, request.id).content)

    async def _card(self, request: Any) -> Any:
        return pb.MessageContactResponse(id=self._found(self._messages, request.id).content)

    async def _recall(self, request: Any) -> Any:
        self.recalled.append(request.id)
        return pb.MessageRecallResponse(success=self.recalls)

    async def _send_text(self, request: Any) -> Any:
        mentions = tuple(request.mentonal_ids)
        return pb.MessageSendTextResponse(id=self._keep(request.conversation_id, "text", request.text, mentions))

    async def _send_file(self, request: Any) -> Any:
        return pb.MessageSendFileResponse(id=self._keep(request.conversation_id, "image", request.filebox))

    async def _send_url(self, request: Any) -> Any:
        return pb.MessageSendUrlResponse(id=self._keep(request.conversation_id, "url", request.url_link))

    async def _send_miniprogram(self, request: Any) -> Any:
        body = request.mini_program
        return pb.MessageSendMiniProgramResponse(id=self._keep(request.conversation_id, "miniprogram", body))

    def _keep(self, room_id: str, kind: str, body: str, mentions: tuple[str, ...] = ()) -> str | None:
        self._found(self._rooms, room_id)
        sent = Sent(room_id, kind, body, f"sent-{next(self._numbers)}", mentions)
        self.sent.append(sent)
        # wechaty's own `say` asks for what it has just sent.
        payload = pb.MessagePayloadResponse(
            id=sent.id, text=body, type=TYPES[kind], from_id=self.bot_id, room_id=room_id
        )
        self._messages[sent.id] = _Message(payload, body)
        self.on_sent(sent)
        return sent.id if self.ids else None
