"""Calls to the gateway, one call and one answer each."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from wechaty_grpc.wechaty.puppet import ImageType, LogoutResponse, MessagePayloadRequest, MessageSendTextResponse

from roomsync import errors
from roomsync.gateway.downloads import Handles, bytes_of
from roomsync.gateway.error_mapping import map_errors
from roomsync.gateway.protocol import fault_of_id, topic_of
from roomsync.gateway.wire import (
    ENTER_VERIFY_CODE,
    MESSAGE_PAYLOAD,
    SEND_TEXT,
    EnterVerifyCodeRequest,
    MessagePayloadResponse,
    MessageSendTextRequest,
)
from roomsync.language import _
from roomsync.model import Kind
from roomsync.text.kinds import MAX_FIELDS, MEDIA
from roomsync.text.system_messages import is_throttle_error

T = TypeVar("T")
log = logging.getLogger(__name__)

# What a gateway says of a handle that an earlier process of it made, or hours ago: the file behind it is not there.
GONE = "ENOENT"
TOPIC_ATTEMPTS = 2
MAX_ROOM_CALLS = 20  # rooms asked for at the same time


class Client:
    """Makes calls while it is open. Every method that makes one raises `GatewayError`; `token` is in none of them."""

    def __init__(self, token: str) -> None:
        self.endpoint = ""
        self._token = token
        self._stub: Any = None
        self._speaks_quotes = False
        self._handles = Handles()

    @property
    def speaks_quotes(self) -> bool:
        """Whether a gateway has shown, since the bot runs, that it says by id what is quoted."""
        return self._speaks_quotes

    def open(self, stub: Any, endpoint: str) -> None:
        """Make calls through this stub of wechaty-grpc from now on, to the gateway at `endpoint` (`host:port`)."""
        self._stub, self.endpoint = stub, endpoint
        self._handles.forget()

    def close(self) -> None:
        """Make no calls: the connection is gone."""
        self._stub = None

    @property
    def stub(self) -> Any:
        """The stub. Raises `GatewayLost` while there is none."""
        if self._stub is None:
            raise errors.GatewayLost(_("not connected to the gateway"))
        return self._stub

    async def call(self, call: Awaitable[T]) -> T:
        """Return what a call of the stub answers."""
        return await map_errors(call, self.endpoint, self._token)

    async def message_payload(self, message_id: str, limit: float | None = None) -> Any:
        """Return what a gateway says of a message; it has `limit` seconds, else as long as for every call."""
        request = MessagePayloadRequest(id=message_id)
        call = self.stub._unary_unary(MESSAGE_PAYLOAD, request, MessagePayloadResponse, timeout=limit)
        payload = await self.call(call)
        self._speaks_quotes |= bool(payload.quote_id)
        return payload

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        """Send to a room; return the id of what was sent, where the gateway gives one.

        `quote_id`: the gateway's id of what a text quotes in that room; other gateways than those that speak quotes
        pass it over.
        """
        try:
            sent_id = (await self._call_throttled(self._make_send(room_id, kind, body, mentions, quote_id))).id
        except errors.GatewayRefused as error:
            if isinstance(error, errors.Throttled) or kind not in MEDIA or GONE not in error.said:
                raise
            raise errors.HandleGone(_("the file is no longer at the gateway ({error})").format(error=error)) from error
        return sent_id if sent_id and not fault_of_id(sent_id) else None

    async def _make_send(self, room_id: str, kind: Kind, body: str, mentions: Sequence[str], quote_id: str) -> Any:
        """Make the call that sends; in here, so that whatever its arguments make fail is a `GatewayError`, too."""
        stub = self.stub
        if kind is Kind.TEXT:
            request = MessageSendTextRequest(room_id, body, list(mentions), quote_id)
            return await stub._unary_unary(SEND_TEXT, request, MessageSendTextResponse)
        if kind is Kind.URL:
            return await stub.message_send_url(conversation_id=room_id, url_link=body)
        if kind is Kind.MINIPROGRAM:
            return await stub.message_send_mini_program(conversation_id=room_id, mini_program=body)
        return await stub.message_send_file(conversation_id=room_id, filebox=with_both_urls(body))

    async def file(self, message_id: str, kind: Kind) -> str:
        """Return the file box of a message of a kind in MEDIA as JSON: a handle stays a handle, unknown fields stay."""
        file_box = await self._file(message_id, kind)
        self._handles.note(file_box)
        return file_box

    async def download(self, file_box: str, limit: int) -> bytes:
        """Return the bytes of a file box (JSON) that `file` gave moments ago, at most `limit` of them.

        None for an address, which is not fetched, and for a longer file. Raises `HandleGone` for a handle that may be
        gone: the gateway would not outlive being asked for it.
        """
        return await self.call(bytes_of(file_box, limit, self.stub, self._handles))

    async def _file(self, message_id: str, kind: Kind) -> str:
        if kind is not Kind.IMAGE:
            return str((await self.call(self.stub.message_file(id=message_id))).filebox)
        try:
            return await self._image(message_id, ImageType.IMAGE_TYPE_HD)
        except errors.GatewayRefused:  # there is none in high definition: the one that was sent
            return await self._image(message_id, ImageType.IMAGE_TYPE_ARTWORK)

    async def _image(self, message_id: str, size: ImageType) -> str:
        return str((await self.call(self.stub.message_image(id=message_id, type=size))).filebox)

    async def enter_verify_code(self, verify_id: str, code: str) -> None:
        """Give WeChat the code that it asks for."""
        request = EnterVerifyCodeRequest(id=verify_id, code=code)
        # The answer is empty, as that to Logout is.
        await self.call(self.stub._unary_unary(ENTER_VERIFY_CODE, request, LogoutResponse))

    async def recall(self, sent_id: str) -> bool:
        """Take back what was sent; return whether the gateway did."""
        return bool((await self._call_throttled(self.stub.message_recall(id=sent_id))).success)

    async def _call_throttled(self, call: Awaitable[T]) -> T:
        """Return what a call answers; raise `Throttled` for an error that means "too fast", whatever its status."""
        try:
            return await self.call(call)
        except (errors.GatewayRefused, errors.Unsendable) as error:
            if is_throttle_error(error.said):
                raise errors.Throttled(str(error), error.said) from error
            raise

    async def topics(self) -> dict[str, str | None]:
        """Return the topic of every room of the account, fresh from the gateway; None where it cannot be had.

        Raises `GatewayError` when the list cannot be had, or the connection is gone.
        """
        found: dict[str, str | None] = {}
        for room_id in (await self.call(self.stub.room_list())).ids:
            if fault := fault_of_id(room_id):
                log.warning("Passed over a room of the account: its id %s", fault)
            else:
                found[room_id] = None
        waiting = iter(list(found))

        async def ask() -> None:
            for room_id in waiting:
                found[room_id] = await self._topic_or_none(room_id)

        await asyncio.gather(*(ask() for _ in range(MAX_ROOM_CALLS)))
        return found

    async def _topic_or_none(self, room_id: str) -> str | None:
        for _attempt in range(TOPIC_ATTEMPTS):
            try:
                return await self.topic(room_id)
            except errors.GatewayError as error:
                if errors.is_gone(error):
                    raise
                log.warning("Room %s does not tell its topic: %s", room_id, error)
        return None

    async def topic(self, room_id: str) -> str:
        """Return a room's topic, fresh from the gateway (wechaty's `room.topic()` is stale for ever)."""
        return topic_of((await self.call(self.stub.room_payload(id=room_id))).topic)

    async def member_name(self, room_id: str, contact_id: str) -> str:
        """Return what a member is called in a room, or calls itself where the gateway says that; else empty."""
        member = await self.call(self.stub.room_member_payload(id=room_id, member_id=contact_id))
        return topic_of(member.room_alias).strip() or topic_of(member.name)

    async def member_count(self, room_id: str) -> int:
        """Return how many members a room has, as the gateway lists them."""
        return len((await self.call(self.stub.room_member_list(id=room_id))).member_ids)

    async def contact_name(self, contact_id: str) -> str:
        """Return the name that a contact chose."""
        return topic_of((await self.call(self.stub.contact_payload(id=contact_id))).name)


def with_both_urls(filebox: str) -> str:
    """Return a file box whose URL both sides can read: python-wechaty writes `remoteUrl`, file-box 1.x reads `url`.

    Raises `Unsendable` for one that no client has made: endless, or nested so deep that it cannot be read or written.
    """
    if filebox.count(",") > MAX_FIELDS:
        raise errors.Unsendable(_("the file box has too many fields"))
    try:
        box = json.loads(filebox)
        url = box.get("url") or box.get("remoteUrl")
        return json.dumps({**box, "url": url, "remoteUrl": url}) if url else filebox
    except (ValueError, AttributeError):
        return filebox
    except RecursionError:
        raise errors.Unsendable(_("the file box is nested too deep")) from None
