"""The clock of the machine is set while the bot runs: what was due stays due, and nothing becomes too old by it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.chaos.clock import DAY, Clock
from tests.chaos.scene import OTHERS, check_all, standing
from tests.together import figures

LIMIT = 12.0  # seconds after the step in which a retry that is due in 5 s has to be made


@pytest.mark.parametrize("step", [-DAY, DAY], ids=["back", "forward"])
async def test_retry_is_due_while_the_clock_is_set(tmp_path: Path, step: float) -> None:
    """A text that was refused once is delivered within 12 s after the clock was set by a day, once."""
    clock = Clock(tmp_path)
    async with standing(tmp_path / "s.db", **clock.env) as scene:
        await scene.gateway.rule("refuse", room="@102", times=1)
        said = await scene.say(["once"])
        await scene.logged("is tried again in 5 s", 5)  # noted, by the clock of before the step
        clock.step(step)
        since = time.monotonic()
        await scene.arrived(said, limit=LIMIT)
        took = time.monotonic() - since
        said += await scene.say(["next"])
        await scene.arrived(said, limit=LIMIT)
        check_all(scene.gateway, said)
        scene.assert_alive()
    figures(f"a step of {step:+.0f} s: tried again after {took:.1f} s, once; 0 lost")


async def test_nothing_expires_by_a_step_while_the_line_is_down(tmp_path: Path) -> None:
    """What waits for a line that is down is delivered when it is back, though the clock was set forward by a day."""
    clock = Clock(tmp_path)
    async with standing(tmp_path / "s.db", **clock.env) as scene:
        await scene.gateway.rule("refuse", times=len(OTHERS))
        said = await scene.say(["waits"])
        await scene.logged("is tried again in 5 s", 5, len(OTHERS))
        seen = scene.logins
        scene.proxy.refuse = True
        scene.proxy.reset()
        await scene.logged("No connection", 10)
        clock.step(DAY + 3600)
        await asyncio.sleep(2)
        scene.proxy.refuse = False
        await scene.online_again(seen)
        said += await scene.say(["after"])
        await scene.arrived(said)
        check_all(scene.gateway, said)
        scene.assert_alive()
        assert not [line for line in scene.bot.lines if "RELAY_TTL_HOURS" in line]
    figures(f"{len(said)} texts over a step of a day: 0 lost, 0 expired, 0 repeated")
