"""A gateway's payload as a Message: who said it, what a card, a picture, a file or a place is made of."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from roomsync import errors
from roomsync.gateway.client import Client
from roomsync.gateway.members import Members
from roomsync.model import Kind, Message
from roomsync.text.quotes import parse_quote

log = logging.getLogger(__name__)


def message_of(msg: Any) -> Message:
    """Return what a wechaty Message with its payload loaded says; its name and content are asked for by `Contents`."""
    payload = msg.payload
    kind: Kind = payload.kind
    return Message(
        id=msg.message_id,
        room_id=payload.room_id,
        talker_id=payload.from_id,
        name="",
        kind=kind,
        text=payload.text,
        # xp shows replies as messages of an unknown kind.
        quote=parse_quote(payload.text) if kind in (Kind.TEXT, Kind.UNKNOWN) else None,
        mention_ids=tuple(payload.mention_ids),
    )


class Contents:
    """Asks the gateway for what a message's payload does not say."""

    def __init__(self, client: Client, members: Members) -> None:
        self._client = client
        self._members = members
        self._reads: dict[Kind, Callable[[str], Awaitable[str]]] = {
            Kind.IMAGE: self._image,
            Kind.URL: client.url_link,
            Kind.MINIPROGRAM: client.mini_program,
            Kind.CONTACT: self._contact_card,
            Kind.LOCATION: self._location,
            **dict.fromkeys((Kind.FILE, Kind.VIDEO, Kind.EMOTICON), client.file),
        }

    async def complete(self, message: Message) -> Message:
        """Return the message with its talker's name and its content.

        Raises `GatewayLost` when the connection goes, so that the message is read again later.
        """
        name, content = await asyncio.gather(
            self._members.name_in(message.room_id, message.talker_id), self.read(message.id, message.kind)
        )
        return replace(message, name=name, content=content)

    async def read(self, message_id: str, kind: Kind) -> str | None:
        """Return the content as JSON: a handle stays a handle, unknown fields stay. None when there is none to be had.

        Raises `GatewayLost` when the connection goes.
        """
        if kind not in self._reads:
            return None
        try:
            return await self._reads[kind](message_id) or None
        except (errors.GatewayRefused, errors.Unsendable, errors.AnswerLate) as error:
            log.warning("No content for message %s (%s): %s", message_id, kind, error)
            return None

    async def _image(self, message_id: str) -> str:
        """Return the high-definition picture; where a gateway has none, the one that was sent."""
        try:
            return await self._client.image(message_id, high_definition=True)
        except errors.GatewayRefused:
            return await self._client.image(message_id, high_definition=False)

    async def _contact_card(self, message_id: str) -> str:
        return json.dumps({"name": await self._members.name(await self._client.shared_contact(message_id))})

    async def _location(self, message_id: str) -> str:
        place = await self._client.location(message_id)
        return json.dumps({"name": place.name, "address": place.address})
