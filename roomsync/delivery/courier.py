"""The courier: the one task that sends. Takes the next send, makes it, marks what became of it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from roomsync.delivery import retries
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Pacer
from roomsync.delivery.recalls import Recalls
from roomsync.errors import AnswerLate, AnswerLost, GatewayError, GatewayLost, GatewayRefused, Throttled, Unsendable
from roomsync.model import Kind, Send, Shown
from roomsync.session import Session
from roomsync.text.kinds import CARDS, MEDIA, fallback_text
from roomsync.text.phrases import NOT_RELAYED, OVER_DAILY_LIMIT, UNSENT_TEXT

log = logging.getLogger(__name__)

NOTICE_TTL = 120.0  # seconds after a send in which a throttle notice is about it


class Sender(Protocol):
    """What can send: the gateway. Both raise `GatewayError`."""

    async def send(self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = ()) -> str | None:
        """Make one call to the gateway; return the id of what was sent, where it gives one."""

    async def recall(self, sent_id: str) -> bool:
        """Take back what was sent; return whether the gateway did."""


class Courier:
    """Sends what waits in the outbox, as the pacer allows, while the session is ready.

    `clock` gives seconds since the epoch. A delivery that failed `max_attempts` times is given up.
    """

    def __init__(
        self,
        outbox: Outbox,
        pacer: Pacer,
        session: Session,
        sender: Sender,
        clock: Callable[[], float],
        max_attempts: int,
    ) -> None:
        self.outbox = outbox
        self._recalls = Recalls(outbox.state)
        self._pacer = pacer
        self._session = session
        self._sender = sender
        self._clock = clock
        self._max_attempts = max_attempts
        self._alone: Counter[str] = Counter()  # of which room how many deliveries go one by one
        self._broken: Counter[int] = Counter()  # how often the connection went during which send
        self._shown: dict[str, Shown] = {}  # the picture that the bot sent last to a room, if nobody spoke there since
        self._stopping = False
        self._news = asyncio.Event()
        session.listen(self.wake)

    def wake(self) -> None:
        """Look at once whether something can be sent: something new waits, or the session changed."""
        self._news.set()

    def stop(self) -> None:
        """Finish the send in hand, then let `run` return."""
        self._stopping = True
        self._news.set()

    def heard(self, room_id: str) -> None:
        """Somebody else spoke in that room: what the bot sends there next says whose it is."""
        self._shown.pop(room_id, None)

    def throttled(self, room_id: str) -> None:
        """WeChat showed in that room that the last send there was too much: pause, and make it again afterwards."""
        now = self._clock()
        self._shown.pop(room_id, None)
        again = self.outbox.send_again(room_id, now - NOTICE_TTL, now)
        self._cool_down(f"a notice in {self.outbox.name_of(room_id)}, {again} deliveries are sent again")

    def _cool_down(self, why: str) -> None:
        now = self._clock()
        already = self._session.cooldown
        until = self._pacer.throttled(now).until
        if self._session.cooldown != already:
            log.error("WeChat says that the account sends too fast (%s); it pauses for %.0f s.", why, until - now)

    async def run(self) -> None:
        """Send until `stop`. Raises `StateFileError` when the outbox cannot be written."""
        while not self._stopping:
            self._news.clear()
            wait = await self.step() if self._session.can_send else None
            if wait == 0:
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def step(self) -> float | None:
        """Make at most one send; return the seconds until the next can be made, None when nothing waits."""
        heads = self.outbox.heads()
        if not heads:
            return None
        now = self._clock()
        turn = self._pacer.choose(heads, now)
        if turn.room_id is None:
            return turn.wait
        shown = self._shown.pop(turn.room_id, None)
        send = self.outbox.take(turn.room_id, now, alone=self._alone[turn.room_id] > 0, shown=shown)
        if send is None:
            return 0.0
        if send.kind in (*MEDIA, *CARDS) and not self._pacer.allows(send.kind, now):
            line = fallback_text(send.kind, send.body, OVER_DAILY_LIMIT)
            self.outbox.replace(send, line, "daily limit", now, made=False)
            return 0.0
        self._pacer.sent(send.room_id, send.kind, now)
        if send.kind in MEDIA and send.shows:
            self._shown[send.room_id] = send.shows
        if not await self._make(send):
            self._shown.pop(send.room_id, None)
        return 0.0

    async def _make(self, send: Send) -> bool:
        """Make a send; return whether the gateway has it."""
        try:
            if send.kind is Kind.RECALLED:
                await self._take_back(send)
                return True
            sent_id = await self._sender.send(send.room_id, send.kind, send.body, send.mentions)
        except Unsendable as error:
            self._replace(send, error)
        except Throttled as error:
            now = self._clock()
            self.outbox.put_back(send, now, now, uncertain=False)
            self._cool_down(str(error).splitlines()[0])
        except AnswerLate as error:
            self._retry(send, error)
        except GatewayLost as error:
            log.info("A send to %s waits for the gateway: %s", self._room_of(send), error)
            now = self._clock()
            self._broken[send.id] += 1
            delay = retries.lost_delay(self._broken[send.id])
            self.outbox.put_back(send, now + delay, now, uncertain=isinstance(error, AnswerLost))
        except GatewayError as error:
            self._retry(send, error)
        else:
            self.outbox.sent(send, sent_id, self._clock())
            self._settled(send)
            return True
        return False

    async def _take_back(self, send: Send) -> None:
        """Take back a copy of a message; where that cannot be, let its room know. Raises `GatewayError`."""
        target = self._recalls.target(send, self._clock())
        taken, certain = False, True
        if target:
            try:
                taken = await self._sender.recall(target)
            except Throttled:
                raise
            except (GatewayRefused, Unsendable) as error:
                # When it was tried before and its answer lost, a refusal may say that it is gone already.
                taken, certain = send.repeated, not send.repeated
                log.info("A message in %s cannot be taken back: %s", self._room_of(send), error)
        self._recalls.done(send, taken, self._clock(), certain=certain)
        self._broken.pop(send.id, None)

    def _settled(self, send: Send) -> None:
        """Forget what was counted of a send that is over, one that had to go alone among them."""
        self._broken.pop(send.id, None)
        if self._alone[send.room_id]:
            self._alone[send.room_id] -= len(send.deliveries)
        if self._alone[send.room_id] <= 0:
            del self._alone[send.room_id]

    def _retry(self, send: Send, error: GatewayError) -> None:
        now, attempts = self._clock(), send.attempts + 1
        if retries.is_given_up(send, self._max_attempts):
            log.error("A send to %s is given up after %d attempts: %s", self._room_of(send), attempts, error)
            if send.kind is Kind.RECALLED:
                self._recalls.done(send, False, now)
            else:
                self.outbox.fail(send, str(error), now)
            self._settled(send)
            return
        delay = retries.retry_delay(attempts)
        log.warning("A send to %s is tried again in %.0f s: %s", self._room_of(send), delay, error)
        if apart := retries.goes_apart(send, self._max_attempts):
            self._alone[send.room_id] = len(send.deliveries)
        self.outbox.retry(send, now + delay, str(error), now, apart=apart)

    def _replace(self, send: Send, error: GatewayError) -> None:
        now = self._clock()
        if len(send.deliveries) > 1:
            self._alone[send.room_id] = len(send.deliveries)
            self.outbox.put_back(send, now, now, uncertain=False, apart=True)
            return
        if send.kind is Kind.TEXT and send.body.endswith(UNSENT_TEXT):
            log.error("A send to %s cannot be made: %s", self._room_of(send), error)
            self.outbox.fail(send, str(error), now)
        else:
            log.warning("A send to %s goes as a line of text: %s", self._room_of(send), error)
            line = UNSENT_TEXT if send.kind is Kind.TEXT else fallback_text(send.kind, send.body, NOT_RELAYED)
            self.outbox.replace(send, line, str(error), now, made=True)
        self._settled(send)

    def _room_of(self, send: Send) -> str:
        return self.outbox.name_of(send.room_id)
