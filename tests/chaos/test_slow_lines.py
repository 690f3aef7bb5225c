"""A line that is good but slow: everything takes longer, and nothing else changes."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from pathlib import Path

from tests.chaos.scene import OTHERS, check_all, standing
from tests.interop.gateway import Media
from tests.together import figures

TEXTS = 400
PICTURE = Media("small.png", bytes(range(256)) * 8)


async def test_four_hundred_texts_over_a_long_way(tmp_path: Path) -> None:
    """400 texts at once from two rooms, with answers that take 0.6 s and more, arrive in the order of their room."""
    chance = random.Random(7)
    async with standing(tmp_path / "s.db") as scene:
        scene.proxy.latency = 0.3
        said: dict[str, list[str]] = {"@101": [], "@102": []}
        since = time.monotonic()
        async with asyncio.TaskGroup() as tasks:  # at once, not one after the other's answer
            for number in range(TEXTS):
                room = ("@101", "@102")[number % 2]
                said[room].append(text := f"{room[1:]}-{number}")
                delay = chance.randint(0, 300)  # so that payloads answer out of order
                tasks.create_task(scene.gateway.say(talker="alice", room=room, text=text, delay_payload_ms=delay))
        await scene.arrived(said["@101"], ["@102", "@103"], 60)
        await scene.arrived(said["@102"], ["@101", "@103"], 60)
        took = time.monotonic() - since
        check_all(scene.gateway, said["@101"], ["@102", "@103"])
        check_all(scene.gateway, said["@102"], ["@101", "@103"])
        scene.assert_alive()
        sends = len(scene.gateway.sent)
    figures(f"{TEXTS} texts at 0.6 s an answer: all in order after {took:.1f} s, with {sends} sends")


async def test_narrow_line_with_a_picture(tmp_path: Path) -> None:
    """A picture and the texts around it arrive in order over a line that carries 2 kB/s for some seconds."""
    async with standing(tmp_path / "s.db") as scene:
        scene.proxy.throttle = 2000
        said = await scene.say(["before"])
        await scene.gateway.say(talker="alice", room="@101", kind="image", file=PICTURE)
        said += await scene.say(["after"])
        await asyncio.sleep(4)
        scene.assert_alive()
        early = len(scene.gateway.sent)
        scene.proxy.throttle = 0
        await scene.arrived(said)
        check_all(scene.gateway, said)
        digest = hashlib.sha256(PICTURE.content).hexdigest()
        for room in OTHERS:
            kinds = [
                sent.kind if sent.kind == "file" else sent.text for sent in scene.gateway.sent if sent.room == room
            ]
            (picture,) = [sent for sent in scene.gateway.sent if sent.room == room and sent.kind == "file"]
            assert picture.data["sha256"] == digest
            assert "before" in "".join(kinds[: kinds.index("file")])
            assert "after" in "".join(kinds[kinds.index("file") + 1 :])
        scene.assert_alive()
    figures(f"{early} of {len(scene.gateway.sent)} sends at 2 kB/s: 0 lost, in order")
