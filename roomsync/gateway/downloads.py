"""The bytes of a file box: those that it carries, or that a gateway keeps behind a handle. No address is fetched.

A gateway that is asked to download a handle that is gone does not answer: its process ends. Its `download` pipes the
file to a stream on which nobody hears the error (npm `wechaty-puppet-service` 1.19.9 and `@juzi/wechaty-puppet-service`
1.0.113, src/server/puppet-implementation.ts; npm `file-box` 1.5.5, `FileBox.pipe`). So it is only asked for handles
that it gave on this connection, moments ago.
"""

import binascii
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from typing import Any

from roomsync import errors
from roomsync.gateway.wire import DOWNLOAD, DownloadRequest, DownloadResponse
from roomsync.language import _
from roomsync.text.kinds import Fields, fields_of

HANDLE_TTL = 60.0  # seconds; WorkPro's gateway keeps the file for two hours
MAX_HANDLES = 1000  # that are remembered
MAX_HANDLE_BOX = 10_000  # characters of the JSON of a handle: a name, and a few fields


class Handles:
    """Knows which handles the gateway gave moments ago, on the connection that is open."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._given: OrderedDict[str, float] = OrderedDict()  # when each was, the oldest first

    def note(self, file_box: str) -> None:
        """Note a file box (JSON) that the gateway gives; one that is no handle is passed over."""
        handle = _handle_of(fields_of(file_box)) if len(file_box) <= MAX_HANDLE_BOX else ""
        if not handle:
            return
        self._given[handle] = self._timer()
        self._given.move_to_end(handle)
        if len(self._given) > MAX_HANDLES:
            self._given.popitem(last=False)

    def is_fresh(self, handle: str) -> bool:
        """Return whether the gateway has the file behind a handle for certain."""
        return self._timer() - self._given.get(handle, float("-inf")) < HANDLE_TTL

    def forget(self) -> None:
        """Know none: another process may answer from now on."""
        self._given.clear()


async def bytes_of(file_box: str, limit: int, stub: Any, handles: Handles) -> bytes:
    """Return the bytes of a file box (JSON); none for an address, and for more than `limit` bytes.

    Raises `HandleGone` for a handle that may be gone, `Unreadable` for bytes that are not in base64, and what a call of
    the stub raises. Of more than `limit` bytes no more are taken than show that.
    """
    fields = fields_of(file_box)
    inline, size = fields.get("base64"), fields.get("size")
    if isinstance(inline, str) and inline:
        return _decoded(inline, limit)
    handle = _handle_of(fields)
    if not handle or (isinstance(size, int | float) and size > limit):
        return b""
    if not handles.is_fresh(handle):
        raise errors.HandleGone(
            _("the file may no longer be at the gateway, which does not outlive being asked for it")
        )
    data = bytearray()
    chunks: AsyncGenerator[Any, None] = stub._unary_stream(DOWNLOAD, DownloadRequest(id=handle), DownloadResponse)
    try:
        async for one in chunks:
            data += one.chunk
            if len(data) > limit:
                return b""
    finally:
        await chunks.aclose()
    return bytes(data)


def _handle_of(fields: Fields) -> str:
    handle = fields.get("uuid")
    return handle if isinstance(handle, str) else ""


def _decoded(inline: str, limit: int) -> bytes:
    if len(inline) > (limit + 2) // 3 * 4:
        return b""
    try:
        return binascii.a2b_base64(inline)
    except ValueError as error:
        raise errors.Unreadable(_("the bytes of a file box cannot be read ({error})").format(error=error)) from error
