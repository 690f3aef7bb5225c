"""The housekeeper: nothing goes out too late, rooms are told what they missed, and the file stays small."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.housekeeper import PRUNE_BATCH, ROUND_INTERVAL, Housekeeper, drop_payloads, expire, prune
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.recalls import Recalls
from roomsync.inbox.incoming import Incoming
from roomsync.model import Kind, Message, Part, State
from roomsync.session import Cooldown, Session
from roomsync.store import StateFile
from roomsync.store.health import Health
from roomsync.text import phrases
from tests.conftest import Clock, until

NOW = 1_000_000.0
HOUR, DAY = 3600.0, 86400.0


class House:
    """A state file with an outbox, and short ways to fill it."""

    def __init__(self, path: Path) -> None:
        self.state = StateFile(path)
        self.outbox = Outbox(self.state, 2000)
        self.count = 0

    def say(
        self, text: str, at: float, *room_ids: str, kind: Kind = Kind.TEXT, copies: int = 1, where: str = "r101"
    ) -> None:
        self.count += 1
        message = Message(f"m{self.count}", where, "alice", "Alice", kind)
        self.outbox.accept(message, [Part(Kind.TEXT, f"{text}{n or ''}") for n in range(copies)], room_ids, at)

    def send(self, room_id: str, at: float) -> str | None:
        """The next send to a room, made and answered."""
        send = self.outbox.take(room_id, at)
        if send:
            self.outbox.sent(send, None, at)
        return send.body if send else None

    def rows(self, table: str) -> int:
        with self.state.connection() as db:
            return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture
def house(state_file: Path) -> Iterator[House]:
    found = House(state_file)
    yield found
    found.state.close()


# What is too old.


def test_what_is_too_old_is_not_sent(house: House) -> None:
    """What was accepted before the time given expires, what came at it or later goes."""
    house.say("old", NOW - 1, "r102")
    house.say("new", NOW, "r102")
    assert expire(house.state, NOW, NOW) == 1
    assert [house.send("r102", NOW) for _ in range(2)] == ["new", phrases.missed(1)]


def test_what_is_too_old_expires_wherever_it_was_said(house: House) -> None:
    """Of each source room that a room waits for, what is too old expires, and nothing else."""
    for text, at in (("old", NOW - 1), ("new", NOW)):
        for where in ("r101", "r104", "r103"):
            house.say(text, at, "r102", where=where)
    assert expire(house.state, NOW, NOW) == 3
    assert house.outbox.counts() == {State.EXPIRED: 3, State.WAITING: 4}  # with the line that tells how many


def test_a_look_for_what_is_too_old_costs_the_same_whatever_waits(house: House) -> None:
    """It takes as many steps of SQLite's with 100 messages that wait as with one, from however many source rooms."""
    steps: list[int] = []
    for count in (1, 99):
        for number in range(count):
            house.say("a", NOW, *(f"r{room}" for room in range(20)), where=f"source {count} {number}")
        with house.state.connection() as db:
            steps.append(0)
            db.set_progress_handler(lambda: steps.append(steps.pop() + 1), 1)
            assert expire(house.state, NOW, NOW) == 0
            db.set_progress_handler(None, 1)
    assert steps[0] == steps[1]


def test_each_room_is_told_once_what_it_missed(house: House) -> None:
    """A room gets one line with the number of messages, not of parts, that it missed; others get none."""
    house.say("a", NOW - 1, "r102", "r103", copies=3)
    house.say("b", NOW - 1, "r102")
    house.say("c", NOW, "r104")
    assert expire(house.state, NOW, NOW) == 7
    assert [house.send(room_id, NOW) for room_id in ("r102", "r103", "r104")] == [
        phrases.missed(2),
        phrases.missed(1),
        "c",
    ]


def test_much_that_is_too_old_is_given_up_bit_by_bit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """In many small transactions, each of whole messages, all of it is given up, and each message is missed once."""
    monkeypatch.setattr("roomsync.delivery.housekeeper.EXPIRE_BATCH", 4)
    for _ in range(5):
        house.say("a", NOW - 1, "r102", "r103", copies=3)
    house.say("new", NOW, "r102")
    counts = []
    while count := expire(house.state, NOW, NOW):
        counts.append(count)
    assert sum(counts) == 30 and max(counts) <= 6
    assert [house.send("r102", NOW) for _ in range(2)] == ["new", phrases.missed(5)]


def test_a_line_that_still_waits_is_brought_up_to_date(house: House) -> None:
    """While its line waits, a room's further losses are added to it."""
    for at in (NOW, NOW + 1):
        house.say("a", at, "r102", "r103")
        expire(house.state, at + 1, at + 1)
    assert [house.send("r102", NOW), house.send("r102", NOW), house.send("r103", NOW)] == [
        phrases.missed(2),
        None,
        phrases.missed(2),
    ]


def test_a_line_that_went_is_not_changed(house: House) -> None:
    """After its line went, or may have gone, a room is told of further losses in a new one."""
    house.say("a", NOW, "r102")
    expire(house.state, NOW + 1, NOW + 1)
    send = house.outbox.take("r102", NOW + 1)
    assert send
    house.outbox.put_back(send, NOW + 1, NOW + 1, uncertain=True)
    house.say("b", NOW + 1, "r102")
    expire(house.state, NOW + 2, NOW + 2)
    assert [house.send("r102", NOW + 2), house.send("r102", NOW + 2)] == [phrases.missed(1)] * 2


def test_what_was_too_old_when_it_came_is_missed(house: House) -> None:
    """A message that is too old by its own time is never sent; its rooms are told once, with what else they missed."""
    house.say("a", NOW, "r102")
    expire(house.state, NOW + 1, NOW + 1)
    for number in range(2):
        message = Message(f"old{number}", "r101", "alice", "Alice", Kind.TEXT)
        parts = [Part(Kind.TEXT, "b"), Part(Kind.TEXT, "c")]
        special = {"r103": [Part(Kind.TEXT, "d")]}
        assert house.outbox.accept(message, parts, ["r102", "r103"], NOW + 2, special, expired=True)
        assert not house.outbox.accept(message, parts, ["r102", "r103"], NOW + 2, special, expired=True)
    silent = Message("silent", "r101", "alice", "Alice", Kind.SYSTEM)
    house.outbox.accept(silent, [Part(Kind.TEXT, "e")], ["r102"], NOW + 2, expired=True)
    assert house.outbox.counts() == {State.EXPIRED: 1 + 2 * 3 + 1, State.WAITING: 2}
    assert [house.send("r102", NOW + 2), house.send("r102", NOW + 2)] == [phrases.missed(3), None]
    assert [house.send("r103", NOW + 2), house.send("r103", NOW + 2)] == [phrases.missed(2), None]


def test_a_line_never_expires(house: House) -> None:
    """The line itself waits as long as it must, and is not counted as missed."""
    house.say("a", NOW, "r102")
    expire(house.state, NOW + 1, NOW + 1)
    assert expire(house.state, NOW + 99 * DAY, NOW + 99 * DAY) == 0
    assert house.send("r102", NOW) == phrases.missed(1)


def test_a_recall_that_is_too_late_is_not_missed(house: House) -> None:
    """A recall and an answer of the bot that expire are no messages that a room missed."""
    house.say("a", NOW, "r102")
    house.send("r102", NOW)
    Recalls(house.state).accept(["m1"], "r101", NOW)
    house.outbox.accept(Message("x", "r102", "", "", Kind.SYSTEM), [Part(Kind.TEXT, "hi")], ["r102"], NOW)
    assert expire(house.state, NOW + 1, NOW + 1) == 2
    assert house.send("r102", NOW + 1) is None


def test_what_was_sent_or_is_being_sent_does_not_expire(house: House) -> None:
    """Only what waits expires."""
    house.say("a", NOW, "r102", "r103")
    house.send("r102", NOW)
    house.outbox.take("r103", NOW)
    assert expire(house.state, NOW + 1, NOW + 1) == 0
    assert house.outbox.counts() == {State.SENT: 1, State.SENDING: 1}


# The file's size.


def test_old_messages_are_forgotten(house: House) -> None:
    """A message is forgotten with all that belongs to it when nothing has happened to it since the time given."""
    house.say("a", NOW, "r102", "r103")
    house.send("r102", NOW)
    house.send("r103", NOW)
    house.say("b", NOW, "r102")
    tried = house.outbox.take("r102", NOW)
    assert tried
    house.outbox.put_back(tried, NOW, NOW, uncertain=False)
    house.send("r102", NOW)
    Incoming(house.state).note(["unfinished"], NOW)
    assert prune(house.state, NOW + 1) == 2
    tables = ("messages", "parts", "deliveries", "sends", "call_log", "incoming")
    assert {table: house.rows(table) for table in tables} == dict.fromkeys(tables, 0)


def test_what_waits_or_was_sent_lately_is_kept(house: House) -> None:
    """A message of which something waits, is being sent or was sent lately is kept whole."""
    house.say("waits", NOW, "r102", "r103")
    house.send("r103", NOW)
    house.say("being sent", NOW, "r104")
    house.outbox.take("r104", NOW)
    house.say("sent lately", NOW, "r105")
    house.send("r105", NOW + 10)
    assert prune(house.state, NOW + 5) == 0
    assert house.outbox.counts() == {State.WAITING: 1, State.SENDING: 1, State.SENT: 2}


def test_a_picture_that_is_everywhere_is_blanked(house: House) -> None:
    """The bytes of a picture are kept until its last delivery is settled and nothing asks for it again."""
    picture = '{"boxType": 1, "base64": "' + "a" * 5000 + '"}'
    house.outbox.accept(
        Message("m", "r101", "alice", "Alice", Kind.IMAGE), [Part(Kind.IMAGE, picture)], ["r102", "r103"], NOW
    )
    house.say("t" * 5000, NOW, "r102")
    house.send("r102", NOW)
    house.send("r102", NOW)
    assert drop_payloads(house.state, NOW + 1) == 0  # r103 waits for it
    assert house.send("r103", NOW + 2) == picture
    assert (
        drop_payloads(house.state, NOW + 2),
        drop_payloads(house.state, NOW + 3),
        drop_payloads(house.state, NOW + 3),
    ) == (0, 1, 0)
    with house.state.connection() as db:
        assert [row[0] for row in db.execute("SELECT length(body) FROM parts ORDER BY message_id")] == [2, 5000]


def test_old_marks_of_relays_are_forgotten(house: House) -> None:
    """What is remembered of other relays goes when it is old."""
    with house.state.transaction() as db:
        store.peers.mark_relayed(db, "old", "r1", NOW - 1)
        store.peers.mark_relayed(db, "new", "r1", NOW)
    prune(house.state, NOW)
    with house.state.connection() as db:
        assert (store.peers.is_known(db, "old"), store.peers.is_known(db, "new")) == (False, True)


def test_the_file_stays_small(house: House) -> None:
    """Over many rounds of messages sent and forgotten the file does not grow."""
    sizes = []
    for day in range(30):
        at = NOW + day * DAY
        for _ in range(20):
            house.say("x" * 5000, at, "r102", "r103")
        while house.send("r102", at) or house.send("r103", at):
            pass
        while prune(house.state, at - 2 * DAY):
            pass
        with house.state.connection() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        sizes.append(house.state.path.stat().st_size)
    assert max(sizes[3:]) <= sizes[3] * 1.1
    assert prune(house.state, NOW + 99 * DAY) == 60
    with house.state.connection() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert house.state.path.stat().st_size < sizes[3] / 4


# Rounds.


def keeper(house: House, clock: Clock, session: Session | None = None) -> Housekeeper:
    return Housekeeper(house.state, session or Session(), 2 * HOUR, 3 * DAY, clock)


async def test_a_round_keeps_to_the_settings(house: House, clock: Clock) -> None:
    """One time says what is too old to be sent, the other what is forgotten."""
    house.say("a", clock() - 2 * HOUR, "r102")
    house.say("b", clock() - 2 * HOUR - 1, "r103")
    await keeper(house, clock).run_once()
    assert house.outbox.counts() == {State.WAITING: 2, State.EXPIRED: 1}
    house.send("r102", clock())
    house.send("r103", clock())
    clock.now += 3 * DAY
    await keeper(house, clock).run_once()
    assert house.rows("messages") == 3
    clock.now += 1
    await keeper(house, clock).run_once()
    assert house.rows("messages") == 0


async def test_rounds_forget_all_that_is_due(house: House, clock: Clock) -> None:
    """More messages than one transaction takes are forgotten in the rounds that follow."""
    with house.state.transaction() as db:
        for number in range(PRUNE_BATCH + 1):
            store.messages.add(db, Message(str(number), "r101", "", "", Kind.TEXT), 0.0)
    found = keeper(house, clock)
    await found.run_once()
    assert house.rows("messages") == 1
    await found.run_once()
    assert house.rows("messages") == 0


async def test_clock_set_back_keeps_no_retry_waiting(house: House, clock: Clock) -> None:
    """What is to be tried again later than any delay could make it, because the clock was set back, is tried now."""
    house.say("a", clock(), "r102", "r103")
    for room, delay in (("r102", 300.0), ("r103", 90_000.0)):
        send = house.outbox.take(room, clock())
        assert send
        house.outbox.retry(send, clock() + delay, "no", clock())
    await keeper(house, clock).run_once()
    assert [house.outbox.next_try(room, clock()) for room in ("r102", "r103")] == [clock() + 300, clock()]


async def test_rounds_go_on(house: House, clock: Clock) -> None:
    """There is a round at once, and then one every few seconds, which tells when the last event came."""
    slept: list[float] = []
    session = Session()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        house.say("a", clock() - DAY, "r102")
        if len(slept) == 3:
            await asyncio.Event().wait()

    session.last_event = NOW
    keeping = asyncio.create_task(keeper(house, clock, session).run(sleep))
    await until(lambda: len(slept) == 3)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert slept == [ROUND_INTERVAL] * 3
    assert house.outbox.counts() == {State.EXPIRED: 2, State.WAITING: 2}
    assert health(house).last_event == NOW


def health(house: House) -> Health:
    with house.state.connection() as db:
        return store.health.read(db)


async def test_the_session_is_noted(house: House, clock: Clock) -> None:
    """Each phase is noted with the time at which it began, a pause with its end, and the last event stays known."""
    session = Session()
    session.last_event = NOW
    keeping = asyncio.create_task(keeper(house, clock, session).run())
    session.connect()
    await until(lambda: health(house).phase == "connected")
    began = clock()
    clock.now += 5
    session.throttle(Cooldown(NOW + 60, 60))
    await until(lambda: health(house).cooldown.length)
    assert health(house) == Health("connected", began, NOW, Cooldown(NOW + 60, 60), clock())
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await keeper(house, clock).note_health()
    assert health(house) == Health("disconnected", clock(), NOW, Cooldown(), clock())
