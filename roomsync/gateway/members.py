"""What people are called, asked of the gateway and remembered for a while."""

import time
from collections.abc import Awaitable

from roomsync.errors import GatewayError, is_gone
from roomsync.gateway.client import Client

NAME_TTL = 600.0  # seconds that a member's name is believed


class Members:
    """Asks through `client`. A name that the gateway does not give is empty.

    Every method that asks raises `GatewayError` when the connection is gone: a message that is read again later then
    has its name.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, str], tuple[str, float]] = {}

    async def name_in(self, room_id: str, contact_id: str) -> str:
        """Return a member's name in that room, else the contact's own."""
        name, until = self._known.get((room_id, contact_id), ("", 0.0))
        if until > time.monotonic():
            return name
        name = await _name_or_empty(self._client.member_name(room_id, contact_id)) or await self.name(contact_id)
        if name:
            self._known[room_id, contact_id] = (name, time.monotonic() + NAME_TTL)
        return name

    async def name(self, contact_id: str) -> str:
        """Return the name that a contact chose."""
        return await _name_or_empty(self._client.contact_name(contact_id))

    def forget(self) -> None:
        """Ask for all names again."""
        self._known.clear()


async def _name_or_empty(call: Awaitable[str]) -> str:
    try:
        return await call
    except GatewayError as error:
        if is_gone(error):
            raise
        return ""
