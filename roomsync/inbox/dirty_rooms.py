"""Rooms of which a gateway says that something changed: asked about again beside the messages, not before them."""

import asyncio
from collections.abc import Awaitable, Callable

from roomsync.inbox import room_queues

MAX_REFRESHES = 4  # rooms asked about at the same time: after a login there are hundreds, and messages need calls, too


class DirtyRooms:
    """Calls `refresh` once for all events of a room that came before it; `tasks` owns the tasks.

    `refresh` returns whether it failed in a way that may pass: it is called again after RETRY_DELAYS then.
    """

    def __init__(self, refresh: Callable[[str], Awaitable[bool]], tasks: asyncio.TaskGroup) -> None:
        self._refresh = refresh
        self._tasks = tasks
        self._slots = asyncio.Semaphore(MAX_REFRESHES)
        self._rooms: dict[str, bool] = {}  # those with a task; whether an event came since it asked last

    def add(self, room_id: str) -> None:
        """Let a room be asked about soon."""
        if room_id not in self._rooms:
            self._tasks.create_task(self._work_off(room_id))
        self._rooms[room_id] = True

    async def _work_off(self, room_id: str) -> None:
        delays = iter(room_queues.RETRY_DELAYS)
        while self._rooms[room_id]:
            async with self._slots:
                self._rooms[room_id] = False
                has_failed = await self._refresh(room_id)
            delay = next(delays, None) if has_failed else None
            if delay is not None:
                self._rooms[room_id] = True
                await asyncio.sleep(delay)
        del self._rooms[room_id]
