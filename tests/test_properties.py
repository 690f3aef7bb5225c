"""The promises, under whatever order of arrivals, failures, crashes and echoes hypothesis can think of."""

import asyncio
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from roomsync import errors
from roomsync.delivery.attempts import Attempts
from roomsync.delivery.courier import Courier
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.model import Kind, Message, Part
from roomsync.session import Session
from roomsync.store import StateFile
from tests.conftest import Clock, thorough

ROOMS = ("r1", "r2", "r3")
FAILURES = {
    "refused": errors.GatewayRefused,
    "lost": errors.AnswerLost,
    "late": errors.AnswerLate,
}
# What a send can come to. "performed": the room sees it although the bot does not hear so.
OUTCOMES = ["ok", "ok without id", "gone", "throttled", "swallowed", "too large together", "crash", "crash performed"]
OUTCOMES += [*FAILURES, *(f"{name} performed" for name in FAILURES)]


class Killed(BaseException):
    """The process dies here."""


class Relay(RuleBasedStateMachine):
    """An outbox and a courier on a real file, and a gateway that does `self.outcome` at each send."""

    speaks_quotes = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.count = 0
        self.accepted: dict[tuple[str, str], list[str]] = defaultdict(list)  # by target and source room, in order
        self.seen: dict[str, list[str]] = defaultdict(list)  # what each room shows, in order
        self.excused: Counter[tuple[str, str]] = Counter()  # (room, text): performed, and the bot was not told
        self.settled: set[tuple[str, str]] = set()  # (room, text): the bot saw the echo
        self.echoes: list[tuple[str, str, str]] = []
        self.outcome, self.echo_first = "ok", False
        self.open()

    def open(self) -> None:
        self.state = StateFile(Path(self.folder.name) / "roomsync.db")
        self.outbox = Outbox(self.state, 60)
        self.outbox.recover(self.clock())
        session = Session()
        pacer = Pacer(Limits(), session, lambda at: "today")
        self.courier = Courier(Attempts(self.outbox, pacer, session, self, self.clock, 10**6))

    def teardown(self) -> None:
        self.outcome = "ok"
        while (wait := self.loop.run_until_complete(self.courier.step())) is not None:
            self.clock.now += wait
        self.promises_hold()
        for room in ROOMS:
            assert sorted(self.first_seen(room)) == sorted(text for one in ROOMS for text in self.accepted[room, one])
        self.state.close()
        self.loop.close()
        self.folder.cleanup()

    # The gateway.

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        texts = [(room_id, text) for text in re.findall(r"t\d+\.", body)]
        assert not self.settled & set(texts), "sent again although its echo was seen"
        name, _, performed = self.outcome.partition(" performed")
        if self.outcome == "too large together" and len(texts) > 1:
            raise errors.Unsendable("too large")
        if self.outcome == "swallowed":
            return "swallowed"
        if performed or self.outcome[:2] == "ok" or self.outcome == "too large together":
            self.perform(room_id, body, texts, told=not performed)
        if name == "crash":
            raise Killed
        if name == "gone":
            raise errors.GatewayLost("gone")
        if name == "throttled":
            raise errors.Throttled("too fast")
        if name in FAILURES:
            raise FAILURES[name](name)
        return None if name == "ok without id" else f"s{self.count}"

    def perform(self, room_id: str, body: str, texts: list[tuple[str, str]], told: bool) -> None:
        self.seen[room_id] += [text for _, text in texts]
        self.count += 1
        self.echoes.append((room_id, body, f"s{self.count}"))
        if not told:
            self.excused.update(texts)
            if self.echo_first:
                while self.echoes:
                    self.echo()
                self.settled.update(texts)

    async def file(self, message_id: str, kind: Kind) -> str:
        raise NotImplementedError

    async def recall(self, sent_id: str) -> bool:
        raise NotImplementedError

    def echo(self) -> None:
        room_id, body, sent_id = self.echoes.pop(0)
        if self.outbox.echo(room_id, Kind.TEXT, body, sent_id, self.clock()):
            self.settled.update((room_id, text) for text in re.findall(r"t\d+\.", body))

    # What can happen.

    @rule(source=st.sampled_from(ROOMS), talker=st.sampled_from("ab"), parts=st.integers(1, 2))
    def arrive(self, source: str, talker: str, parts: int) -> None:
        """Someone says something in a room; the event comes twice."""
        self.count += 1
        texts = [f"t{self.count}{part}." for part in range(parts)]
        said = [Part(Kind.TEXT, text, f"[{talker}@{source}]:  ") for text in texts]
        message = Message(f"m{self.count}", source, talker, talker, Kind.TEXT)
        targets = [room for room in ROOMS if room != source]
        assert self.outbox.accept(message, said, targets, self.clock())
        assert not self.outbox.accept(message, said, targets, self.clock())
        for room in targets:
            self.accepted[room, source] += texts

    @rule(outcome=st.sampled_from(OUTCOMES), echo_first=st.booleans())
    def step(self, outcome: str, echo_first: bool) -> None:
        """The courier makes a send, or waits until it can."""
        self.outcome, self.echo_first = outcome, echo_first
        self.clock.now += 0.001  # no two sends are made at the same time: which was the last is known by that
        made, send = [], self.send

        async def watched(room_id: str, *args: object) -> str | None:
            made.append(room_id)
            return await send(room_id, *args)  # type: ignore[arg-type]

        self.send = watched  # type: ignore[assignment, method-assign]
        try:
            self.clock.now += self.loop.run_until_complete(self.courier.step()) or 0.0
        except Killed:
            self.restart(marked=True)
        finally:
            self.send = send  # type: ignore[method-assign]
        if outcome == "swallowed" and made:
            self.loop.run_until_complete(self.courier.throttled(made[0]))

    @rule(marked=st.booleans())
    def restart(self, marked: bool) -> None:
        """The process is killed, and another one started; right before what it had sent is marked, or behind that."""
        if marked:
            self.loop.run_until_complete(self.courier.mark_rest())
        for send, _ in self.courier._marks:
            self.excused.update((send.room_id, text) for text in re.findall(r"t\d+\.", send.body))
        self.state.close()
        self.open()

    @precondition(lambda self: self.echoes)
    @rule()
    def hear_echo(self) -> None:
        """The gateway shows the bot the oldest of its own messages that it has not shown."""
        self.echo()

    @precondition(lambda self: self.echoes)
    @rule()
    def lose_echo(self) -> None:
        """An echo comes while nobody listens."""
        self.echoes.pop(0)

    @rule(seconds=st.sampled_from([1.0, 60.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    # What must hold.

    def first_seen(self, room: str) -> list[str]:
        return list(dict.fromkeys(self.seen[room]))

    @invariant()
    def promises_hold(self) -> None:
        """Each room shows, in order and without a gap, what each other said, and repeats only what is excused."""
        for room in ROOMS:
            for source in ROOMS:
                accepted = self.accepted[room, source]
                first = [text for text in self.first_seen(room) if text in accepted]
                assert first == accepted[: len(first)]
            for text, times in Counter(self.seen[room]).items():
                assert times <= 1 + self.excused[room, text]


TestPromises = Relay.TestCase
TestPromises.settings = settings(max_examples=thorough(100), stateful_step_count=40, deadline=None)
