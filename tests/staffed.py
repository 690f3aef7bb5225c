"""A bot with staff: the room of the staff, a chief who is listed, and short ways to ask and be answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

from bot import RoomSyncBot
from roomsync import store
from roomsync.admin import machine
from roomsync.model import State
from tests.conftest import running, until
from tests.scripted import ScriptedGateway

OFFICE, NAME = "office", "Milvus用户交流群管理"  # which starts with the prefix, and is in no community


class Staff:
    """Says things as staff, and reads what the bot answers."""

    def __init__(self, gateway: ScriptedGateway, bot: RoomSyncBot) -> None:
        self.gateway, self.bot = gateway, bot

    def code(self) -> str:
        """The code that lists who sends it; empty when there is none."""
        with self.bot.state.connection() as db:
            return store.staff.claim_code(db, self.bot.clock())

    def said_in(self, place: str) -> list[str]:
        return [one.body for one in self.gateway.sent if one.room_id == place]

    async def ask(self, text: str, who: str = "chief", where: str = OFFICE, **more: object) -> str:
        """The answer to what somebody says in the room of the staff, or (`where` empty) in private."""
        place = where or who
        before = len(self.said_in(place))
        self.gateway.say(where, who, text, **more)  # type: ignore[arg-type]
        await self.gateway.until(lambda: len(self.said_in(place)) > before)
        return self.said_in(place)[before]

    async def ignores(self, text: str, who: str = "chief", where: str = OFFICE, **more: object) -> None:
        """Nothing comes of what somebody says there: no send, nothing on record."""
        sent, actions = len(self.gateway.sent), self.actions()
        self.gateway.say(where, who, text, **more)  # type: ignore[arg-type]
        await self.settled()
        assert (self.gateway.sent[sent:], self.actions()) == ([], actions)

    async def settled(self) -> None:
        """Everything that was said is decided, and all that may be sent is."""
        aside = f"aside-{len(self.gateway.calls)}"
        self.gateway.add_room(aside, "另一个群")
        self.gateway.say(aside, "chief", "now")  # events are noted in their order
        await until(lambda: self.bot.rooms.knows(aside) and not self.bot.incoming.unfinished())
        await until(lambda: self.bot.session.pauses or not self._open())

    def _open(self) -> int:
        counts = self.bot.outbox.counts()
        return counts.get(State.WAITING, 0) + counts.get(State.SENDING, 0)

    def actions(self) -> list[str]:
        """What is on record, the oldest first."""
        with self.bot.state.connection() as db:
            return [one.what for one in reversed(store.actions.last(db, 100))]


@asynccontextmanager
async def staffed(
    gateway: ScriptedGateway, state_file: Path, *, claim: bool = True, office: bool = True, **more: str
) -> AsyncIterator[Staff]:
    """A bot with a room of the staff; its chief is listed, unless not `claim`. Not `office`: no room is made."""
    gateway.add_contact("chief", "张主管")
    gateway.add_contact("eve", "张主管")  # of the same name
    if office and OFFICE not in gateway._rooms:
        gateway.add_room(OFFICE, NAME, {"chief": "张主管", "bob": "Bob", "bot": "小助手"})
    settings = {"ADMIN_ROOM": NAME, **more}
    with patch.object(machine, "POLL_INTERVAL", 0.01):
        async with running(gateway, state_file, paused=False, **settings) as bot:
            staff = Staff(gateway, bot)
            if claim and staff.code():
                assert "认领成功" in await staff.ask(f"/认领 {staff.code()}")
            yield staff


async def said(staff: Staff, room: str, who: str, text: str, **more: str) -> None:
    """Somebody says something in a room of the community, and it is decided."""
    staff.gateway.say(room, who, text, **more)
    await staff.settled()


def number_of(answer: str) -> str:
    """The number under which an answer says that it can be undone."""
    return answer.rpartition("/撤销 ")[2].rstrip("）")
