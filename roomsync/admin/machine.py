"""Commands from the machine: `python bot.py --do` leaves them in the state file, and reads their answers there."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from roomsync import store
from roomsync.session import Session
from roomsync.store import StateFile
from roomsync.store.requests import Request

if TYPE_CHECKING:
    from roomsync.admin.office import Office

log = logging.getLogger(__name__)

POLL_INTERVAL = 1.0  # seconds between two looks whether another process wrote to the state file
FAILED = "命令出错了，没有执行；日志里有原因。"
TOO_LATE = "命令等得太久，没有执行。"
NOT_RUNNING = "机器人当时没有运行，命令没有执行。"


class Machine:
    """Carries out what stands in the table `requests`. `make_office` is called when the first command is there.

    Whoever can write the state file is staff. `reload` reads what another process changed, such as the samples, when
    one wrote to the file; `wake` lets the courier know; `chore` is done each second, too. `wall`: the machine's clock,
    which other processes have, in seconds since the epoch.
    """

    def __init__(
        self,
        state: StateFile,
        session: Session,
        make_office: "Callable[[], Office]",
        reload: Callable[[store.Connection], None],
        wake: Callable[[], None],
        chore: Callable[[], Awaitable[None]] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._state, self._session = state, session
        self._make_office, self._reload = make_office, reload
        self._wake = wake
        self._chore = chore
        self._wall = wall
        self._version = -1

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look for commands until cancelled; those that were there before nobody waits for any more."""
        await self._state.run(self._close_old)
        while True:
            await sleep(POLL_INTERVAL)
            try:
                if await self._state.run(self._has_news):
                    await self._work_off()
                if self._chore:
                    await self._chore()
            except Exception:
                log.exception("What staff asked for failed in a way that was not foreseen; the bot goes on.")

    def _close_old(self) -> None:
        with self._state.transaction() as db:
            for request in store.requests.open_ones(db):
                store.requests.answer(db, request.id, NOT_RUNNING, False)

    def _has_news(self) -> bool:
        with self._state.connection() as db:
            version = store.requests.version(db)
            if version == self._version:
                return False
            self._reload(db)
            has_news = bool(store.requests.open_ones(db))
            self._version = version  # now that all was read: what fails here is done again
            return has_news

    def _open_ones(self) -> list[Request]:
        with self._state.connection() as db:
            return store.requests.open_ones(db)

    async def _work_off(self) -> None:
        office = self._make_office()
        for request in await self._state.run(self._open_ones):
            try:
                ends = await self._state.run(self._carry_out, office, request)
            except Exception:
                log.exception("A command from the machine failed in a way that was not foreseen.")
                await self._state.run(self._fail, request)
                continue
            self._session.set_pauses(ends)
            self._wake()

    def _carry_out(self, office: "Office", request: Request) -> dict[str, float]:
        from roomsync.admin.commands import carry_out  # only who gives commands needs them
        from roomsync.admin.replies import MACHINE, Context
        from roomsync.admin.syntax import parse

        now = office.clock()
        with self._state.transaction() as db:
            if not store.requests.is_open(db, request.id):  # taken back meanwhile
                return dict(office.decided.load_from(db, now))
            if request.until < self._wall():
                store.requests.answer(db, request.id, TOO_LATE, False)
                return dict(office.decided.load_from(db, now))
            context = Context(db, "", "本机", MACHINE, now, confirmed=request.confirmed)
            text = request.command if request.command.lstrip()[:1] in ("/", "／") else f"/{request.command}"
            command = parse(text)
            assert command  # it begins with a slash
            answer, succeeded = carry_out(office, context, command)
            store.requests.answer(db, request.id, answer, succeeded)
            return dict(office.decided.load_from(db, now))

    def _fail(self, request: Request) -> None:
        with self._state.transaction() as db:
            store.requests.answer(db, request.id, FAILED, False)
