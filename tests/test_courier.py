"""The courier: what it does after each answer, and that rooms do not suffer for each other."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from roomsync import errors
from roomsync.delivery.attempts import Attempts
from roomsync.delivery.courier import Courier
from roomsync.delivery.pacer import FIRST_COOLDOWN, Limits, Pacer
from roomsync.delivery.recalls import Recalls
from roomsync.delivery.retries import MAX_RETRY_DELAY, retry_delay
from roomsync.model import Kind, Part, Send, State
from roomsync.session import Cooldown, Session
from tests.boxes import CAPTION, NOW, PICTURE, Box
from tests.conftest import Clock, until

Answer = errors.GatewayError | str | None
CARD = Part(Kind.URL, '{"url": "https://example.org", "title": "t"}')


class Gateway:
    """A sender that answers by `rule`, or by what `answers` says first: an error is raised, else it is the id."""

    speaks_quotes = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.answers: list[Answer] = []
        self.recalls: list[errors.GatewayError] = []  # what the next recalls raise
        self.files: list[Answer] = []  # likewise, when it is asked for a file; None when nothing is there
        self.asked: list[str] = []  # the messages whose files it was asked for
        self.rule: Callable[[str, str], Answer] = lambda room_id, body: None
        self.made: list[tuple[float, str, str]] = []  # when since the start, to which room, what

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        self.made.append((self._clock() - NOW, room_id, body))
        answer = self.answers.pop(0) if self.answers else self.rule(room_id, body)
        if isinstance(answer, errors.GatewayError):
            raise answer
        return answer

    async def file(self, message_id: str, kind: Kind) -> str | None:
        self.asked.append(message_id)
        answer = self.files.pop(0) if self.files else None
        if isinstance(answer, errors.GatewayError):
            raise answer
        return answer

    async def recall(self, sent_id: str) -> bool:
        if self.recalls:
            raise self.recalls.pop(0)
        return True

    def times(self) -> list[float]:
        return [at for at, _, _ in self.made]

    def bodies(self, room_id: str = "r102") -> list[str]:
        return [body for _, room, body in self.made if room == room_id]


class Desk(Box):
    """An outbox with a courier at it, and the gateway that it sends to."""

    def __init__(self, path: Path, clock: Clock, limits: Limits | None = None) -> None:
        super().__init__(path)
        self.clock = clock
        self.gateway = Gateway(clock)
        self.employ(limits or Limits())

    def employ(self, limits: Limits, max_attempts: int = 8) -> None:
        self.session = Session()
        pacer = Pacer(limits, self.session, lambda at: "today", lambda: 0.5)
        self.courier = Courier(Attempts(self.outbox, pacer, self.session, self.gateway, self.clock, max_attempts))

    async def work(self, seconds: float = 10**7) -> None:
        """Let the courier send all that it can in so many seconds of the clock."""
        end = self.clock() + seconds
        while (wait := await self.courier.step()) is not None and self.clock() + wait <= end:
            self.clock.now += wait


@pytest.fixture
def desk(state_file: Path, clock: Clock) -> Iterator[Desk]:
    found = Desk(state_file, clock)
    yield found
    found.state.close()


def refused(why: str = "no") -> errors.GatewayError:
    return errors.GatewayRefused(why)


def test_delays_double_up_to_ten_minutes() -> None:
    """After failed attempts the courier waits 5 s, 10 s, 20 s, ... and at most ten minutes."""
    delays = [retry_delay(Send(1, "r102", Kind.TEXT, "a", (1,), failed)) for failed in range(99)]
    assert delays[:4] == [5, 10, 20, 40]
    assert (max(delays), delays[-1]) == (MAX_RETRY_DELAY, MAX_RETRY_DELAY)


async def test_what_waits_is_sent_and_settled(desk: Desk) -> None:
    """The courier sends what waits, notes the id that it is given, and then has nothing to do."""
    desk.say("a", PICTURE)
    desk.gateway.answers = ["s1", "s2"]
    await desk.work()
    assert desk.gateway.bodies() == ["a", "{}"]
    assert desk.outbox.counts() == {State.SENT: 2}
    assert desk.outbox.is_ours("s1") and desk.outbox.is_ours("s2")


async def test_a_refused_send_is_tried_later_and_later(desk: Desk) -> None:
    """Each refusal of a send doubles the time until it is made again; after eight it is given up, with its error."""
    desk.say("a")
    desk.gateway.rule = lambda room_id, body: refused()
    await desk.work()
    assert desk.gateway.times() == [0, 5, 15, 35, 75, 155, 315, 635]
    assert [(state, attempts, error) for state, attempts, _, error in desk.deliveries()] == [("failed", 8, "no")]


async def test_behind_a_send_that_is_given_up_the_next_goes(desk: Desk) -> None:
    """A room goes on with the next message after one is given up."""
    desk.say("a")
    desk.gateway.rule = lambda room_id, body: refused() if body == "a" else None
    await desk.work(600)
    desk.say("b")
    await desk.work()
    assert desk.gateway.bodies() == ["a"] * 8 + ["b"]
    assert desk.outbox.counts() == {State.FAILED: 1, State.SENT: 1}


async def test_a_picture_that_is_always_refused_costs_itself_alone(desk: Desk) -> None:
    """It is tried three times within 15 s, then a line goes in its place; texts pass while it waits for the third."""
    desk.say(CAPTION, PICTURE)
    desk.say("b")
    desk.gateway.rule = lambda room_id, body: refused("HTTP 404") if body == "{}" else None
    await desk.work(5)
    desk.say("c")
    await desk.work()
    caption, line = "[Alice@101]:  [图片]", "[图片] 未能转发，仅原群可见"
    assert desk.gateway.bodies() == [caption, "{}", "{}", "b", "c", caption, "{}", line]
    assert desk.gateway.times()[-1] <= 15
    assert State.FAILED not in desk.outbox.counts()


async def test_a_picture_refused_for_a_moment_keeps_its_place(desk: Desk) -> None:
    """One that is taken at the second attempt goes before what was said after it, below the one caption."""
    desk.say(CAPTION, PICTURE)
    desk.say("b")
    desk.gateway.answers = [None, refused()]
    await desk.work()
    assert desk.gateway.bodies() == ["[Alice@101]:  [图片]", "{}", "{}", "b"]


@pytest.mark.parametrize("passed", [True, False])
async def test_a_picture_that_others_passed_has_its_caption_again(desk: Desk, passed: bool) -> None:
    """At its third attempt it stands below its own caption: a new one when the bot sent something there since."""
    desk.say(CAPTION, PICTURE)
    desk.gateway.answers = [None, refused(), refused()]
    await desk.work(5)
    if passed:
        desk.say("b")
    await desk.work()
    caption = "[Alice@101]:  [图片]"
    assert desk.gateway.bodies() == [caption, "{}", "{}", *(["b", caption] if passed else []), "{}"]
    assert set(desk.outbox.counts()) == {State.SENT}


async def test_two_refused_pictures_stand_below_their_own_captions(desk: Desk) -> None:
    """Of two people's pictures that are refused at first, each stands below the caption of its own."""
    other = Part(Kind.IMAGE, '{"of": "bob"}')
    desk.say(CAPTION, PICTURE)
    desk.say(Part(Kind.TEXT, "[图片]", "[Bob@103]:  ", caption=True), other, talker="bob")
    desk.gateway.answers = [None, refused(), refused(), None, refused(), refused()]
    await desk.work()
    bodies = desk.gateway.bodies()
    places = [max(at for at, body in enumerate(bodies) if body == one.body) for one in (PICTURE, other)]
    assert [bodies[at - 1] for at in places] == ["[Alice@101]:  [图片]", "[Bob@103]:  [图片]"]


async def test_a_picture_that_others_passed_waits_for_nobody(desk: Desk) -> None:
    """Its third attempt is made when it is due, also while a text in its room waits for much longer."""
    desk.say(CAPTION, PICTURE)
    desk.gateway.rule = lambda room_id, body: refused() if body in ("{}", "b") else None
    await desk.work(3)
    desk.say("b")
    await desk.work(60)
    assert [at for at, _, body in desk.gateway.made if body == "{}"] == [0, 2, 8]


async def test_a_picture_that_others_passed_survives_a_restart(desk: Desk) -> None:
    """One that waited for its third attempt when the bot was killed is sent after it; its caption still stands last."""
    desk.say(CAPTION, PICTURE)
    desk.gateway.answers = [None, refused(), refused()]
    await desk.work(5)
    desk.crash()
    desk.employ(Limits())
    desk.gateway.made.clear()
    await desk.work()
    assert desk.gateway.bodies() == ["{}"]


async def test_a_send_that_hangs_holds_up_its_own_room_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a send has no answer, the other rooms are served, and its own is not."""
    monkeypatch.setattr("roomsync.delivery.courier.HANG_TIMEOUT", 0.01)
    answer, send, begun = asyncio.Event(), desk.gateway.send, []

    async def hanging(room_id: str, *args: Any) -> str | None:
        begun.append(room_id)
        if room_id == "r102":
            await answer.wait()
        return await send(room_id, *args)

    monkeypatch.setattr(desk.gateway, "send", hanging)
    desk.session.log_in("bot")
    desk.session.rooms_found()
    desk.say("a", to=("r102", "r103"))
    running = asyncio.create_task(desk.courier.run())
    await until(lambda: desk.gateway.bodies("r103") == ["a"])
    desk.say("b", to=("r102", "r103"))
    desk.courier.wake()
    await until(lambda: desk.gateway.bodies("r103") == ["a", "b"])
    assert begun.count("r102") == 1
    answer.set()
    await until(lambda: desk.gateway.bodies("r102") == ["a", "b"])
    desk.courier.stop()
    await asyncio.wait_for(running, 5)


async def test_a_late_answer_is_marked_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to a send that hung is in the file although the courier waits for another: a kill repeats it not."""
    monkeypatch.setattr("roomsync.delivery.courier.HANG_TIMEOUT", 0.01)
    monkeypatch.setattr("roomsync.delivery.courier.NEXT_HANG_TIMEOUT", 60.0)
    answers = {"r102": asyncio.Event(), "r103": asyncio.Event()}
    begun = []

    async def hanging(room_id: str, *args: Any) -> str | None:
        begun.append(room_id)
        await answers[room_id].wait()
        return None

    monkeypatch.setattr(desk.gateway, "send", hanging)
    desk.session.log_in("bot")
    desk.session.rooms_found()
    desk.say("a", to=("r102", "r103"))
    running = asyncio.create_task(desk.courier.run())
    await until(lambda: len(begun) == 2)
    answers[begun[0]].set()
    await until(lambda: desk.outbox.counts() == {State.SENT: 1, State.SENDING: 1})
    answers[begun[1]].set()
    desk.courier.stop()
    await asyncio.wait_for(running, 5)
    assert desk.outbox.counts() == {State.SENT: 2}


async def test_leaving_does_not_wait_for_a_send_that_hangs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to leave while a send hangs, the courier leaves it; the next process makes it again, as one that may be."""
    for name in ("HANG_TIMEOUT", "STOP_TIMEOUT"):
        monkeypatch.setattr(f"roomsync.delivery.courier.{name}", 0.01)
    begun = asyncio.Event()

    async def hanging(*args: Any) -> str | None:
        begun.set()
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr(desk.gateway, "send", hanging)
    desk.session.log_in("bot")
    desk.session.rooms_found()
    desk.say("a")
    running = asyncio.create_task(desk.courier.run())
    await begun.wait()
    desk.courier.stop()
    await asyncio.wait_for(running, 5)
    desk.crash()
    assert desk.take().repeated


async def test_what_was_not_foreseen_stops_no_other_room(desk: Desk) -> None:
    """A send that fails in a way that nobody thought of is tried again like a refused one; the others go."""
    desk.say("a", to=("r102", "r103"))

    def stumble(room_id: str, body: str) -> Answer:
        if room_id == "r102":
            raise ZeroDivisionError
        return None

    desk.gateway.rule = stumble
    await desk.work(1)
    assert desk.gateway.bodies("r103") == ["a"]
    desk.gateway.rule = lambda room_id, body: None
    await desk.work()
    assert desk.outbox.counts() == {State.SENT: 2}


async def test_nothing_overtakes_within_a_room(desk: Desk) -> None:
    """While a message is tried again, those behind it wait, also those that come later."""
    desk.say("a")
    desk.gateway.answers = [refused(), refused()]
    await desk.work(1)
    desk.say("b")
    await desk.work()
    assert desk.gateway.bodies() == ["a", "a", "a", "b"]


async def test_a_room_that_always_refuses_delays_no_other(desk: Desk) -> None:
    """Whatever one room does, a message for another goes in the moment in which it comes."""
    desk.gateway.rule = lambda room_id, body: refused() if room_id == "bad" else None
    said = []
    for number in range(20):
        said.append((desk.clock() - NOW, "r102", str(number)))
        desk.say(str(number), to=("bad", "r102"))
        await desk.work(30)
        desk.clock.now += 7
    assert [one for one in desk.gateway.made if one[1] == "r102"] == said


async def test_texts_that_fail_together_go_apart(desk: Desk) -> None:
    """When one of several texts is what the gateway refuses, only that one is given up, and order is kept."""
    for text in ("a", "bad", "c"):
        desk.say(text)
    desk.gateway.rule = lambda room_id, body: refused() if "bad" in body else None
    await desk.work()
    assert [body for body in desk.gateway.bodies() if "bad" not in body] == ["a", "c"]
    assert desk.gateway.bodies()[:3] == ["a\nbad\nc", "a\nbad\nc", "a"]
    assert desk.outbox.counts() == {State.SENT: 2, State.FAILED: 1}
    desk.say("d")
    desk.say("e")
    await desk.work()
    assert desk.gateway.bodies()[-1] == "d\ne"


@pytest.mark.parametrize(("most", "tries"), [(1, 1), (2, 2), (3, 3)])
async def test_texts_that_go_together_are_tried_no_more_often(desk: Desk, most: int, tries: int) -> None:
    """However texts travelled, each is tried MAX_ATTEMPTS times and then given up."""
    desk.employ(Limits(), max_attempts=most)
    desk.say("a")
    desk.say("b")
    desk.gateway.rule = lambda room_id, body: refused()
    await desk.work()
    assert sum("a" in body for body in desk.gateway.bodies()) == tries
    assert desk.outbox.counts() == {State.FAILED: 2}


@pytest.mark.parametrize("answers", [["late", "refused"], ["late", "late"]])
async def test_recall_that_may_have_failed_is_announced(desk: Desk, answers: list[str]) -> None:
    """Where nobody can tell whether a copy is gone, its room is told of the recall, once."""
    desk.employ(Limits(), max_attempts=2)
    desk.gateway.rule = lambda room_id, body: "s1"
    desk.say(Part(Kind.TEXT, "oops", "[Alice@101]:  "))
    await desk.work(0)
    errors_ = {"late": errors.AnswerLate("late"), "refused": refused()}
    desk.gateway.recalls = [errors_[answer] for answer in answers]
    Recalls(desk.state).accept(["m1"], "r101", desk.clock())
    await desk.work()
    assert desk.gateway.bodies()[1:] == ["[Alice@101] 撤回了一条消息"] and desk.gateway.recalls == []


async def test_recall_of_what_may_have_been_sent_is_announced(desk: Desk) -> None:
    """A text whose answer was lost, and that is taken back before it is tried again, is announced as taken back."""
    desk.gateway.answers = [errors.AnswerLost("reset")]
    desk.say(Part(Kind.TEXT, "oops", "[Alice@101]:  "))
    await desk.work(0)
    Recalls(desk.state).accept(["m1"], "r101", desk.clock())
    await desk.work()
    assert desk.gateway.bodies() == ["[Alice@101]:  oops", "[Alice@101] 撤回了一条消息"]


async def test_texts_too_large_together_go_apart_at_once(desk: Desk) -> None:
    """Texts that the gateway will not take together go one by one, without waiting."""
    for text in "abc":
        desk.say(text)
    desk.gateway.rule = lambda room_id, body: errors.Unsendable("too large") if "\n" in body else None
    await desk.work()
    assert desk.gateway.made == [(0, "r102", body) for body in ("a\nb\nc", "a", "b", "c")]


@pytest.mark.parametrize(("part", "line"), [(PICTURE, "[图片] 未能转发，仅原群可见"), (CARD, "https://example.org")])
async def test_what_the_gateway_never_takes_becomes_a_line(desk: Desk, part: Part, line: str) -> None:
    """In the place of a picture that cannot be sent goes at once a line, in that of a link its address."""
    desk.say(part)
    desk.say("b")
    desk.gateway.answers = [errors.Unsendable("too large")]
    await desk.work()
    assert desk.gateway.made == [(0, "r102", part.body), (0, "r102", f"{line}\nb")]
    assert desk.outbox.counts() == {State.SENT: 2}


async def test_a_text_that_the_gateway_never_takes_becomes_a_line(desk: Desk) -> None:
    """In the place of a text that cannot be sent goes a line; when that cannot be either, it is failed, and counted."""
    desk.say("a")
    desk.gateway.answers = [errors.Unsendable("malformed")]
    await desk.work()
    desk.say("b")
    desk.gateway.answers = [errors.Unsendable("malformed"), errors.Unsendable("still")]
    await desk.work()
    desk.say("c")
    await desk.work()
    line = "[文字] 未能转发，仅原群可见"
    assert [body for _, _, body in desk.gateway.made] == ["a", line, "b", line, "c"]
    assert [state for state, _, _, _ in desk.deliveries()] == ["sent", "failed", "sent"]


async def test_a_throttled_account_pauses_and_sends_again(desk: Desk) -> None:
    """When WeChat says too fast, nothing goes to any room for a while, then the send again, no attempt counted."""
    desk.say("a", to=("r102", "r103"))
    desk.gateway.answers = [errors.Throttled("too fast")]
    await desk.work()
    assert desk.gateway.times() == [0, FIRST_COOLDOWN, FIRST_COOLDOWN]
    assert sorted(room for _, room, _ in desk.gateway.made[1:]) == ["r102", "r103"]
    assert desk.session.cooldown == Cooldown(NOW + FIRST_COOLDOWN, FIRST_COOLDOWN)
    assert {attempts for _, attempts, _, _ in desk.deliveries()} == {0}


async def test_a_throttle_notice_repeats_the_last_send(desk: Desk) -> None:
    """When the notice comes in a room after a send was answered, that send is made again after the pause."""
    desk.say("a")
    await desk.work()
    await desk.courier.throttled("r102")
    await desk.courier.throttled("r102")
    await desk.work()
    assert desk.gateway.made == [(0, "r102", "a"), (FIRST_COOLDOWN, "r102", "a")]
    assert desk.session.cooldown.length == FIRST_COOLDOWN


@pytest.mark.parametrize("error", [errors.GatewayLost("gone"), errors.AnswerLost("reset")])
async def test_a_lost_gateway_counts_no_attempt(desk: Desk, error: errors.GatewayError) -> None:
    """However often the connection is gone, no attempt is counted and nothing is given up."""
    desk.say("a")
    desk.gateway.answers = [error] * 50
    await desk.work()
    assert desk.gateway.bodies() == ["a"] * 51
    assert [row[:2] for row in desk.deliveries()] == [("sent", 0)]


async def test_a_send_never_made_may_go_with_others(desk: Desk) -> None:
    """After a send that was not made, what came meanwhile goes with it; after one that may have been, behind it."""
    for error in (errors.GatewayLost("gone"), errors.AnswerLost("reset")):
        desk.gateway.answers = [error]
        desk.say("a")
        await desk.work(0)
        desk.say("b")
        await desk.work()
    assert desk.gateway.bodies() == ["a", "a\nb", "a", "a", "b"]


async def test_a_late_answer_counts_as_an_attempt(desk: Desk) -> None:
    """A send that is never answered on a good connection delays its room more and more, and is given up at last."""
    desk.say("a")
    desk.gateway.rule = lambda room_id, body: errors.AnswerLate("no answer")
    await desk.work()
    assert (len(desk.gateway.made), desk.outbox.counts()) == (8, {State.FAILED: 1})


async def test_an_echo_settles_what_is_tried_again(desk: Desk) -> None:
    """A send that was refused although it was made is not made again once its echo is seen."""
    desk.say("a")
    desk.gateway.answers = [refused()]
    await desk.work(1)
    assert desk.outbox.echo("r102", Kind.TEXT, "a", "s1", desk.clock())
    await desk.work()
    assert desk.gateway.bodies() == ["a"]


async def test_over_the_daily_limit_a_line_goes(desk: Desk) -> None:
    """A picture over its daily limit is a line at once, and its room goes on."""
    desk.employ(Limits(daily={Kind.IMAGE: 1}))
    for _ in range(2):
        desk.say(PICTURE)
    desk.say("b")
    await desk.work()
    assert desk.gateway.bodies() == ["{}", "[图片] 今日转发已达上限，仅原群可见\nb"]


async def test_sends_keep_the_pace(desk: Desk) -> None:
    """Refused, lost and answered sends alike keep the interval between two sends."""
    desk.employ(Limits(send_interval=3, room_interval=0))
    desk.gateway.answers = [refused(), errors.GatewayLost("gone"), errors.Unsendable("bad"), None]
    desk.say(PICTURE, to=("r102", "r103", "r104"))
    await desk.work()
    times = desk.gateway.times()
    assert len(times) == 6
    assert all(later - earlier >= 3 for earlier, later in pairwise(times))


async def test_offline_nothing_is_sent(desk: Desk) -> None:
    """The courier sends nothing until the rooms are found after a login, nor while it pauses or after a logout."""
    running = asyncio.create_task(desk.courier.run())
    desk.say("a")
    desk.courier.wake()
    await asyncio.sleep(0.01)
    assert desk.gateway.made == []
    desk.session.log_in("bot")
    await asyncio.sleep(0.01)
    assert desk.gateway.made == []
    desk.session.rooms_found()
    await until(lambda: desk.outbox.counts() == {State.SENT: 1})
    for end in (desk.session.pause, desk.session.log_out):
        desk.session.resume()
        end()
        desk.say("b")
        desk.courier.wake()
        await asyncio.sleep(0.01)
        assert desk.gateway.bodies() == ["a"]
    desk.courier.stop()
    await asyncio.wait_for(running, 5)


async def test_leaving_finishes_the_send_in_hand(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to leave, the courier waits for the answer to its send, makes no other, and is done."""
    begun, answer = asyncio.Event(), asyncio.Event()

    async def send(*args: object) -> str:
        begun.set()
        await answer.wait()
        return "s1"

    monkeypatch.setattr(desk.gateway, "send", send)
    desk.say("a", to=("r102", "r103"))
    desk.session.log_in("bot")
    desk.session.rooms_found()
    running = asyncio.create_task(desk.courier.run())
    await begun.wait()
    desk.courier.stop()
    await asyncio.sleep(0)
    assert not running.done()
    answer.set()
    await asyncio.wait_for(running, 5)
    assert desk.outbox.counts() == {State.SENT: 1, State.WAITING: 1}
