"""What a room has of a message: its own, or the copy that the bot sent; and what a reply keeps of what it quotes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.recalls import Recalls
from roomsync.model import Kind, Part, State
from roomsync.store.sends import Copy
from tests.boxes import BOX_BYTES, CAPTION, NOW, PICTURE, Box

REPLY = Part(Kind.TEXT, "yes", "[Bob@101]:  ", quoted=1, quote_line="「Alice：hello」")


@pytest.fixture
def box(state_file: Path) -> Iterator[Box]:
    found = Box(state_file)
    yield found
    found.state.close()


def send(box: Box, sent_id: str | None, room_id: str = "r102") -> str:
    """The next send of a room is made and answered; its text."""
    made = box.take(room_id)
    box.outbox.sent(made, sent_id, NOW)
    return made.body


def copy(box: Box, room_id: str = "r102", message: int = 1) -> Copy | None:
    with box.state.connection() as db:
        return store.sends.copy_of(db, message, room_id)


def test_room_of_a_message_has_the_message_itself(box: Box) -> None:
    """Where it was said, a message is itself; where it has not arrived, there is nothing of it."""
    box.say("hello")
    assert (copy(box, "r101"), copy(box), copy(box, "r103")) == (Copy("m1", False), None, None)


def test_ids_are_those_of_one_room(box: Box) -> None:
    """A message is found by the id that it has in a room, and by no id that it has in another."""
    box.say("hello")
    send(box, "s1")
    ids = [("m1", "r101"), ("s1", "r102"), ("m1", "r102"), ("s1", "r101")]
    with box.state.connection() as db:
        assert [len(store.messages.shown_as(db, *one)) for one in ids] == [1, 1, 0, 0]


@pytest.mark.parametrize("sent_id", ["s1", None])
def test_other_rooms_have_a_copy(box: Box, sent_id: str | None) -> None:
    """A copy that was sent is known by the id that the gateway gave, if it gave one."""
    box.say("hello")
    box.take()
    assert copy(box) is None
    box.crash()
    send(box, sent_id)
    assert copy(box) == (Copy("s1", False) if sent_id else None)


def test_copy_of_a_picture_is_not_its_caption(box: Box) -> None:
    """Of a picture the copy is the picture, once it is there."""
    box.say(CAPTION, PICTURE)
    send(box, "caption")
    assert copy(box) is None
    send(box, "picture")
    assert copy(box) == Copy("picture", False)


def test_line_in_the_place_of_a_picture_is_its_copy(box: Box) -> None:
    """Where a picture went as a line of text, that line is the copy."""
    box.say(CAPTION, PICTURE)
    send(box, "caption")
    box.outbox.replace(box.take(), "[图片] 未能转发", "refused", NOW, made=True)
    assert copy(box) is None
    send(box, "line")
    assert copy(box) == Copy("line", False)


def test_copy_of_a_long_text_is_its_last_piece(box: Box) -> None:
    """Of a text in pieces the last one is the copy, and pieces of one message are not mixed with others."""
    box.say("a" * 60, "b" * 60)
    send(box, "first")
    assert copy(box) is None
    send(box, "last")
    assert copy(box) == Copy("last", False)
    box.say("c", "d")
    assert send(box, "both") == "c\nd"
    assert copy(box, message=2) == Copy("both", False)


def test_each_room_has_its_own_last_part(box: Box) -> None:
    """A room that got other parts of a message than the rest has a copy, too."""
    box.say("hello", "hello again", to=("r102", "r103"))
    for sent_id, room_id in (("s2", "r102"), ("s3", "r103")):
        send(box, sent_id, room_id)
    with box.state.transaction() as db:
        db.execute("DELETE FROM deliveries WHERE part = 1 AND room = (SELECT id FROM rooms WHERE gateway_id = 'r103')")
    assert (copy(box), copy(box, "r103")) == (Copy("s2", False), Copy("s3", False))


def test_copy_among_others_is_mixed(box: Box) -> None:
    """A copy that travelled with another message says so."""
    box.say("hello")
    box.say("you")
    send(box, "both")
    assert (copy(box), copy(box, message=2)) == (Copy("both", True), Copy("both", True))


def test_what_was_taken_back_has_no_copy(box: Box) -> None:
    """Of a message that its author took back there is nothing to quote, in no room."""
    box.say("hello")
    send(box, "s1")
    assert Recalls(box.state).accept(["m1"], "r101", NOW) == 1
    assert (copy(box, "r101"), copy(box)) == (None, None)


def test_copy_that_is_gone_is_none(box: Box) -> None:
    """A copy that was cancelled after it was sent is no copy."""
    box.say("hello")
    send(box, "s1")
    with box.state.transaction() as db:
        store.deliveries.change(db, [1], State.SENT, State.CANCELLED, NOW)
    assert copy(box) is None


def test_newest_copy_counts(box: Box) -> None:
    """What WeChat refused after all and was sent again is known by its new id."""
    box.say("hello")
    send(box, "old")
    assert box.outbox.send_again("r102", NOW, NOW) == 1
    assert copy(box) is None
    send(box, "new")
    assert copy(box) == Copy("new", False)
    with box.state.transaction() as db:  # it is there twice
        newer = store.sends.add(db, "r102", Kind.TEXT, "hello", NOW + 1)
        store.sends.note_sent_id(db, newer, "newer")
        again = f"SELECT message_id, part, room, source, state, {newer}, changed FROM deliveries"
        db.execute(f"INSERT INTO deliveries (message_id, part, room, source, state, send_id, changed) {again}")
    assert copy(box) == Copy("newer", False)


def test_reply_keeps_what_it_quotes(box: Box) -> None:
    """What a reply quotes, and the line of it, are read back with the delivery; equal parts are kept once."""
    box.say("hello")
    box.say(REPLY, to=("r102", "r103"))
    with box.state.connection() as db:
        waiting = store.waiting.fronts(db, "r103")
        assert db.execute("SELECT count(*) FROM parts WHERE message_id = 2").fetchone() == (1,)
    assert [(one.body, one.quoted, one.quote_line, one.words()) for one in waiting] == [
        ("yes", 1, "「Alice：hello」", "yes\n「Alice：hello」")
    ]


def test_reply_is_sent_with_its_line_and_known_by_its_echo(box: Box) -> None:
    """The line stands below the words of a reply in what is sent, and so in its echo."""
    box.say("hello")
    box.bodies()
    box.say(REPLY)
    sent = box.take()
    assert sent.body == "[Bob@101]:  yes\n「Alice：hello」"
    assert box.outbox.echo("r102", Kind.TEXT, sent.body, "s2", NOW) == 1
    assert box.outbox.counts() == {State.SENT: 2}


def test_line_of_a_reply_counts_for_the_size(box: Box) -> None:
    """A reply goes along with other texts only if its line fits, too."""
    box.say("hello")
    box.bodies()
    room = BOX_BYTES - len(f"[Bob@101]:  yes\n{REPLY.quote_line}\n".encode())
    for length, sends in ((room, 1), (room + 1, 2)):
        words = "x" * length
        for first, second in ((words, REPLY), (REPLY, words)):
            box.say(first)
            box.say(second)
            assert len(box.bodies()) == sends


def test_line_of_a_second_reply_counts_for_the_size(box: Box) -> None:
    """The line counts, too, where the reply shares the header of the text before it."""
    box.say("hello")
    box.bodies()
    room = BOX_BYTES - len(f"[Bob@101]:  \nyes\n{REPLY.quote_line}".encode())
    for length, sends in ((room, 1), (room + 1, 2)):
        box.say(Part(Kind.TEXT, "x" * length, REPLY.header))
        box.say(REPLY)
        assert len(box.bodies()) == sends


def test_pruned_message_is_quoted_no_longer(box: Box) -> None:
    """A message that is forgotten is quoted by none; the line stays."""
    box.say("hello")
    box.bodies()
    box.say(REPLY)
    with box.state.transaction() as db:
        assert store.messages.prune(db, NOW + 1, 1) == 1
        waiting = store.waiting.fronts(db, "r102")
    assert [(one.quoted, one.quote_line) for one in waiting] == [(None, "「Alice：hello」")]


def test_omitted_caption_travelled_with_nothing(box: Box) -> None:
    """A picture under which another one of the same person stands is no mixed copy: that one's caption never went."""
    for _ in range(2):
        box.say(CAPTION, PICTURE)
    send(box, "caption")
    shown = box.take()
    box.outbox.sent(shown, "first", NOW)
    box.outbox.sent(box.take(shown=shown.shows), "second", NOW)
    assert box.outbox.counts() == {State.SENT: 3, State.OMITTED: 1}
    assert (copy(box), copy(box, message=2)) == (Copy("first", False), Copy("second", False))
    with box.state.connection() as db:
        assert [one.id for one in store.messages.shown_as(db, "first", "r102")] == [1]
