"""Outcomes: every state that a delivery can come to, and what an echo settles."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.outcomes import ECHO_TTL
from roomsync.delivery.recalls import Recalls
from roomsync.model import Kind, Message, State
from tests.boxes import NOW, PICTURE, Box


@pytest.fixture
def box(state_file: Path) -> Iterator[Box]:
    found = Box(state_file)
    yield found
    found.state.close()


# What becomes of a send.


def test_sent_is_settled(box: Box) -> None:
    """A send that was answered is over, and its id known as ours."""
    box.say("a")
    box.outbox.sent(box.take(), "s1", NOW)
    assert (box.outbox.counts(), box.outbox.heads(NOW)) == ({State.SENT: 1}, [])
    assert (box.outbox.is_ours("s1"), box.outbox.is_ours("s2")) == (True, False)


def test_put_back_counts_no_attempt(box: Box) -> None:
    """A send that was not made waits again, its attempts as before, and may go with what came meanwhile."""
    box.say("a")
    box.outbox.put_back(box.take(), NOW + 1, NOW, uncertain=False)
    assert box.deliveries() == [("waiting", 0, NOW + 1, None)]
    box.say("b")
    assert box.take(now=NOW + 1).body == "a\nb"


def test_put_back_uncertain_is_repeated_as_it_was(box: Box) -> None:
    """A send that may have been made is made again just as it was, so that its echo is known."""
    box.say("a")
    box.say("b")
    first = box.take()
    box.outbox.put_back(first, NOW + 1, NOW, uncertain=True)
    box.say("c")
    assert box.take(now=NOW + 1) == first
    box.outbox.sent(first, None, NOW)
    assert box.bodies() == ["c"]


def test_retry_counts_an_attempt(box: Box) -> None:
    """A send that failed waits until its next try, with its error, one attempt more, and is made again as it was."""
    box.say("a")
    box.outbox.retry(box.take(), NOW + 5, "no", NOW)
    assert box.deliveries() == [("waiting", 1, NOW + 5, "no")]
    box.say("b")
    again = box.take(now=NOW + 5)
    assert (again.body, again.attempts) == ("a", 1)


def test_retry_apart_frees_what_went_together(box: Box) -> None:
    """Texts that failed together and are set apart go one by one, in order."""
    box.say("a")
    box.say("b")
    box.outbox.retry(box.take(), NOW + 5, "no", NOW, apart=True)
    first = box.take(alone=True, now=NOW + 5)
    box.outbox.sent(first, None, NOW)
    box.say("c")
    assert [first.body, *box.bodies(now=NOW + 5)] == ["a", "b", "c"]


def test_fail_lets_the_next_go(box: Box) -> None:
    """A send that is given up is failed with its error, and what is behind it goes."""
    box.say(PICTURE)
    box.say("b")
    box.outbox.fail(box.take(), "no", NOW)
    assert box.deliveries()[0] == ("failed", 1, 0.0, "no")
    assert box.bodies() == ["b"]


def test_replace_sends_a_line_in_its_place(box: Box) -> None:
    """A line goes in the place of a picture, before what is behind it, in that room only."""
    box.say(PICTURE, to=("r102", "r103"))
    box.say("b", to=("r102",))
    box.outbox.replace(box.take(), "[图片]", "too large", NOW, made=True)
    assert (box.bodies("r102"), box.bodies("r103")) == (["[图片]\nb"], ["{}"])


@pytest.mark.parametrize("what", ["sent", "put back", "replaced", "repeated", "not taken by WeChat"])
def test_every_call_counts_for_the_pace(box: Box, what: str) -> None:
    """Calls that were made are known to the next process, with their times, whatever became of them."""
    box.say(PICTURE)
    send = box.take()
    match what:
        case "sent":
            box.outbox.sent(send, "s1", NOW)
        case "put back":
            box.outbox.put_back(send, NOW, NOW, uncertain=False)
        case "replaced":
            box.outbox.replace(send, "[图片]", "too large", NOW, made=True)
        case "repeated":
            box.outbox.retry(send, NOW, "no", NOW)
            box.take(now=NOW + 5)
        case "not taken by WeChat":
            box.outbox.sent(send, "s1", NOW)
            box.outbox.send_again("r102", NOW, NOW)
    again = [(NOW + 5, "r102", Kind.IMAGE)] if what == "repeated" else []
    assert box.outbox.recent(NOW) == [(NOW, "r102", Kind.IMAGE), *again]


def test_what_the_daily_limit_stopped_does_not_count(box: Box) -> None:
    """A picture that was never tried, because its kind has had enough today, is no call."""
    box.say(PICTURE)
    box.outbox.replace(box.take(), "[图片]", "daily limit", NOW, made=False)
    assert box.outbox.recent(0.0) == []


def test_send_again_repeats_the_last_send(box: Box) -> None:
    """The last send to a room that WeChat did not take waits again; one made earlier does not."""
    box.say("a")
    box.say("b")
    for now in (NOW, NOW + 1):
        box.outbox.sent(box.take(now=now, alone=True), f"s{now}", now)
    assert box.outbox.send_again("r102", NOW + 2, NOW + 3) == 0
    assert box.outbox.send_again("r103", NOW, NOW + 3) == 0
    assert box.outbox.send_again("r102", NOW, NOW + 3) == 1
    assert box.bodies() == ["b"]


def test_cancel_room_cancels_what_waits_there(box: Box) -> None:
    """What waits for a room that the bot left is cancelled; what was sent stays sent, and other rooms keep theirs."""
    box.say("a", to=("r102", "r103"))
    box.outbox.sent(box.take(), None, NOW)
    box.say("b", to=("r102", "r103"))
    assert box.outbox.cancel_room("r102", NOW) == 1
    assert box.outbox.counts() == {State.SENT: 1, State.CANCELLED: 1, State.WAITING: 2}
    assert (box.bodies("r102"), box.bodies("r103")) == ([], ["a\nb"])


def test_recent_sends_are_remembered(box: Box) -> None:
    """Sends since a time are told with their time, room and kind, oldest first."""
    box.say("a")
    box.say(PICTURE, to=("r103",))
    for room_id, now in (("r102", NOW), ("r103", NOW + 1)):
        box.outbox.sent(box.take(room_id, now), None, now)
    assert box.outbox.recent(NOW) == [(NOW, "r102", Kind.TEXT), (NOW + 1, "r103", Kind.IMAGE)]
    assert box.outbox.recent(NOW + 1) == [(NOW + 1, "r103", Kind.IMAGE)]


# Echoes.


def echo(box: Box, body: str, sent_id: str = "s1", now: float = NOW, kind: Kind = Kind.TEXT) -> bool:
    """Whether that settled a delivery."""
    return bool(box.outbox.echo("r102", kind, body, sent_id, now))


def test_an_echo_before_the_answer_settles_a_send(box: Box) -> None:
    """A send whose echo comes before its answer is over; an error that comes then takes nothing back."""
    box.say("a")
    send = box.take()
    assert echo(box, "a")
    box.outbox.retry(send, NOW + 5, "no", NOW)
    box.outbox.put_back(send, NOW + 5, NOW, uncertain=True)
    assert box.outbox.counts() == {State.SENT: 1}
    assert box.outbox.is_ours("s1")


@pytest.mark.parametrize("lost", [True, False])
def test_an_echo_after_an_error_settles_a_send(box: Box, lost: bool) -> None:
    """A send whose answer was lost or an error, but which is seen, is not made again, nor any part of it."""
    box.say("a")
    box.say("b")
    if lost:
        box.outbox.put_back(box.take(), NOW + 1, NOW, uncertain=True)
    else:
        box.outbox.retry(box.take(), NOW + 5, "no", NOW)
    assert echo(box, "a\nb")
    assert box.bodies() == []


def test_an_echo_after_a_crash_settles_a_send(box: Box) -> None:
    """A send that was in hand at a crash, and is seen afterwards, is not made again."""
    box.say("a")
    box.take()
    box.crash()
    assert echo(box, "a")
    assert box.outbox.heads(NOW) == []


def test_an_echo_of_an_answered_send_changes_nothing(box: Box) -> None:
    """The echo of a send that was answered with its id is not taken for one of the same words behind it."""
    for _ in range(2):
        box.say("a")
    box.outbox.sent(box.take(alone=True), "s1", NOW)
    box.outbox.retry(box.take(), NOW + 5, "no", NOW)
    assert not echo(box, "a", "s1")
    assert box.bodies(now=NOW + 5) == ["a"]


def test_an_echo_is_of_the_oldest_send_that_had_none(box: Box) -> None:
    """From a gateway that gives no ids, the first echo of two equal texts is of the first, the second of the second."""
    for _ in range(2):
        box.say("a")
    box.outbox.sent(box.take(alone=True), None, NOW)
    box.outbox.put_back(box.take(), NOW, NOW, uncertain=True)
    assert not echo(box, "a", "s1")
    assert not echo(box, "a", "s1")
    assert box.outbox.counts() == {State.SENT: 1, State.WAITING: 1}
    assert echo(box, "a", "s2")


@pytest.mark.parametrize(
    ("kind", "body", "settles"),
    [
        (Kind.IMAGE, "anything", True),
        (Kind.TEXT, "bot: [图片]", True),
        (Kind.TEXT, "anything", False),
        (Kind.URL, "{}", False),
    ],
)
def test_an_echo_of_a_picture_is_known_by_its_kind(box: Box, kind: Kind, body: str, settles: bool) -> None:
    """A picture is settled by a picture of the bot's, or by what padlocal shows for one, and by nothing else."""
    box.say(PICTURE)
    box.take()
    assert echo(box, body, kind=kind) is settles


def test_an_echo_of_a_picture_is_of_the_one_in_hand(box: Box) -> None:
    """When a picture was refused and another one is being sent, an echo is of that one; the first is sent again."""
    for where in ("r101", "r103"):
        box.say(PICTURE, where=where)
    box.outbox.retry(box.take(), NOW + 1, "no", NOW)
    second = box.take()
    assert echo(box, "", kind=Kind.IMAGE)
    box.outbox.sent(second, "s1", NOW)
    assert box.outbox.counts() == {State.WAITING: 1, State.SENT: 1}
    assert box.take(now=NOW + 1).repeated


def test_an_echo_is_of_its_room_its_words_and_its_time(box: Box) -> None:
    """An echo in another room, of other words, or long after the send settles nothing."""
    box.say("a")
    box.take()
    assert not box.outbox.echo("r103", Kind.TEXT, "a", "s1", NOW)
    assert not echo(box, "b")
    assert not echo(box, "a", now=NOW + ECHO_TTL + 1)
    assert echo(box, "a", now=NOW + ECHO_TTL)


def test_throttle_notice_may_come_before_the_answer(box: Box) -> None:
    """A notice about the send in hand makes it wait again, whatever its answer then says."""
    box.say("a")
    send = box.take()
    assert box.outbox.send_again("r102", 0, NOW) == 1
    box.outbox.sent(send, "s1", NOW)
    assert box.outbox.counts() == {State.WAITING: 1}


def test_second_echo_of_a_repeat_settles_nothing_else(box: Box) -> None:
    """A send that was made twice has two echoes: neither is taken for the next one's."""
    box.say("a")
    box.outbox.put_back(box.take(), NOW, NOW, uncertain=True)
    box.outbox.sent(box.take(), "X2", NOW)
    box.say("a")
    box.outbox.retry(box.take(), NOW, "refused", NOW)
    assert not box.outbox.echo("r102", Kind.TEXT, "a", "X1", NOW)
    assert box.outbox.counts() == {State.SENT: 1, State.WAITING: 1}


def test_repeat_that_was_not_made_does_not_forget_the_first(box: Box) -> None:
    """When a send may have been made, and its repeat was not, the echo of the first is still known."""
    box.say("a")
    box.outbox.put_back(box.take(), NOW, NOW, uncertain=True)
    box.outbox.put_back(box.take(), NOW, NOW, uncertain=False)
    assert box.outbox.echo("r102", Kind.TEXT, "a", "X1", NOW)
    assert box.outbox.counts() == {State.SENT: 1}


# States.


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (State.FAILED, State.WAITING),
        (State.EXPIRED, State.SENDING),
        (State.CANCELLED, State.SENT),
        (State.SENT, State.SENDING),
        (State.WAITING, State.FAILED),
    ],
)
def test_a_change_that_is_not_allowed_is_refused(box: Box, source: State, target: State) -> None:
    """No delivery comes back from an end, and none fails that was not tried: such a change is a fault of the bot."""
    with pytest.raises(ValueError, match=target), box.state.transaction() as db:
        store.deliveries.change(db, [1], source, target, NOW)


def test_why_a_delivery_was_cancelled_is_kept(box: Box) -> None:
    """A delivery that was cancelled knows whether its room was left or its message taken back."""
    box.say("a")
    box.say("b", to=("r103",))
    box.outbox.cancel_room("r102", NOW)
    Recalls(box.state).accept(["m2"], "r101", NOW)
    with box.state.connection() as db:
        rows = db.execute("SELECT state, reason FROM deliveries ORDER BY id").fetchall()
    assert rows == [("cancelled", "room_left"), ("cancelled", "recalled")]


# Recalls.


def test_a_recall_that_is_shown_twice_takes_back_one_message(box: Box) -> None:
    """Of the two ids that a recall may mean, both known, the first counts, however often it comes."""
    box.say("a")
    box.say("b")
    recalls = Recalls(box.state)
    assert [recalls.accept(["m1", "m2"], "r101", NOW) for _ in range(2)] == [0, None]
    assert box.bodies() == ["b"]


def test_a_recall_of_what_became_nothing_waits_for_it(box: Box) -> None:
    """A recall of a message of which nothing was sent takes nothing back."""
    message = Message("m1", "r101", "alice", "Alice", Kind.SYSTEM)
    box.outbox.accept(message, [], [], NOW)
    assert Recalls(box.state).accept(["m1"], "r101", NOW) is None
