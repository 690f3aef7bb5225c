"""One attempt of a send: made, and what became of it marked."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from roomsync.delivery import retries
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Pacer
from roomsync.delivery.recalls import Recalls
from roomsync.delivery.rereads import Files, Rereads
from roomsync.errors import (
    AnswerLate,
    AnswerLost,
    GatewayError,
    GatewayLost,
    GatewayRefused,
    HandleGone,
    Throttled,
    Unsendable,
)
from roomsync.language import _
from roomsync.model import Kind, Send
from roomsync.session import Session
from roomsync.text.kinds import fallback_text
from roomsync.text.phrases import NOT_RELAYED, UNSENT_TEXT

log = logging.getLogger(__name__)
Mark = Callable[[], None]  # to be called in the state file's thread

MAX_REFUSED_QUOTES = 20  # in a row, about those of two replies, after which replies name what they quote
QUOTES_PAUSE = 3600.0  # seconds until quotes are tried again


class Sender(Files, Protocol):
    """What can send: the gateway. Its calls raise `GatewayError`."""

    @property
    def speaks_quotes(self) -> bool:
        """Whether it has shown that it speaks quote ids."""

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        """Make one call to the gateway; return the id of what was sent, where it gives one.

        `quote_id`: the gateway's id of what a text quotes in that room.
        """

    async def recall(self, sent_id: str) -> bool:
        """Take back what was sent; return whether the gateway did."""


class Attempts:
    """Makes sends. `clock` gives seconds since the epoch. A delivery that failed `max_attempts` times is given up."""

    def __init__(
        self,
        outbox: Outbox,
        pacer: Pacer,
        session: Session,
        sender: Sender,
        clock: Callable[[], float],
        max_attempts: int,
    ) -> None:
        self.outbox, self._run = outbox, outbox.state.run
        self._recalls = Recalls(outbox.state)
        self.pacer = pacer
        self.session = session
        self._sender = sender
        self.clock = clock
        self._rereads = Rereads(outbox.state, sender, clock)
        self._max_attempts = max_attempts
        self._broken: Counter[int] = Counter()  # how often the connection went during which send
        self._refused_quotes, self._quotes_from = 0, 0.0  # one after another; and when quotes are tried again

    @property
    def speaks_quotes(self) -> bool:
        """Whether a send may quote: not while the gateway refuses every quote."""
        return self._sender.speaks_quotes and self.clock() >= self._quotes_from

    async def make(self, send: Send) -> Mark | None:
        """Make a send; return what marks it as one that the gateway has, None when it has it not."""
        try:
            if send.kind is Kind.RECALLED:
                return await self._take_back(send)
            sent_id = await self._sender.send(send.room_id, send.kind, send.body, send.mentions, send.quote_id)
        except Throttled as error:
            await self._pause(send, error)
        except (GatewayRefused, Unsendable) as error:
            await self._refused(send, error)
        except AnswerLate as error:
            await self._retry(send, error)
        except GatewayLost as error:
            await self._wait_for_gateway(send, error)
        except GatewayError as error:
            await self._retry(send, error)
        except Exception as error:
            # Whatever it is, the others go on.
            log.exception("A send to %s failed in a way that was not foreseen.", await self._name_of(send.room_id))
            await self._retry(send, GatewayRefused(repr(error)))
        else:
            if send.quote_id:
                self._refused_quotes = 0
            self._settled(send)
            return partial(self.outbox.sent, send, sent_id, self.clock())
        return None

    async def throttled(self, room_id: str, since: float) -> None:
        """Pause, and make the last send to that room again if it was made since then: it was too much for WeChat."""
        now = self.clock()
        length = self._begin_pause(now)
        again = await self._run(self.outbox.send_again, room_id, since, now)
        why = _("a notice in {room}, {count} deliveries are sent again")
        self._say_pause(length, why.format(room=await self._name_of(room_id), count=again))

    async def _pause(self, send: Send, error: Throttled) -> None:
        now = self.clock()
        length = self._begin_pause(now)
        await self._run(self.outbox.put_back, send, now, now, uncertain=False)
        self._say_pause(length, str(error))

    def _begin_pause(self, now: float) -> float:
        """Let the account pause; return for how many seconds, 0 when it did so already."""
        before = self.session.cooldown
        cooldown = self.pacer.throttled(now)
        return cooldown.until - now if cooldown != before else 0.0

    @staticmethod
    def _say_pause(length: float, why: str) -> None:
        if length:
            log.error("WeChat says that the account sends too fast (%s); it pauses for %.0f s.", why, length)

    async def _wait_for_gateway(self, send: Send, error: GatewayLost) -> None:
        log.info("A send to %s waits for the gateway: %s", await self._name_of(send.room_id), error)
        now, is_made = self.clock(), isinstance(error, AnswerLost)
        if is_made:
            self._broken[send.id] += 1
        delay = retries.lost_delay(self._broken[send.id])
        await self._run(self.outbox.put_back, send, now + delay, now, uncertain=is_made)

    async def _take_back(self, send: Send) -> Mark:
        """Take back a copy of a message; return what marks that, or lets its room know. Raises `GatewayError`."""
        target = await self._run(self._recalls.target, send, self.clock())
        taken, certain = False, True
        if target:
            try:
                taken = await self._sender.recall(target)
            except Throttled:
                raise
            except (GatewayRefused, Unsendable) as error:
                # When it was tried before and its answer lost, a refusal may say that it is gone already.
                taken, certain = send.repeated, not send.repeated
                log.info("A message in %s cannot be taken back: %s", await self._name_of(send.room_id), error)
        self._settled(send)
        return partial(self._recalls.done, send, taken, self.clock(), certain=certain)

    def _settled(self, send: Send) -> None:
        """Forget what was counted of a send that is over."""
        self._broken.pop(send.id, None)

    async def _refused(self, send: Send, error: GatewayError) -> None:
        if isinstance(error, HandleGone):
            await self._renew(send, error)
        elif send.quote_id:
            await self._name_quoted(send, error)
        elif isinstance(error, Unsendable):
            await self._replace(send, error)
        else:
            await self._retry(send, error)

    async def _name_quoted(self, send: Send, error: GatewayError) -> None:
        """Let a reply go at once in which a line names what it quotes: the gateway refuses to quote that."""
        log.info("A reply to %s cannot quote: %s", await self._name_of(send.room_id), error)
        now = self.clock()
        self._refused_quotes += 1
        if self._refused_quotes >= MAX_REFUSED_QUOTES:
            self._refused_quotes, self._quotes_from = 0, now + QUOTES_PAUSE
        await self._run(self.outbox.retry, send, now, str(error), now, apart=True)
        self._settled(send)

    async def _retry(self, send: Send, error: GatewayError) -> None:
        now, attempts = self.clock(), send.attempts + 1
        if retries.is_given_up(send, self._max_attempts):
            await self._give_up(send, error)
            return
        delay = retries.retry_delay(send)
        room = await self._name_of(send.room_id)
        log.warning("A send to %s is tried again in %.0f s (attempt %d failed): %s", room, delay, attempts, error)
        apart, passed = retries.goes_apart(send, self._max_attempts), retries.is_passed(send)
        await self._run(self.outbox.retry, send, now + delay, str(error), now, apart=apart, passed=passed)

    async def _give_up(self, send: Send, error: GatewayError) -> None:
        if retries.is_media(send):
            await self._replace(send, error)
            return
        room = await self._name_of(send.room_id)
        log.error("A send to %s is given up after %d attempts: %s", room, send.attempts + 1, error)
        if send.kind is Kind.RECALLED:
            await self._run(self._recalls.done, send, False, self.clock())
        else:
            await self._run(self.outbox.fail, send, str(error), self.clock())
        self._settled(send)

    async def _renew(self, send: Send, error: HandleGone) -> None:
        """Let a file whose handle is gone go with another one; where there is none, a line in its place."""
        try:
            has_another = await self._rereads.renew(send, error)
        except GatewayLost as lost:
            await self._wait_for_gateway(send, lost)
            return
        if has_another:
            log.info("A send to %s is made again with a new handle: %s", await self._name_of(send.room_id), error)
        else:
            await self._replace(send, error)

    async def _replace(self, send: Send, error: GatewayError) -> None:
        now, room = self.clock(), await self._name_of(send.room_id)
        if len(send.deliveries) > 1:
            await self._run(self.outbox.retry, send, now, str(error), now, apart=True)
            return
        if send.kind is Kind.TEXT and send.body.endswith(UNSENT_TEXT):
            log.error("A send to %s cannot be made: %s", room, error)
            await self._run(self.outbox.fail, send, str(error), now)
        else:
            log.warning("A send to %s goes as a line of text: %s", room, error)
            line = UNSENT_TEXT if send.kind is Kind.TEXT else fallback_text(send.kind, send.body, NOT_RELAYED)
            await self._run(self.outbox.replace, send, line, str(error), now, made=True)
        self._settled(send)

    async def _name_of(self, room_id: str) -> str:
        return await self._run(self.outbox.name_of, room_id)
