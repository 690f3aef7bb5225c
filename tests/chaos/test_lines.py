"""The line to the gateway breaks: nothing that the gateway was asked for is lost, and the bot comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.chaos.proxy import Way
from tests.chaos.scene import ROOMS, Scene, check_all, others, repeats, standing
from tests.together import figures

Attack = Callable[[Scene], Awaitable[int]]  # returns as `cut` does
BREAKS = 4
AWAY = 8.0  # seconds
RESETS = 16
DISTURBED = 3.0  # seconds


async def test_line_breaks_while_payloads_are_asked_for(tmp_path: Path) -> None:
    """Six texts over whose payloads the line breaks four times, and then is away for 8 s, arrive, none given up."""
    async with standing(tmp_path / "s.db") as scene:
        gateway, proxy = scene.gateway, scene.proxy
        proxy.latency = 0.3  # so that the payloads are still on their way when the line breaks, also on a busy machine
        asked = gateway.call_count("messagePayload")
        said = await scene.say(f"m{number}" for number in range(6))
        for number in range(BREAKS):
            asked += 6
            await gateway.wait_called("messagePayload", asked, 20)
            proxy.refuse = number == BREAKS - 1
            proxy.reset()
            asked = gateway.call_count("messagePayload")
        await asyncio.sleep(AWAY)
        scene.assert_alive()
        proxy.refuse, proxy.latency = False, 0.0
        await scene.arrived(said)
        check_all(gateway, said)
        scene.assert_alive()
        assert not [line for line in scene.bot.lines if "given up" in line]
    figures(f"{BREAKS} breaks over 6 payloads, {proxy.refused} attempts refused in {AWAY:.0f} s: 0 lost, 0 repeated")


async def send_in_hand(scene: Scene, sends: int) -> bool:
    """Wait until more than that many sends were asked for, and one is not answered; whether it came to it."""
    try:
        await scene.gateway.wait(lambda: scene.gateway.call_count("messageSendText") > sends, 5)
    except TimeoutError:
        return False
    await asyncio.sleep(0.1)  # the gateway takes three times as long
    return True


async def test_resets_in_the_middle_of_sends(tmp_path: Path) -> None:
    """After 16 resets, each in the middle of a send, all is served within 10 s, at most one send a reset repeated."""
    async with standing(tmp_path / "s.db") as scene:
        gateway, sends, hits = scene.gateway, 0, 0
        await gateway.rule("delay", delay_ms=300)
        said = {room: await scene.say([f"{room[1:]}-{n}" for n in range(3)], room) for room in ROOMS}
        for _ in range(RESETS):
            hits += await send_in_hand(scene, sends)
            seen, sends = scene.logins, gateway.call_count("messageSendText")
            scene.proxy.reset()
            await scene.online_again(seen)
        scene.assert_alive()
        since = time.monotonic()
        for source in ROOMS:
            await scene.arrived(said[source], others(source), 10 - (time.monotonic() - since))
        took = time.monotonic() - since
        for source in ROOMS:
            check_all(gateway, said[source], others(source), allowed=RESETS)
        repeated = sum(repeats(gateway, room) for room in ROOMS)
        figures(
            f"{RESETS} resets, {hits} in the middle of a send: 0 lost, {repeated} sends repeated, {took:.1f} s after"
        )
        assert repeated <= RESETS
        assert hits >= RESETS // 2, f"only {hits} resets met a send: the bot waits too long before it sends again"


async def cut(scene: Scene) -> int:
    """End all connections, for so long that the bot notices; return how often it had found its rooms until then."""
    scene.proxy.refuse = True
    scene.proxy.reset()
    await asyncio.sleep(0.5)
    seen = scene.logins
    scene.proxy.refuse = False
    return seen


async def hole(scene: Scene) -> int:
    """Swallow all bytes for some seconds, then reset, as a router does that no longer knows the connection."""
    scene.proxy.black_hole = Way.BOTH
    await asyncio.sleep(DISTURBED)
    scene.proxy.black_hole = Way.NONE
    return await cut(scene)


async def half_closed_to_the_gateway(scene: Scene) -> int:
    """The gateway reads an end, and the bot does not know."""
    seen = scene.logins
    scene.proxy.half_close(Way.UP)
    return seen


async def half_closed_to_the_bot(scene: Scene) -> int:
    """The bot reads an end, and the gateway does not know."""
    seen = scene.logins
    scene.proxy.half_close(Way.DOWN)
    return seen


async def flips(scene: Scene) -> int:
    """Flip a bit in each chunk of bytes that the bot gets for some seconds."""
    # Not upwards: spoiled calls can leave this gateway with an event stream that has no connection, and from then on
    # it takes no client at all.
    scene.proxy.flip_every, scene.proxy.flip_ways = 1, Way.DOWN
    scene.proxy.reset()  # also the first bytes of a connection are to be met
    await asyncio.sleep(DISTURBED)
    scene.proxy.flip_every = 0
    return await cut(scene)


@pytest.mark.parametrize(
    "attacks", [(hole, half_closed_to_the_gateway, half_closed_to_the_bot), (flips,)], ids=["cut", "flipped"]
)
async def test_disturbed_line(tmp_path: Path, attacks: tuple[Attack, ...]) -> None:
    """What is said before and after a line is disturbed arrives in order, at most one send for each attack repeated."""
    async with standing(tmp_path / "s.db") as scene:
        await scene.gateway.rule("delay", delay_ms=200)
        said: list[str] = []
        for attack in attacks:
            sends = scene.gateway.call_count("messageSendText")
            said += await scene.say([f"before {attack.__name__}"])
            if attack is flips:
                await scene.arrived(said)  # what is under way would be spoiled, and nobody could tell
            else:
                assert await send_in_hand(scene, sends)
            seen = await attack(scene)
            scene.assert_alive()
            await scene.online_again(seen)
            said += await scene.say([f"after {attack.__name__}"])
            await scene.arrived(said)
            scene.assert_alive()
        repeated = check_all(scene.gateway, said, allowed=len(attacks))
        figures(f"{len(said)} texts, {scene.proxy.flipped} bits flipped: 0 lost, {repeated} sends repeated")
