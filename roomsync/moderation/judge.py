"""The judge: gathers what the checks need, asks them, and notes what comes of it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from roomsync import store
from roomsync.errors import GatewayLost
from roomsync.model import Decision, FilterMode, Message, Room, Verdict
from roomsync.moderation import standing, trust
from roomsync.moderation.breaker import Breaker
from roomsync.moderation.checks import CHECKS, Check, Facts, Reason
from roomsync.moderation.evidence import NOTHING, Evidence, Fetch
from roomsync.moderation.lookups import Lookups, index_at
from roomsync.moderation.moderator import Options
from roomsync.moderation.said import Said, said_of
from roomsync.moderation.words import Word
from roomsync.session import Session
from roomsync.store.held import HeldState
from roomsync.store.rules import RuleKind
from roomsync.store.samples import SampleKind

log = logging.getLogger(__name__)

ROOMS_WINDOW = 600.0  # seconds in which the same thing in another room has nothing to add
CHECK_TIMEOUT = 0.3  # seconds after which what a check says is not believed
RELAYED = Verdict(Decision.RELAY)


@dataclass
class Rules:
    """Staff's rules, as they stand in the state file."""

    words: list[Word] = field(default_factory=list)
    hosts: frozenset[str] = frozenset()
    codes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What was found out about the message that is being decided on."""

    message_id: str
    community: str
    said: Said
    reasons: tuple[Reason, ...]
    code: str


class Judge:
    """Judges messages by CHECKS. All but `examine` is called in the thread of the state file.

    A check that fails, or is slow, says nothing and is counted: the message goes on.
    """

    def __init__(
        self,
        options: Options,
        session: Session,
        fetch: Fetch,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._options, self._session = options, session
        self._timer = timer
        self._mode = FilterMode.OFF
        self._rules = Rules()
        self._is_loaded = False
        self._texts: dict[int, str] = {}  # the samples, by number
        self._codes: dict[str, int] = {}
        self._index = index_at(options.milvus_uri, options.milvus_token)
        self._lookups = Lookups(fetch, self._index)
        self.failures = 0  # not noted yet
        self._breaker = Breaker()
        self._last: Judgement | None = None
        self._counted, self._is_tripped = "", False  # the message that the breaker counted last; what it said

    def load(self, db: store.Connection, mode: FilterMode) -> None:
        """Read what is judged by."""
        self._take(mode)
        self._is_tripped = False
        self._load_samples(db)
        words = [Word(one) for one in store.rules.all_of(db, RuleKind.WORD)]
        self._rules = Rules(words, frozenset(store.rules.all_of(db, RuleKind.HOST)), self._codes)

    def _take(self, mode: FilterMode) -> None:
        if mode is not self._mode:
            self._breaker.reset()
        self._mode = mode

    def _load_samples(self, db: store.Connection) -> None:
        """Read what is new among the samples, and forget what is gone."""
        known, now = self._texts.keys() | set(self._codes.values()), set(store.samples.numbers(db))
        if known == now and self._is_loaded:
            return
        self._is_loaded = True
        for number in known - now:
            self._texts.pop(number, None)
        self._codes = {code: number for code, number in self._codes.items() if number in now}
        for number in sorted(now - known):
            sample = store.samples.get(db, number)
            if sample and sample.kind is SampleKind.CODE:
                self._codes[sample.text] = number
            elif sample:
                self._texts[number] = sample.text
        self._index.sync(store.moderation.read(db).owner, self._texts)

    @property
    def mode(self) -> FilterMode:
        """The mode that is in force, as far as what the breaker did is written."""
        return FilterMode.OBSERVE if self._is_tripped else self._mode

    @property
    def problem(self) -> str:
        """Why the index of samples does not answer, as staff reads it; empty while it does."""
        return self._index.problem

    def close(self) -> None:
        """Let go of the index of samples."""
        self._index.close()

    async def examine(self, message: Message) -> Evidence:
        """Return what has to be looked up about a message. Raises `GatewayLost`."""
        try:
            return await self._lookups.examine(message)
        except GatewayLost:
            raise
        except Exception:
            log.exception("Looking something up failed in a way that was not foreseen; the message is judged without.")
            return Evidence(failures=1)

    def judge(
        self, db: store.Connection, message: Message, source: Room, evidence: Evidence | None, now: float
    ) -> Verdict:
        """Return what should become of a message said in `source`, and why. Staff is not judged, nor the own account.

        Whatever fails, the message goes on.
        """
        self._last = None
        self._settle(message.id)
        try:
            return self._judge(db, message, source, evidence or NOTHING, now)
        except Exception:
            log.exception("Judging a message failed in a way that was not foreseen; it is relayed.")
            self.failures += 1
            return RELAYED

    def _settle(self, message_id: str) -> None:
        """Take back what the breaker said of the last message if that comes again: it could not be written."""
        if self._counted == message_id:
            self._breaker.take_back()
        elif self._is_tripped:
            self._take(FilterMode.OBSERVE)
        self._counted, self._is_tripped = "", False

    def _judge(self, db: store.Connection, message: Message, source: Room, evidence: Evidence, now: float) -> Verdict:
        account = self._session.account_id
        if message.talker_id in (account, *(one.contact_id for one in store.staff.members(db, account))):
            return RELAYED
        said = said_of(message, evidence.digest)
        reasons, failures = self._ask(said, self._facts(db, message, source, said, evidence, now))
        self.failures += failures + evidence.failures
        self._last = Judgement(message.id, source.community, said, reasons, evidence.code)
        holds = self._mode is FilterMode.HOLD and any(one.holds for one in reasons)
        return Verdict(Decision.HOLD if holds else Decision.RELAY, tuple(one.text for one in reasons))

    def _facts(
        self, db: store.Connection, message: Message, source: Room, said: Said, evidence: Evidence, now: float
    ) -> Facts:
        talker, rules, since = message.talker_id, self._rules, now - ROOMS_WINDOW
        elsewhere = store.lately.said_elsewhere(db, talker, source.community, source.id, since) if talker else []
        known = store.trust.get(db, self._session.account_id, talker) if talker else None
        outside = evidence.candidates
        candidates = self._index.candidates(said.units) if outside is None else outside
        return Facts(
            is_trusted=trust.is_trusted(known),
            elsewhere=elsewhere,
            words=rules.words,
            kinds=self._options.hold_kinds,
            holds_links=self._options.hold_links,
            hosts=rules.hosts,
            candidates=candidates,
            code=evidence.code,
            codes=rules.codes,
        )

    def _ask(self, said: Said, facts: Facts) -> tuple[tuple[Reason, ...], int]:
        """Return the reasons of all checks, and how many checks have nothing to say because they failed."""
        reasons, failures = [], 0
        for check in CHECKS:
            started = self._timer()
            try:
                reason = check(said, facts)
            except Exception:
                log.exception("The check %s failed; it says nothing about this message.", check.__name__)
                failures += 1
                continue
            if self._timer() - started > CHECK_TIMEOUT:
                log.warning("The check %s took too long; it says nothing about this message.", check.__name__)
                failures += 1
            elif reason:
                reasons.append(reason)
        return tuple(reasons), failures

    def note(self, db: store.Connection, key: int, message: Message, verdict: Verdict, now: float) -> bool:
        """Note what becomes of a message that was judged; return whether the breaker stops the filter.

        It is the message that was judged last: one is accepted before the next one is judged.
        """
        if self.failures:
            store.moderation.note_failures(db, self.failures, now)
            self.failures = 0
        judged = self._last
        if judged is None or judged.message_id != message.id:
            return False  # of staff
        if judged.said.form:
            store.lately.prune(db, now - ROOMS_WINDOW)
            store.lately.add(db, key, message.talker_id, judged.community, judged.said.form, now)
        if judged.reasons:
            state = HeldState.HELD if verdict.decision is Decision.HOLD else HeldState.OBSERVED
            store.held.add(db, key, message, state, verdict.reasons, judged.code, now)
        else:
            standing.earn(db, self._session.account_id, message, now)
        return self._mode is FilterMode.HOLD and self._trips(db, verdict, judged, message.talker_id, now)

    def _trips(self, db: store.Connection, verdict: Verdict, judged: Judgement, author: str, now: float) -> bool:
        # What is said in several rooms was relayed once: holding the rest cannot be wrong.
        is_held = verdict.decision is Decision.HOLD and {one.check for one in judged.reasons} != {Check.ROOMS}
        self._counted, self._is_tripped = judged.message_id, self._breaker.note(author if is_held else None, now)
        if not self._is_tripped:
            return False
        log.error("More than a third of the last messages were held: the filter observes only, until staff says so.")
        store.moderation.trip(db, self._options.moderation, now)
        return True
