"""State files of older versions: what waited in them goes out, and what they remember is known."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.recalls import Recalls
from roomsync.model import Kind, Message, Part, Send, State
from roomsync.session import Cooldown
from roomsync.store import StateFile
from tests.test_statefile import old_file

KILLED = 1_000_112.0  # when the bots that wrote the files were killed
RETRIED = KILLED + 600  # when what was refused before may be sent again
IMAGE_A = '{"boxType": 7, "uuid": "1", "name": "a.png"}'
IMAGE_D = '{"boxType": 7, "uuid": "2", "name": "d.png"}'
MISSED_2 = "（有 1 条消息未能及时转发到本群，请到其他群查看）"
MISSED = "（有 1 条消息未能及时转发到本群，仅原群可见）"
RECALL = "[Alice@101] 撤回了一条消息"
REPLY = "[Bob@102]:  收到"
TO_103 = "[Alice@101]:  大家好\n[Carol@101]:  有人吗\n[Bob@102]:  收到\n[Alice@101]:  [图片]"
TO_102 = [RECALL, "[Carol@101]:  有人吗", "[Alice@101]:  明天见\n[图片]", IMAGE_A, "[Dave@101]:  [图片]", IMAGE_D]
# What each room is sent from each file, send by send.
EXPECTED = {
    1: {"r101": [REPLY], "r102": ["[Carol@101]:  有人吗", "[Alice@101]:  [图片]", IMAGE_A], "r103": [TO_103, IMAGE_A]},
    2: {
        "r101": [REPLY],
        "r102": ["[Carol@101]:  有人吗", "[Alice@101]:  [图片]", IMAGE_A],
        "r103": [MISSED_2, TO_103, IMAGE_A],
    },
    3: {"r101": [REPLY], "r102": TO_102, "r103": [MISSED_2, TO_103, IMAGE_A, IMAGE_D]},
    4: {
        "r101": [REPLY],
        "r102": TO_102,
        "r103": [MISSED, TO_103, IMAGE_A, "[Dave@101]:  [图片]", IMAGE_D],
    },
}
EXPECTED |= dict.fromkeys(range(5, 12), EXPECTED[4])


@pytest.fixture(params=EXPECTED)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def state(state_file: Path, version: int) -> Iterator[StateFile]:
    """A file of that version, brought up to date."""
    old_file(state_file, version)
    with closing(StateFile(state_file)) as found:
        yield found


def sends(outbox: Outbox, room_id: str) -> list[Send]:
    """What goes to a room, each send made and answered."""
    found = []
    while send := outbox.take(room_id, RETRIED):
        found.append(send)
        outbox.sent(send, None, RETRIED)
    return found


def test_what_waited_goes_out(state: StateFile, version: int) -> None:
    """All that waited, or was in hand when the bot was killed, is sent, in its order and under its headers."""
    outbox = Outbox(state, 2000)
    assert outbox.recover(KILLED) == 1
    found = {room_id: [send.body for send in sends(outbox, room_id)] for room_id in EXPECTED[version]}
    assert found == EXPECTED[version]


def test_attempts_go_on(state: StateFile, version: int) -> None:
    """A send that was refused once has that attempt behind it, and waits for its next one."""
    outbox = Outbox(state, 2000)
    next_try = outbox.next_try("r102", KILLED)
    found = sends(outbox, "r102")
    assert {send.attempts for send in found if "有人吗" in send.body} == {1}
    if version < 3:  # else a recall goes ahead of it
        assert next_try == 1_000_700


def test_known_messages_stay_known(state: StateFile) -> None:
    """A message that was accepted before is not accepted again."""
    message = Message("sent", "r101", "alice", "Alice", Kind.TEXT)
    assert not Outbox(state, 2000).accept(message, [Part(Kind.TEXT, "again")], ["r102"], KILLED)


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6])  # version 1 remembered nothing of the kind
def test_what_is_remembered_stays_known(state: StateFile, version: int) -> None:
    """Events, topics, calls, the pause, the last introduction and other relays are known as before."""
    outbox = Outbox(state, 2000)
    with state.connection() as db:
        assert store.incoming.unfinished(db) == ["unfinished"] and store.incoming.given_up(db, 0) == 1
        assert store.rooms.topics(db)["r102"] == "Milvus用户交流群102"
        health = store.health.read(db)
        assert (health.cooldown, health.last_event) == (Cooldown(1_000_061.0, 60.0), KILLED)
        if version >= 3:
            assert store.rooms.introduced_at(db, "r101") == 1_000_104
    assert outbox.is_ours("s1")
    assert len(outbox.recent(0)) == {2: 3, 3: 5, 4: 6, 5: 6, 6: 6}[version]
    with state.connection() as db:
        assert store.peers.relayed_at(db, "bot2", "r103") == (KILLED if version >= 3 else None)


@pytest.mark.parametrize("version", [3, 4, 5, 6])  # those before knew no recalls
def test_recalls_go_on(state: StateFile) -> None:
    """The copy of a recalled message is still to be taken back, and one recalled before it came is not relayed."""
    outbox, recalls = Outbox(state, 2000), Recalls(state)
    send = outbox.take("r102", KILLED)
    assert send and send.kind is Kind.RECALLED
    assert recalls.target(send, KILLED) == "s2"
    recalls.done(send, True, KILLED)
    assert not outbox.is_ours("s2")
    assert recalls.accept(["recalled"], "r101", KILLED) is None
    message = Message("never-seen", "r101", "alice", "Alice", Kind.TEXT)
    assert not outbox.accept(message, [Part(Kind.TEXT, "never said")], ["r102"], KILLED)


def test_notice_that_waits_is_brought_up_to_date(state: StateFile, version: int) -> None:
    """A line that says how many messages a room missed knows its number."""
    with state.connection() as db:
        notice = store.messages.waiting_notice(db, "r103")
    assert (notice and notice.missed) == (1 if version >= 2 else None)


def test_every_reference_holds(state: StateFile) -> None:
    """No row refers to one that is not there."""
    with state.connection() as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_send_that_is_not_there_is_no_hindrance(state_file: Path) -> None:
    """A delivery of version 4 that names a send which is gone, or is of no message, stops neither start nor sends."""
    old_file(state_file, 4)
    with closing(sqlite3.connect(state_file)) as db, db:
        db.execute("UPDATE deliveries SET send_id = 555 WHERE state = 'waiting'")
        db.execute("INSERT INTO deliveries (message_id, part, room_id, changed) VALUES (777, 0, 'r103', 0)")
    with closing(StateFile(state_file)) as state:
        assert [send.body for send in sends(Outbox(state, 2000), "r103")] == EXPECTED[4]["r103"]
        with state.connection() as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_states_of_the_past_are_kept(state_file: Path) -> None:
    """Each delivery of a file of version 4 is in the state in which it was, also those of which nothing waits."""
    old_file(state_file, 4)
    with closing(sqlite3.connect(state_file)) as db:
        before = db.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall()
    with closing(StateFile(state_file)) as state:
        assert Outbox(state, 2000).counts() == {State(name): count for name, count in before}
