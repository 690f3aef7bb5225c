"""WorkPro's gateway, and what it alone can do: a cursor of events, a first login with a code, announcements.

The published package has no cursor on its side; cursor.mjs plays the hosted one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.interop.gateway import RealGateway


class WorkPro(RealGateway):
    """The gateway "juzi" with its own commands."""

    def __init__(self, **options: Any) -> None:
        """Nothing runs yet. Options as of RealGateway."""
        super().__init__("juzi", **options)

    async def cursor(self, on: bool = True, *, keeps: bool = True) -> None:
        """Number the account's events from now on, and replay to a client that names the last one that it saw.

        on: False is the published server: no numbers, no replay.
        keeps: whether an event that no client is there for gets a number and is kept.
        A login as another account has numbers, and events, of its own.
        """
        await self.command("cursor", on=on, keeps=keeps)

    async def cursor_anew(self) -> None:
        """Let the account's next event be number 1 again; what was kept is gone. GatewayError when logged out."""
        await self.command("cursor_anew")

    async def verify_code(self, id: str, code: str, *, login: str, message: str = "请输入验证码") -> None:
        """Ask for a code, as at a first login on a new device; when `code` is entered for `id`, `login` is logged in.

        A wrong one is answered with an error, and asked for again with status 3.
        """
        await self.command("verify_code", id=id, code=code, login=login, message=message)

    async def verify_slide(self, url: str) -> None:
        """Ask for a slider to be moved at that address."""
        await self.command("verify_slide", url=url)

    async def announce(self, room: str, text: str, changer: str, old: str = "") -> None:
        """Let someone change a room's announcement."""
        await self.command("announce", room=room, text=text, changer=changer, old=old)


def record(sender: str, text: str, **more: object) -> Mapping[str, object]:
    """One text in the records of a chat history; `more` replaces what else it has (type, time, message)."""
    return {"senderName": sender, "message": text, **more}
