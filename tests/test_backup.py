"""`python bot.py --backup copy.db`: one whole file, taken from a bot at work, which holds it up in nothing."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roomsync.errors import StateFileDamaged, StateFileError
from roomsync.model import Kind, Part, State
from roomsync.store.backup import STEP_PAGES, back_up
from roomsync.store.schema import MIGRATIONS
from tests.boxes import Box
from tests.conftest import running, until
from tests.processes import LEAVE, copy_bot, output, run, start, write_env
from tests.scripted import ScriptedGateway
from tests.test_statefile import old_file

FILES = ("", "-wal", "-shm", "-journal", "-lock")


@pytest.fixture
def box(state_file: Path) -> Iterator[Box]:
    """An outbox of a bot that runs, with a message in it."""
    found = Box(state_file)
    found.say("hello")
    yield found
    found.state.close()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies" / "copy.db"


def messages(path: Path) -> set[str]:
    """The ids of the messages in a copy, which is found whole."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {message_id for (message_id,) in db.execute("SELECT gateway_id FROM messages")}


async def test_a_copy_of_a_bot_at_work_has_all_that_was_accepted(
    tmp_path: Path, gateway: ScriptedGateway, copy: Path
) -> None:
    """Taken while the bot relays without a break, it has all of before; a bot starts with it, and repeats nothing."""
    folder = copy_bot(tmp_path)
    write_env(folder, gateway)
    process = await start(folder)
    said = 0

    async def talk() -> None:
        nonlocal said
        while True:
            said += 1
            gateway.say("r101", "alice", f"line {said}", id=f"m{said}")
            await asyncio.sleep(0.005)

    try:
        await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4, limit=30)
        talking = asyncio.create_task(talk())
        await gateway.until(lambda: any("line 50" in one.body for one in gateway.sent), limit=30)
        before = said - 50
        heard = [number for number in range(1, said) if any(f"line {number}" in one.body for one in gateway.sent)]
        done = await asyncio.to_thread(run, folder, "--backup", str(copy))
        assert done.returncode == 0 and "is copied to" in done.stdout, done
        talking.cancel()
        assert {f"m{number}" for number in heard} <= messages(copy) and before > 0
        assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]
        assert os.name == "nt" or copy.stat().st_mode & 0o777 == 0o600
        await until(lambda: any(f"line {said}" in one.body for one in gateway.sent), limit=30)
        process.send_signal(LEAVE[-1])
        await output(process)
    finally:
        if process.returncode is None:
            process.kill()
    restored = tmp_path / "restored.db"
    shutil.copy(copy, restored)
    known = messages(copy)
    async with running(gateway, restored) as bot:
        # What the bot had heard, but not accepted, when the copy was taken is relayed; then nothing is left of it.
        await until(
            lambda: not (bot.incoming.unfinished() or {State.WAITING, State.SENDING} & set(bot.outbox.counts()))
        )
        sent = len(gateway.sent)
        gateway.say("r101", "alice", "once more", id=sorted(known)[0])
        gateway.say("r101", "alice", "after all")
        await gateway.until(lambda: len(gateway.sent) >= sent + 2)
        assert {one.body for one in gateway.sent[sent:]} == {"[Alice@101]:  after all"}


def test_a_copy_ends_however_much_is_written(box: Box, copy: Path) -> None:
    """With a write between any two steps it ends after as many as the file has, and is the file of its beginning."""
    for _ in range(8):
        box.say(Part(Kind.IMAGE, "x" * 500_000))
    steps = 0

    def write(seconds: float) -> None:
        nonlocal steps
        steps += 1
        assert steps < 50
        box.say("more")

    pages = box.path.stat().st_size // 4096 + 1200  # at the most: some are in the log
    back_up(box.path, copy, sleep=write)
    assert 1 < steps <= pages // STEP_PAGES + 1
    assert messages(copy) == {f"m{number}" for number in range(1, 10)}


def test_nothing_is_overwritten(box: Box, copy: Path) -> None:
    """Where a file is, or a link to none, it stays as it is, and no copy is made."""
    copy.write_text("mine")
    link = copy.with_name("link.db")
    if os.name != "nt":
        link.symlink_to(copy.with_name("nowhere.db"))
    for path in (copy, *([link] if os.name != "nt" else [])):
        with pytest.raises(StateFileError, match="is there already"):
            back_up(box.path, path)
    assert copy.read_text() == "mine" and not copy.with_name("nowhere.db").exists()


def test_what_came_meanwhile_is_not_overwritten(box: Box, copy: Path) -> None:
    """A file that gets the name while the copy is made stays, and nothing of the copy lies about."""

    def write(seconds: float) -> None:
        copy.write_text("mine")

    with pytest.raises(StateFileError, match="there already"):
        back_up(box.path, copy, sleep=write)
    assert [path.read_text() for path in copy.parent.iterdir()] == ["mine"]


@pytest.mark.parametrize("end", FILES)
def test_the_state_file_is_no_copy_of_itself(box: Box, end: str) -> None:
    """Neither the state file nor a name that SQLite uses beside it is taken for a copy, whatever is there."""
    with pytest.raises(StateFileError, match="belongs to the state file itself"):
        back_up(box.path, box.path.parent / "." / (box.path.name + end))


def test_a_copy_in_no_folder_is_refused(box: Box, tmp_path: Path) -> None:
    """Where the folder does not exist, that is said."""
    with pytest.raises(StateFileError, match=r"No such file|cannot find the path"):
        back_up(box.path, tmp_path / "missing" / "copy.db")


def test_a_copy_that_is_given_up_leaves_nothing_behind(box: Box, copy: Path) -> None:
    """After Ctrl-C there is neither the copy nor a part of it."""

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(box.path, copy, sleep=interrupt)
    assert list(copy.parent.iterdir()) == []


def test_a_damaged_file_is_not_copied(box: Box, copy: Path) -> None:
    """Of a file that is damaged, or empty, there is no copy that looks whole."""
    box.say(Part(Kind.IMAGE, "x" * 50_000))
    box.state.close()
    content = bytearray(box.path.read_bytes())
    content[4096 * 2 : 4096 * 12] = b"\xff" * 4096 * 10
    box.path.write_bytes(content)
    with pytest.raises(StateFileDamaged, match="damaged"):
        back_up(box.path, copy)
    box.path.write_bytes(b"")
    with pytest.raises(StateFileError, match="is empty"):
        back_up(box.path, copy)
    assert list(copy.parent.iterdir()) == []


def test_a_file_of_an_older_version_is_copied(state_file: Path, copy: Path) -> None:
    """Before an upgrade the file of the old version is copied as it is; one that is not there cannot be."""
    with pytest.raises(StateFileError, match="nothing can be copied"):
        back_up(state_file, copy)
    old_file(state_file, len(MIGRATIONS) - 1)
    back_up(state_file, copy)
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) - 1,)


def test_a_full_disk_is_told_with_the_name_of_the_copy(box: Box, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk of the copy is full, its name is told, and not that the state file cannot be used."""
    connect = sqlite3.connect

    def small(path: object, **more: object) -> sqlite3.Connection:
        db = connect(path, **more)  # type: ignore[call-overload]
        db.execute("PRAGMA max_page_count = 3")
        return db  # type: ignore[no-any-return]

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(StateFileError, match=r"copy.db cannot be written: .*full"):
        back_up(box.path, copy)
