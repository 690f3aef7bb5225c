"""The loopback gateway as a process of its own, so that its work is not counted.

`python -m tests.bench.server ROOMS [echo]` prints its endpoint, then answers lines: `relaying` when a bot has asked for
all topics; `burst N` says N texts at once, round the rooms, and `each N SECONDS` says each so many seconds after the
one before has arrived everywhere. Both answer when all has arrived, with the JSON of a `Report`. With `echo`, the
account sees its own sends, as most real ones do.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from roomsync.gateway.protocol import EventType
from roomsync.loopback.account import Sent
from roomsync.loopback.gateway import LoopbackGateway
from tests.conftest import PREFIX

LIMIT = 600.0  # seconds for anything that is waited for


@dataclass
class Report:
    """Seconds from the word until its first and its last copy were here, of each text; how many sends, all how long."""

    first: list[float]
    last: list[float]
    sends: int
    seconds: float


class Talk:
    """What is said in the rooms, and when which text arrived where: all times are of this process."""

    def __init__(self, gateway: LoopbackGateway, rooms: int, echo: bool) -> None:
        self._gateway, self._rooms, self._echo = gateway, rooms, echo
        self._now = asyncio.get_running_loop().time
        self._said: list[float] = []
        self._arrived: list[dict[str, float]] = []
        self._copies = 0
        gateway.on_sent = self._note

    def _note(self, sent: Sent) -> None:
        for word in re.findall(r"\bmessage (\d+)\b", sent.body):
            if sent.room_id not in self._arrived[int(word)]:
                self._arrived[int(word)][sent.room_id] = self._now()
                self._copies += 1
        if self._echo:
            self._gateway.emit(EventType.MESSAGE, {"messageId": sent.id})

    def _say(self) -> None:
        number = len(self._said)
        self._arrived.append({})
        self._said.append(self._now())
        self._gateway.say(f"r{number % self._rooms:04}", "alice", f"message {number}")

    async def _everywhere(self) -> None:
        await self._gateway.until(lambda: self._copies == len(self._said) * (self._rooms - 1), LIMIT)

    async def burst(self, texts: int) -> Report:
        """Say so many at once."""
        began, sends = len(self._said), len(self._gateway.sent)
        for _ in range(texts):
            self._say()
        await self._everywhere()
        return self._report(range(began, began + texts), sends)

    async def each(self, texts: int, pause: float) -> Report:
        """Say so many, one at a time."""
        began, sends = len(self._said), len(self._gateway.sent)
        for _ in range(texts):
            await asyncio.sleep(pause)
            self._say()
            await self._everywhere()
        return self._report(range(began, began + texts), sends)

    def _report(self, numbers: Iterable[int], sends: int) -> Report:
        times = [(self._said[number], self._arrived[number].values()) for number in numbers]
        first = [min(copies) - said for said, copies in times]
        last = [max(copies) - said for said, copies in times]
        return Report(first, last, len(self._gateway.sent) - sends, self._now() - times[0][0])


async def serve(rooms: int, echo: bool) -> None:
    """Answer lines until there are no more."""
    gateway = LoopbackGateway(token="bench_token")
    gateway.add_contact("alice", "Alice")
    for number in range(rooms):
        gateway.add_room(f"r{number:04}", f"{PREFIX}{number:04}")
    talk = Talk(gateway, rooms, echo)
    print(await gateway.start(), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        match line.split():
            case ["relaying"]:
                await gateway.until(lambda: gateway.calls.count("RoomPayload") >= rooms, LIMIT)
                print("relaying", flush=True)
            case ["burst", texts]:
                print(json.dumps(asdict(await talk.burst(int(texts)))), flush=True)
            case ["each", texts, pause]:
                print(json.dumps(asdict(await talk.each(int(texts), float(pause)))), flush=True)
    await gateway.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2:] == ["echo"]))
