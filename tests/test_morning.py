"""The end of the quiet hours: what goes in the place of many pictures."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.gate import Gate
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.delivery.picker import Picker
from roomsync.delivery.quiet import DailyHours
from roomsync.delivery.recalls import Recalls
from roomsync.errors import StateFileError
from roomsync.model import Hours, Kind, Message, Part, Send, State
from roomsync.session import Session
from roomsync.store import StateFile
from roomsync.store.waiting import ANNOUNCED
from tests.boxes import NOW
from tests.conftest import running, until
from tests.scripted import ScriptedGateway
from tests.test_bot import IMAGE, lines

DAY = 86400.0
COUNT = "免打扰时段未逐张转发，仅原群可见"


def an_hour_from(now: float) -> Hours:
    """Quiet hours, to the minute, from `now` to an hour later."""
    local = time.localtime(now)
    start = local.tm_hour * 60 + local.tm_min
    return Hours(start, (start + 60) % 1440)


class Night:
    """A picker behind quiet hours that began less than a minute before NOW, and short ways to say things in them."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self.quiet = DailyHours(an_hour_from(NOW))
        self.morning = self.quiet.end(NOW)
        self.start()

    def start(self) -> None:
        self.state = StateFile(self.path)
        self.outbox, self.session = Outbox(self.state, 2000), Session()
        self.picker = Picker(self.outbox, Pacer(Limits(), self.session), Gate(self.session, quiet=self.quiet))

    def restart(self) -> None:
        self.state.close()
        self.start()

    def say(self, *parts: Part, talker: str = "Alice", where: str = "101", at: float = NOW, priority: int = 0) -> str:
        """A message of these parts, for the rooms 102 and 103; return its id."""
        self.count += 1
        message = Message(f"m{self.count}", where, talker, talker, parts[-1].kind)
        with self.state.transaction() as db:
            key = store.messages.add(db, message, at)
            assert key
            store.deliveries.add(db, key, dict.fromkeys(("102", "103"), parts), at, priority)
        return message.id

    def text(self, words: str, talker: str = "Alice", where: str = "101", at: float = NOW) -> str:
        return self.say(Part(Kind.TEXT, words, f"[{talker}@{where}]:  "), talker=talker, where=where, at=at)

    def picture(
        self, talker: str = "Alice", where: str = "101", at: float = NOW, priority: int = 0, kind: Kind = Kind.IMAGE
    ) -> str:
        caption = Part(Kind.TEXT, "[图片]", f"[{talker}@{where}]:  ", caption=True)
        parts = caption, Part(kind, f'{{"name": "{self.count}"}}')
        return self.say(*parts, talker=talker, where=where, at=at, priority=priority)

    def pictures(self, number: int, talker: str = "Alice", where: str = "101", at: float = NOW) -> list[str]:
        return [self.picture(talker, where, at) for _ in range(number)]

    def next(self, now: float) -> Send:
        """The next send, taken; there must be one."""
        while (send := self.picker.pick(now, (), (), {}, quotes=False)) == 0:
            pass
        assert isinstance(send, Send)
        return send

    def sends(self, now: float) -> Iterator[Send]:
        """Each send that goes then, made and answered."""
        back: set[str] = set()
        while isinstance(send := self.picker.pick(now, (), back, {}, quotes=False), Send) or send == 0:
            if isinstance(send, Send):
                self.outbox.sent(send, f"s{send.id}", now)
                back = {send.room_id}
                yield send

    def goes(self, now: float, room_id: str = "102") -> list[str]:
        """What a room gets then: lines of text, and the kinds of the rest."""
        sends = [send for send in self.sends(now) if send.room_id == room_id]
        return [line for send in sends for line in (send.body.split("\n") if send.kind is Kind.TEXT else [send.kind])]


@pytest.fixture
def night(state_file: Path) -> Iterator[Night]:
    found = Night(state_file)
    yield found
    found.state.close()


@pytest.mark.parametrize("room_id", ["102", "103"])
def test_many_pictures_are_a_line_of_each_talker(night: Night, room_id: str) -> None:
    """Of a room with more than ten the pictures stay: each talker's number stands where the first of them was said."""
    night.text("good night")
    night.pictures(5)
    night.text("look")
    night.pictures(6, "Bob")
    night.text("nice")
    assert night.goes(night.morning - 1) == []
    assert night.goes(night.morning, room_id) == [
        "[Alice@101]:  good night",
        f"[图片] 5 张，{COUNT}",
        "look",
        f"[Bob@101]:  [图片] 6 张，{COUNT}",
        "[Alice@101]:  nice",
    ]
    assert night.outbox.counts() == {State.SENT: 10, State.CANCELLED: 40}


def test_ten_pictures_go_as_they_are(night: Night) -> None:
    """Ten of one room go one by one, whatever others have, and so do files; the eleventh makes a number of them."""
    for where in ("101", "104"):
        night.pictures(10, where=where)
        night.picture(where=where, kind=Kind.FILE)
    night.pictures(11, where="105")
    found = night.goes(night.morning)
    assert (found.count("image"), found.count("file")) == (20, 2)
    assert [line for line in found if COUNT in line] == [f"[Alice@105]:  [图片] 11 张，{COUNT}"]


def test_pictures_of_the_day_are_not_counted(night: Night) -> None:
    """What was said before the quiet hours or after them goes, however long it waits and however many they are."""
    night.pictures(10, at=NOW - 120)
    night.pictures(10)
    night.pictures(10, at=night.morning)
    assert night.goes(night.morning).count("image") == 30


def test_what_staff_announces_is_not_counted(night: Night) -> None:
    """Pictures that staff announces go in the quiet hours, and those that are left go after them."""
    for _ in range(12):
        night.picture(priority=ANNOUNCED)
    sends = night.sends(NOW)
    early = [next(sends).kind for _ in range(4)]
    assert early.count(Kind.IMAGE) + sum(send.kind is Kind.IMAGE for send in night.sends(night.morning)) == 24


@pytest.mark.parametrize("later", [0.0, 5000.0, DAY])
def test_a_bot_that_was_down_counts_at_its_start(night: Night, later: float) -> None:
    """A bot that starts after the quiet hours, or in the next ones, sends numbers before anything else."""
    night.pictures(11)
    night.restart()
    at = night.morning + later
    assert night.goes(at) == [f"[Alice@101]:  [图片] 11 张，{COUNT}"]
    night.restart()
    assert night.goes(at) == []


def test_every_night_is_counted(night: Night) -> None:
    """The next quiet hours are like the first, and between them pictures go as they come."""
    for number in range(3):
        shift = number * DAY
        night.pictures(11 + number, at=NOW + shift)
        assert night.goes(night.morning + shift) == [f"[Alice@101]:  [图片] {11 + number} 张，{COUNT}"]
        night.pictures(12, at=night.morning + shift + 60)
        assert night.goes(night.morning + shift + 60).count("image") == 12


def test_one_room_is_gone_through_at_a_time(night: Night) -> None:
    """No send is picked before all rooms are gone through, one each time, so that other work goes between."""
    night.pictures(11)
    picks = [night.picker.pick(night.morning, (), (), {}, quotes=False) for _ in range(3)]
    assert picks[:2] == [0.0, 0.0]
    assert isinstance(picks[2], Send)


def test_rooms_with_a_send_that_came_back_are_not_forgotten(night: Night) -> None:
    """A room whose send is back when the quiet hours end, in which nothing was picked, gets what waits for it."""
    night.text("before", at=NOW - 120)
    send = night.next(NOW - 120)
    night.text("x", at=NOW - 120)
    night.picker.pick(NOW - 120, {send.room_id}, (), {}, quotes=False)
    night.outbox.sent(send, "s", night.morning)
    night.picker.pick(night.morning, (), {send.room_id}, {}, quotes=False)
    assert night.goes(night.morning, send.room_id) == ["[Alice@101]:  x"]


@pytest.mark.parametrize("error", [RuntimeError("no"), StateFileError("no")])
def test_a_failure_holds_nobody_up(night: Night, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails is tried again; where anything else fails the pictures go, and others are counted."""
    night.pictures(11)
    count, errors = store.deliveries.count_pictures, [error]

    def fail_once(*args: object) -> None:
        if errors:
            raise errors.pop()
        count(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store.deliveries, "count_pictures", fail_once)
    if isinstance(error, StateFileError):
        with pytest.raises(StateFileError):
            night.picker.pick(night.morning, (), (), {}, quotes=False)
    sent = list(night.sends(night.morning))
    goes = 0 if isinstance(error, StateFileError) else 11
    assert sum(send.kind is Kind.IMAGE for send in sent) == goes
    assert [send.room_id for send in sent if COUNT in send.body] == (["103"] if goes else ["102", "103"])


def test_a_picture_that_is_taken_back_leaves_the_number(night: Night) -> None:
    """Whichever picture of them its author takes back, and when: the others' line stays, and nothing is taken back."""
    first, *others = night.pictures(12)
    recalls = Recalls(night.state)
    assert recalls.accept([others[0]], "101", NOW) == 0
    night.picker.pick(night.morning, (), (), {}, quotes=False)
    night.picker.pick(night.morning, (), (), {}, quotes=False)
    assert [recalls.accept([one], "101", night.morning) for one in (first, others[1])] == [0, 0]
    assert night.goes(night.morning) == [f"[Alice@101]:  [图片] 11 张，{COUNT}"]
    assert recalls.accept([others[2]], "101", night.morning) == 0
    assert night.goes(night.morning) == []


def test_a_number_comes_back_with_what_travels_with_it(night: Night) -> None:
    """When the text that went with a number is taken back, the number goes again, also if its first picture is, too."""
    said, (first, *_) = night.text("hm"), night.pictures(11)
    assert night.goes(night.morning) == ["[Alice@101]:  hm", f"[图片] 11 张，{COUNT}"]
    recalls = Recalls(night.state)
    assert (recalls.accept([first], "101", night.morning), recalls.accept([said], "101", night.morning)) == (0, 2)
    for _ in range(2):
        send = night.next(night.morning)
        assert send.kind is Kind.RECALLED
        recalls.done(send, True, night.morning)
    assert night.goes(night.morning) == [f"[Alice@101]:  [图片] 11 张，{COUNT}"]


async def test_a_bot_keeps_its_quiet_hours(gateway: ScriptedGateway, state_file: Path) -> None:
    """With QUIET_HOURS nothing arrives in them; after them texts arrive together, and many pictures as a number."""
    hours = an_hour_from(time.time())
    clock = [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (hours.start, hours.end)]
    async with running(gateway, state_file, QUIET_HOURS="-".join(clock)) as bot:
        gateway.say("r101", "alice", "hello")
        for _ in range(11):
            gateway.say("r101", "alice", kind="image", content=IMAGE)
        gateway.say("r101", "bob", "bye")
        await until(lambda: bot.outbox.counts() == {State.WAITING: 48})
        assert gateway.sent == []
        bot.clock.go_on(3 * 3600)
        bot.courier.wake()
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert lines(gateway, "r102") == ["[Alice@101]:  hello", f"[图片] 11 张，{COUNT}", "[Bob@101]:  bye"]
