"""What people are called, asked of the gateway and remembered for a while."""

import time
from collections.abc import Awaitable

from roomsync.errors import GatewayError, is_gone
from roomsync.gateway.client import Client
from roomsync.gateway.protocol import DIRTY_CONTACT, DIRTY_MEMBER, MEMBER_SEPARATOR

NAME_TTL = 600.0  # seconds that a member's name is believed


class Members:
    """Asks through `client`. A name that the gateway does not give is empty.

    Every method that asks raises `GatewayError` when the connection is gone: a message that is read again later then
    has its name.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        # By contact, then by room: a name, and until when it is believed.
        self._known: dict[str, dict[str, tuple[str, float]]] = {}
        self._forgotten = 0  # how often something was

    async def name_in(self, room_id: str, contact_id: str) -> str:
        """Return a member's name in that room (empty: a private chat), else the contact's own; empty for nobody."""
        if not contact_id:
            return ""
        if not room_id:
            return await self.name(contact_id)
        name, until = self._known.get(contact_id, {}).get(room_id, ("", 0.0))
        if until > time.monotonic():
            return name
        forgotten = self._forgotten
        name = await _name_or_empty(self._client.member_name(room_id, contact_id)) or await self.name(contact_id)
        if name and forgotten == self._forgotten:  # else the answer may be of before
            self._known.setdefault(contact_id, {})[room_id] = (name, time.monotonic() + NAME_TTL)
        return name

    async def member_count(self, room_id: str) -> int | None:
        """Return how many members a room has; None when the gateway does not say. Raises `GatewayError`."""
        return await self._client.member_count(room_id) or None

    async def name(self, contact_id: str) -> str:
        """Return the name that a contact chose."""
        return await _name_or_empty(self._client.contact_name(contact_id))

    def forget(self) -> None:
        """Ask for all names again."""
        self._forgotten += 1
        self._known.clear()

    def forget_dirty(self, payload_type: object, payload_id: str) -> None:
        """Ask again for the names that a dirty event is about: a contact's, a member's, or those of all in a room.

        A member's id is that of the room, MEMBER_SEPARATOR and that of the contact; some gateways name the room alone.
        """
        if payload_type == DIRTY_CONTACT:
            self._forgotten += 1
            self._known.pop(payload_id, None)
        elif payload_type == DIRTY_MEMBER:
            self._forgotten += 1
            room_id, _, contact_id = payload_id.partition(MEMBER_SEPARATOR)
            for names in [self._known.get(contact_id, {})] if contact_id else self._known.values():
                names.pop(room_id, None)


async def _name_or_empty(call: Awaitable[str]) -> str:
    try:
        return await call
    except GatewayError as error:
        if is_gone(error):
            raise
        return ""
