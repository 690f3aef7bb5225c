"""What people are called, asked of the gateway and remembered for a while."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from roomsync.errors import GatewayError, is_gone

LIFE = 600.0  # seconds that a member's name is believed


class Names:
    """Asks through `stub`, which gives the gateway's stub; `explained` turns a call's failure into a `GatewayError`.

    A name that the gateway does not give is empty. Every method that asks raises `GatewayError` when the connection
    is gone: a message that is read again later then has its name.
    """

    def __init__(self, stub: Callable[[], Any], explained: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
        self._stub = stub
        self._explained = explained
        self._known: dict[tuple[str, str], tuple[str, float]] = {}

    async def of_member(self, room_id: str, contact_id: str) -> str:
        """A member's name in that room, else the contact's own."""
        name, until = self._known.get((room_id, contact_id), ("", 0.0))
        if until > time.monotonic():
            return name
        try:
            member = await self._explained(self._stub().room_member_payload(id=room_id, member_id=contact_id))
            name = str(member.room_alias or member.name)
        except GatewayError as error:
            if is_gone(error):
                raise
            name = ""
        name = name or await self.of_contact(contact_id)
        if name:
            self._known[room_id, contact_id] = (name, time.monotonic() + LIFE)
        return name

    async def of_contact(self, contact_id: str) -> str:
        """The name that a contact chose."""
        try:
            return str((await self._explained(self._stub().contact_payload(id=contact_id))).name)
        except GatewayError as error:
            if is_gone(error):
                raise
            return ""

    def forget(self) -> None:
        """Ask for all names again."""
        self._known.clear()
