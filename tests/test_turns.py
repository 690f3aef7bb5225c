"""Whose turn it is in a room: texts of all source rooms together, then a picture, the source rooms in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.outbox import add_line
from roomsync.delivery.recalls import Recalls
from roomsync.model import Kind, Part, State
from tests.boxes import BOX_BYTES, NOW, Box


@pytest.fixture
def box(state_file: Path) -> Iterator[Box]:
    found = Box(state_file)
    yield found
    found.state.close()


def picture(box: Box, name: str, where: str, file: str) -> None:
    """Somebody posts a picture in a room."""
    header = f"[{name}@{where[1:]}]:  "
    caption, image = Part(Kind.TEXT, "[图片]", header, caption=True), Part(Kind.IMAGE, file, header)
    box.say(caption, image, to=("r109",), talker=name, where=where)


def text(box: Box, name: str, where: str, words: str, at: float = NOW) -> None:
    """Somebody says something in a room."""
    box.say(Part(Kind.TEXT, words, f"[{name}@{where[1:]}]:  "), to=("r109",), talker=name, where=where, at=at)


def bodies(box: Box, count: int = 99, now: float = NOW) -> list[str]:
    """The next sends to the room, each made and answered."""
    found: list[str] = []
    while len(found) < count and (send := box.outbox.take("r109", now)):
        box.outbox.sent(send, f"s{send.id}", now)
        found.append(send.body)
    return found


def test_texts_of_all_rooms_go_together(box: Box) -> None:
    """What was said in several rooms goes as one message, the oldest first."""
    for name, where in (("Ann", "r101"), ("Bob", "r102"), ("Ann", "r101")):
        text(box, name, where, "a")
    assert bodies(box) == ["[Ann@101]:  a\n[Bob@102]:  a\n[Ann@101]:  a"]


def test_a_text_waits_for_no_picture_of_another_room(box: Box) -> None:
    """Ten pictures of one room wait; the text of another goes with the first caption."""
    for number in range(10):
        picture(box, "Ann", "r101", str(number))
    text(box, "Bob", "r102", "help")
    assert bodies(box, 3) == ["[Bob@102]:  help\n[Ann@101]:  [图片]", "0", "[Ann@101]:  [图片]"]


def test_a_text_waits_for_the_pictures_before_it(box: Box) -> None:
    """Within a room order stays: what was said behind a picture goes behind it."""
    picture(box, "Ann", "r101", "0")
    text(box, "Bob", "r101", "nice")
    assert bodies(box) == ["[Ann@101]:  [图片]", "0", "[Bob@101]:  nice"]


def test_a_picture_goes_right_behind_its_caption(box: Box) -> None:
    """What is said between a caption and its picture waits for the picture, and goes before the next one."""
    picture(box, "Ann", "r101", "0")
    picture(box, "Ann", "r101", "1")
    first = bodies(box, 1)
    text(box, "Bob", "r102", "hello")
    assert first + bodies(box) == [
        "[Ann@101]:  [图片]",
        "0",
        "[Bob@102]:  hello\n[Ann@101]:  [图片]",
        "1",
    ]


def test_rooms_take_turns_with_pictures(box: Box) -> None:
    """The one picture of a room goes after the first of the many of another."""
    for number in range(3):
        picture(box, "Ann", "r101", f"a{number}")
    picture(box, "Bob", "r102", "b")
    assert [body for body in bodies(box) if len(body) < 3] == ["a0", "b", "a1", "a2"]


def test_a_long_text_does_not_keep_pictures_back(box: Box) -> None:
    """Where a text leaves no room for a caption, the caption goes by itself when it is the older."""
    picture(box, "Ann", "r101", "0")
    for _ in range(3):
        text(box, "Bob", "r102", "b" * (BOX_BYTES - 13))
    assert [len(body) for body in bodies(box, 3)] == [len("[Ann@101]:  [图片]"), 1, BOX_BYTES - 1]


@pytest.mark.parametrize("length", [40, BOX_BYTES - 12])
def test_words_wait_for_one_picture_at_most(box: Box, length: int) -> None:
    """Texts that take several messages go one after another once a picture went, before the next one."""
    for number in range(3):
        picture(box, "Ann", "r101", str(number))
    for _ in range(3):
        text(box, "Bob", "r102", "b" * length)
    kinds = ["words" if "b" in body else "caption" if "[" in body else "picture" for body in bodies(box)]
    words = [at for at, kind in enumerate(kinds) if kind == "words"]
    assert kinds[: words[-1] + 1].count("picture") <= 1 and kinds.count("picture") == 3


def test_what_goes_alone_waits_for_one_picture_at_most(box: Box) -> None:
    """The bot's own line, which goes with nothing else, goes once a picture went, before the next one."""
    for number in range(3):
        picture(box, "Ann", "r101", str(number))
    with box.state.transaction() as db:
        add_line(db, "r109", "（有 1 条消息未能及时转发到本群，仅原群可见）", NOW, missed=1)
    assert bodies(box, 3)[1:] == ["0", "（有 1 条消息未能及时转发到本群，仅原群可见）"]


def test_pictures_are_not_kept_back_by_what_is_said_later(box: Box) -> None:
    """However much is said meanwhile, each picture waits only for what was said before the one before it went."""
    picture(box, "Ann", "r101", "0")
    picture(box, "Ann", "r101", "1")
    found = []
    for second in range(12):
        for _ in range(2):
            text(box, "Bob", "r102", "b" * 40, NOW + second)
        found += bodies(box, 1, NOW + second)
    assert {"0", "1"} <= set(found)


def test_a_caption_that_may_have_gone_goes_with_its_own_message_alone(box: Box) -> None:
    """What may have gone out goes again as it was, its caption in no other message."""
    picture(box, "Ann", "r101", "0")
    text(box, "Cid", "r103", "c")
    first = box.take("r109")
    box.outbox.put_back(first, NOW, NOW, uncertain=True)
    text(box, "Dan", "r104", "d")
    assert bodies(box, 2) == [first.body, "0"] == ["[Cid@103]:  c\n[Ann@101]:  [图片]", "0"]


def test_a_caption_rides_where_it_fits(box: Box) -> None:
    """Texts leave room for the caption that has to go; those that do not fit go on the next turn."""
    for _ in range(2):
        text(box, "Bob", "r102", "b" * 40)
    picture(box, "Ann", "r101", "0")
    assert [len(body) for body in bodies(box)] == [52 + 1 + 16, 1, 52]


def test_what_may_have_gone_is_taken_into_no_other_message(box: Box) -> None:
    """A text whose answer was lost goes again by itself, also when an older one of another room is there, too."""
    text(box, "Dan", "r104", "x")
    bodies(box)  # from now on it is the others' turn first
    text(box, "Dan", "r104", "d")
    text(box, "Cid", "r103", "c")
    box.outbox.put_back(box.take("r109", alone=True), NOW, NOW, uncertain=True)
    assert bodies(box) == ["[Dan@104]:  d", "[Cid@103]:  c"]


def test_the_bots_own_line_goes_alone(box: Box) -> None:
    """It stands in no message with what members said, so under no member's header."""
    text(box, "Ann", "r101", "a")
    with box.state.transaction() as db:
        add_line(db, "r109", "（有 1 条消息未能及时转发到本群，仅原群可见）", NOW, missed=1)
    text(box, "Bob", "r102", "b")
    assert bodies(box) == ["[Ann@101]:  a\n[Bob@102]:  b", "（有 1 条消息未能及时转发到本群，仅原群可见）"]


def test_an_answer_goes_ahead(box: Box) -> None:
    """What the bot answers goes before what was said earlier."""
    text(box, "Ann", "r101", "a")
    with box.state.transaction() as db:
        add_line(db, "r109", "我是群消息同步助手", NOW, is_answer=True)
    assert bodies(box) == ["我是群消息同步助手", "[Ann@101]:  a"]


def test_a_text_that_failed_holds_its_own_source(box: Box) -> None:
    """While a text waits for its next try, what other rooms say goes, and what is behind it waits."""
    text(box, "Ann", "r101", "a")
    box.outbox.retry(box.take("r109"), NOW + 5, "no", NOW)
    text(box, "Ann", "r101", "behind")
    text(box, "Bob", "r102", "b")
    picture(box, "Eve", "r103", "e")
    assert bodies(box) == ["[Bob@102]:  b\n[Eve@103]:  [图片]", "e"]
    assert box.outbox.next_try("r109", NOW) == NOW + 5
    assert bodies(box, now=NOW + 5) == ["[Ann@101]:  a", "[Ann@101]:  behind"]


def test_rooms_take_turns_with_long_texts(box: Box) -> None:
    """Where texts do not fit together, one room's many do not go before the first of another."""
    for _ in range(4):
        text(box, "Ann", "r101", "a" * (BOX_BYTES - 20))
    text(box, "Bob", "r102", "help" + "b" * 40)
    assert ["help" in body for body in bodies(box, 2)] == [False, True]


def test_texts_of_rooms_in_turn_fit(box: Box) -> None:
    """Put into the order in which they were said, the texts of one speaker are apart: the headers still fit."""
    text(box, "Bob", "r102", "b")
    bodies(box)  # from now on it is the others' turn first
    for number in range(9):
        text(box, "Ann", "r101", str(number))
        text(box, "Bob", "r102", str(number))
    found = bodies(box)
    assert len(found) > 1 and all(len(body.encode()) <= BOX_BYTES for body in found), found


def test_a_last_attempt_comes_between_no_caption_and_its_picture(box: Box) -> None:
    """A picture whose last attempt is due waits until the picture goes whose caption stands there."""
    picture(box, "Ann", "r101", "0")
    bodies(box, 1)
    for passed in (False, True):
        box.outbox.retry(box.take("r109"), NOW + passed * 6, "no", NOW, passed=passed)
    picture(box, "Bob", "r102", "1")
    first = bodies(box, 1)
    box.outbox.bring_forward(NOW + 6)
    assert first + bodies(box, now=NOW + 6) == ["[Bob@102]:  [图片]", "1", "[Ann@101]:  [图片]", "0"]


def test_a_picture_that_failed_holds_its_own_source(box: Box) -> None:
    """While a picture waits for its next try, those of other rooms go, and what is behind it waits."""
    picture(box, "Ann", "r101", "0")
    bodies(box, 1)
    box.outbox.retry(box.take("r109"), NOW + 2, "no", NOW)
    text(box, "Ann", "r101", "late")
    text(box, "Bob", "r102", "b")
    assert (bodies(box), box.outbox.next_try("r109", NOW)) == (["[Bob@102]:  b"], NOW + 2)


def test_a_picture_below_anothers_words_has_its_caption_again(box: Box) -> None:
    """Sent again after others' words, it goes below a new caption; its recall takes both captions back."""
    picture(box, "Ann", "r101", "0")
    bodies(box, 1)
    box.outbox.retry(box.take("r109"), NOW + 2, "no", NOW)
    text(box, "Bob", "r102", "b")
    assert bodies(box, 1) == ["[Bob@102]:  b"]
    assert bodies(box, now=NOW + 2) == ["[Ann@101]:  [图片]", "0"]
    assert Recalls(box.state).accept(["m1"], "r101", NOW + 3) == 3


def test_a_picture_that_texts_pass_has_its_caption_with_them(box: Box) -> None:
    """A picture that is sent again just when others' words go goes behind them, its caption in their message."""
    picture(box, "Ann", "r101", "0")
    bodies(box, 1)
    box.outbox.retry(box.take("r109"), NOW + 2, "no", NOW)
    text(box, "Bob", "r102", "b")
    assert bodies(box, now=NOW + 2) == ["[Bob@102]:  b\n[Ann@101]:  [图片]", "0"]


def test_a_message_that_may_have_gone_is_repeated_whole(box: Box) -> None:
    """After a crash the texts of several rooms and the caption behind them go again as they were, and nothing new."""
    picture(box, "Ann", "r101", "0")
    text(box, "Bob", "r102", "b")
    first = box.take("r109")
    box.crash()
    text(box, "Eve", "r103", "e")
    again = box.take("r109")
    assert (again.body, again.repeated) == (first.body, True) == ("[Bob@102]:  b\n[Ann@101]:  [图片]", True)


def test_a_caption_that_goes_again_has_its_picture_next(box: Box) -> None:
    """Where a message with a caption is made again while others' words are owed, its picture goes before these."""
    picture(box, "Ann", "r101", "a")
    bodies(box)
    picture(box, "Bob", "r102", "b")
    text(box, "Cid", "r103", "c")
    first = box.take("r109")
    box.outbox.put_back(first, NOW, NOW, uncertain=True)
    for _ in range(2):
        text(box, "Dan", "r104", "d" * 80)
    found = bodies(box)
    assert found[found.index(first.body) + 1] == "b" and len(found) == 4


def test_a_picture_is_not_read_before_its_turn(box: Box) -> None:
    """A text is chosen among megabytes of pictures without reading them: what waits first has no body of theirs."""
    picture(box, "Ann", "r101", "x" * 5000)
    bodies(box, 1)
    with box.state.connection() as db:
        assert [row.body for row in store.waiting.fronts(db, "r109")] == [""]
    assert bodies(box) == ["x" * 5000]
    assert box.outbox.counts() == {State.SENT: 2}
