"""Order and fairness: whoever speaks, nobody waits for another room's pictures, and no room's words change places."""

import asyncio
import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomsync import errors
from roomsync.delivery.attempts import Attempts
from roomsync.delivery.courier import Courier
from roomsync.delivery.outbox import Outbox, add_line
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.model import Kind, Message, Room
from roomsync.relay.rendering import Style, parts
from roomsync.session import Session
from roomsync.store import StateFile
from tests.boxes import NOW
from tests.conftest import PREFIX, Clock, thorough
from tests.fairness import HEADER, Judge, Said, lines_of

ROOMS = ("101", "102", "103", "104")  # their ids are their labels here
STYLE = Style(HEADER)
# What goes wrong, by its name; after each of them the room shows nothing.
FAULTS = {"refused": errors.GatewayRefused, "answer lost": errors.AnswerLost}
CALL_SECONDS = 0.01  # that a call takes: no two are made in the same moment
MANY_STEPS = 3000  # more than any of these stories takes
MEDIA_AND_CARDS = (Kind.IMAGE, Kind.FILE, Kind.URL, Kind.MINIPROGRAM)


class Community:
    """Rooms with an outbox and a courier on a real file, a sender that fails when it is told to, and a judge for each.

    `faults` has what goes wrong with a text (by its words), picture, file or card (by its JSON) in which room.
    """

    speaks_quotes = False

    def __init__(self, folder: Path, rooms: Sequence[str] = ROOMS) -> None:
        self.rooms = tuple(rooms)
        self.clock = Clock(NOW)
        self.state = StateFile(folder / "roomsync.db")
        self.state.hurry()  # nothing here is about the disk
        self.outbox = Outbox(self.state, STYLE.max_text_bytes)
        self.outbox.recover(NOW)
        session = Session()
        pacer = Pacer(Limits(), session, lambda at: "today", lambda: 0.5)
        self.courier = Courier(Attempts(self.outbox, pacer, session, self, self.clock, 8))
        self.judges = {room: Judge(room, self.rooms) for room in self.rooms}
        self.faults: dict[tuple[str, str], list[str]] = {}
        self.made: list[tuple[str, Kind, str, errors.GatewayError | None]] = []
        self.count = 0

    # The gateway.

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        words = [line.words for line in lines_of(body, self.rooms)] if kind is Kind.TEXT else [body]
        faults = [found.pop(0) for one in words if (found := self.faults.get((room_id, one)))]
        error = FAULTS[faults[0]](faults[0]) if faults else None
        self.made.append((room_id, kind, body, error))
        self.clock.now += CALL_SECONDS
        if error:
            raise error
        return f"s{len(self.made)}"

    async def file(self, message_id: str, kind: Kind) -> str | None:
        raise NotImplementedError

    async def recall(self, sent_id: str) -> bool:
        raise NotImplementedError

    # What can happen.

    def say(
        self, source: str, kind: Kind = Kind.TEXT, name: str = "Alice", faults: Sequence[str] = (), only: str = ""
    ) -> str:
        """Let somebody say something in a room; return its words or JSON. `faults` befall it, in `only` or in all."""
        self.count += 1
        number = self.count
        content = None if kind is Kind.TEXT else json.dumps({"name": f"{number}.dat", "title": f"title {number}"})
        message = Message(f"m{number}", source, name.lower(), name, kind, f"t{number}." if not content else "", content)
        made = parts(message, Room(source, PREFIX + source, PREFIX, source), STYLE, self.rooms)
        others = [room for room in self.rooms if room != source]
        self.courier.heard(source)
        self.judges[source].heard()
        assert self.outbox.accept(message, made, others, self.clock())
        caption = made[0].body if content else ""
        for room in others:
            self.judges[room].said(Said(number, source, name, kind, made[-1].body, caption))
            if only in ("", room):
                self.faults[room, made[-1].body] = list(faults)
        return made[-1].body

    def own_line(self, room: str) -> str:
        """Let the bot have a line of its own for a room; return it."""
        self.count += 1
        line = f"（第 {self.count} 句，机器人自己的话）"
        with self.state.transaction() as db:
            add_line(db, room, line, self.clock())
        self.judges[room].own_line(line)
        return line

    async def step(self) -> float | None:
        """Let the courier make a step, and have it judged; the clock goes on when nothing can be sent yet."""
        before = len(self.made)
        wait = await self.courier.step()
        for room, kind, body, error in self.made[before:]:
            self.judges[room].sent(kind, body, error)
        for judge in self.judges.values():
            if wait != 0:
                judge.idle()
            if wait is None:
                judge.over()
        self.clock.now += wait or 0.0
        return wait

    async def finish(self) -> None:
        """Let the courier send all that waits."""
        for _ in range(MANY_STEPS):
            if await self.step() is None:
                return
        raise AssertionError(f"the courier does not come to an end: {self.made[-5:]}")

    def bodies(self, room: str, since: int = 0) -> list[str]:
        """What the bot sent to a room, taken or not, from the send of that number on."""
        return [body for found, _, body, _ in self.made[since:] if found == room]

    def verdict(self) -> str:
        """Return which promises were broken in the first room in which any was, and what happened there."""
        for judge in self.judges.values():
            if judge.faults:
                return "\n".join(["", *judge.faults, self.story(judge.room)])
        return ""

    def story(self, room: str) -> str:
        """Return what happened in a room, line by line, for a person who reads why a test failed."""
        return "\n".join([f"What happened in room {room}:", *self.judges[room].log])


@pytest.fixture(autouse=True)
def no_log_of_refusals(caplog: pytest.LogCaptureFixture) -> None:
    """A failure says what happened; the log of a hundred refusals would hide it."""
    caplog.set_level(logging.ERROR, "roomsync")


@pytest.fixture
def community(tmp_path: Path) -> Iterator[Community]:
    found = Community(tmp_path)
    yield found
    found.state.close()


# Whatever is said, and whatever goes wrong.


@dataclass(frozen=True)
class Happening:
    """Something is said (by nobody, of no kind: a line of the bot's own for the room), then come so many steps."""

    room: str
    name: str
    kind: Kind | None
    faults: tuple[str, ...] = ()
    everywhere: bool = True
    steps: int = 0


def happenings(
    *faults: tuple[str, ...], of_texts: Sequence[tuple[str, ...]] = ()
) -> st.SearchStrategy[list[Happening]]:
    """Give sequences of what happens; the first rooms speak more, so that there is something to be fair about."""
    rooms, names, steps = (
        st.sampled_from(ROOMS[:3]),
        st.sampled_from(["Alice", "Bob"]),
        st.sampled_from([0, 0, 1, 2, 5]),
    )
    kinds, everywhere = st.sampled_from([Kind.IMAGE] * 3 + list(MEDIA_AND_CARDS)), st.booleans()
    media = st.builds(Happening, rooms, names, kinds, st.sampled_from([(), *faults]), everywhere, steps)
    texts = st.builds(Happening, rooms, names, st.just(Kind.TEXT), st.sampled_from([(), *of_texts]), everywhere, steps)
    lines = st.builds(Happening, st.sampled_from(ROOMS), names, st.none(), steps=steps)
    return st.lists(st.one_of(media, media, texts, texts, lines), min_size=3, max_size=20)


async def happen(story: Sequence[Happening]) -> str:
    """Let all of that happen; return the verdict."""
    with tempfile.TemporaryDirectory() as folder:
        community = Community(Path(folder))
        for one in story:
            if one.kind:
                community.say(one.room, one.kind, one.name, one.faults, "" if one.everywhere else ROOMS[3])
            else:
                community.own_line(one.room)
            for _ in range(one.steps):
                await community.step()
        await community.finish()
        community.state.close()
        return community.verdict()


def hold(story: Sequence[Happening]) -> None:
    verdict = asyncio.run(happen(story))
    assert not verdict, verdict


@settings(max_examples=thorough(40), derandomize=True)
@given(happenings())
def test_all_get_what_they_are_owed(story: list[Happening]) -> None:
    """Whatever is said in whichever order, between whichever steps, all promises hold."""
    hold(story)


@settings(max_examples=thorough(40), derandomize=True)
@given(happenings(("refused",), ("refused",) * 2, ("refused",) * 3, ("answer lost",)))
def test_refused_pictures_cost_nobody_else(story: list[Happening]) -> None:
    """They hold, too, when pictures, files and cards are refused, some of them for good, or an answer is lost."""
    hold(story)


@settings(max_examples=thorough(40), derandomize=True)
@given(happenings(("refused",) * 3, of_texts=[(), (), ("refused",), ("refused",) * 2, ("answer lost",)]))
def test_refused_texts_cost_no_order(story: list[Happening]) -> None:
    """And when texts are refused, so that they go again and apart: all arrives, once, in the order of its room."""
    hold(story)


# The same, a fact at a time.


async def ten_pictures(community: Community, room: str = "101") -> None:
    """Somebody posts ten pictures in a room, and the first of them is on its way."""
    for _ in range(10):
        community.say(room, Kind.IMAGE)
    for _ in community.rooms:
        await community.step()


async def test_nobody_waits_for_ten_pictures(community: Community) -> None:
    """Ten pictures are posted in 101, then a text in 102: in each room it is in one of the next three sends."""
    await ten_pictures(community)
    begun = len(community.made)
    text = community.say("102")
    await community.finish()
    for room in ("101", "103", "104"):
        assert any(text in body for body in community.bodies(room, begun)[:3]), community.story(room)


async def test_a_picture_does_not_wait_for_ten(community: Community) -> None:
    """Of ten pictures in 101 two more at the most go before one that is posted in 102 meanwhile."""
    await ten_pictures(community)
    begun = len(community.made)
    picture = community.say("102", Kind.IMAGE, "Bob")
    await community.finish()
    for room in ("103", "104"):
        kinds = [kind for found, kind, _, _ in community.made[begun:] if found == room]
        place = community.bodies(room, begun).index(picture)
        assert kinds[:place].count(Kind.IMAGE) <= 3, community.story(room)  # one of them was begun


async def test_texts_of_all_rooms_go_together(community: Community) -> None:
    """What three rooms say while a fourth waits for its turn goes there as one message, the oldest first."""
    for room in ("102", "101", "103", "101"):
        community.say(room)
    await community.finish()
    assert community.bodies("104") == ["[Alice@102]:  t1.\n[Alice@101]:  t2.\n[Alice@103]:  t3.\n[Alice@101]:  t4."]


async def test_a_caption_rides_with_the_texts(community: Community) -> None:
    """A picture's caption stands at the end of the texts that go, and the picture comes next."""
    picture = community.say("101", Kind.IMAGE)
    community.say("102", name="Bob")
    await community.finish()
    assert community.bodies("104") == ["[Bob@102]:  t2.\n[Alice@101]:  [图片]", picture]


async def test_a_text_waits_for_the_picture_before_it(community: Community) -> None:
    """What is said below a picture in its own room stays below it, whatever others say."""
    picture = community.say("101", Kind.IMAGE)
    text = community.say("101")
    community.say("102")
    await community.finish()
    bodies = community.bodies("104")
    assert next(at for at, body in enumerate(bodies) if text in body) > bodies.index(picture), bodies


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.IMAGE])
async def test_a_dead_picture_delays_no_other_room(community: Community, kind: Kind) -> None:
    """While a picture of 101 that is always refused waits for its next attempt, what comes from 102 goes at once."""
    community.say("101", Kind.IMAGE, faults=["refused"] * 3)
    waits = []
    for _ in range(MANY_STEPS):
        said, said_at, begun = community.say("102", kind), community.clock(), len(community.made)
        while not any(said in body for body in community.bodies("104", begun)):
            await community.step()
        waits.append(community.clock() - said_at)
        if any("未能转发" in body for body in community.bodies("104")):
            break
        while await community.step() == 0:
            pass
    assert len(waits) > 2 and max(waits) < 1, community.story("104")


async def test_a_picture_tried_again_stands_below_its_caption(community: Community) -> None:
    """A text made again between a picture's caption and its next attempts calls for another caption."""
    picture = community.say("101", Kind.IMAGE, faults=["refused"] * 2)
    while picture not in community.bodies("104"):
        await community.step()
    text = community.say("102", faults=["answer lost"] * 2)
    await community.finish()
    caption = "[Alice@101]:  [图片]"
    taken = [body for room, _, body, error in community.made if room == "104" and not error]
    assert f"[Alice@102]:  {text}" in taken and taken[-2:] == [caption, picture], community.story("104")


async def test_the_bots_own_line_is_nobodys(community: Community) -> None:
    """A line of the bot's own among what members say stands in no message under the header of one of them."""
    community.say("101")
    own = community.own_line("104")
    community.say("101")
    await community.finish()
    (body,) = [body for body in community.bodies("104") if own in body]
    (line,) = [line for line in lines_of(body, ROOMS) if own in line.words]
    assert line.speaker != "Alice@101", body


async def instructions(folder: Path, pictures: int) -> list[int]:
    """Return how many instructions SQLite needs for each of the next sends to a room where so many pictures wait."""
    folder.mkdir()
    community, counted = Community(folder, ROOMS[:3]), 0
    others = ("103",)
    source, together = Room("101", "", "", "101"), 10  # pictures in one message: quicker than one by one
    for first in range(0, pictures, together):
        posted = [
            Message(f"p{number}", "101", "alice", "Alice", Kind.IMAGE, "", json.dumps({"name": number}))
            for number in range(first, first + together)
        ]
        made = [part for one in posted for part in parts(one, source, STYLE)]
        community.outbox.accept(posted[0], made, others, NOW)
    text = Message("t", "102", "bob", "Bob", Kind.TEXT, "the last")
    community.outbox.accept(text, parts(text, Room("102", "", "", "102"), STYLE), others, NOW)

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    with community.state.connection() as db:
        db.set_progress_handler(count, 1)
    spent = []
    for _ in range(4):
        before = counted
        await community.courier.step()
        spent.append(counted - before)
    assert len(community.made) == len(spent)
    community.state.close()
    return spent


async def test_a_pick_costs_the_same_whatever_waits(tmp_path: Path) -> None:
    """With 20,000 deliveries waiting before a text of another room no send takes SQLite twice the work of 100."""
    few, many = await instructions(tmp_path / "few", 50), await instructions(tmp_path / "many", 10_000)
    assert all(more <= 2 * less for less, more in zip(few, many, strict=True)), f"{few} instructions became {many}"
