"""The samples in Milvus: a path is Milvus Lite, embedded, an address a server, which many bots may share.

It is a cache: what the state file says is made so in Milvus, whatever was there before.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import NamedTuple

from roomsync.backoff import backoff
from roomsync.errors import LookupFailed
from roomsync.language import _
from roomsync.moderation.grams import MIN_UNITS
from roomsync.moderation.likeness import Known
from roomsync.moderation.sample_base import BaseFailed, SampleBase, kept, number_of, owner_of

log = logging.getLogger(__name__)

LOOKUP_TIMEOUT = 0.3  # seconds
CLOSE_TIMEOUT = 1.0  # seconds that the end of the bot waits for Milvus
HUNG = 20.0  # seconds after which a call will not come back: pymilvus ends its own ones sooner
BATCH = 200  # samples that are put at once: a look-up waits for no more
MAX_PENDING = 50  # samples that are not in Milvus yet and are looked at one by one


class _Question(NamedTuple):
    """A text that is looked up, as its units, and where the answer goes."""

    found: Sequence[str]
    answer: "Future[list[Known]]"


class MilvusIndex:
    """Keeps the samples in Milvus, and asks it, in a thread of its own; a hung Milvus holds up nothing else.

    The thread ends with the process. `problem`: why it does not answer, as staff reads it.
    """

    is_outside = True

    def __init__(self, uri: str, token: str, delays: Callable[[], Iterator[float]] = backoff) -> None:
        """`uri`: a path, or the address of a server; `delays`: gives the seconds before each new attempt."""
        self.problem = ""
        self._base = SampleBase(uri, token)
        self._delays = delays
        self._changed = threading.Condition()  # guards all that follows
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._owner, self._wanted = "", dict[int, str]()
        self._is_behind = False
        self._stored: dict[int, str] | None = None  # what Milvus has of them; None: not known
        self._questions: deque[_Question] = deque()
        self._faults = 0  # since it was well
        self._retry_at = 0.0  # by time.monotonic, as is:
        self._busy_since: float | None = None
        self._is_given_up = False  # what the thread does now, by one who asked

    def sync(self, owner: str, samples: Mapping[int, str]) -> None:
        """Have these samples, by number, and no other ones of `owner`; called in any thread, it returns at once."""
        with self._changed:
            if self._is_closed or (self._thread and (owner, samples) == (self._owner, self._wanted)):
                return
            if owner != self._owner:
                self._stored = None
            self._owner, self._wanted, self._is_behind = owner, dict(samples), True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="milvus", daemon=True)
                self._thread.start()
            self._changed.notify()

    def candidates(self, found: Sequence[str]) -> list[Known]:
        """Return nothing: it is asked by `look_up`."""
        return []

    async def look_up(self, found: Sequence[str]) -> list[Known]:
        """Return the samples that a text, given as its units, may be like. Raises `LookupFailed`."""
        if len(found) < MIN_UNITS:
            return []
        answer: Future[list[Known]] = Future()
        with self._changed:
            if self._is_starting and len(self._wanted) <= MAX_PENDING:
                return [Known(number, text) for number, text in self._wanted.items()]
            self._refuse()
            self._questions.append(_Question(found, answer))
            self._changed.notify()
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            with self._changed:
                self._is_given_up = self._busy_since is not None
            raise LookupFailed(_("Milvus did not answer within {limit} s").format(limit=LOOKUP_TIMEOUT)) from None

    def close(self) -> None:
        """Let go of it. A call that hangs is not waited for."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            is_stuck = self._is_stuck(LOOKUP_TIMEOUT)
        if self._thread and not is_stuck:
            self._thread.join(CLOSE_TIMEOUT)

    @property
    def _is_starting(self) -> bool:
        """Whether Milvus is being opened, which takes seconds, and nothing went wrong so far."""
        is_used = self._thread is not None and not self._is_closed
        return is_used and self._stored is None and not self.problem and not self._is_stuck(HUNG)

    def _refuse(self) -> None:
        """Raise `LookupFailed` when there is no use in asking."""
        if self._is_closed or self._thread is None:
            raise LookupFailed(_("Milvus is not in use"))
        if self._is_stuck(HUNG):
            self._begin_problem(_("a call hangs"), "Milvus 没有回应")
        if self._is_given_up or self._is_stuck(LOOKUP_TIMEOUT):
            raise LookupFailed(_("Milvus has not answered an earlier call yet"))
        if self._stored is None:
            raise LookupFailed(_("Milvus is not ready"))
        if len(self._pending()) > MAX_PENDING:
            raise LookupFailed(_("Milvus has not got the samples yet"))

    def _is_stuck(self, limit: float) -> bool:
        return self._busy_since is not None and time.monotonic() - self._busy_since > limit

    # What follows runs in the thread, but for the two that note problems.

    def _run(self) -> None:
        delays = self._delays()
        while (work := self._next()) is not None:
            try:
                work()
            except BaseFailed as error:
                self._recover(error, next(delays))
            except Exception:
                log.exception("The samples in Milvus cannot be used; they are read anew.")
                self._recover(BaseFailed(_("see above"), "Milvus 出错了", is_fault=False), next(delays))
            else:
                if self.problem and not self._is_behind:
                    delays = self._delays()
                    self._end_problem()
        self._base.close()

    def _next(self) -> Callable[[], None] | None:
        """Wait for what is to be done next, and return it; None: nothing any more."""
        with self._changed:
            self._busy_since, self._is_given_up = None, False
            while not self._is_closed:
                rest = self._retry_at - time.monotonic()
                if self._questions or (self._is_behind and rest <= 0):
                    self._busy_since = time.monotonic()
                    return self._answer if self._questions else self._catch_up
                self._changed.wait(rest if self._is_behind else None)
            self._drop_questions()
            return None

    def _answer(self) -> None:
        """Answer the first question; who asked may have gone."""
        with self._changed:
            question = self._questions.popleft()
        if not question.answer.set_running_or_notify_cancel():
            return
        try:
            found = self._base.search(question.found)
        except BaseFailed as error:
            question.answer.set_exception(LookupFailed(str(error)))
            raise
        with self._changed:
            ids = (one["id"] for one in found if owner_of(one["id"]) == self._owner)
            own = dict.fromkeys((*map(number_of, ids), *self._pending()))
            known = [Known(number, self._wanted[number]) for number in own if number in self._wanted]
            known += [Known(None, one["text"]) for one in found if owner_of(one["id"]) != self._owner]
        question.answer.set_result(known)

    def _pending(self) -> list[int]:
        """Return the samples that Milvus has not got yet, or only as they were."""
        stored = self._stored or {}
        return [number for number, text in self._wanted.items() if stored.get(number) != text]

    def _catch_up(self) -> None:
        """Bring Milvus a step nearer to what it should have: short ones, so that a question does not wait."""
        with self._changed:
            owner, wanted, stored = self._owner, self._wanted, self._stored
            missing = {number: wanted[number] for number in islice(self._pending(), BATCH)}
            gone = [number for number in stored or () if number not in wanted][:BATCH]
        if stored is None:
            self._compare(owner, wanted)
        elif missing:
            self._base.put(owner, {number: kept(text) for number, text in missing.items()})
        elif gone:
            self._base.remove(owner, gone)
        else:
            self._base.flush()
        with self._changed:
            if stored is not None:
                stored.update(missing)
                for number in gone if not missing else ():
                    del stored[number]
                self._is_behind = bool(missing or gone) or self._wanted is not wanted

    def _compare(self, owner: str, wanted: Mapping[int, str]) -> None:
        """Learn what Milvus has: after a kill, a failure or another base it may be anything."""
        self._base.open()
        found = self._base.stored(owner, wanted)
        for number in found.keys() & wanted.keys():
            if found[number] == kept(wanted[number]):
                found[number] = wanted[number]
        with self._changed:
            self._stored = found if owner == self._owner else None

    def _recover(self, error: BaseFailed, delay: float) -> None:
        """Begin anew after a while, with what can be mended mended."""
        self._begin_problem(str(error), error.shown)
        self._base.close()
        if error.is_fault:
            try:
                self._base.mend(is_hopeless=self._faults > 0)
            except BaseFailed as another:
                log.debug("What Milvus Lite has cannot be taken away: %s", another)
            self._faults += 1
        with self._changed:
            self._stored, self._is_behind = None, True
            self._retry_at = time.monotonic() + delay
            self._drop_questions()

    def _drop_questions(self) -> None:
        while self._questions:
            answer = self._questions.popleft().answer
            if answer.set_running_or_notify_cancel():
                answer.set_exception(LookupFailed(_("Milvus does not answer")))

    def _begin_problem(self, text: str, shown: str) -> None:
        if not self.problem:
            log.warning("Milvus does not answer; until it does, no text is compared with the samples: %s", text)
        self.problem = f"{shown}，暂时不和样本比对"

    def _end_problem(self) -> None:
        self.problem, self._faults = "", 0
        log.info("Milvus answers again.")
