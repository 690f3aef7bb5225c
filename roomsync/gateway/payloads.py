"""A gateway's payload as a Message: who said it, what a card, a picture, a file or a place is made of."""

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

from wechaty_grpc.wechaty.puppet import MessageContactRequest

from roomsync import errors
from roomsync.gateway.client import Client
from roomsync.gateway.members import Members
from roomsync.gateway.protocol import KINDS, MILLISECONDS_FROM, fault_of_id, topic_of
from roomsync.gateway.wire import (
    CHAT_HISTORY,
    LOCATION,
    ChatHistoryPayload,
    MessageChatHistoryResponse,
    MessageLocationResponse,
    MessagePayloadResponse,
    ReceiveTime,
)
from roomsync.language import N_, _
from roomsync.model import Announcement, Kind, Message, Quote
from roomsync.text.characters import MAX_TEXT, clean
from roomsync.text.headers import NAMELESS
from roomsync.text.histories import MAX_RECORDS, words_of_record
from roomsync.text.kinds import MAX_TITLE, SILENT, line_of
from roomsync.text.phrases import announcement, cut
from roomsync.text.quotes import parse_quote

log = logging.getLogger(__name__)

QUOTED_TIMEOUT = 3.0  # seconds that a reply waits for what it quotes
# Seconds; a message's time by the gateway's word is believed from the year in which WeChat came to the year 2096.
EARLIEST, LATEST = 1.29e9, 4e9
TEXT = next(number for number, kind in KINDS.items() if kind is Kind.TEXT)


def said_at(payload: Any) -> float:
    """Return when a gateway says that a message was said, seconds since the epoch; 0 when it says nothing sensible."""
    try:
        received = int(ReceiveTime().parse(payload._unknown_fields).receive_time.seconds)
    except (LookupError, AttributeError, TypeError, ValueError):
        received = 0  # it is of another form, of which betterproto makes one of these
    for stamp in (payload.timestamp, received):
        seconds = stamp / 1000 if stamp > MILLISECONDS_FROM else float(stamp)
        if EARLIEST < seconds < LATEST:
            return seconds
    return 0.0


def payload_of(announced: Announcement) -> Any:
    """Return an announcement as the payload of a text that was said by who set it."""
    return MessagePayloadResponse(
        text=announcement(announced.words),
        timestamp=int(announced.stamp or 0),
        type=TEXT,
        from_id=announced.changer_id,
        room_id=announced.room_id,
    )


def message_of(msg: Any) -> Message:
    """Return what a wechaty Message with its payload loaded says; its name and content are asked for by `Contents`.

    A text over MAX_TEXT is cut, and says so at its end. Raises `Unreadable` for ids that nothing can be done with.
    """
    payload = msg.payload
    kind: Kind = payload.kind
    for whose, one in ((N_("its room's"), payload.room_id), (N_("its talker's"), payload.from_id)):
        if fault := fault_of_id(one):
            raise errors.Unreadable(_("{whose} id {fault}").format(whose=_(whose), fault=fault))
    text = clean(payload.text)
    # xp shows replies as messages of an unknown kind.
    quote = parse_quote(text) if kind in (Kind.TEXT, Kind.UNKNOWN) and len(payload.text) <= MAX_TEXT else None
    return Message(
        id=msg.message_id,
        room_id=payload.room_id,
        talker_id=payload.from_id,
        name="",
        kind=kind,
        text=text + cut(len(payload.text)) if kind is Kind.TEXT and len(payload.text) > MAX_TEXT else text,
        quote=quote,
        mention_ids=tuple(payload.mention_ids),
        quote_id="" if quote or kind is not Kind.TEXT or fault_of_id(payload.quote_id) else payload.quote_id,
        said_at=payload.said_at,
    )


class Contents:
    """Asks the gateway for what a message's payload does not say."""

    def __init__(self, client: Client, members: Members) -> None:
        self._client = client
        self._members = members

    async def complete(self, message: Message) -> Message:
        """Return the message with its talker's name and its content.

        Raises `GatewayLost` when the connection goes, so that the message is read again later.
        """
        name, content = await asyncio.gather(
            self._members.name_in(message.room_id, message.talker_id), self._read(message.id, message.kind)
        )
        return replace(message, name=name, content=content)

    async def with_quote(self, message: Message) -> Message:
        """Return the message with what it quotes by id; as it is where the gateway, asked once, does not tell.

        Raises `GatewayLost` when the connection is gone, so that the message is read again later.
        """
        try:
            payload = await self._client.message_payload(message.quote_id, QUOTED_TIMEOUT)
        except errors.GatewayError as error:
            if errors.is_gone(error):
                raise
            log.info("What message %s quotes is not known: %s", message.id, error)
            return message
        kind = KINDS.get(payload.type, Kind.UNKNOWN)
        # Nothing of another room is shown, whatever a gateway answers.
        if payload.room_id != message.room_id or kind in SILENT or fault_of_id(payload.from_id):
            return message
        words = clean(payload.text)
        content = words if kind is Kind.TEXT else line_of(kind, words, "{}")
        name = await self._members.name_in(message.room_id, payload.from_id) or NAMELESS
        return replace(message, quote=Quote(name, content, message.text, message.quote_id))

    async def _read(self, message_id: str, kind: Kind) -> str | None:
        """Return the content as JSON: a handle stays a handle, unknown fields stay. None when there is none."""
        try:
            return await self._content(message_id, kind) or None
        except (errors.GatewayRefused, errors.Unsendable, errors.AnswerLate) as error:
            log.warning("No content for message %s (%s): %s", message_id, kind, error)
            return None

    async def _content(self, id: str, kind: Kind) -> str | None:
        client = self._client
        match kind:
            case Kind.IMAGE | Kind.FILE | Kind.VIDEO | Kind.EMOTICON:
                return await client.file(id, kind)
            case Kind.URL:
                return str((await client.call(client.stub.message_url(id=id))).url_link)
            case Kind.MINIPROGRAM:
                return str((await client.call(client.stub.message_mini_program(id=id))).mini_program)
            case Kind.CONTACT:
                contact_id = (await client.call(client.stub.message_contact(id=id))).id
                return json.dumps({"name": "" if fault_of_id(contact_id) else await self._members.name(contact_id)})
            case Kind.LOCATION:
                request = MessageContactRequest(id=id)  # of the same shape: a string in field 1
                answer = await client.call(client.stub._unary_unary(LOCATION, request, MessageLocationResponse))
                place = answer.location
                return json.dumps({"name": topic_of(place.name), "address": topic_of(place.address)})
            case Kind.CHAT_HISTORY:
                return await self._history(id)
            case _:
                return None

    async def _history(self, id: str) -> str | None:
        """Return the first records of a merged history, and how many there are; None where the gateway has no word.

        Then WeChat's XML, which is the text of the message at other gateways, may have them.
        """
        request = MessageContactRequest(id=id)  # of the same shape: a string in field 1
        try:
            answer = await self._client.call(
                self._client.stub._unary_unary(CHAT_HISTORY, request, MessageChatHistoryResponse)
            )
        except errors.GatewayRefused as error:
            log.debug("No records for message %s: %s", id, error)
            return None
        shown = [{"name": topic_of(one.sender_name), "words": _words_of(one)} for one in answer.records[:MAX_RECORDS]]
        return json.dumps({"count": len(answer.records), "records": shown}) if shown else None


def _words_of(record: ChatHistoryPayload) -> str:
    kind = KINDS.get(record.type, Kind.UNKNOWN)
    return words_of_record(kind, clean(record.message.text, 2 * MAX_TITLE), topic_of(record.title))
