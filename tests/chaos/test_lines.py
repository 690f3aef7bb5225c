"""The line to the gateway breaks: nothing that the gateway was asked for is lost, and the bot comes back by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos.proxy import Way
from tests.chaos.scene import OTHERS, Scene, at_proxy, check_all, standing, until
from tests.interop.gateway import RealGateway

BREAKS = 4
AWAY = 8.0  # seconds
RESETS = 16
DISTURBED = 3.0  # seconds


async def test_line_breaks_while_payloads_are_asked_for(tmp_path: Path) -> None:
    """Six texts over whose payloads the line breaks four times, and then is away for 8 s, arrive, none given up."""
    async with standing(tmp_path / "s.db") as scene:
        gateway, proxy = scene.gateway, scene.proxy
        proxy.latency = 0.1  # so that the payloads are still on their way when the line breaks
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
    print(f"{BREAKS} breaks over 6 payloads, {proxy.refused} attempts refused in {AWAY:.0f} s: 0 lost, 0 repeated")


async def send_in_hand(scene: Scene, sends: int) -> bool:
    """Wait until the gateway has more than that many calls to send, and one is not answered; whether it came to it."""
    try:
        await scene.gateway.wait(lambda: scene.gateway.call_count("messageSendText") > sends, 5)
    except TimeoutError:
        return False
    await asyncio.sleep(0.1)
    return True


async def test_resets_in_the_middle_of_sends(tmp_path: Path) -> None:
    """After 16 resets, each in the middle of a send, all is served within 10 s, at most one send a reset repeated."""
    async with standing(tmp_path / "s.db") as scene:
        gateway = scene.gateway
        await gateway.rule("delay", delay_ms=300)
        said = {room: await scene.say([f"{room}-{n}" for n in range(3)], room) for room in ("@101", "@102", "@103")}
        hits = 0
        for _ in range(RESETS):
            hits += await send_in_hand(scene, gateway.call_count("messageSendText"))
            seen = scene.logins
            scene.proxy.reset()
            await scene.online_again(seen)
        scene.assert_alive()
        try:
            for source, texts in said.items():
                await scene.arrived(texts, [room for room in said if room != source], 10)
        finally:
            print(f"{RESETS} resets, {hits} in the middle of a send")
        repeated = sum(
            check_all(gateway, texts, [room for room in said if room != source]) for source, texts in said.items()
        )
        print(f"0 lost, {repeated} sends repeated")


@pytest.mark.parametrize("kind", ["hole", "half up", "half down", "flips"])
async def test_line_is_disturbed(tmp_path: Path, kind: str) -> None:
    """After some seconds of that the bot relays what is said, and what was said before is neither lost nor moved."""


async def test_half_closed_by_the_gateway() -> None: ...
