"""Somebody takes the state file away while the bot runs: what waits is kept, and what is not ours is not touched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.chaos.scene import Scene, check, leaves, standing, until
from tests.interop.bots import relaying
from tests.together import figures

NOTICED = 12.0  # seconds


async def with_a_room_that_waits(scene: Scene) -> list[str]:
    """Room 103 refuses all for now, and so three texts wait for it."""
    await scene.gateway.rule("refuse", room="@103", error="not now")
    said = await scene.say(["one", "two", "three"])
    await scene.arrived(said, ["@102"])
    await scene.gateway.wait(lambda: scene.gateway.refused)
    return said


def waiting_in(path: Path) -> list[int]:
    """The open deliveries of a state file."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        return [number for (number,) in db.execute("SELECT id FROM deliveries WHERE state = 'waiting'")]


def saved(folder: Path) -> list[Path]:
    """The copies that the bot made of a state file which is gone; not SQLite's own files beside them."""
    return [path for path in folder.glob("roomsync.db.saved-*") if not path.name.endswith(("-wal", "-shm", "-lock"))]


async def test_state_file_deleted(tmp_path: Path) -> None:
    """A deleted state file is told of within 12 s, and all that waited is delivered by the next process on it."""
    state_file = tmp_path / "roomsync.db"
    async with standing(state_file) as scene:
        said = await with_a_room_that_waits(scene)
        for path in tmp_path.glob("roomsync.db*"):
            path.unlink()
        await scene.logged("is gone", NOTICED)
        said += await scene.say(["after"])
        await scene.arrived(said, ["@102"])
        scene.assert_alive()
        took = await leaves(scene.bot)
        await scene.gateway.clear_rules()
        async with relaying(scene.gateway, state_file):
            await scene.arrived(said)
        for room in ("@102", "@103"):
            check(scene.gateway, said, room)
    figures(f"{len(said)} texts, it left after {took:.1f} s: 0 lost, 0 repeated")


async def test_state_file_replaced(tmp_path: Path) -> None:
    """Another program's file in the place of the state file stays as it is; the open deliveries are saved beside it."""
    state_file, other = tmp_path / "roomsync.db", tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("CREATE TABLE notes (text)")
        db.execute("INSERT INTO notes VALUES ('not yours')")
    before = other.read_bytes()
    async with standing(state_file) as scene:
        await with_a_room_that_waits(scene)
        waiting = waiting_in(state_file)
        assert len(waiting) == 3
        other.replace(state_file)
        await scene.logged("was replaced", NOTICED)
        await until(lambda: saved(tmp_path), 5, "a saved copy of the state file")
        if scene.alive:  # it may go on, or leave: the file is not ours any more
            await leaves(scene.bot)
        assert state_file.read_bytes() == before
        (copy,) = saved(tmp_path)
        assert waiting_in(copy) == waiting
    figures(
        f"the other file's {len(before)} bytes are as they were; {len(waiting)} open deliveries in {copy.name[:18]}"
    )
