"""The courier: the one task that sends. Takes the next send and has it made, at the pace that the account bears."""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Sequence

from roomsync.delivery.attempts import Attempts, Mark
from roomsync.delivery.gate import Gate
from roomsync.delivery.picker import Picker
from roomsync.delivery.retries import is_media
from roomsync.errors import StateFileError
from roomsync.model import Send, Shown
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

    `attempts` makes each of them, on the same outbox, pacer, session and clock. `gate` says where nothing may go now;
    without one only a pause of all communities does.
    """

    def __init__(self, attempts: Attempts, gate: Gate | None = None) -> None:
        self._attempts = attempts
        self.outbox, self._run = attempts.outbox, attempts.outbox.state.run
        self._pacer = attempts.pacer
        self._session = attempts.session
        self._picker = Picker(self.outbox, self._pacer, gate or Gate(self._session))
        self.clock = attempts.clock
        self._in_hand: dict[str, asyncio.Task[None]] = {}  # sends without an answer, by room
        self._back: set[str] = set()  # rooms that had one, and may be served again
        self._late: set[int] = set()  # sends that hold up their room alone
        self._marks: list[tuple[Send, Mark]] = []  # of sends that the gateway has, not in the file yet
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
        await self._attempts.throttled(room_id, self.clock() - NOTICE_TTL)

    async def run(self) -> None:
        """Send until `stop`; a send that hangs then is left, and counts as one that may have been made."""
        sending = asyncio.create_task(self._send(), name="sending")
        stopped = asyncio.create_task(self._stopped.wait(), name="stop of the courier")
        try:
            await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()  # what it has in hand goes on
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT):
                    if self._in_hand:
                        await asyncio.wait(self._in_hand.values())
                    await self.mark_rest()
        finally:
            tasks = [sending, stopped, *self._in_hand.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            self._news.clear()
            wait = await self._step_safely()
            if wait == 0:
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _step_safely(self) -> float | None:
        try:
            if self._session.is_ready:
                return await self.step()
            await self.mark_rest()
            return None
        except Exception:
            log.exception("The courier failed in a way that was not foreseen; it goes on in %.0f s.", ERROR_DELAY)
            return ERROR_DELAY

    async def step(self) -> float | None:
        """Make at most one send; return the seconds until the next can be made, None when nothing waits."""
        if self._pacer.not_ahead_of(self.clock()):
            self._picker.look_anew()
        send = await self._mark_and_take()
        if not isinstance(send, Send):
            return send
        now = self.clock()
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
        else:
            self._late.add(send.id)
        return 0.0

    async def _mark_and_take(self) -> Send | float | None:
        """Mark what was sent, then take the next send, else return what `step` does: one trip to the file's thread."""
        marks, back, self._back = tuple(self._marks), self._back, set()
        try:
            return await self._run(self._work, marks, back)
        except asyncio.CancelledError:
            marks = ()  # the trip may not come to its end: `run` marks them
            raise
        except Exception:
            self._picker.look_anew()
            raise
        finally:
            del self._marks[: len(marks)]

    def _work(self, marks: Sequence[tuple[Send, Mark]], back: Collection[str]) -> Send | float | None:
        self._mark(marks)
        quotes = self._attempts.speaks_quotes
        return self._picker.pick(self.clock(), self._in_hand, back, self._shown, quotes=quotes)

    async def mark_rest(self) -> None:
        """Mark what the gateway has, and take nothing."""
        while self._marks:
            await self._run(self._mark, self._marks[:1])
            del self._marks[0]

    def _mark(self, marks: Sequence[tuple[Send, Mark]]) -> None:
        """Mark sends as made; one for which that fails is made again, and keeps nobody else."""
        for send, mark in marks:
            try:
                mark()
            except StateFileError:
                raise  # done again, all of it
            except Exception:
                log.exception(
                    "A send to %s was not marked, in a way that was not foreseen; it is made again.", send.room_id
                )
                now = self.clock()
                self.outbox.put_back(send, now + ERROR_DELAY, now, uncertain=True)

    async def _make(self, send: Send) -> None:
        room_id = send.room_id
        try:
            if send.kind in MEDIA and send.shows:
                self._shown[room_id] = send.shows
            mark = await self._attempts.make(send)
            if mark is None:
                self._shown.pop(room_id, None)
            elif send.id in self._late:
                await self._run(self._mark, [(send, mark)])  # now: the courier may be busy with another
            else:
                self._marks.append((send, mark))
        except Exception:
            log.exception("A send to %s failed in a way that was not foreseen; it is made again.", room_id)
            now = self.clock()
            await self._run(self.outbox.put_back, send, now + ERROR_DELAY, now, uncertain=True)
        finally:
            del self._in_hand[room_id]
            self._back.add(room_id)
            self._late.discard(send.id)
            self.wake()
