"""The disk under the state file fails for a while: the bot waits, loses nothing, and says so."""

from __future__ import annotations

import asyncio
import errno
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.chaos.disk import FaultyDisk, filled, held_by_another, no_room_for, small_disk
from tests.chaos.scene import Scene, check_all, leaves, standing, status_of
from tests.interop.bots import relaying
from tests.interop.gateway import GatewayError, RealGateway
from tests.together import figures

OUTAGE = 4.0  # seconds
TEXTS = 20
BROKEN, GOOD_AGAIN = "cannot be written", "can be written again after"


def count(scene: Scene, words: str) -> int:
    return sum(words in line for line in scene.bot.lines)


async def during_outage(scene: Scene, name: str, seconds: float) -> list[str]:
    """What is said while nothing can be written; the bot tells of it once and lives on."""
    said = await scene.say(f"{name}{number}" for number in range(TEXTS))
    await asyncio.sleep(seconds)
    scene.assert_alive()
    assert count(scene, BROKEN) == 1, scene.last_words()
    assert count(scene, GOOD_AGAIN) == 0
    return said


async def after_outage(scene: Scene, state_file: Path, said: list[str]) -> None:
    """All of it arrives, once and in order, and the outage is told of."""
    await scene.logged(GOOD_AGAIN, 15)
    said += await scene.say(["after"])
    await scene.arrived(said)
    check_all(scene.gateway, said)
    scene.assert_alive()
    assert count(scene, BROKEN) == count(scene, GOOD_AGAIN) == 1
    assert "could not be written" in await status_of(scene, state_file)
    figures(f"{len(said)} texts: 0 lost, 0 repeated, in order")


async def outage(scene: Scene, state_file: Path, disk: AbstractContextManager[None]) -> None:
    """Nothing can be written for some seconds, in the middle of a conversation."""
    said = await scene.say(["before"])
    await scene.arrived(said)
    with disk:
        said += await during_outage(scene, "m", OUTAGE)
    await after_outage(scene, state_file, said)


async def test_file_locked_by_another_process(tmp_path: Path) -> None:
    """20 texts that are said while another process holds the state file for 6 s arrive, once and in order."""
    state_file = tmp_path / "roomsync.db"
    async with standing(state_file) as scene:
        async with held_by_another(state_file):
            said = await during_outage(scene, "m", 6.0)
        await after_outage(scene, state_file, said)


async def test_no_room_for_the_process(tmp_path: Path) -> None:
    """20 texts that are said while every write fails (a limit of the process) arrive, once and in order."""
    state_file = tmp_path / "roomsync.db"
    async with standing(state_file) as scene:
        await outage(scene, state_file, no_room_for(scene.bot.process.pid))


async def test_disk_full(tmp_path: Path) -> None:
    """20 texts that are said while the disk is full arrive, once and in order."""
    with small_disk(tmp_path / "disk") as disk:
        state_file = disk / "roomsync.db"
        async with standing(state_file) as scene:
            await outage(scene, state_file, filled(disk))


async def test_disk_read_only(tmp_path: Path) -> None:
    """20 texts that are said while the disk is read-only arrive, once and in order."""
    # Not `mount -o remount,ro`: Linux refuses it while a file is open for writing. A file system that goes read-only
    # of itself, after an error, fails each write to open files with EROFS, and so does this.
    disk, state_file = FaultyDisk(tmp_path), tmp_path / "roomsync.db"
    async with standing(state_file, **disk.env) as scene:
        await outage(scene, state_file, disk.failing(errno.EROFS))


async def slowest_answer(gateway: RealGateway, seconds: float) -> float:
    """How long the bot's event loop takes at worst to answer a PING, asked again and again for that long."""
    slowest, end = 0.0, asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        try:
            slowest = max(slowest, await asyncio.wait_for(gateway.ping(), 20))
        except (GatewayError, TimeoutError) as error:
            pytest.fail(f"no answer to a PING: {error}")
        await asyncio.sleep(0.05)
    return slowest


async def test_slow_disk_does_not_stop_the_loop(tmp_path: Path) -> None:
    """While each sync takes 3 s the bot answers within 1 s, leaves in time at a SIGTERM, and loses nothing."""
    disk, state_file = FaultyDisk(tmp_path), tmp_path / "roomsync.db"
    async with standing(state_file, **disk.env) as scene:
        said = await scene.say(["before"])
        await scene.arrived(said)
        with disk.slow(3.0):
            said += await scene.say(f"m{number}" for number in range(3))
            slowest = await slowest_answer(scene.gateway, 4.0)
            scene.assert_alive()
            assert slowest < 1.0, f"the event loop stood still for {slowest:.1f} s"
            left = await leaves(scene.bot)
        async with relaying(scene.gateway, state_file):
            await scene.arrived(said)
        repeated = check_all(scene.gateway, said, allowed=1)
    figures(f"slowest answer {slowest:.2f} s; it left after {left:.1f} s; 0 lost, {repeated} sends repeated")
