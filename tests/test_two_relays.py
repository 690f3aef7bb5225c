"""Two bots on two accounts in the same rooms: ten minutes of talk, the clock passed in."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from roomsync.delivery.attempts import Attempts
from roomsync.delivery.courier import Courier
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.model import Kind, Message, Room
from roomsync.relay.rendering import Style
from roomsync.relay.rooms import Rooms
from roomsync.relay.roster import Roster
from roomsync.relay.router import Router
from roomsync.session import Session
from roomsync.store import StateFile
from roomsync.text import phrases
from roomsync.text.headers import HeaderTemplate
from tests.conftest import PREFIX, Clock

LABELS = ["101", "102", "103", "104"]
MINUTES = 10


class World:
    """The rooms, and everybody's eyes on them: what is said in one is heard by each bot but the one that said it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bots: list[Relay] = []
        self.seen: dict[str, list[str]] = {label: [] for label in LABELS}
        self._number = 0

    def say(self, label: str, talker: str, kind: Kind, text: str, content: str | None = None) -> str:
        self._number += 1
        message_id = f"m{self._number}"
        self.seen[label] += [content] if content else text.split("\n")
        for bot in self.bots:
            if bot.account != talker:
                bot.hear(Message(message_id, label, talker, talker, kind, text, content))
        return message_id


class Relay:
    """A bot without a gateway: its router hears the world, its courier speaks into it."""

    speaks_quotes = False

    def __init__(self, world: World, account: str, path: Path) -> None:
        self.account, self._world = account, world
        rooms, state = Rooms([PREFIX]), StateFile(path)
        for label in LABELS:
            rooms.place(label, PREFIX + label)
        self.rooms, self.state, self.outbox = rooms, state, Outbox(state, 2000)
        session = Session()
        pacer = Pacer(Limits(1.5, 3, 40, {}), session, lambda at: "today", random.Random(account).random)
        self.courier = Courier(Attempts(self.outbox, pacer, session, self, world.clock, 8))
        roster, style = Roster(self, rooms, self.outbox, world.clock), Style(HeaderTemplate("[{name}@{room}]:  "))
        self.router = Router(roster, self, self.courier, session, style, world.clock)

    def hear(self, message: Message) -> None:
        source = self.rooms.get(message.room_id)
        assert isinstance(source, Room)
        self.router.relay(message, source, self._world.clock())

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        text = body if kind is Kind.TEXT else ""
        return self._world.say(room_id, self.account, kind, text, None if kind is Kind.TEXT else body)

    async def file(self, message_id: str, kind: Kind) -> str:
        raise NotImplementedError

    async def recall(self, sent_id: str) -> bool:
        return True

    async def topics(self) -> dict[str, str | None]:
        raise NotImplementedError

    async def topic(self, room_id: str) -> str:
        raise NotImplementedError

    async def complete(self, message: Message) -> Message:
        return message

    async def with_quote(self, message: Message) -> Message:
        raise NotImplementedError


@pytest.mark.parametrize(
    "line",
    [
        phrases.missed(3),
        phrases.introduction("群", 13),
        phrases.introduction("群", 0),
        f"{phrases.missed(1)}\n{phrases.missed(2)}",
    ],
)
def test_own_lines_of_a_relay_are_left_alone(tmp_path: Path, clock: Clock, line: str) -> None:
    """What a bot says for itself is not relayed by another, also long after it relayed something; a person's is."""
    world = World(clock)
    relay = Relay(world, "relay-a", tmp_path / "a.db")
    relay.hear(Message("1", LABELS[0], "relay-b", "b", Kind.TEXT, f"[Alice@{LABELS[1]}]:  hello"))
    clock.now += 3600
    for number, talker in enumerate(("relay-b", "alice"), 2):
        relay.hear(Message(str(number), LABELS[2], talker, talker, Kind.TEXT, line))
    with relay.state.connection() as db:
        assert db.execute("SELECT talker_id, count(*) FROM messages GROUP BY 1").fetchall() == [("alice", 1)]
    relay.state.close()


async def test_ten_minutes_of_talk_without_an_answer(tmp_path: Path, clock: Clock) -> None:
    """What members say, texts and pictures, is in every other room once from each of two bots, which never relay
    each other's."""
    world, chance = World(clock), random.Random(5)
    world.bots = [Relay(world, "relay-a", tmp_path / "a.db"), Relay(world, "relay-b", tmp_path / "b.db")]
    said: list[tuple[str, str]] = []
    for second in range(MINUTES * 60):
        clock.now += 1
        if chance.random() < 0.2:
            label, talker = chance.choice(LABELS), chance.choice(["Alice", "Bob", "小王"])
            if chance.random() < 0.25:
                said.append((label, f'{{"boxType": 7, "uuid": "{second}"}}'))
                world.say(label, talker, Kind.IMAGE, "", said[-1][1])
            else:
                said.append((label, f"words {second}"))
                world.say(label, talker, Kind.TEXT, said[-1][1])
        for bot in chance.sample(world.bots, 2):
            await bot.courier.step()
    for _ in range(2000):
        clock.now += 1
        for bot in world.bots:
            await bot.courier.step()
    for label in LABELS:
        shown = Counter(line.rpartition(":  ")[2] for line in world.seen[label])
        assert {one: shown[one] for _, one in said} == {one: 1 if there == label else 2 for there, one in said}, label
        assert not any("@" in line and "relay-" in line for line in world.seen[label])
    for bot in world.bots:
        bot.state.close()
