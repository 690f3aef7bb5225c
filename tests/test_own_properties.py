"""RELAY_OWN under whatever echoes hypothesis can think of: no send is relayed, each text of a person once."""

import asyncio
import html
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from roomsync import errors
from roomsync.delivery.outbox import add_missed
from roomsync.delivery.outcomes import ECHO_TTL, KNOWN_ECHO_TTL
from roomsync.model import Kind
from roomsync.relay.own_account import SENT_KINDS
from roomsync.text.phrases import UNSENT_TEXT
from tests.conftest import PREFIX, Clock, thorough
from tests.owner import OwnDesk

ROOMS = ("r101", "r102", "r103")
OUTCOMES = ["ok", "lost", "late", "refused", "unsendable", "crash"]  # the room sees it, whatever the answer says
OUTCOMES += ["throttled", "gone"]  # the room does not see it
OUTCOME_LISTS = st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=6)
FAILURES = {
    "lost": errors.AnswerLost,
    "late": errors.AnswerLate,
    "refused": errors.GatewayRefused,
    "unsendable": errors.Unsendable,
    "throttled": errors.Throttled,
    "gone": errors.GatewayLost,
}
# How a gateway may show a text that it was given.
SHOWN = [str, str.strip, html.escape, lambda text: text.replace("\n", "\r\n"), lambda text: text.replace(":  ", ": ")]


class Killed(BaseException):
    """The process dies here."""


class Shown(NamedTuple):
    """What a room has of the bot."""

    room_id: str
    kind: Kind
    body: str
    id: str
    at: float
    answered: bool  # with its id


class Gateway(OwnDesk):
    """A gateway that does `outcome` at each send, and keeps all that a room has of it."""

    def __init__(self, path: Path) -> None:
        self.outcome, self.answers_ids = "ok", True
        self.shown: list[Shown] = []
        super().__init__(path, Clock())

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        name, answered = self.outcome, self.answers_ids and self.outcome == "ok"
        if name not in ("throttled", "gone"):
            self.shown.append(Shown(room_id, kind, body, f"s{len(self.shown)}", self.clock(), answered))
        if name == "crash":
            raise Killed
        if name in FAILURES:
            raise FAILURES[name](name)
        return self.shown[-1].id if answered else None

    async def recall(self, sent_id: str) -> bool:
        return self.outcome == "ok"


class Owner(RuleBasedStateMachine):
    """A person types with the account, members say things, the bot sends, and its sends are shown anyhow."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.desk = Gateway(Path(self.folder.name) / "roomsync.db")
        self.typed: dict[str, str] = {}  # texts of the owner, by id
        self.posted: set[str] = set()  # the owner's other messages
        self.said: list[tuple[str, str]] = []  # what members said: room and id
        self.number = 0

    def teardown(self) -> None:
        self.desk.state.close()
        self.loop.close()
        self.folder.cleanup()

    def hear(self, *args: str, **more: object) -> str:
        return self.loop.run_until_complete(self.desk.hear(*args, **more))  # type: ignore[arg-type]

    @initialize(kind=st.sampled_from(SENT_KINDS), outcomes=OUTCOME_LISTS, answers_ids=st.booleans())
    def begin(self, kind: Kind, outcomes: list[str], answers_ids: bool) -> None:
        """A picture, file or card was sent, with its caption: of those too little is known later."""
        self.member("r101", kind, False)
        self.step(["ok", "ok", *outcomes], answers_ids)

    # What people do.

    @rule(room_id=st.sampled_from(ROOMS), kind=st.sampled_from([Kind.TEXT, *SENT_KINDS]), mentions=st.booleans())
    def member(self, room_id: str, kind: Kind, mentions: bool) -> None:
        """A member says something, or mentions the bot."""
        self.number += 1
        text = f"t{self.number}" if kind is Kind.TEXT else ""
        said = self.hear(text, room_id, "alice", kind=kind, mentions=("bot",) if mentions else ())
        self.said.append((room_id, said))

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def member_recalls(self, data: st.DataObject) -> None:
        """A member takes a message back."""
        room_id, said = data.draw(st.sampled_from(self.said))
        self.hear(said, room_id, "alice", kind=Kind.RECALLED)

    @rule(room_id=st.sampled_from(ROOMS), times=st.integers(1, 2))
    def type(self, room_id: str, times: int) -> None:
        """The owner types a text; the event comes once or twice."""
        self.number += 1
        said = self.hear(f"o{self.number}.", room_id)
        self.typed[said] = f"o{self.number}."
        for _ in range(times - 1):
            self.hear(f"o{self.number}.", room_id, id=said)

    @rule(room_id=st.sampled_from(ROOMS), kind=st.sampled_from(SENT_KINDS))
    def post(self, room_id: str, kind: Kind) -> None:
        """The owner posts a picture, file or card: it is relayed where it can be told apart."""
        self.posted.add(self.hear("", room_id, kind=kind))

    # What the bot does.

    @rule(outcomes=OUTCOME_LISTS, answers_ids=st.booleans())
    def step(self, outcomes: list[str], answers_ids: bool) -> None:
        """The courier makes some sends, or waits until it can."""
        self.desk.answers_ids = answers_ids
        for self.desk.outcome in outcomes:
            try:
                self.desk.clock.now += self.loop.run_until_complete(self.desk.courier.step()) or 0.0
            except Killed:
                self.restart(marked=True)

    @rule(room_id=st.sampled_from(ROOMS))
    def miss(self, room_id: str) -> None:
        """The bot says in a room that it missed something."""
        with self.desk.state.transaction() as db:
            add_missed(db, room_id, 1, self.desk.clock())

    @rule(room_id=st.sampled_from(ROOMS))
    def throttle(self, room_id: str) -> None:
        """WeChat says that the last send there was too much, although it is shown."""
        self.loop.run_until_complete(self.desk.courier.throttled(room_id))

    @rule(marked=st.booleans())
    def restart(self, marked: bool) -> None:
        """The process is killed, and another one started; right before what it had sent is marked, or behind that."""
        if marked:
            self.loop.run_until_complete(self.desk.courier.mark_rest())
        self.desk.restart()

    @rule(room_id=st.sampled_from(ROOMS), label=st.sampled_from(["101", "102", "七"]))
    def rename(self, room_id: str, label: str) -> None:
        """A room gets another name."""
        self.desk.labels[room_id] = label
        self.desk.rooms.place(room_id, PREFIX + label)

    @rule(seconds=st.sampled_from([1.0, 30.0, 100.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.desk.clock.now += seconds

    # What the gateway shows.

    @precondition(lambda self: self.desk.shown)
    @rule(data=st.data(), own_id=st.booleans(), tells_time=st.booleans(), look=st.sampled_from(SHOWN))
    def echo(self, data: st.DataObject, own_id: bool, tells_time: bool, look: object) -> None:
        """Any send of the bot's is shown, again or for the first time, under its id or another.

        After the time in which a picture is known without, the gateway tells when it was said.
        """
        shown = data.draw(st.sampled_from(self.desk.shown))
        self.number += 1
        age = self.desk.clock() - shown.at
        tells_time |= age > (ECHO_TTL if own_id or not shown.answered else KNOWN_ECHO_TTL)
        echo_id = shown.id if own_id else f"e{self.number}"
        kind, text = shown.kind, look(shown.body) if shown.kind is Kind.TEXT else ""  # type: ignore[operator]
        if kind is not Kind.TEXT:
            kind = data.draw(st.sampled_from([kind, kind, *SENT_KINDS, Kind.UNKNOWN, Kind.TEXT]))
            text = "小助手: [图片]" if kind is Kind.TEXT else ""
        said_at = shown.at if tells_time else 0.0
        self.hear(text, shown.room_id, kind=kind, id=echo_id, said_at=said_at)

    @precondition(lambda self: self.desk.shown)
    @rule(data=st.data())
    def recall_echo(self, data: st.DataObject) -> None:
        """A send of the bot's is shown as taken back by the account."""
        shown = data.draw(st.sampled_from(self.desk.shown))
        before = self.desk.outbox.counts()
        self.hear(shown.id, shown.room_id, kind=Kind.RECALLED)
        assert self.desk.outbox.counts() == before

    # What must hold.

    @invariant()
    def promises_hold(self) -> None:
        """Nothing but the owner's messages is relayed of the account; each text to both other rooms, once."""
        relayed = self.desk.relayed()
        assert {message_id for message_id, _, _ in relayed} <= self.typed.keys() | self.posted
        for said, text in self.typed.items():
            copies = [(room_id, words) for message_id, room_id, words in relayed if message_id == said]
            assert len(copies) == len(dict(copies)) == 2
            assert all(words.endswith((f":  {text}", UNSENT_TEXT)) for _, words in copies)


TestOwner = Owner.TestCase
TestOwner.settings = settings(max_examples=thorough(100), stateful_step_count=40, deadline=None)
