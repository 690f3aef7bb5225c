"""The WeChat account behind the loopback gateway: who is there, what was said, and what the bot's calls do to it."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import betterproto
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from wechaty_grpc.wechaty import puppet as pb

from roomsync.gateway.protocol import KINDS

T = TypeVar("T")
TOO_FAST = "操作过于频繁，请稍后再试"  # WeChat's own sentence, as gateways pass it on

# The gateway's number of each kind: of several the first, which every gateway knows.
TYPES = {kind.value: number for number, kind in reversed(KINDS.items())}
HANDLE = 7  # FileBoxType.Uuid of npm `file-box`
Fields = dict[str, object]  # of a message of wechaty/grpc
Answer = Callable[..., Fields]  # to the request of a call

# Messages of gateway/wire.py once more: a wrong number of a field there must not be as wrong on this side.


@dataclass
class MessagePayloadResponse(betterproto.Message):
    """What a gateway that speaks quotes says of a message (npm `@juzi/wechaty-grpc`, puppet/message.proto)."""

    id: str = betterproto.string_field(1)
    text: str = betterproto.string_field(3)
    timestamp: int = betterproto.uint64_field(4)
    type: int = betterproto.int32_field(5)
    from_id: str = betterproto.string_field(6)
    room_id: str = betterproto.string_field(7)
    to_id: str = betterproto.string_field(8)
    mention_ids: list[str] = betterproto.string_field(9)
    quote_id: str = betterproto.string_field(11)


@dataclass
class MessageSendTextRequest(betterproto.Message):
    """What such a gateway reads of a text to send."""

    conversation_id: str = betterproto.string_field(1)
    text: str = betterproto.string_field(2)
    mentonal_ids: list[str] = betterproto.string_field(3)
    quote_id: str = betterproto.string_field(4)


@dataclass
class DownloadRequest(betterproto.Message):
    """Asks for the file behind a handle (wechaty/grpc 1.x, puppet/download-upload.proto)."""

    id: str = betterproto.string_field(1)


@dataclass
class DownloadResponse(betterproto.Message):
    """The next bytes of it."""

    chunk: bytes = betterproto.bytes_field(1)


# By name, in the place of those of wechaty-grpc 0.20, which know no quotes.
MESSAGES: dict[str, Callable[..., betterproto.Message]] = {
    one.__name__: one for one in (MessagePayloadResponse, MessageSendTextRequest)
}


@dataclass(frozen=True)
class Sent:
    """One send that the gateway took: `body` is the text, or the JSON of a file box or card."""

    room_id: str
    kind: str
    body: str
    id: str
    mentions: tuple[str, ...] = ()
    quote_id: str = ""


@dataclass
class _Room:
    topic: str
    names: dict[str, str]  # contact id -> name in this room, empty where there is none


@dataclass
class Account:
    """One account, `bot_id`, with people and rooms that are added. Each call of the bot has an answer here."""

    bot_id: str = "bot"
    ids: bool = True  # whether a send is answered with a message id
    recalls: bool = True  # whether a message can be taken back
    sent: list[Sent] = field(default_factory=list)
    recalled: list[str] = field(default_factory=list)
    throttles: int = 0  # how many of the next sends WeChat refuses, because they come too fast
    on_sent: Callable[[Sent], None] = lambda sent: None
    on_recalled: Callable[[str], None] = lambda message_id: None

    def __post_init__(self) -> None:
        self._rooms: dict[str, _Room] = {}
        self._contacts: dict[str, str] = {self.bot_id: "小助手"}
        self._payloads: dict[str, Fields] = {}
        self._contents: dict[str, str] = {}  # of each message: what its card or picture is made of
        self._files: dict[str, bytes] = {}  # behind handles
        self._numbers = itertools.count(1)

    def add_contact(self, contact_id: str, name: str) -> None:
        """Add somebody on WeChat."""
        self._contacts[contact_id] = name

    def add_room(self, room_id: str, topic: str, names: dict[str, str] | None = None) -> None:
        """Add a room that the account is in; `names` are its members with their names in it."""
        self._rooms[room_id] = _Room(topic, names or {})

    def keep_file(self, data: bytes, name: str = "a.png") -> str:
        """Keep a file; return the file box (JSON) that is a handle of it."""
        handle = f"handle-{next(self._numbers)}"
        self._files[handle] = data
        return json.dumps({"name": name, "size": len(data), "boxType": HANDLE, "uuid": handle})

    def words_of(self, message_id: str) -> tuple[str, str]:
        """Return who said a message, by name, and its words."""
        payload = _found(self._payloads, message_id)
        return self._contacts[str(payload["from_id"])], str(payload["text"])

    def drop_files(self) -> None:
        """Let every handle be gone."""
        self._files.clear()

    def file_behind(self, request: DownloadRequest) -> Fields:
        """Return the file behind a handle, as `data`. A real gateway ends when there is none: see gateway/downloads."""
        return {"data": _found(self._files, request.id)}

    def answers(self) -> dict[str, Answer]:
        """Return what answers each call, by the names of wechaty/grpc."""
        return {
            **dict.fromkeys(("Start", "Stop", "Logout", "Version"), lambda request: {}),
            "RoomList": lambda request: {"ids": list(self._rooms)},
            "RoomPayload": lambda request: {"id": request.id, "topic": _found(self._rooms, request.id).topic},
            "RoomMemberPayload": self._member,
            "RoomMemberList": lambda request: {"member_ids": list(_found(self._rooms, request.id).names)},
            "ContactPayload": lambda request: {"id": request.id, "name": _found(self._contacts, request.id)},
            "MessagePayload": lambda request: _found(self._payloads, request.id),
            "MessageImage": lambda request: {"filebox": _found(self._contents, request.id)},
            "MessageUrl": lambda request: {"url_link": _found(self._contents, request.id)},
            "MessageMiniProgram": lambda request: {"mini_program": _found(self._contents, request.id)},
            "MessageFile": lambda request: {"filebox": _found(self._contents, request.id)},
            "MessageContact": lambda request: {"id": _found(self._contents, request.id)},
            "MessageRecall": self._recall,
            "MessageSendText": lambda request: self._send(
                request.conversation_id, "text", request.text, tuple(request.mentonal_ids), request.quote_id
            ),
            "MessageSendFile": lambda request: self._send(request.conversation_id, "image", request.filebox),
            "MessageSendUrl": lambda request: self._send(request.conversation_id, "url", request.url_link),
            "MessageSendMiniProgram": lambda request: self._send(
                request.conversation_id, "miniprogram", request.mini_program
            ),
        }

    def _member(self, request: pb.RoomMemberPayloadRequest) -> Fields:
        alias = _found(self._rooms, request.id).names.get(request.member_id, "")
        return {"id": request.member_id, "room_alias": alias, "name": self._contacts.get(request.member_id, "")}

    def _recall(self, request: pb.MessageRecallRequest) -> Fields:
        self.recalled.append(request.id)
        if self.recalls:
            self.on_recalled(request.id)
        return {"success": self.recalls}

    def _send(self, room_id: str, kind: str, body: str, mentions: tuple[str, ...] = (), quote_id: str = "") -> Fields:
        if room_id not in self._contacts:  # else it is a private chat
            _found(self._rooms, room_id)
        if self.throttles:
            self.throttles -= 1
            raise GRPCError(Status.UNKNOWN, TOO_FAST)
        sent = Sent(room_id, kind, body, f"sent-{next(self._numbers)}", mentions, quote_id)
        self.sent.append(sent)
        # wechaty's own `say` asks for what it has just sent.
        self._keep(sent.id, body, text=body, type=TYPES[kind], from_id=self.bot_id, room_id=room_id)
        self.on_sent(sent)
        return {"id": sent.id if self.ids else None}

    def _keep(self, message_id: str, content: str, **fields: object) -> None:
        self._payloads[message_id] = {"id": message_id, **fields}
        self._contents[message_id] = content


def _found(table: dict[str, T], key: str) -> T:
    if key not in table:
        raise GRPCError(Status.UNKNOWN, f"no payload found for id {key}")
    return table[key]
