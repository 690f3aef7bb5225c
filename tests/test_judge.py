"""The judge: whom it judges, what it does when a check fails, and what earns trust."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.outbox import Outbox
from roomsync.errors import GatewayLost
from roomsync.model import Decision, FilterMode, Kind, Message, Room, Verdict
from roomsync.moderation import judge as judging
from roomsync.moderation.checks import Check, Facts, Reason
from roomsync.moderation.evidence import Evidence
from roomsync.moderation.judge import CHECK_TIMEOUT, Judge
from roomsync.moderation.said import Said
from roomsync.session import Session
from roomsync.store import StateFile
from roomsync.store.held import HeldState
from roomsync.store.rules import RuleKind
from roomsync.store.samples import SampleKind
from tests.conftest import PREFIX, Clock
from tests.moderated import ADVERT, CARD, REPOST, TALK, heard, last, moderated, reported, states
from tests.scripted import ScriptedGateway
from tests.staffed import Staff, said

DAY, OTHER = 86400.0, "Knowhere交流群"
TALKS = [
    f"请问大家用的是哪个版本的向量数据库，{one}上面跑得怎么样"
    for one in ("笔记本", "服务器", "云主机", "集群", "树莓派")
]


@dataclass
class Options:
    """Settings about moderation."""

    moderation: FilterMode = FilterMode.HOLD
    admin_room: str = "office"
    hold_kinds: frozenset[Kind] = frozenset({Kind.MINIPROGRAM})
    hold_links: bool = True
    milvus_uri: str = ""
    milvus_token: str = ""


class Court:
    """A judge on a real state file, at a clock that checks can move on."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.clock, self.count = clock, 0
        self.state = StateFile(path)
        self.outbox = Outbox(self.state, 2000)
        session = Session()
        session.log_in("bot")
        self.fetched: Exception | bytes = b""
        self.judge = Judge(Options(), session, self.fetch, clock)
        self.mode(FilterMode.HOLD)

    async def fetch(self, file_box: str, limit: int) -> bytes:
        if isinstance(self.fetched, Exception):
            raise self.fetched
        return self.fetched

    def mode(self, mode: FilterMode) -> None:
        """It is set to that mode, and reads the state file again."""
        with self.state.connection() as db:
            self.judge.load(db, mode)

    def add_rule(self, kind: RuleKind, text: str) -> None:
        with self.state.transaction() as db:
            store.rules.add(db, kind, text, self.clock())
        self.mode(FilterMode.HOLD)

    def say(
        self, text: str = "", who: str = "alice", room: str = "r101", kind: Kind = Kind.TEXT, content: str | None = None
    ) -> Verdict:
        """What is decided about a message, which is noted as the router does."""
        self.count += 1
        message, now = Message(f"m{self.count}", room, who, who.title(), kind, text, content), self.clock()
        source = Room(room, PREFIX + room[1:], OTHER if room == "r201" else PREFIX, room[1:])
        with self.state.connection() as db:
            verdict = self.judge.judge(db, message, source, Evidence(), now)

        def note(db: store.Connection, key: int) -> None:
            self.judge.note(db, key, message, verdict, now)

        assert self.outbox.accept(message, [], [], now, then=note)
        return verdict

    def held(self) -> list[tuple[HeldState, tuple[str, ...]]]:
        with self.state.connection() as db:
            found = [store.held.get(db, number) for number in range(1, self.count + 1)]
        return [(one.state, one.reasons) for one in found if one]

    def failures(self) -> tuple[int, float | None]:
        with self.state.connection() as db:
            row = store.moderation.read(db)
        return row.failures, row.failed_at


@pytest.fixture
def court(state_file: Path, clock: Clock) -> Iterator[Court]:
    found = Court(state_file, clock)
    yield found
    found.judge.close()
    found.state.close()


# Checks that fail, or are slow.


def sure(said: Said, facts: Facts) -> Reason:
    return Reason(Check.WORD, "sure")


def failing(said: Said, facts: Facts) -> Reason:
    raise ValueError("broken")


@pytest.mark.parametrize("other", ["failing", "slow"])
def test_a_check_that_fails_says_nothing(
    court: Court, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, other: str
) -> None:
    """A check that raises, or takes longer than 0.3 s, is counted and says nothing; the message goes, and is noted."""

    def slow(said: Said, facts: Facts) -> Reason:
        court.clock.now += CHECK_TIMEOUT + 0.01
        return sure(said, facts)

    monkeypatch.setattr(judging, "CHECKS", ({"failing": failing, "slow": slow}[other],))
    with caplog.at_level(logging.WARNING):
        assert court.say(TALK) == Verdict(Decision.RELAY)
        assert court.say(ADVERT) == Verdict(Decision.RELAY)
    assert court.failures()[0] == 2 and court.failures()[1]
    assert court.held() == [] and f"The check {other}" in caplog.text


def test_the_other_checks_go_on(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other checks say of a message counts, however one of them fails."""
    monkeypatch.setattr(judging, "CHECKS", (failing, sure, failing))
    assert court.say(TALK) == Verdict(Decision.HOLD, ("sure",))
    assert court.failures()[0] == 2 and court.held() == [(HeldState.HELD, ("sure",))]


def test_a_check_may_take_its_time(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that takes 0.3 s is believed."""

    def thorough(said: Said, facts: Facts) -> Reason:
        court.clock.now = 0.0 if court.clock.now else CHECK_TIMEOUT
        return sure(said, facts)

    court.clock.now = 0.0
    monkeypatch.setattr(judging, "CHECKS", (thorough,))
    assert court.say(TALK).decision is Decision.HOLD and court.failures() == (0, None)


def test_a_slow_pattern_says_nothing(court: Court) -> None:
    """A pattern that is slow on what somebody made for it is counted, and the message goes."""
    court.add_rule(RuleKind.WORD, "/(a|aa)+$/")
    assert court.say("a" * 1000 + "!") == Verdict(Decision.RELAY)
    assert court.failures() == (1, court.clock())


async def test_a_look_up_that_fails_is_counted(court: Court) -> None:
    """A picture that cannot be looked at, whatever the error, is judged without; a lost gateway is asked again."""
    picture = Message("m1", "r101", "alice", "Alice", Kind.IMAGE, "", "{}")
    for error in (TimeoutError(), RuntimeError("unforeseen")):
        court.fetched = error
        assert await court.judge.examine(picture) == Evidence(failures=1)
    court.fetched = GatewayLost("gone")
    with pytest.raises(GatewayLost):
        await court.judge.examine(picture)


# Whom it judges.


@pytest.mark.parametrize("who", ["bot", "chief"])
def test_staff_and_the_bot_are_not_judged(court: Court, who: str) -> None:
    """What staff says, or the account itself, has no reasons, is compared with nothing, and earns no trust."""
    with court.state.transaction() as db:
        store.staff.add(db, "bot", "chief", "张主管", court.clock())
    court.add_rule(RuleKind.WORD, "刷单")
    for room in ("r101", "r102", "r103"):
        assert court.say("刷单刷单刷单刷单刷单刷单", who, room) == Verdict(Decision.RELAY)
    with court.state.connection() as db:
        assert store.trust.get(db, "bot", who) is None
        assert db.execute("SELECT count(*) FROM lately").fetchone() == (0,)
    assert court.held() == [] and court.say("刷单").decision is Decision.HOLD


def test_all_reasons_are_kept(court: Court) -> None:
    """All checks are asked, and all that they say is kept; one reason that holds is enough."""
    court.add_rule(RuleKind.WORD, "接单")
    with court.state.transaction() as db:
        store.samples.add(db, SampleKind.TEXT, ADVERT, "", "", court.clock())
    court.mode(FilterMode.HOLD)
    court.say(ADVERT + " evil.com", room="r102")
    verdict = court.say(ADVERT + " evil.com")
    assert verdict.decision is Decision.HOLD
    assert [one[:4] for one in verdict.reasons] == ["像样本 ", "两个群都", "有「接单", "新成员发"]
    assert [state for state, _ in court.held()] == [HeldState.HELD] * 2


@pytest.mark.parametrize(
    ("mode", "decision", "state"),
    [(FilterMode.HOLD, Decision.HOLD, HeldState.HELD), (FilterMode.OBSERVE, Decision.RELAY, HeldState.OBSERVED)],
)
def test_the_mode_decides(court: Court, mode: FilterMode, decision: Decision, state: HeldState) -> None:
    """With hold a message with a reason is held; with observe it goes, with the same reasons, and is kept, too."""
    court.add_rule(RuleKind.WORD, "接单")
    court.mode(mode)
    assert court.say(ADVERT) == Verdict(decision, ("有「接单」",))
    assert court.held() == [(state, ("有「接单」",))]


def test_what_only_is_told_goes(court: Court) -> None:
    """A reason that does not hold lets a message of a trusted member go; it is kept as observed."""
    with court.state.transaction() as db:
        store.trust.put(db, store.trust.Trust("bot", "alice", "Alice", is_granted=True))
    verdict = court.say(kind=Kind.MINIPROGRAM, content=CARD)
    assert verdict == Verdict(Decision.RELAY, ("[小程序]（已信任，仅提示）",))
    assert court.held() == [(HeldState.OBSERVED, verdict.reasons)]


def test_allowed_hosts_go_first(court: Court) -> None:
    """A link to an allowed host is no reason, from the moment on that the host is allowed."""
    assert court.say("看 docs.milvus.io").decision is Decision.HOLD
    court.add_rule(RuleKind.HOST, "milvus.io")
    assert court.say("再看 docs.milvus.io") == Verdict(Decision.RELAY)


@pytest.mark.parametrize(
    ("seconds", "who", "room", "decision"),
    [
        (600.0, "alice", "r102", Decision.HOLD),
        (600.1, "alice", "r102", Decision.RELAY),
        (1.0, "bob", "r102", Decision.RELAY),
        (1.0, "alice", "r101", Decision.RELAY),
        (1.0, "alice", "r201", Decision.RELAY),
    ],
)
def test_the_same_within_ten_minutes(court: Court, seconds: float, who: str, room: str, decision: Decision) -> None:
    """The same text is held of the same member, in another room of the community, within ten minutes."""
    court.say(TALK)
    court.clock.now += seconds
    assert court.say(TALK, who, room).decision is decision


def test_samples_that_are_gone_are_no_reason(court: Court) -> None:
    """A sample counts from the moment on that it is in the state file, and not after it is gone."""
    found = []
    for change in (
        lambda db: store.samples.add(db, SampleKind.TEXT, ADVERT, "", "", 0.0),
        None,
        lambda db: store.samples.remove(db, 1),
    ):
        if change:
            with court.state.transaction() as db:
                change(db)
        court.mode(FilterMode.HOLD)
        court.clock.now += 601
        found.append(court.say(REPOST).decision)
    assert found == [Decision.HOLD, Decision.HOLD, Decision.RELAY]


# Trust, from end to end.


async def pass_time(staff: Staff, seconds: float) -> None:
    """So much time passes, in which nothing is said."""
    await staff.settled()
    staff.bot.clock.go_on(staff.bot.clock.ahead + seconds)
    await staff.settled()


async def a_card_is_held(staff: Staff, who: str = "alice") -> bool:
    """Whether a mini-program of a member is held."""
    before = len(staff.gateway.sent)
    await said(staff, "r101", who, "", kind="miniprogram", content=CARD)
    return not [one for one in staff.gateway.sent[before:] if (one.room_id, one.kind) == ("r103", "miniprogram")]


async def test_five_texts_on_two_days_earn_trust(gateway: ScriptedGateway, state_file: Path) -> None:
    """After five long enough texts on two days a member's card goes, and staff reads of it; not after four."""
    async with moderated(gateway, state_file) as staff:
        for text in TALKS[:3]:
            await said(staff, "r101", "alice", text)
        await pass_time(staff, DAY)
        await said(staff, "r101", "alice", TALKS[3])
        assert await a_card_is_held(staff)
        await said(staff, "r101", "alice", TALKS[4])
        await pass_time(staff, 700)
        assert not await a_card_is_held(staff)
        assert "[小程序]（已信任，仅提示）" in (await reported(staff, 2))[-1]
        assert await a_card_is_held(staff, "bob")


async def test_five_texts_on_one_day_earn_none(gateway: ScriptedGateway, state_file: Path) -> None:
    """However much a member says, on one day it earns no trust, nor do short texts, held ones, and told ones."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 加群")
        for text in TALKS:
            await said(staff, "r101", "alice", text)
        await pass_time(staff, DAY)
        await said(staff, "r101", "alice", "谢谢大家")
        await said(staff, "r101", "alice", f"{TALK}，加群")
        assert await a_card_is_held(staff)
        await staff.ask("/过滤 观察")
        await said(staff, "r101", "alice", f"{TALKS[1]}，加群")
        await staff.ask("/过滤 拦截")
        await pass_time(staff, 700)
        assert await a_card_is_held(staff)


async def test_a_released_text_counts(gateway: ScriptedGateway, state_file: Path) -> None:
    """A held text that staff releases counts for trust; the undo of the release takes that back."""
    async with moderated(gateway, state_file) as staff:
        for text in TALKS[:4]:
            await said(staff, "r101", "alice", text)
        await staff.ask("/词 加 线下交流")
        await pass_time(staff, DAY)
        await said(staff, "r101", "alice", TALK)
        await reported(staff)
        answer = await staff.ask(f"/放行 {last(staff)}")
        await staff.settled()
        assert not await a_card_is_held(staff)
        await pass_time(staff, 700)
        await staff.ask(f"/撤销 {answer.rpartition('/撤销 ')[2].rstrip('）')}")
        assert await a_card_is_held(staff)


async def test_a_taught_advert_takes_trust_away(gateway: ScriptedGateway, state_file: Path) -> None:
    """A member whom staff trusts is a newcomer again after an advert, until that is undone."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r101", "alice", ADVERT)
        number = last(staff)
        await staff.ask(f"/信任 {number}")
        assert not await a_card_is_held(staff)
        answer = await staff.ask(f"/广告 {number}")
        await pass_time(staff, 700)
        assert await a_card_is_held(staff)
        await staff.ask(f"/撤销 {answer.rpartition('/撤销 ')[2].rstrip('）')}")
        await pass_time(staff, 700)
        assert not await a_card_is_held(staff)


async def test_the_muted_are_not_judged(gateway: ScriptedGateway, state_file: Path) -> None:
    """What a muted member says is dropped before it is judged: it stands in no list of staff's, and is no trust."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALKS[0])
        await staff.ask(f"/静音 #{last(staff)}")
        await said(staff, "r101", "alice", TALK)
        assert states(staff) == {} and await staff.ask("/待审") == "没有待审的消息。"
        with staff.bot.state.connection() as db:
            found = store.trust.get(db, "bot", "alice")
        assert found and found.texts == 1


async def test_who_took_it_back_says_it_in_the_right_room(gateway: ScriptedGateway, state_file: Path) -> None:
    """What a member said in the wrong room and took back is not held in the right one; a third room is one too many."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r101", "alice", TALK, id="wrong")
        await said(staff, "r101", "alice", "wrong", kind="recalled")
        await said(staff, "r102", "alice", TALK)
        assert len([one for one in heard(staff, "r101") if TALK in one]) == 1
        await said(staff, "r103", "alice", TALK)
        assert "两个群都发了" in (await reported(staff))[0]
