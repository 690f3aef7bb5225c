"""What a delivery costs, unpaced: ours, the naive fan-out, and two bare grpclib loops that make the same calls."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.process import FLOOR, FLOOR_AT_ONCE, NAIVE, Contender, Watched, ours_and, reported, server
from tests.bench.tables import figure, table

ROOMS = 10
REST = 0.3  # seconds in which a bot finishes what it does after the last send; it counts as its CPU
LEFT_OUT = (
    "the gateway's own work, the pace and memory; ours waits for the disk, which shows in its deliveries a second and "
    "not in its CPU; the floors and the naive bot keep nothing, so what is refused or in hand when they end is lost."
)


@dataclass
class Cost:
    """What so many deliveries took: sends, seconds and seconds of CPU."""

    deliveries: int = 0
    sends: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    def cells(self, floor: "Cost") -> list[str]:
        """Its cells in a table, beside the floor's."""
        own, least = self.cpu / self.deliveries, floor.cpu / floor.deliveries
        ratio = own / least if least else float("nan")  # a clock of 10 ms sees nothing of a short run
        return [
            str(self.sends),
            f"{self.deliveries / self.seconds:.0f}",
            figure(own * 1000, ".2f", " ms"),
            figure(ratio, ".2f"),
        ]


@dataclass(frozen=True)
class Load:
    """How so many texts are said, by which command of the server."""

    title: str
    command: str
    texts: int


Costs = Mapping[tuple[Load, Contender, bool], Cost]  # the last: with echoes


def loads(short: bool) -> list[Load]:
    """Texts that wait together travel together, in ours; said one at a time, each is a send for each room."""
    return [
        Load("texts one at a time", "each {} 0", 10 if short else 250),
        Load("texts all said at once", "burst {}", 10 if short else 1000),
    ]


async def measure(cost: Cost, gateway: asyncio.subprocess.Process, bot: Watched, load: Load) -> None:
    """Add what a load costs."""
    before = bot.cpu()
    report = await reported(gateway, load.command.format(load.texts))
    await asyncio.sleep(REST)
    cost.cpu += bot.cpu() - before
    cost.deliveries += load.texts * (ROOMS - 1)
    cost.sends += report.sends
    cost.seconds += report.seconds


async def run(short: bool, before: Path | None = None) -> None:
    """Print the tables. `before`: another checkout of the project, whose bot is shown, too."""
    contenders, turns = [*ours_and(before), NAIVE, FLOOR_AT_ONCE, FLOOR], 1 if short else 2
    echoes = (True,) if short else (False, True)
    costs = {(load, bot, echo): Cost() for load in loads(short) for bot in contenders for echo in echoes}
    for echo in echoes * turns:
        for bot in contenders:
            async with server(ROOMS, echo) as (gateway, endpoint), bot.running(gateway, endpoint) as process:
                await reported(gateway, "each 3 0")  # what a bot does once is done then
                for load in loads(short):
                    await measure(costs[load, bot, echo], gateway, process, load)
    for load in loads(short):
        show(load, turns, contenders, costs)


def show(load: Load, turns: int, contenders: Sequence[Contender], costs: Costs) -> None:
    """Print the table of a load."""
    rows = [
        [f"{bot.title}{', with echoes' if echo else ''}", *costs[load, bot, echo].cells(costs[load, FLOOR, echo])]
        for echo in (False, True)
        for bot in contenders
        if (load, bot, echo) in costs
    ]
    heads = ["", "sends", "deliveries/s", "CPU a delivery", "× bare, one at a time"]
    runs = f"{turns} × " if turns > 1 else ""
    table(f"cost: {ROOMS} rooms, no pace, {runs}{load.texts} {load.title}", heads, rows, LEFT_OUT)
