"""The cursor: on gateways that number their events, what is said while the bot is away is relayed once and in order."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from roomsync import store
from roomsync.delivery.outbox import Outbox
from roomsync.gateway.payloads import said_at
from roomsync.gateway.protocol import EventType
from roomsync.inbox.incoming import Incoming
from roomsync.inbox.marks import Marks, moved
from roomsync.model import Cursor, Kind, Message, Part, State
from roomsync.store import StateFile, read_only
from roomsync.text import phrases
from tests.conftest import running, until
from tests.numbered import NumberedGateway
from tests.scripted import ScriptedGateway

NOW = 1_000_000.0


def heard(gateway: ScriptedGateway, room_id: str = "r102") -> str:
    """The texts that arrived in a room, without headers."""
    bodies = [one.body for one in gateway.sent if one.room_id == room_id]
    return " ".join(line.removeprefix("[Alice@101]:  ") for body in bodies for line in body.split("\n"))


def say(gateway: ScriptedGateway, *texts: str) -> None:
    for text in texts:
        gateway.say("r101", "alice", text)


def stored(state_file: Path) -> Cursor:
    with read_only(state_file) as db:
        return store.cursor.read(db)


# Where the cursor goes.


def test_a_number_belongs_to_the_login_before_it_on_its_connection() -> None:
    """Before a login, after a logout and on a new connection a number is nobody's; a login's own is its account's."""
    marks = Marks()
    assert marks.mark(4, 0, None) is None
    assert marks.mark(5, 0, "a") == Cursor("a", 5)
    assert [marks.mark(0, 0, None), marks.mark(-6, 0, None)] == [None, None]
    assert marks.mark(6, 0, None) == Cursor("a", 6)
    assert marks.mark(7, 0, "") == Cursor()
    assert marks.mark(8, 0, None) is None
    assert marks.mark(0, 0, "b") == Cursor("b", 0)
    assert marks.mark(9, 0, None) == Cursor("b", 9)
    assert marks.mark(10, 1, None) is None


@pytest.mark.parametrize(
    ("marks", "after"),
    [
        ([], Cursor("a", 5)),
        ([Cursor("a", 6), Cursor("a", 7)], Cursor("a", 7)),
        ([Cursor("a", 2)], Cursor("a", 2)),  # the gateway counts anew
        ([Cursor("a")], Cursor("a", 5)),  # the same account logs in, without a number
        ([Cursor("b")], Cursor()),
        ([Cursor("b"), Cursor("b", 3)], Cursor("b", 3)),
        ([Cursor()], Cursor()),  # a logout
        ([Cursor(), Cursor("a"), Cursor("a", 8)], Cursor("a", 8)),
    ],
)
def test_the_newest_number_of_the_account_counts(marks: list[Cursor], after: Cursor) -> None:
    """The cursor is at the newest number, lower or not; a logout and another account leave none."""
    assert moved(Cursor("a", 5), marks) == after


def test_the_cursor_is_committed_with_the_ids_or_not_at_all(state_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the cursor cannot be written, neither are the ids, and the cursor that a gateway is told stays."""
    with closing(StateFile(state_file)) as state:
        incoming = Incoming(state)
        incoming.note(["m1"], NOW, [Cursor("a", 1)])

        def fail(*args: object) -> None:
            raise sqlite3.OperationalError("no")

        monkeypatch.setattr(store.cursor, "write", fail)
        with pytest.raises(sqlite3.OperationalError):
            incoming.note(["m2"], NOW, [Cursor("a", 2)])
        assert (incoming.unfinished(), incoming.cursor) == (["m1"], Cursor("a", 1))
    assert stored(state_file) == Cursor("a", 1)


def test_events_without_numbers_write_nothing_more(state_file: Path) -> None:
    """Logins and logouts of a gateway that numbers nothing change no row, nor does a login that is told once more."""
    with closing(StateFile(state_file)) as state:
        incoming = Incoming(state)

        def changes(*marks: Cursor) -> int:
            with state.connection() as db:
                before = db.total_changes
                incoming.note([], NOW, marks)
                return db.total_changes - before

        assert changes(Cursor("a"), Cursor(), Cursor("b")) == 0
        assert changes(Cursor("a", 1)) > 0
        assert changes(Cursor("a")) == 0


@pytest.mark.parametrize(
    ("ids", "mark", "waits"),
    [
        (["m1"], Cursor("a", 9), True),
        (["s1"], Cursor("a", 9), False),
        ([], Cursor("a", 9), False),
        ([], Cursor("a", 2), True),
        ([], Cursor("b", 9), True),
        ([], Cursor(), True),
    ],
)
def test_a_cursor_waits_for_the_disk_unless_it_only_goes_on(
    state_file: Path, ids: list[str], mark: Cursor, waits: bool
) -> None:
    """A commit without a new message waits for the disk when the cursor goes back or to another account, else not."""
    with closing(StateFile(state_file)) as state:
        outbox, incoming = Outbox(state, 2000), Incoming(state)
        outbox.accept(Message("m0", "r101", "alice", "Alice", Kind.TEXT), [Part(Kind.TEXT, "a")], ["r102"], NOW)
        send = outbox.take("r102", NOW)
        assert send
        outbox.sent(send, "s1", NOW)
        incoming.note(["m0"], NOW, [Cursor("a", 5)])
        incoming.note(ids, NOW, [mark])
        with state.connection() as db:
            assert (db.execute("PRAGMA synchronous").fetchone()[0] == 2) is waits  # FULL


# The bot at a gateway that numbers its events.


async def test_what_is_said_while_the_bot_is_away_is_relayed_once(numbered: NumberedGateway, state_file: Path) -> None:
    """A bot that comes back tells the gateway where it was; what it missed follows what it had, each once."""
    async with running(numbered, state_file):
        say(numbered, "a", "b")
        await numbered.until(lambda: len(heard(numbered).split()) == 2)
    say(numbered, "c", "d")
    async with running(numbered, state_file):
        say(numbered, "e")
        await numbered.until(lambda: "e" in heard(numbered) and "e" in heard(numbered, "r103"))
    assert numbered.cursors == [Cursor(), Cursor("bot", 2)]
    assert [heard(numbered, room) for room in ("r102", "r103")] == ["a b c d e"] * 2


async def test_of_many_that_come_at_once_none_is_behind_the_cursor(
    numbered: NumberedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each commit the cursor is at the last event whose message, and all before it, are in it."""
    monkeypatch.setattr("roomsync.inbox.dispatcher.MAX_BATCH", 3)
    commits: list[tuple[list[str], list[Cursor]]] = []
    note = Incoming.note

    def noted(self: Incoming, ids: list[str], now: float, marks: list[Cursor]) -> list[str]:
        commits.append((list(ids), list(marks)))
        return note(self, ids, now, marks)

    monkeypatch.setattr(Incoming, "note", noted)
    async with running(numbered, state_file):
        for text in "abcdefgh":
            say(numbered, text)
            numbered.tell(EventType.ERROR, {"data": text})
        await numbered.until(lambda: heard(numbered) == "a b c d e f g h")
        await until(lambda: stored(state_file).seq == 16)
    ids = [one for some, _ in commits for one in some]
    known = 0
    for some, marks in commits:
        known += len(some)
        assert all((mark.seq + 1) // 2 <= known for mark in marks if mark.seq)
    assert len(ids) == 8 and len(commits) > 5


async def test_events_of_every_kind_move_the_cursor(numbered: NumberedGateway, state_file: Path) -> None:
    """What is passed over, cannot be read or is of an unknown type is known as well, so it is not told again."""
    async with running(numbered, state_file):
        for event_type in (EventType.ERROR, EventType.DONG, 99, EventType.MESSAGE):
            numbered.tell(event_type, "{}")
            await until(lambda: stored(state_file).seq == numbered.last)


async def test_a_gateway_without_numbers_is_told_nothing(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where events have no numbers, no cursor is kept."""
    for _ in range(2):
        async with running(gateway, state_file):
            say(gateway, "a")
            gateway.logout()
            gateway.login()
            await gateway.until(lambda: gateway.calls.count("RoomList") % 2 == 0)
        assert stored(state_file) == Cursor()


async def test_a_logout_drops_the_cursor(numbered: NumberedGateway, state_file: Path) -> None:
    """After a logout nothing is told to the gateway; what has a number then is not the account's until its login."""
    async with running(numbered, state_file):
        say(numbered, "a")
        await until(lambda: stored(state_file).seq == 1)
        numbered.logout()
        await until(lambda: stored(state_file) == Cursor())
        numbered.tell(EventType.ERROR, {"data": "x"})
    assert stored(state_file) == Cursor()


async def test_another_account_drops_the_cursor(numbered: NumberedGateway, state_file: Path) -> None:
    """When another account is logged in, its own numbers count, from any on."""
    numbered.last = 10
    async with running(numbered, state_file):
        say(numbered, "a")
        await until(lambda: stored(state_file) == Cursor("bot", 11))
    numbered.bot_id = "other"
    numbered.add_contact("other", "另一个")
    async with running(numbered, state_file):
        assert stored(state_file) == Cursor()
        numbered.count_anew()
        say(numbered, "b")
        await until(lambda: stored(state_file) == Cursor("other", 1))


async def test_a_login_that_is_told_again_keeps_the_cursor(numbered: NumberedGateway, state_file: Path) -> None:
    """A login among what is replayed counts as any other event, and what stands around it is relayed in its order."""
    async with running(numbered, state_file):
        say(numbered, "a")
        await numbered.until(lambda: heard(numbered) == "a")
    say(numbered, "b")
    numbered.tell(EventType.LOGIN, {"contactId": "bot"})
    say(numbered, "c")
    async with running(numbered, state_file):
        await numbered.until(lambda: heard(numbered) == "a b c")
        await until(lambda: stored(state_file) == Cursor("bot", 4))


async def test_numbers_that_begin_anew_are_accepted(
    numbered: NumberedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that lost its count begins at 1 again: its newest number is the cursor, and all is relayed."""
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    async with running(numbered, state_file):
        say(numbered, "a", "b", "c")
        await numbered.until(lambda: heard(numbered) == "a b c")
        numbered.count_anew()
        numbered.end_stream()
        await numbered.until(lambda: len(numbered.cursors) == 2 and numbered.streams)
        say(numbered, "d")
        await numbered.until(lambda: heard(numbered) == "a b c d")
    assert stored(state_file) == Cursor("bot", 1)


async def test_an_outage_of_the_file_loses_and_doubles_nothing(
    numbered: NumberedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the file is locked the gateway is told the committed cursor; what is then told again is relayed once."""
    monkeypatch.setattr("roomsync.store.opening.BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr("roomsync.store.outages.MAX_DELAY", 0.05)
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    async with running(numbered, state_file) as bot:
        say(numbered, "a")
        await numbered.until(lambda: heard(numbered) == "a")
        with closing(sqlite3.connect(state_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            say(numbered, "b", "c")
            await until(lambda: bot.state.outages.is_on)
            numbered.end_stream()
            await until(lambda: len(numbered.cursors) == 2 and numbered.streams)
            say(numbered, "d")
            await asyncio.sleep(0.05)
        await numbered.until(lambda: "d" in heard(numbered) and "d" in heard(numbered, "r103"))
    assert numbered.cursors == [Cursor(), Cursor("bot", 1)]
    assert [heard(numbered, room) for room in ("r102", "r103")] == ["a b c d"] * 2
    assert stored(state_file) == Cursor("bot", 4)


async def test_the_cursor_of_what_came_last_is_noted_when_the_bot_leaves(
    numbered: NumberedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read and not taken in until the bot left is in the file with its number."""
    monkeypatch.setattr("roomsync.store.opening.BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr("roomsync.store.outages.MAX_DELAY", 0.05)
    async with running(numbered, state_file) as bot:
        with closing(sqlite3.connect(state_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            say(numbered, "last")
            await until(lambda: bot.state.outages.is_on)
            bot.stop()
            await asyncio.sleep(0.1)
    assert stored(state_file) == Cursor("bot", 1)
    with closing(StateFile(state_file)) as state:
        assert len(Incoming(state).unfinished()) == 1


async def test_what_comes_again_after_it_was_finished_does_no_harm(numbered: NumberedGateway, state_file: Path) -> None:
    """Echoes, what the owner says by phone and private chats are told again: nothing is sent, settled or doubled."""
    numbered.ids = False  # sends are known by their echoes alone
    async with running(numbered, state_file) as bot:
        say(numbered, "a")
        await numbered.until(lambda: len(numbered.sent) == 2)
        numbered.say("r102", "bot", "[Alice@101]:  a")  # the echo
        numbered.say("r102", "bot", "by phone")
        numbered.say("", "alice", "private")
        await until(lambda: stored(state_file).seq == 4 and not bot.incoming.unfinished())
        before = bot.outbox.counts()
        numbered.tell_again(4)
        say(numbered, "b")
        await numbered.until(lambda: "b" in heard(numbered) and "b" in heard(numbered, "r103"))
        await until(lambda: not bot.incoming.unfinished())
        assert sum(bot.outbox.counts().values()) == sum(before.values()) + 2
    assert [heard(numbered, room) for room in ("r102", "r103")] == ["a b"] * 2


# What is told too late.


@pytest.mark.parametrize(
    ("timestamp", "more", "seconds"),
    [
        (1_700_000_000, b"", 1_700_000_000),
        (1_700_000_000_500, b"", 1_700_000_000.5),
        (0, b"\x52\x06\x08\x80\xe2\xcf\xaa\x06", 1_700_000_000),  # receive_time alone
        (7, b"\x52\x06\x08\x80\xe2\xcf\xaa\x06", 1_700_000_000),
        (1_600_000_000, b"\x52\x06\x08\x80\xe2\xcf\xaa\x06", 1_600_000_000),
        (0, b"", 0),
        (1_000_000, b"\x5a\x01a", 0),
        (2**64 - 1, b"", 0),
        *[(0, more, 0) for more in (b"\x50\x05", b"\x51" + bytes(8), b"\x52\x01\xff", b"\x52\x02\x0a\x00")],
    ],
)
def test_a_time_is_read_in_every_form(timestamp: int, more: bytes, seconds: float) -> None:
    """Seconds, milliseconds and the newer field are understood; what is no time of WeChat's is none."""
    assert said_at(SimpleNamespace(timestamp=timestamp, _unknown_fields=more)) == seconds


async def test_what_is_told_too_late_is_not_relayed(numbered: NumberedGateway, state_file: Path) -> None:
    """Of what is older than RELAY_TTL_HOURS by its own time the rooms read how much it was; newer is relayed."""
    async with running(numbered, state_file):
        say(numbered, "a")
        await numbered.until(lambda: len(numbered.sent) == 2)
    numbered.said_at = time.time() - 3 * 3600
    say(numbered, "b", "c")
    numbered.said_at = time.time() - 1 * 3600
    say(numbered, "d")
    async with running(numbered, state_file, paused=True, RELAY_TTL_HOURS="2") as bot:
        await until(lambda: bot.outbox.counts() == {State.SENT: 2, State.EXPIRED: 4, State.WAITING: 4})
        bot.session.resume()
        await numbered.until(lambda: "d" in heard(numbered) and "d" in heard(numbered, "r103"))
    assert [heard(numbered, room) for room in ("r102", "r103")] == [f"a {phrases.missed(2)} d"] * 2


async def test_a_time_counts_only_where_events_are_numbered(gateway: ScriptedGateway, state_file: Path) -> None:
    """A gateway without numbers tells what is said now, whatever time it gives."""
    async with running(gateway, state_file, RELAY_TTL_HOURS="1"):
        say(gateway, "a")  # its time there is in 2023
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert heard(gateway) == "a"


async def test_a_logout_behind_it_makes_nothing_new(numbered: NumberedGateway, state_file: Path) -> None:
    """What is told too late stays that when a logout, which drops the cursor, and a login come right behind it."""
    async with running(numbered, state_file, RELAY_TTL_HOURS="2") as bot:
        say(numbered, "a")
        await numbered.until(lambda: len(numbered.sent) == 2)
        numbered.said_at = time.time() - 3 * 3600
        say(numbered, "b")
        numbered.logout()
        numbered.login()
        await until(lambda: bot.outbox.counts().get(State.EXPIRED) == 2)
    assert "b" not in heard(numbered).split()


async def test_what_is_told_too_late_costs_no_call(numbered: NumberedGateway, state_file: Path) -> None:
    """Of what is not relayed any more neither the content is asked for nor the name of who said it."""
    async with running(numbered, state_file, RELAY_TTL_HOURS="2") as bot:
        numbered.tell(EventType.DIRTY, {"payloadType": 0, "payloadId": "any"})  # a number, so that times count
        numbered.said_at = time.time() - 3 * 3600
        numbered.say("r101", "alice", kind="image", content='{"boxType": 7, "uuid": "1", "name": "a.png"}')
        await until(lambda: State.EXPIRED in bot.outbox.counts())
    assert not {"MessageImage", "RoomMemberPayload"} & set(numbered.calls)


async def test_what_is_told_too_late_is_neither_answered_nor_obeyed(
    numbered: NumberedGateway, state_file: Path
) -> None:
    """An old mention of the bot gets no introduction, and an old notice of WeChat's makes the account pause no more."""
    async with running(numbered, state_file, RELAY_TTL_HOURS="2") as bot:
        say(numbered, "a")
        await numbered.until(lambda: len(numbered.sent) == 2)
        numbered.said_at = time.time() - 3 * 3600
        numbered.say("r101", "alice", "who are you", mentions=["bot"])
        numbered.say("r102", "bot", "操作过于频繁，可稍后再试。", kind="unknown")
        numbered.said_at = 0
        say(numbered, "z")
        await numbered.until(lambda: "z" in heard(numbered) and "z" in heard(numbered, "r103"))
        assert not bot.session.cooldown.length
    assert not [one for one in numbered.sent if one.room_id == "r101"]
