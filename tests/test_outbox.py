"""The outbox: what goes in together comes out in order, and once."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import IntegrityError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomsync import store
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.turns import MAX_BATCH
from roomsync.model import Head, Kind, Message, Part, Shown, State
from roomsync.text.headers import HeaderTemplate, Spoken
from tests.boxes import BOX_BYTES, CAPTION, NOW, PICTURE, Box


@pytest.fixture
def box(state_file: Path) -> Iterator[Box]:
    found = Box(state_file)
    yield found
    found.state.close()


# Accepting.


def test_a_message_waits_for_every_room(box: Box) -> None:
    """A message is accepted with one waiting delivery of each part for each room."""
    box.say("a", PICTURE, to=("r102", "r103"))
    assert box.outbox.counts() == {State.WAITING: 4}


def test_a_message_is_accepted_once(box: Box) -> None:
    """The same message again, also after a restart, is not accepted again."""
    box.say("a")
    message = Message("m1", "r101", "alice", "Alice", Kind.TEXT)
    assert not box.outbox.accept(message, [Part(Kind.TEXT, "b")], ["r102"], NOW)
    box.crash()
    assert not box.outbox.accept(message, [Part(Kind.TEXT, "b")], ["r102"], NOW)
    assert box.bodies() == ["a"]


def test_a_message_is_accepted_whole_or_not(box: Box) -> None:
    """When one of its deliveries cannot be written, nothing of a message is kept, and it can come again."""
    message = Message("m1", "r101", "alice", "Alice", Kind.TEXT)
    rooms: list[str] = ["r102", None]  # type: ignore[list-item]
    with pytest.raises(IntegrityError):
        box.outbox.accept(message, [Part(Kind.TEXT, "a")], rooms, NOW)
    assert box.outbox.counts() == {}
    box.say("a")


def test_a_room_may_get_parts_of_its_own(box: Box) -> None:
    """A room in `special` gets those parts, the others the common ones."""
    message = Message("m1", "r101", "alice", "Alice", Kind.TEXT)
    special = {"r103": [Part(Kind.TEXT, "b", mention="bob")]}
    box.outbox.accept(message, [Part(Kind.TEXT, "a")], ["r102", "r103"], NOW, special)
    plain, mentioned = box.take("r102"), box.take("r103")
    assert [(plain.body, plain.mentions), (mentioned.body, mentioned.mentions)] == [("a", ()), ("b", ("bob",))]


def test_heads_are_the_rooms_with_something_waiting(box: Box) -> None:
    """Each room with something waiting has one head, whenever that may go; others have none."""
    box.say("a", to=("r102", "r103", "r104"))
    box.say("b", to=("r102",))
    box.outbox.sent(box.take("r103"), None, NOW)
    box.outbox.retry(box.take("r104"), NOW + 5, "no", NOW)
    assert sorted(box.outbox.heads(NOW), key=lambda head: head.room_id) == [Head("r102"), Head("r104")]
    assert [box.outbox.next_try(room, NOW) for room in ("r102", "r104")] == [0.0, NOW + 5]


def test_only_what_goes_ahead_makes_a_room_urgent(box: Box) -> None:
    """A room is urgent when what goes ahead there is due, and then only; what others pass makes none urgent."""
    box.say("a", to=("r102", "r103", "r104"))
    box.outbox.retry(box.take("r102"), NOW + 5, "no", NOW, passed=True)
    with box.state.transaction() as db:
        ahead = db.execute("SELECT id FROM deliveries ORDER BY id").fetchall()[1][0]
        store.deliveries.bring_forward(db, ahead)
        db.execute("UPDATE deliveries SET next_try = ? WHERE id = ?", (NOW + 3, ahead))
    assert box.outbox.bring_forward(NOW) == NOW + 5  # what goes ahead already is no news
    for now, there in ((NOW, Head("r103", False, NOW + 3)), (NOW + 9, Head("r103", True))):
        assert [box.outbox.head(f"r10{n}", now) for n in (2, 3, 4, 5)] == [Head("r102"), there, Head("r104"), None]
        assert sorted(box.outbox.heads(now), key=lambda head: head.room_id) == [Head("r102"), there, Head("r104")]


# Taking.


def test_texts_that_wait_go_together_in_order(box: Box) -> None:
    """All texts that wait for a room go in one send, oldest first."""
    for text in "abc":
        box.say(text)
    send = box.take()
    assert (send.kind, send.body, len(send.deliveries), send.attempts) == (Kind.TEXT, "a\nb\nc", 3, 0)
    assert box.outbox.counts() == {State.SENDING: 3}


def test_texts_of_one_speaker_share_a_header(box: Box) -> None:
    """Consecutive texts with one header of one member have it once; those of another member have their own."""
    for talker, text in (("alice", "a"), ("alice", "b"), ("alice2", "c")):
        box.say(Part(Kind.TEXT, text, "[Alice@101]:  "), talker=talker)
    assert box.bodies() == ["[Alice@101]:  a\nb\n[Alice@101]:  c"]


def test_another_kind_ends_what_goes_together(box: Box) -> None:
    """Texts behind a picture do not go before it, and the picture goes by itself."""
    box.say("a")
    box.say("b", PICTURE)
    box.say("c")
    assert box.bodies() == ["a\nb", "{}", "c"]


def test_what_goes_together_fits(box: Box) -> None:
    """Texts go together up to the limit in bytes, not characters; a longer one goes by itself."""
    for text in ("一" * 16, "二" * 17, "三", "四" * 40, "五"):
        box.say(text)
    assert box.bodies() == ["一" * 16 + "\n" + "二" * 17, "三", "四" * 40, "五"]


SAID = st.tuples(
    st.sampled_from(["Alice", "Bob"]),
    st.sampled_from([Kind.TEXT, Kind.TEXT, Kind.TEXT, Kind.IMAGE]),
    st.lists(st.sampled_from(["a", "中", "👍🏽", "👨\u200d👩\u200d👧", " "]), max_size=30).map("".join),
)


@given(st.lists(st.lists(SAID, max_size=8), max_size=4))
def test_order_and_content_survive_every_batching(rounds: list[list[tuple[str, Kind, str]]]) -> None:
    """Whatever is said between two visits of the courier arrives whole, in order, each under its speaker's name, and
    what goes together is within the limit."""
    form = HeaderTemplate("[{name}@{room}]:  ")
    said: list[tuple[str, str]] = []
    arrived: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        box = Box(Path(folder) / "s.db")
        for one_round in rounds:
            for name, kind, words in one_round:
                header, body = form.render(name, "101"), f"{len(said)}.{words}|"
                box.say(Part(kind, body, header), talker=name)
                said.append((name if kind is Kind.TEXT else "", body))
            while send := box.outbox.take("r102", NOW):
                box.outbox.sent(send, None, NOW)
                assert len(send.deliveries) == 1 or len(send.body.encode()) <= BOX_BYTES
                spoken = form.parse_batch(send.body, ["101"]) if send.kind is Kind.TEXT else [Spoken("", "", send.body)]
                arrived += [(one.name, line) for one in spoken for line in one.text.split("\n")]
        box.state.close()
    assert arrived == said


def test_very_many_texts_go_in_several_sends(box: Box) -> None:
    """More texts than one send looks at are all sent, in order."""
    box.outbox = Outbox(box.state, 100_000)
    texts = [str(number) for number in range(MAX_BATCH + 5)]
    for text in texts:
        box.say(text)
    assert box.bodies() == ["\n".join(texts[:MAX_BATCH]), "\n".join(texts[MAX_BATCH:])]


def test_rooms_do_not_share_sends(box: Box) -> None:
    """What waits for one room is not taken for another."""
    box.say("a", to=("r102",))
    box.say("b", to=("r103",))
    assert (box.bodies("r103"), box.bodies("r102"), box.outbox.take("r104", NOW)) == (["b"], ["a"], None)


def test_caption_that_says_nothing_new_is_left_out(box: Box) -> None:
    """A picture goes without its caption when the room shows one of that member last, and with it else."""
    for shown, first in (
        (Shown("alice", CAPTION.header, Kind.IMAGE), "{}"),
        (Shown("alice2", CAPTION.header, Kind.IMAGE), CAPTION.header + CAPTION.body),
        (Shown("alice", "[Al@101]:  ", Kind.IMAGE), CAPTION.header + CAPTION.body),
        (Shown("alice", CAPTION.header, Kind.VIDEO), CAPTION.header + CAPTION.body),
        (None, CAPTION.header + CAPTION.body),
    ):
        box.say(CAPTION, Part(Kind.IMAGE, "{}", CAPTION.header))
        send = box.take(shown=shown)
        assert send.body == first
        box.outbox.sent(send, None, NOW)
        box.bodies()
    assert box.outbox.counts() == {State.SENT: 9, State.OMITTED: 1}


def test_a_clock_that_was_set_back_repeats_no_caption(box: Box) -> None:
    """What was sent in the future, before the clock was set back, does not stand between a caption and its picture."""
    box.say("tomorrow")
    box.outbox.sent(box.take(now=NOW + 86_400), "s1", NOW + 86_400)
    box.say(CAPTION, Part(Kind.IMAGE, "{}", CAPTION.header))
    for body in (CAPTION.header + CAPTION.body, "{}"):
        send = box.take()
        assert send.body == body
        box.outbox.sent(send, None, NOW)
    assert box.outbox.take("r102", NOW) is None


# A crash.


def test_after_a_crash_only_what_was_in_hand_is_repeated(box: Box) -> None:
    """What was sent stays so, what was being sent goes again as it was, what waited goes once."""
    for text in "abc":
        box.say(text)
    box.outbox.sent(box.take(alone=True), "s1", NOW)
    in_hand = box.take()
    box.say("d")
    box.crash()
    assert box.outbox.counts() == {State.SENT: 1, State.WAITING: 3}
    assert box.take() == in_hand
    box.outbox.sent(in_hand, None, NOW)
    assert box.bodies() == ["d"]


def test_a_crash_keeps_attempts_and_next_try(box: Box) -> None:
    """A delivery that failed is after a restart where it was: its attempts, next try and error."""
    box.say("a")
    box.outbox.retry(box.take(), NOW + 5, "no", NOW)
    before = box.deliveries()
    box.crash()
    assert (box.deliveries(), box.outbox.next_try("r102", NOW)) == (before, NOW + 5)
