"""What a card, a picture, a file or a place is made of, read from the gateway as JSON and left as it is."""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import betterproto
from wechaty_grpc.wechaty.puppet import ImageType, MessageContactRequest

from roomsync import errors
from roomsync.model import Kind

log = logging.getLogger(__name__)


@dataclass
class RawEvent(betterproto.Message):
    """An event (wechaty/grpc, proto/wechaty/puppet/event.proto), its payload not decoded: it may not be UTF-8."""

    type: int = betterproto.int32_field(1)
    payload: bytes = betterproto.bytes_field(2)


@dataclass
class LocationPayload(betterproto.Message):
    """A place (wechaty/grpc 1.x, proto/wechaty/puppet/location.proto)."""

    accuracy: float = betterproto.float_field(1)
    address: str = betterproto.string_field(2)
    latitude: float = betterproto.double_field(3)
    longitude: float = betterproto.double_field(4)
    name: str = betterproto.string_field(5)


@dataclass
class MessageLocationResponse(betterproto.Message):
    """The answer to MessageLocation, a call that wechaty-grpc 0.20 does not know."""

    location: LocationPayload = betterproto.message_field(1)


class Contents:
    """Reads through `stub`; `explained` turns a call's failure into a `GatewayError`."""

    def __init__(
        self,
        stub: Any,
        explained: Callable[[Awaitable[Any]], Awaitable[Any]],
        contact_name: Callable[[str], Awaitable[str]],
    ) -> None:
        self._stub = stub
        self._explained = explained
        self._contact_name = contact_name
        self._reads: dict[Kind, Callable[[str], Awaitable[str]]] = {
            Kind.IMAGE: self._image,
            Kind.URL: lambda message_id: self._field(stub.message_url(id=message_id), "url_link"),
            Kind.MINIPROGRAM: lambda message_id: self._field(stub.message_mini_program(id=message_id), "mini_program"),
            Kind.CONTACT: self._contact_card,
            Kind.LOCATION: self._location,
            **dict.fromkeys((Kind.FILE, Kind.VIDEO, Kind.EMOTICON), self._file),
        }

    async def read(self, message_id: str, kind: Kind) -> str | None:
        """The content as JSON: a handle stays a handle, unknown fields stay. None when there is none to be had.

        Raises `GatewayLost` when the connection goes, so that the message is read again later.
        """
        if kind not in self._reads:
            return None
        try:
            return await self._reads[kind](message_id) or None
        except (errors.GatewayRefused, errors.Unsendable, errors.AnswerLate) as error:
            log.warning("No content for message %s (%s): %s", message_id, kind, error)
            return None

    async def _field(self, call: Awaitable[Any], name: str) -> str:
        return str(getattr(await self._explained(call), name))

    async def _file(self, message_id: str) -> str:
        return await self._field(self._stub.message_file(id=message_id), "filebox")

    async def _image(self, message_id: str) -> str:
        """The high-definition picture; where a gateway has none, the one that was sent."""
        try:
            return await self._field(self._stub.message_image(id=message_id, type=ImageType.IMAGE_TYPE_HD), "filebox")
        except errors.GatewayRefused:
            artwork = ImageType.IMAGE_TYPE_ARTWORK
            return await self._field(self._stub.message_image(id=message_id, type=artwork), "filebox")

    async def _contact_card(self, message_id: str) -> str:
        contact_id = await self._field(self._stub.message_contact(id=message_id), "id")
        return json.dumps({"name": await self._contact_name(contact_id)})

    async def _location(self, message_id: str) -> str:
        request = MessageContactRequest(id=message_id)  # of the same shape: a string in field 1
        call = self._stub._unary_unary("/wechaty.Puppet/MessageLocation", request, MessageLocationResponse)
        place = (await self._explained(call)).location
        return json.dumps({"name": place.name, "address": place.address})
