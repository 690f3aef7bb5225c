"""Look-ups: what is asked outside the state file about a message, before it is judged."""

import asyncio
import hashlib
import logging

from roomsync.errors import GatewayError, LookupFailed, is_gone
from roomsync.model import Kind, Message
from roomsync.moderation.evidence import NOTHING, Evidence, Fetch
from roomsync.moderation.grams import MIN_UNITS, units
from roomsync.moderation.index import Index
from roomsync.moderation.qr import read_code
from roomsync.moderation.said import words_of

log = logging.getLogger(__name__)

FETCH_TIMEOUT = 3.0  # seconds that a picture has to come from the gateway: what its author says next waits for it
MAX_PICTURE = 5_000_000  # bytes


def index_at(uri: str, token: str) -> Index:
    """Return the index of samples that MILVUS_URI names; the one in the process where it names none."""
    if uri:
        from roomsync.moderation.milvus import MilvusIndex

        return MilvusIndex(uri, token)
    from roomsync.moderation.local_index import LocalIndex

    return LocalIndex()


class Lookups:
    """Asks the gateway for pictures, and the index of samples where it is outside the process."""

    def __init__(self, fetch: Fetch, index: Index) -> None:
        self._fetch, self._index = fetch, index

    async def examine(self, message: Message) -> Evidence:
        """Return what was found; a look-up that fails is counted, and finds nothing. Raises `GatewayLost`."""
        if message.kind is Kind.IMAGE and message.content:
            return await self._look_at(message.content)
        found = units(words_of(message)) if self._index.is_outside else []
        if len(found) < MIN_UNITS:
            return NOTHING
        try:
            return Evidence(candidates=tuple(await self._index.look_up(found)))
        except LookupFailed as error:
            log.debug("The samples could not be looked up: %s", error)
            return Evidence(candidates=(), failures=1)

    async def _look_at(self, file_box: str) -> Evidence:
        """Return which picture a file box (JSON) is of, and what stands in its QR code."""
        try:
            async with asyncio.timeout(FETCH_TIMEOUT):
                data = await self._fetch(file_box, MAX_PICTURE)
        except (GatewayError, TimeoutError) as error:
            if isinstance(error, GatewayError) and is_gone(error):
                raise
            log.debug("A picture could not be had: %s", error)
            return Evidence(failures=1)
        digest = hashlib.sha256(data).hexdigest() if data else ""
        try:
            return Evidence(await read_code(data), digest)
        except LookupFailed as error:
            log.debug("A picture could not be read: %s", error)
            return Evidence(digest=digest, failures=1)
