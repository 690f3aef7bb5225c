"""All at once, at random, over real gRPC: people talk while the gateway logs out, is slow, refuses and breaks off."""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from roomsync.text.headers import HeaderTemplate
from tests.conftest import running, thorough, until
from tests.scripted import Fault, ScriptedGateway, refused

LABELS = ("101", "102", "103")
STEPS = 60
CHANCES = {"say": 30, "login": 6, "late": 6, "wait": 10, "logout": 3, "refuse": 3, "late room": 3, "late name": 3}
BREAKS = {"break": 3}
FORM = HeaderTemplate("[{name}@{room}]:  ")


@dataclass
class Turmoil:
    """What happens to `gateway`, chosen by `chance`, and what was said in each room meanwhile."""

    gateway: ScriptedGateway
    chance: random.Random
    said: dict[str, list[str]] = field(default_factory=lambda: {label: [] for label in LABELS})
    count: int = 0

    async def step(self, what: str) -> None:
        gateway = self.gateway
        if what == "say" and gateway.streams:
            label, self.count = self.chance.choice(LABELS), self.count + 1
            gateway.say(f"r{label}", self.chance.choice(["alice", "bob"]), f"words {self.count}")
            self.said[label].append(f"words {self.count}")
        elif what == "login":
            gateway.login()  # some gateways say it more than once
        elif what == "logout" and gateway.logged_in:
            gateway.logout()
        elif what == "late":
            gateway.script("MessagePayload", Fault(delay=0.1 * self.chance.random()))
        elif what == "refuse":
            gateway.script("MessagePayload", Fault(refused("not now")))
        elif what == "late room":
            gateway.script("RoomPayload", Fault(delay=0.05))
        elif what == "late name":
            gateway.script("RoomMemberPayload", Fault(delay=0.05))
        elif what == "break" and gateway.streams:
            gateway.end_stream()
            await until(lambda: not gateway.streams)
        await asyncio.sleep(0.02 * self.chance.random())

    def expected(self, label: str) -> set[str]:
        return {words for other in LABELS if other != label for words in self.said[other]}

    def arrived(self, label: str) -> list[str]:
        bodies = [sent.body for sent in self.gateway.sent if sent.room_id == f"r{label}"]
        return [line for body in bodies for one in FORM.parse_batch(body, LABELS) for line in one.text.split("\n")]

    def is_over(self) -> bool:
        return all(self.expected(label) <= set(self.arrived(label)) for label in LABELS)


@pytest.mark.parametrize("seed", range(thorough(4)))
@pytest.mark.parametrize("breaks", [False, True])
async def test_nothing_is_lost_doubled_or_overtaken(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch, seed: int, breaks: bool
) -> None:
    """Each room gets all that is said in the others, in order, and once, but for a send whose answer was cut off."""
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.02)
    monkeypatch.setattr("roomsync.inbox.room_queues.QUICK_RETRY_DELAYS", (0.01,) * STEPS)
    monkeypatch.setattr("roomsync.delivery.retries.LOST_DELAY", 0.05)
    turmoil = Turmoil(gateway, random.Random(seed))
    chances = {**CHANCES, **(BREAKS if breaks else {})}
    async with running(gateway, state_file):
        for what in turmoil.chance.choices(list(chances), list(chances.values()), k=STEPS):
            await turmoil.step(what)
        if not gateway.logged_in:
            gateway.login()
        await gateway.until(turmoil.is_over)
    for label in LABELS:
        arrived = turmoil.arrived(label)
        once = list(dict.fromkeys(arrived))
        assert breaks or arrived == once
        for other in LABELS:
            here = [words for words in once if words in turmoil.said[other]]
            assert here == ([] if other == label else turmoil.said[other])
