"""Messages of the wire that wechaty-grpc 0.20 does not know, or knows without a field, and the calls that use them.

Sources: proto/wechaty/puppet/ of wechaty/grpc 1.x and of npm `@juzi/wechaty-grpc`.
"""

from dataclasses import dataclass

import betterproto

MESSAGE_PAYLOAD, SEND_TEXT = "/wechaty.Puppet/MessagePayload", "/wechaty.Puppet/MessageSendText"
LOCATION, CHAT_HISTORY = "/wechaty.Puppet/MessageLocation", "/wechaty.Puppet/MessageChatHistory"
ENTER_VERIFY_CODE, DOWNLOAD = "/wechaty.Puppet/EnterVerifyCode", "/wechaty.Puppet/Download"


@dataclass
class MessagePayloadResponse(betterproto.Message):
    """The answer to MessagePayload. wechaty-grpc 0.20 does not know its `quote_id`, the id of what is quoted.

    Source: proto/wechaty/puppet/message.proto of npm `@juzi/wechaty-grpc`; gateways of other kinds never set it.
    """

    id: str = betterproto.string_field(1)
    filename: str = betterproto.string_field(2)
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
    """A text to send, likewise: `quote_id` is what it quotes. An empty one is not on the wire."""

    conversation_id: str = betterproto.string_field(1)
    text: str = betterproto.string_field(2)
    mentonal_ids: list[str] = betterproto.string_field(3)
    quote_id: str = betterproto.string_field(4)


@dataclass
class EnterVerifyCodeRequest(betterproto.Message):
    """Of a call that wechaty-grpc 0.20 does not know (verify-code.proto of npm `@juzi/wechaty-grpc`)."""

    id: str = betterproto.string_field(1)
    code: str = betterproto.string_field(2)


@dataclass
class DownloadRequest(betterproto.Message):
    """Of a call that wechaty-grpc 0.20 does not know (wechaty/grpc 1.x, proto/wechaty/puppet/download-upload.proto)."""

    id: str = betterproto.string_field(1)


@dataclass
class DownloadResponse(betterproto.Message):
    """One of the answers to it: the next bytes of the file."""

    chunk: bytes = betterproto.bytes_field(1)


@dataclass
class LocationPayload(betterproto.Message):
    """What is shown of a place (wechaty/grpc 1.x, proto/wechaty/puppet/location.proto)."""

    address: str = betterproto.string_field(2)
    name: str = betterproto.string_field(5)


@dataclass
class MessageLocationResponse(betterproto.Message):
    """The answer to MessageLocation, a call that wechaty-grpc 0.20 does not know."""

    location: LocationPayload = betterproto.message_field(1)


@dataclass
class ChatHistoryContent(betterproto.Message):
    """What a record of a merged history says, when it is a text (npm `@juzi/wechaty-grpc`, chat-history.proto)."""

    text: str = betterproto.string_field(2)


@dataclass
class ChatHistoryPayload(betterproto.Message):
    """One record of a merged history: `type` is the number of its kind."""

    type: int = betterproto.int32_field(1)
    sender_name: str = betterproto.string_field(3)
    title: str = betterproto.string_field(6)
    message: ChatHistoryContent = betterproto.message_field(7)


@dataclass
class MessageChatHistoryResponse(betterproto.Message):
    """The answer to MessageChatHistory, a call of the gateways of npm `@juzi/wechaty-puppet-service` alone."""

    records: list[ChatHistoryPayload] = betterproto.message_field(1)


@dataclass
class Timestamp(betterproto.Message):
    """A time as protobuf has it (google/protobuf/timestamp.proto), without the fraction of a second."""

    seconds: int = betterproto.int64_field(1)


@dataclass
class ReceiveTime(betterproto.Message):
    """Of MessagePayloadResponse what wechaty-grpc 0.20 does not know (proto/wechaty/puppet/message.proto)."""

    receive_time: Timestamp = betterproto.message_field(10)
