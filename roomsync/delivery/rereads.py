"""Files whose handle is gone (a gateway forgets it at a restart, or after hours): asked for once more, each once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from roomsync import store
from roomsync.errors import AnswerLate, GatewayError, GatewayLost, HandleGone, is_gone
from roomsync.model import Kind, Send, State
from roomsync.store import StateFile
from roomsync.store.parts import Origin

MAX_BREAKS = 3  # times that the connection may break over the question: a file must not break it again and again
MAX_REMEMBERED = 1000  # parts of which is known that they were asked for; a restart forgets them, and asks once more


class Files(Protocol):
    """What gives the file of a message: the gateway. Raises `GatewayError`."""

    async def file(self, message_id: str, kind: Kind) -> str | None:
        """Return the file box of a message of that kind, one of MEDIA; None or empty when there is none."""


@dataclass
class _Asking:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_done: bool = False
    breaks: int = 0


class Rereads:
    """Gives a part whose handle is gone another one, for all rooms. `clock` gives seconds since the epoch."""

    def __init__(self, state: StateFile, files: Files, clock: Callable[[], float]) -> None:
        self._state = state
        self._files = files
        self._clock = clock
        self._asked: dict[tuple[int, int], _Asking] = {}

    async def renew(self, send: Send, error: HandleGone) -> bool:
        """Let a send that failed so wait in its place, due at once, with another handle; return whether there is one.

        None is there when it was asked for before, or the gateway has none, or does not say. Raises `GatewayLost` when
        the connection is gone, so that it is asked for later.
        """
        origin = await self._state.run(self._origin, send)
        asking = self._asked.setdefault((origin.message_id, origin.part), _Asking())
        if len(self._asked) > MAX_REMEMBERED:
            del self._asked[next(iter(self._asked))]
        async with asking.turn:  # the sends of other rooms wait for the one answer
            origin = await self._state.run(self._origin, send)
            body = origin.body if origin.body != send.body else await self._ask(asking, origin, send.kind)
            if not body or body == send.body:
                return False
            await self._state.run(self._put_back, send, origin._replace(body=body), str(error))
            return True

    async def _ask(self, asking: _Asking, origin: Origin, kind: Kind) -> str | None:
        if asking.is_done or origin.gateway_id is None:
            return None
        body = None
        try:
            body = await self._files.file(origin.gateway_id, kind)
        except GatewayError as error:
            asking.breaks += not is_gone(error)
            if isinstance(error, GatewayLost) and not isinstance(error, AnswerLate) and asking.breaks < MAX_BREAKS:
                raise GatewayLost(str(error)) from error  # the send itself was refused: it was not made
        asking.is_done = True
        return body

    def _origin(self, send: Send) -> Origin:
        with self._state.connection() as db:
            return store.parts.origin(db, send.deliveries[0])

    def _put_back(self, send: Send, origin: Origin, error: str) -> None:
        now = self._clock()
        with self._state.transaction() as db:
            store.parts.set_body(db, origin)
            store.deliveries.change(db, send.deliveries, State.SENDING, State.WAITING, now, next_try=now, error=error)
            store.sends.forget(db, send.id)
