"""The courier: the one task that sends. Takes the next send and has it made, at the pace that the account bears."""

import asyncio
import logging

from roomsync.delivery.attempts import Attempts
from roomsync.delivery.retries import is_media
from roomsync.model import Head, Send, Shown
from roomsync.text.kinds import MEDIA, fallback_text
from roomsync.text.phrases import OVER_DAILY_LIMIT

log = logging.getLogger(__name__)

NOTICE_TTL = 120.0  # seconds after a send in which a throttle notice is about it
HANG_TIMEOUT = 4.0  # seconds after which a send without an answer holds up its own room alone
NEXT_HANG_TIMEOUT = 0.5  # likewise while another send hangs: with many such rooms the others would wait for each
STOP_TIMEOUT = 4.0  # seconds that it has to end when the bot is told to leave
ERROR_DELAY = 5.0  # seconds until the courier goes on after what was not foreseen


class Courier:
    """Sends what waits in the outbox, as the pacer allows, while the session is ready.

    `attempts` makes each of them, on the same outbox, pacer, session and clock.
    """

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self.outbox, self._run = attempts.outbox, attempts.outbox.state.run
        self._pacer = attempts.pacer
        self._session = attempts.session
        self._clock = attempts.clock
        self._in_hand: dict[str, asyncio.Task[None]] = {}  # sends without an answer, by room
        self._shown: dict[str, Shown] = {}  # the picture that the bot sent last to a room, if nobody spoke there since
        self._stopped = asyncio.Event()
        self._news = asyncio.Event()
        self._session.listen(self.wake)

    def wake(self) -> None:
        """Look at once whether something can be sent: something new waits, or the session changed."""
        self._news.set()

    def stop(self) -> None:
        """Let `run` return, as soon as the send in hand is finished or hangs."""
        self._stopped.set()

    def heard(self, room_id: str) -> None:
        """Somebody else spoke in that room: what the bot sends there next says whose it is."""
        self._shown.pop(room_id, None)

    async def throttled(self, room_id: str) -> None:
        """WeChat showed in that room that the last send there was too much: pause, and make it again afterwards."""
        self._shown.pop(room_id, None)
        await self._attempts.throttled(room_id, self._clock() - NOTICE_TTL)

    async def run(self) -> None:
        """Send until `stop`; a send that hangs then is left, and counts as one that may have been made."""
        sending = asyncio.create_task(self._send(), name="sending")
        stopped = asyncio.create_task(self._stopped.wait(), name="stop of the courier")
        try:
            await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()  # what it has in hand goes on
            if self._in_hand:
                await asyncio.wait(self._in_hand.values(), timeout=STOP_TIMEOUT)
        finally:
            tasks = [sending, stopped, *self._in_hand.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            self._news.clear()
            wait = await self._step_safely() if self._session.can_send else None
            if wait == 0:
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _step_safely(self) -> float | None:
        try:
            return await self.step()
        except Exception:
            log.exception("The courier failed in a way that was not foreseen; it goes on in %.0f s.", ERROR_DELAY)
            return ERROR_DELAY

    async def step(self) -> float | None:
        """Make at most one send; return the seconds until the next can be made, None when nothing waits."""
        self._pacer.not_ahead_of(self._clock())
        send = await self._run(self._take)
        if not isinstance(send, Send):
            return send
        now = self._clock()
        self._shown.pop(send.room_id, None)
        if is_media(send) and not self._pacer.allows(send.kind, now):
            line = fallback_text(send.kind, send.body, OVER_DAILY_LIMIT)
            await self._run(self.outbox.replace, send, line, "daily limit", now, made=False)
            return 0.0
        self._pacer.sent(send.room_id, send.kind, now)
        task = self._in_hand[send.room_id] = asyncio.create_task(self._make(send), name=f"send {send.id}")
        await asyncio.wait({task}, timeout=HANG_TIMEOUT if len(self._in_hand) == 1 else NEXT_HANG_TIMEOUT)
        if task.done():
            task.result()  # raises what was not foreseen
        return 0.0

    def _take(self) -> Send | float | None:
        """Take the next send, else return what `step` does; all of it is one trip to the file's thread."""
        now = self._clock()
        passed_until = self.outbox.bring_forward(now)
        heads = {head.room_id: head for head in self.outbox.heads(now) if head.room_id not in self._in_hand}
        while heads:
            turn = self._pacer.choose(list(heads.values()), now)
            if turn.room_id is None:
                return min(turn.wait, passed_until - now)
            room_id = turn.room_id
            shown, quotes = self._shown.get(room_id), self._attempts.speaks_quotes
            if send := self.outbox.take(room_id, now, shown=shown, quotes=quotes):
                return send
            # All that stands first there waits for its next try.
            heads[room_id] = Head(room_id, self.outbox.next_try(room_id, now))
        return None

    async def _make(self, send: Send) -> None:
        room_id = send.room_id
        try:
            if send.kind in MEDIA and send.shows:
                self._shown[room_id] = send.shows
            if not await self._attempts.make(send):
                self._shown.pop(room_id, None)
        except Exception:
            log.exception("A send to %s was not marked, in a way that was not foreseen; it is made again.", room_id)
            now = self._clock()
            await self._run(self.outbox.put_back, send, now + ERROR_DELAY, now, uncertain=True)
        finally:
            del self._in_hand[room_id]
            self.wake()
