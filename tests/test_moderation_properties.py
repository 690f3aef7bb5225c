"""Moderation under whatever is said and decided: off it changes nothing, on it loses nothing."""

import asyncio
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from roomsync import store
from roomsync.admin.commands import carry_out
from roomsync.admin.decisions import Decided
from roomsync.admin.office import Office
from roomsync.admin.replies import MACHINE, Context
from roomsync.admin.syntax import parse
from roomsync.delivery.attempts import Attempts
from roomsync.delivery.courier import Courier
from roomsync.delivery.gate import Gate
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.delivery.recalls import Recalls
from roomsync.model import FilterMode, Kind, Message, Mode, Quote
from roomsync.moderation.moderator import Moderator
from roomsync.moderation.mutes import Mutes
from roomsync.relay.rendering import Style
from roomsync.relay.rooms import Rooms
from roomsync.relay.roster import Roster
from roomsync.relay.router import Router
from roomsync.session import Session
from roomsync.store import StateFile
from roomsync.store.held import HeldState
from roomsync.text.headers import HeaderTemplate
from tests.conftest import PREFIX, Clock, thorough
from tests.moderated import ADVERT, CARD, REPOST, TALK
from tests.test_judge import Options

ROOMS = ("r101", "r102", "r103")
TEXTS = (
    ADVERT,
    REPOST,
    TALK,
    "你好",
    "刷单",
    "看 evil.com",
    "看 https://milvus.io/x",
    "👍",
    "a" * 3000,
    "谢谢大家",
)
FOUND = """
SELECT m.id, h.state, (SELECT count(DISTINCT room) FROM deliveries WHERE message_id = m.id),
(SELECT count(*) FROM deliveries WHERE message_id = m.id AND state IN ('waiting', 'sending')),
(SELECT count(*) FROM deliveries WHERE message_id = m.id AND state IN ('sent', 'omitted')),
EXISTS (SELECT 1 FROM recalls WHERE recalled = m.id)
FROM messages AS m LEFT JOIN held AS h ON h.message_id = m.id WHERE m.gateway_id = ?
"""


class Said(NamedTuple):
    """Something that somebody says; a recall, or a quote, means what was said `back` messages ago."""

    who: str
    room: str
    kind: Kind
    text: str
    back: int
    quotes: bool


CONTENTS = {
    Kind.MINIPROGRAM: CARD,
    Kind.URL: '{"url": "https://evil.com/a", "title": "刷\\ud800单", "description": "快来"}',
    Kind.IMAGE: '{"boxType": 7, "uuid": "1", "name": "a.png"}',
    Kind.CONTACT: '{"name": "客服"}',
    Kind.CHAT_HISTORY: '{"records": [{"name": "B", "words": "刷单"}]}',
}
KINDS = (*[Kind.TEXT] * 6, *CONTENTS, Kind.RECALLED, Kind.RECALLED, Kind.SYSTEM)
sayings = st.builds(
    Said,
    who=st.sampled_from(["alice", "alice", "bob", "chief", "carol"]),
    room=st.sampled_from(ROOMS),
    kind=st.sampled_from(KINDS),
    text=st.sampled_from(TEXTS),
    back=st.integers(1, 4),
    quotes=st.sampled_from([False, False, True]),
)


class Desk:
    """A router on a real file, its clock standing still, with a moderator or without; staff is `chief`."""

    speaks_quotes = False

    def __init__(self, path: Path, options: Options | None) -> None:
        self.clock, self.loop = Clock(), asyncio.new_event_loop()
        self.state, session = StateFile(path), Session()
        session.log_in("bot")
        self.outbox = Outbox(self.state, 2000)
        self.moderator = Moderator(options, session, self.fetch) if options else None
        mutes, rooms = Mutes(), Rooms([PREFIX])
        self.decided = Decided(self.state, rooms, mutes, Moderator(options or Options(), session, self.fetch))
        if self.moderator:
            self.decided = self.decided._replace(moderator=self.moderator)
        for room_id in ROOMS:
            rooms.place(room_id, PREFIX + room_id[1:])
        with self.state.transaction() as db:
            store.rooms.replace_all(db, {room_id: PREFIX + room_id[1:] for room_id in ROOMS})
            for room_id in ROOMS:
                store.rooms.set_mode(db, room_id, Mode.NORMAL)  # as the roster notes of a room that it finds
            store.staff.add(db, "bot", "chief", "张主管", self.clock())
        pacer = Pacer(Limits(), session, lambda at: "today")
        courier = Courier(Attempts(self.outbox, pacer, session, self, self.clock, 8))
        style = Style(HeaderTemplate("[{name}@{room}]:  "))
        roster = Roster(self, rooms, self.outbox, self.clock)
        judges = [mutes.check], self.moderator
        self.router = Router(roster, self, courier, session, style, self.clock, *judges)
        gate = Gate(session, rooms.community_in)
        self.office = Office(self.decided, session, gate, self.router.presenter, self.clock, 2000, 86400.0)
        self.said: list[tuple[str, Said]] = []
        if self.moderator:
            self.decided.load(self.clock())

    def close(self) -> None:
        if self.moderator:
            self.moderator.close()
        self.state.close()
        self.loop.close()

    def hear(self, one: Said) -> str:
        """The gateway tells that somebody said something; return the id of that."""
        said_id, quote = f"m{len(self.said)}", None
        meant = self.said[-one.back] if one.back <= len(self.said) else (said_id, one)
        if one.quotes and one.kind is Kind.TEXT:
            quote = Quote("Alice", meant[1].text[:100], one.text, meant[0])
        room = meant[1].room if one.kind is Kind.RECALLED else one.room
        text = meant[0] if one.kind is Kind.RECALLED else one.text
        message = Message(said_id, room, one.who, one.who.title(), one.kind, text, CONTENTS.get(one.kind), quote)
        self.said.append((said_id, one._replace(room=room)))
        self.loop.run_until_complete(self.router.handle(message))
        return meant[0] if one.kind is Kind.RECALLED else said_id

    def send_all(self) -> list[tuple[str, str, str]]:
        """Make every send that waits; each arrives, and what is to be taken back is."""
        found, recalls = [], Recalls(self.state)
        for room_id in ROOMS:
            while send := self.outbox.take(room_id, self.clock()):
                found.append((room_id, str(send.kind), send.body))
                if send.kind is Kind.RECALLED:
                    recalls.done(send, True, self.clock())
                else:
                    self.outbox.sent(send, f"s{send.id}", self.clock())
        return found

    def order(self, text: str) -> str:
        """What the bot answers to a command."""
        with self.state.transaction() as db:
            command = parse(text)
            assert command
            answer, _ = carry_out(self.office, Context(db, "", "本机", MACHINE, self.clock(), confirmed=True), command)
            self.decided.load_from(db, self.clock())
        return answer

    def dump(self) -> list[str]:
        """All that is in the file, but for what is drawn at random."""
        with self.state.connection() as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
            rows = [
                f"{name}: {row!r}"
                for name in tables
                if name != "moderation"
                for row in db.execute(f"SELECT * FROM {name}")
            ]
        return [re.sub("[a-z]+:[0-9A-F]{16}", "random", row) for row in rows]

    # The gateway.

    async def fetch(self, file_box: str, limit: int) -> bytes:
        return b""

    async def complete(self, message: Message) -> Message:
        return message

    async def with_quote(self, message: Message) -> Message:
        return message

    async def topics(self) -> dict[str, str | None]:
        raise NotImplementedError

    async def topic(self, room_id: str) -> str:
        raise NotImplementedError

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        raise NotImplementedError

    async def file(self, message_id: str, kind: Kind) -> str:
        raise NotImplementedError

    async def recall(self, sent_id: str) -> bool:
        raise NotImplementedError


@settings(max_examples=thorough(60))
@given(st.lists(st.one_of(sayings, st.just(None)), min_size=1, max_size=12))
def test_off_is_as_if_there_were_no_filter(everything: list[Said | None]) -> None:
    """With MODERATION=off the file and the sends are byte for byte what a router without any moderator makes of it."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, options in (("without", None), ("off", Options(FilterMode.OFF))):
            desk, sent = Desk(Path(folder, name), options), []
            for one in everything:
                if one is None:
                    sent.append(desk.send_all())
                else:
                    desk.hear(one)
            found.append((sent, desk.dump(), desk.send_all(), desk.dump()))
            desk.close()
    assert found[0] == found[1]


class Filtering(RuleBasedStateMachine):
    """Members say things and take them back, staff decides and undoes, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.desk = Desk(Path(self.folder.name, "s.db"), Options())
        self.dropped: set[str] = set()
        self.taken_back: set[str] = set()
        for word in ("刷单", "线下交流"):
            self.desk.order(f"/词 加 {word}")

    def teardown(self) -> None:
        self.desk.send_all()
        self.nothing_vanishes()
        self.desk.close()
        self.folder.cleanup()

    def _muted(self, who: str) -> bool:
        with self.desk.state.connection() as db:
            return who in [one.contact_id for one in store.mutes.all_of(db, self.desk.clock())]

    # What can happen.

    @rule(one=sayings)
    def say(self, one: Said) -> None:
        """Somebody says something, or takes it back."""
        is_muted = self._muted(one.who)
        named = self.desk.hear(one)
        if one.kind is Kind.RECALLED:
            self.taken_back.add(named)
        elif is_muted:
            self.dropped.add(named)

    @rule(one=sayings, room=st.sampled_from(ROOMS))
    def say_again(self, one: Said, room: str) -> None:
        """Somebody says the same in another room at once."""
        self.say(one)
        self.say(one._replace(room=room))

    @rule(
        number=st.integers(1, 12),
        text=st.sampled_from(
            ["/放行 {}", "/放行 {}", "/广告 {}", "/广告 {}", "/广告 {} 静音", "/撤回 #{}", "/信任 #{}", "/静音 #{}"]
        ),
    )
    def decide(self, number: int, text: str) -> None:
        """Staff decides about one of the last messages."""
        with self.desk.state.connection() as db:
            last = [one.id for one in store.messages.recent(db, None, 12)]
        self.desk.order(text.format(last[min(number, len(last)) - 1] if last else 1))

    @rule(number=st.integers(0, 5))
    def undo(self, number: int) -> None:
        """Staff takes back the last thing that it did, or one of those before."""
        with self.desk.state.connection() as db:
            last = [one.id for one in store.actions.last(db, 6)]
        self.desk.order("/撤销" if number == 0 else f"/撤销 {last[min(number, len(last)) - 1]}")

    @rule(mode=st.sampled_from(["关", "观察", "拦截", "拦截"]))
    def switch(self, mode: str) -> None:
        """Staff sets the filter."""
        self.desk.order(f"/过滤 {mode}")

    @rule()
    def send(self) -> None:
        """All that waits is sent."""
        self.desk.send_all()

    @rule()
    def expire(self) -> None:
        """Nobody decided for a day."""
        self.desk.clock.now += 1.0
        with self.desk.state.transaction() as db:
            store.held.expire(db, self.desk.clock(), self.desk.clock())

    # What must hold.

    @invariant()
    def nothing_vanishes(self) -> None:
        """Each message is relayed to all other rooms, or kept in a state that says why not, or was dropped as muted."""
        kept = (HeldState.HELD, HeldState.ADVERT, HeldState.EXPIRED, HeldState.RECALLED)
        for said_id, one in self.desk.said:
            if one.kind in (Kind.RECALLED, Kind.SYSTEM):
                continue
            with self.desk.state.connection() as db:
                row = db.execute(FOUND, (said_id,)).fetchone()
            assert row, f"{said_id} is unknown"
            _, state, rooms, waiting, sent, is_taken_back = row
            if said_id in self.taken_back:
                assert not waiting and state != HeldState.HELD
            if said_id in self.dropped:
                assert state in (None, HeldState.ADVERT) and rooms == 0
            elif state in kept:
                assert not waiting, f"{said_id} is {state}, and waits to be sent"
                assert is_taken_back or not sent
            elif not (said_id in self.taken_back and rooms == 0):  # taken back before it came
                assert rooms == len(ROOMS) - 1
                assert waiting or sent or is_taken_back
            if one.who == "chief":
                assert state is None or state == HeldState.ADVERT

    @invariant()
    def every_reference_holds(self) -> None:
        """No row refers to one that is not there."""
        with self.desk.state.connection() as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []


TestNothingVanishes = Filtering.TestCase
TestNothingVanishes.settings = settings(max_examples=thorough(60), stateful_step_count=30, deadline=None)
