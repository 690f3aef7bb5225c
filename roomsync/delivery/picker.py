"""What is sent next: whose turn it is by the pacer, and what that room gets by the outbox."""

import math
from collections.abc import Collection, Iterable, Mapping

from roomsync.delivery.gate import ALL, Gate
from roomsync.delivery.morning import Morning
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Pacer
from roomsync.delivery.ready_queue import ReadyQueue
from roomsync.model import Head, Send, Shown
from roomsync.session import Session


class Picker:
    """Takes sends from the outbox, in the state file's thread alone.

    It keeps the rooms that something waits for in a queue, and looks at those only of which there is news. Without a
    gate every room is open.
    """

    def __init__(self, outbox: Outbox, pacer: Pacer, gate: Gate | None = None) -> None:
        self._outbox, self._pacer, self._gate = outbox, pacer, gate or Gate(Session())
        self._gate_state: Collection[str] = ()
        self._morning = Morning(outbox.state, self._gate.quiet) if self._gate.quiet else None
        self._ready: ReadyQueue | None = None  # until all rooms were looked at
        self._passed_until = -math.inf

    def pick(
        self, now: float, in_hand: Collection[str], back: Iterable[str], shown: Mapping[str, Shown], *, quotes: bool
    ) -> Send | float | None:
        """Return the next send, taken; else the seconds until there may be one, None when nothing waits.

        `in_hand`: rooms with a send that has no answer; `back`: those that were among them and are no more. `shown`:
        the pictures that are the last thing in their rooms. `quotes`: see `Outbox.take`.
        """
        if self._morning and self._morning.step(now):
            self._ready = None
            return 0.0
        try:
            ready = self._ready = self._look(now, in_hand, back)
            return self._pick(ready, now, in_hand, shown, quotes)
        except BaseException:
            self._ready = None  # what was read is lost
            raise

    def look_anew(self) -> None:
        """Let all rooms be looked at: what the pacer knows of their turns is not what it was."""
        self._ready = None

    def _look(self, now: float, in_hand: Collection[str], back: Iterable[str]) -> ReadyQueue:
        """Return the queue of rooms, brought up to date."""
        if (state := self._gate.state(now)) != self._gate_state:
            self._ready, self._gate_state = None, state
        news = self._outbox.take_news()
        if news is None or news or now >= self._passed_until:
            self._passed_until = self._outbox.bring_forward(now)
            later = self._outbox.take_news()
            news = None if news is None or later is None else news | later
        ready = self._ready
        if news is None or ready is None:
            ready = ReadyQueue()
            self._join(ready, self._outbox.heads(now), now, in_hand)
            return ready
        for room_id, may_be_first in news.items():
            is_new = not may_be_first and not ready.has(room_id) and room_id not in in_hand
            if is_new and self._gate.least(room_id, now) == ALL:
                ready.join(room_id, self._pacer.served_at(room_id))
        looked_at = {*back, *ready.due(now), *(room_id for room_id, may_be_first in news.items() if may_be_first)}
        heads = (self._outbox.head(room_id, now) for room_id in sorted(looked_at))
        self._join(ready, [head for head in heads if head], now, in_hand)
        return ready

    def _join(self, ready: ReadyQueue, heads: Iterable[Head], now: float, in_hand: Collection[str]) -> None:
        for head in heads:
            if head.room_id not in in_hand and (head.urgent or self._gate.least(head.room_id, now) == ALL):
                served_at, staff = self._pacer.served_at(head.room_id), self._gate.is_staffs(head.room_id)
                ready.join(head.room_id, served_at, urgent=head.urgent, staff=staff)
            if head.urgent_at is not None:
                ready.look_later(head.room_id, head.urgent_at)

    def _pick(
        self, ready: ReadyQueue, now: float, in_hand: Collection[str], shown: Mapping[str, Shown], quotes: bool
    ) -> Send | float | None:
        while True:
            turn = self._pacer.choose(ready, now)
            if turn.room_id is None:
                wait = min(turn.wait, self._passed_until - now, self._gate.next_change(now) - now)
                return wait if wait < math.inf else None
            room_id = turn.room_id
            ready.leave(room_id)
            if room_id in in_hand:
                continue
            least = self._gate.least(room_id, now)
            if send := self._outbox.take(room_id, now, shown=shown.get(room_id), quotes=quotes, least=least):
                return send
            next_try = self._outbox.next_try(room_id, now, least)
            if next_try < math.inf:
                ready.look_later(room_id, next_try)  # all that stands first there waits for its next try
