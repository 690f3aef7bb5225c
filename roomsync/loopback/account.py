"""The WeChat account behind the loopback gateway: who is there, what was said, and what the bot's calls do to it."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import betterproto
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from wechaty_grpc.wechaty import puppet as pb

from roomsync.gateway.protocol import KINDS

T = TypeVar("T")

TYPES = {kind.value: number for number, kind in KINDS.items()}  # the gateway's numbers of the kinds
Answer = Callable[[betterproto.Message], Awaitable[betterproto.Message]]  # to the request of a call


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
class StoredMessage:
    """A message as the gateway gives it, and what its card or picture is made of."""

    payload: pb.MessagePayloadResponse
    content: str


@dataclass
class Account:
    """One account, `bot_id`, with people and rooms that are added. Each call of the bot has a method here."""

    bot_id: str = "bot"
    ids: bool = True  # whether a send is answered with a message id
    recalls: bool = True  # whether a message can be taken back
    sent: list[Sent] = field(default_factory=list)
    recalled: list[str] = field(default_factory=list)
    on_sent: Callable[[Sent], None] = lambda sent: None

    def __post_init__(self) -> None:
        self._rooms: dict[str, _Room] = {}
        self._contacts: dict[str, str] = {self.bot_id: "小助手"}
        self._messages: dict[str, StoredMessage] = {}
        self._numbers = itertools.count(1)

    def add_contact(self, contact_id: str, name: str) -> None:
        """Add somebody on WeChat."""
        self._contacts[contact_id] = name

    def add_room(self, room_id: str, topic: str, names: dict[str, str] | None = None) -> None:
        """Add a room that the account is in; `names` are its members with their names in it."""
        self._rooms[room_id] = _Room(topic, names or {})

    def answers(self) -> dict[str, Answer]:
        """Return what answers each call, by the names of wechaty/grpc."""
        return {
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

    @staticmethod
    def _nothing(response: Callable[[], betterproto.Message]) -> Answer:
        async def answer(request: betterproto.Message) -> betterproto.Message:
            return response()

        return answer

    @staticmethod
    def _found(table: dict[str, T], key: str) -> T:
        if key not in table:
            raise GRPCError(Status.UNKNOWN, f"no payload found for id {key}")
        return table[key]

    async def _room_list(self, request: pb.RoomListRequest) -> pb.RoomListResponse:
        return pb.RoomListResponse(ids=list(self._rooms))

    async def _room_payload(self, request: pb.RoomPayloadRequest) -> pb.RoomPayloadResponse:
        return pb.RoomPayloadResponse(id=request.id, topic=self._found(self._rooms, request.id).topic)

    async def _member(self, request: pb.RoomMemberPayloadRequest) -> pb.RoomMemberPayloadResponse:
        alias = self._found(self._rooms, request.id).names.get(request.member_id, "")
        name = self._contacts.get(request.member_id, "")
        return pb.RoomMemberPayloadResponse(id=request.member_id, room_alias=alias, name=name)

    async def _contact(self, request: pb.ContactPayloadRequest) -> pb.ContactPayloadResponse:
        return pb.ContactPayloadResponse(id=request.id, name=self._found(self._contacts, request.id))

    async def _payload(self, request: pb.MessagePayloadRequest) -> pb.MessagePayloadResponse:
        return self._found(self._messages, request.id).payload

    async def _image(self, request: pb.MessageImageRequest) -> pb.MessageImageResponse:
        return pb.MessageImageResponse(filebox=self._found(self._messages, request.id).content)

    async def _url(self, request: pb.MessageUrlRequest) -> pb.MessageUrlResponse:
        return pb.MessageUrlResponse(url_link=self._found(self._messages, request.id).content)

    async def _miniprogram(self, request: pb.MessageMiniProgramRequest) -> pb.MessageMiniProgramResponse:
        return pb.MessageMiniProgramResponse(mini_program=self._found(self._messages, request.id).content)

    async def _file(self, request: pb.MessageFileRequest) -> pb.MessageFileResponse:
        return pb.MessageFileResponse(filebox=self._found(self._messages, request.id).content)

    async def _card(self, request: pb.MessageContactRequest) -> pb.MessageContactResponse:
        return pb.MessageContactResponse(id=self._found(self._messages, request.id).content)

    async def _recall(self, request: pb.MessageRecallRequest) -> pb.MessageRecallResponse:
        self.recalled.append(request.id)
        return pb.MessageRecallResponse(success=self.recalls)

    async def _send_text(self, request: pb.MessageSendTextRequest) -> pb.MessageSendTextResponse:
        mentions = tuple(request.mentonal_ids)
        return pb.MessageSendTextResponse(id=self._keep(request.conversation_id, "text", request.text, mentions))

    async def _send_file(self, request: pb.MessageSendFileRequest) -> pb.MessageSendFileResponse:
        return pb.MessageSendFileResponse(id=self._keep(request.conversation_id, "image", request.filebox))

    async def _send_url(self, request: pb.MessageSendUrlRequest) -> pb.MessageSendUrlResponse:
        return pb.MessageSendUrlResponse(id=self._keep(request.conversation_id, "url", request.url_link))

    async def _send_miniprogram(self, request: pb.MessageSendMiniProgramRequest) -> pb.MessageSendMiniProgramResponse:
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
        self._messages[sent.id] = StoredMessage(payload, body)
        self.on_sent(sent)
        return sent.id if self.ids else None
