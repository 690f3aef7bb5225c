"""The reception: whoever commands the bot comes here, on WeChat where that is set, and from the machine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from roomsync.admin.decisions import Decided
from roomsync.admin.machine import Machine
from roomsync.delivery.courier import Courier
from roomsync.delivery.gate import Gate
from roomsync.model import Message
from roomsync.relay.roster import Roster
from roomsync.relay.router import Reader, Router
from roomsync.session import Session

if TYPE_CHECKING:
    from roomsync.admin.desk import Desk
    from roomsync.admin.notices import Directory
    from roomsync.admin.office import Office


class Reception:
    """Hands what staff says to the desk, and what is asked on the machine to the office.

    What only commands need is imported when there is somebody who can give one.
    """

    def __init__(
        self,
        decided: Decided,
        gate: Gate,
        session: Session,
        courier: Courier,
        router: Router,
        max_text: int,
        ttl: float,
    ) -> None:
        """`max_text`: bytes of one text; `ttl`: seconds after which a message is too old to be sent."""
        self._decided, self._gate, self._session = decided, gate, session
        self._courier, self._presenter = courier, router.presenter
        self._roster: Roster = router.roster
        self._max_text, self._ttl = max_text, ttl
        self.desk: Desk | None = None
        self._clock: Callable[[], float] = courier.clock

    def open_desk(self, reader: Reader, directory: "Directory") -> None:
        """Let staff be heard on WeChat, which `reader` and `directory` know more of."""
        from roomsync.admin.desk import Desk

        self.desk = Desk(self._office(), reader, directory, self._courier)
        self._roster.watchers.append(self.desk)

    def _office(self) -> "Office":
        from roomsync.admin.office import Office

        ends = self._max_text, self._ttl
        return Office(self._decided, self._session, self._gate, self._presenter, self._clock, *ends)

    async def log_in(self) -> None:
        """Take note of a login, after the rooms are found."""
        if self.desk:
            await self.desk.open()

    async def hear(self, message: Message) -> bool:
        """Hear a message that is said where staff speaks; return False for one that is not. Raises `GatewayError`."""
        if self.desk is None:
            return False
        if message.room_id:
            await self._roster.room(message.room_id)  # looked at, if it was never seen: it may be staff's
        if not self.desk.is_for(message):
            return self.desk.is_secret(message)
        await self.desk.handle(message)
        return True

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look for commands from the machine, and remind staff, until cancelled."""
        chore = self.desk.do_chores if self.desk else None
        reload = self._decided.moderator.load
        machine = Machine(self._decided.state, self._session, self._office, reload, self._courier.wake, chore)
        await machine.run(sleep)
