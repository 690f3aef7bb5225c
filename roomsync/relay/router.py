"""The one place that decides what becomes of a message: relayed, taken back, answered, settled or left alone."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from roomsync import store
from roomsync.delivery.courier import Courier
from roomsync.delivery.outbox import add_line
from roomsync.delivery.recalls import Recalls
from roomsync.errors import GatewayLost
from roomsync.language import _
from roomsync.model import Decision, Kind, Message, Room, Verdict
from roomsync.moderation.moderator import Moderator
from roomsync.relay.announcements import is_shown_twice
from roomsync.relay.loop_guard import LoopGuard
from roomsync.relay.own_account import Origin, OwnAccount
from roomsync.relay.presenter import Presenter
from roomsync.relay.quotes import quote_of
from roomsync.relay.rendering import Style
from roomsync.relay.roster import Roster
from roomsync.session import Session
from roomsync.text.kinds import SILENT
from roomsync.text.phrases import introduction
from roomsync.text.system_messages import is_throttle_notice, recalled_ids

if TYPE_CHECKING:
    from roomsync.moderation.evidence import Evidence

log = logging.getLogger(__name__)

INTRODUCTION_INTERVAL = 3600.0  # seconds between two introductions in one room, to those who mention the bot
Filter = Callable[[Message, Room, float], Verdict]


class Reader(Protocol):
    """What reads the rest of a message: the gateway."""

    async def complete(self, message: Message) -> Message:
        """Return the message with its talker's name and its content. Raises `GatewayError`."""

    async def with_quote(self, message: Message) -> Message:
        """Return the message with what it quotes by id, if that can be had. Raises `GatewayError`."""


class Router:
    """Decides by asking, in this order: is it ours, whose is it, does it take something back, is it to be relayed?

    `filters` answer relay, hold or drop, with their reasons, at the time that they are given; what they let pass the
    `moderator` judges, while it is on. `clock` gives seconds since the epoch. What was said longer ago than `ttl`
    seconds, by the gateway's word, is given up. `relay_own`: what a person says with the bot's account is relayed, too.
    What a message needs of the state file is one piece of work there: so one that was said first is decided first, also
    after an outage of the disk. The methods that do such work raise `StateFileError` when the file cannot be used.
    """

    def __init__(
        self,
        roster: Roster,
        reader: Reader,
        courier: Courier,
        session: Session,
        style: Style,
        clock: Callable[[], float],
        filters: Sequence[Filter] = (),
        moderator: Moderator | None = None,
        ttl: float = math.inf,
        relay_own: bool = False,
    ) -> None:
        self.roster, self._rooms = roster, roster.rooms
        self._reader = reader
        self._courier = courier
        self._outbox, self._state = courier.outbox, courier.outbox.state
        self._recalls = Recalls(self._state)
        self._loop_guard = LoopGuard(self._state, style.header)
        self._own = OwnAccount(self._outbox, style.header, relay_own)
        self.presenter = Presenter(self._state, self._rooms, session, style)
        self._session = session
        self._clock = clock
        self._filters, self._moderator = filters, moderator
        self._ttl = ttl

    async def handle(self, message: Message) -> None:
        """Decide about a message that was seen, and let the courier know. Raises `GatewayError`, to be asked again."""
        source = await self.roster.room(message.room_id) if message.room_id else None
        if source is None:
            return  # private, or in a room of no community
        if not self._session.account_id:
            raise GatewayLost(_("it is not known yet whose account this is"))
        own = message.talker_id == self._session.account_id
        if is_throttle_notice(message.kind, message.text, own):
            if not self._is_old(message) and await self._state.run(self.is_new, message.id, source, self._clock()):
                await self._courier.throttled(source.id)
        elif own:
            await self._settle(message, source)
        else:
            self._courier.heard(source.id)
            if await self._answer(message, source):
                self._courier.wake()

    async def _answer(self, message: Message, source: Room) -> bool:
        """Do what somebody's message asks for; return whether there is something to send."""
        account = self._session.account_id
        is_mentioned = account in message.mention_ids and message.talker_id != account
        if message.kind is Kind.RECALLED:
            has_news = await self._state.run(lambda: self.take_back(message.text, source, self._clock()))
        else:
            is_old = self._is_old(message)
            complete = message if is_old else await self._complete(message)
            evidence = None if is_old else await self._examine(complete, source)
            has_news = await self._state.run(lambda: self.relay(complete, source, self._clock(), evidence))
        if is_mentioned and not self._is_old(message) and self._rooms.mode(source.id).hears:
            has_news = await self._state.run(self.introduce, source, self._clock()) or has_news
        return has_news

    async def _examine(self, message: Message, source: Room) -> "Evidence | None":
        """Return what has to be looked up about a message; nothing of one that is relayed nowhere anyway."""
        if self._moderator is None or self._judge(message, source, self._clock()).decision is not Decision.RELAY:
            return None
        return await self._moderator.examine(message)

    async def _complete(self, message: Message) -> Message:
        """Return the message with all that the gateway has to be asked for: what it quotes only if the bot has it not.

        That is looked up once more where it is decided: this is no part of the decision.
        """
        complete = await self._reader.complete(message)
        if complete.quote_id and not await self._state.run(quote_of, complete, self._state, self._rooms):
            return await self._reader.with_quote(complete)
        return complete

    async def _settle(self, message: Message, source: Room) -> None:
        """Take the account's own message for the echo of a send, or for what a person said with it."""
        if message.kind is Kind.RECALLED and not self._own.relays:
            return  # the echo of a recall of our own

        def whose() -> Origin:
            labels = [room.label for room in self._rooms.community(source.community)] if self._own.relays else []
            return self._own.origin(message, source, labels, self._clock())

        origin = await self._state.run(whose)
        if origin is not Origin.ECHO:
            self._courier.heard(source.id)
        if origin is Origin.TYPED and await self._answer(message, source):
            self._courier.wake()

    def relay(self, message: Message, source: Room, now: float, evidence: "Evidence | None" = None) -> bool:
        """Commit what `message`, said in `source`, becomes elsewhere; return whether there is something to send.

        `evidence`: what was looked up about it.
        """
        labels = [room.label for room in self._rooms.community(source.community)]
        if self._outbox.is_ours(message.id) or self._loop_guard.is_relayed(message, labels, now):
            log.debug("Message %.100s is a relayed one: left alone.", message.id)
            return False
        if is_shown_twice(message, self._state, now):
            self._outbox.accept(message, [], [], now)
            return False
        message = replace(message, quote=quote_of(message, self._state, self._rooms) or message.quote)
        expired = self._is_old(message)
        verdict, note = self._judge(message, source, now), None
        if self._moderator and verdict.decision is Decision.RELAY and message.kind not in SILENT and not expired:
            verdict, note = self._moderate(self._moderator, message, source, evidence, now)
        if verdict.decision is not Decision.RELAY:
            log.info("Message %.100s: %s (%s).", message.id, _(str(verdict.decision)), ", ".join(verdict.reasons))
            self._outbox.accept(message, [], [], now, then=note)
            return False
        if expired:
            log.info("A message that is older than RELAY_TTL_HOURS is given up.")
        shown, special = self.presenter.become(message, source, labels)
        others = [room.id for room in self._rooms.others(source)]
        return self._outbox.accept(message, shown, others, now, special, expired=expired, then=note)

    def _moderate(
        self, moderator: Moderator, message: Message, source: Room, evidence: "Evidence | None", now: float
    ) -> tuple[Verdict, Callable[[store.Connection, int], None] | None]:
        """Return what the moderator says of a message, and what notes that when it is accepted."""
        with self._state.connection() as db:
            verdict = moderator.judge(db, message, source, evidence, now)
        if verdict is None:
            return Verdict(Decision.RELAY), None
        return verdict, partial(_note, moderator, message, verdict, now)

    def _is_old(self, message: Message) -> bool:
        """Return whether it was said so long ago that the gateway tells it too late."""
        return 0 < message.said_at < self._clock() - self._ttl

    def _judge(self, message: Message, source: Room, now: float) -> Verdict:
        """Return the strictest answer of the filters, with the reasons of all."""
        mode = self._rooms.mode(source.id)
        if not mode.speaks:
            return Verdict(Decision.DROP, (_("its room is set to {mode}").format(mode=mode),))
        verdicts = [check(message, source, now) for check in self._filters]
        decision = max((one.decision for one in verdicts), default=Decision.RELAY)
        return Verdict(decision, tuple(reason for one in verdicts for reason in one.reasons))

    def take_back(self, text: str, source: Room, now: float) -> bool:
        """Take back what a recall, seen in `source`, names; return whether there is something to take back."""
        copies = self._recalls.accept(recalled_ids(text), source.id, now)
        if copies is not None:
            log.info("A message of %s is taken back, with its %d copies.", source.label, copies)
        return bool(copies)

    def is_new(self, message_id: str, source: Room, now: float) -> bool:
        """Note a notice of WeChat's; return whether it was not seen before."""
        return self._outbox.accept(Message(message_id, source.id, "", "", Kind.SYSTEM), [], [], now)

    def introduce(self, source: Room, now: float) -> bool:
        """Say what the bot does to who mentions it, at most once an hour in a room; return whether it does now."""
        with self._state.transaction() as db:
            if now - store.rooms.introduced_at(db, source.id) < INTRODUCTION_INTERVAL:
                return False
            store.rooms.note_introduction(db, source.id, now)
            line = introduction(source.community, len(self._rooms.others(source)))
            add_line(db, source.id, line, now, is_answer=True)
        return True


def _note(moderator: Moderator, message: Message, verdict: Verdict, now: float, db: store.Connection, key: int) -> None:
    moderator.note(db, key, message, verdict, now)
