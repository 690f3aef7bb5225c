"""The state file: ours alone, private, safe on disk, and never mistaken for something else's."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roomsync.delivery.outbox import Outbox
from roomsync.errors import StateFileBusy, StateFileDamaged, StateFileError
from roomsync.model import Kind, Message, Part
from roomsync.store import StateFile, is_held, opening, read_only, set_aside
from roomsync.store.schema import MIGRATIONS
from tests.conftest import until

HOLDER = """
import sys, time
from pathlib import Path
from roomsync.store import StateFile
state = StateFile(Path(sys.argv[1]))
with state.transaction() as db:
    db.execute("INSERT INTO rooms (gateway_id) VALUES ('half')")
    print("held", flush=True)
    time.sleep(60)
"""
# State files of older versions, written by the code of their time (make.py beside them).
OLD_FILES = Path(__file__).parent / "state_files"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another has is refused at once."""
    monkeypatch.setattr("roomsync.store.opening.LOCK_TIMEOUT", 0.01)


@pytest.fixture
def state(state_file: Path) -> Iterator[StateFile]:
    found = StateFile(state_file)
    yield found
    found.close()


def pragma(state: StateFile, name: str) -> object:
    with state.connection() as db:
        return db.execute(f"PRAGMA {name}").fetchone()[0]


def run_sql(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)


def old_file(path: Path, version: int) -> None:
    """Make the state file that a bot of that version left when it was killed."""
    run_sql(path, (OLD_FILES / f"version_{version}.sql").read_text(encoding="utf-8"))


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_its_owner_can_read_it(state: StateFile) -> None:
    """The file, its log and its index have mode 600: chats are private."""
    with state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('a')")
    names = [state.path.name + end for end in ("", "-wal", "-shm")]
    assert {name: (state.path.parent / name).stat().st_mode & 0o777 for name in names} == dict.fromkeys(names, 0o600)


def test_a_commit_is_on_the_disk(state: StateFile) -> None:
    """The file is written ahead in a log, and every commit waits for the disk (WAL, synchronous FULL = 2)."""
    assert (pragma(state, "journal_mode"), pragma(state, "synchronous")) == ("wal", 2)


def test_pages_that_are_free_can_be_given_back(state: StateFile) -> None:
    """The file is made to be able to shrink (auto_vacuum INCREMENTAL = 2)."""
    assert pragma(state, "auto_vacuum") == 2


def test_a_block_that_fails_writes_nothing(state: StateFile) -> None:
    """When a transaction's block raises, nothing of it is kept, and the next transaction works."""
    with pytest.raises(ValueError, match="no"), state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('a')")
        raise ValueError("no")
    with state.transaction() as db:
        assert db.execute("SELECT * FROM rooms").fetchall() == []


@pytest.mark.parametrize(
    "content", ["CREATE TABLE songs (name)", "PRAGMA user_version = 3", "PRAGMA user_version = 99"]
)
def test_a_database_of_something_else_is_left_as_it_is(state_file: Path, content: str) -> None:
    """Another program's database is refused, and not a byte of it changes."""
    run_sql(state_file, content)
    before = state_file.read_bytes()
    with pytest.raises(StateFileError, match=r"something else; it was left as it is"):
        StateFile(state_file)
    assert state_file.read_bytes() == before


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\xff" * 4096 * 4
    path.write_bytes(content)


def overwrite(path: Path) -> None:
    path.write_bytes(b"Dear diary,\n" * 1000)


@pytest.mark.parametrize(
    ("damage", "words"), [(cut, r"it was cut, and has \d+ of \d+"), (scribble, "pages"), (overwrite, "not a database")]
)
def test_damage_is_told_apart(state_file: Path, damage: Callable[[Path], None], words: str) -> None:
    """A file that was cut, one with wrong pages, and one that is no database: each is said, with what to do."""
    StateFile(state_file).close()
    damage(state_file)
    before = state_file.read_bytes()
    with pytest.raises(StateFileDamaged, match=f"{words}.*--set-aside"):
        StateFile(state_file)
    assert state_file.read_bytes() == before


def test_a_damaged_file_is_set_aside_when_asked(state_file: Path) -> None:
    """It is moved under another name with all its bytes, and a new one can be made; not while a bot uses it."""
    with closing(StateFile(state_file)), pytest.raises(StateFileBusy):
        set_aside(state_file)
    overwrite(state_file)
    before = state_file.read_bytes()
    aside = set_aside(state_file)
    assert aside.read_bytes() == before and aside.name.startswith("roomsync.db.aside-")
    StateFile(state_file).close()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_modes_that_are_too_wide_are_mended(state_file: Path) -> None:
    """A file that others could read, and those beside it, are readable by their owner alone after a start."""
    StateFile(state_file).close()
    names = [state_file.with_name(state_file.name + end) for end in ("", "-lock")]
    for name in names:
        name.chmod(0o644)
    with closing(StateFile(state_file)) as state:
        with state.transaction() as db:
            db.execute("INSERT INTO rooms (gateway_id) VALUES ('a')")
        found = {name.stat().st_mode & 0o777 for name in state_file.parent.glob("roomsync.db*")}
    assert found == {0o600}


async def test_work_waits_until_the_file_is_free(state: StateFile, caplog: pytest.LogCaptureFixture) -> None:
    """While another program has the file locked, work waits and the loop goes on; then it is done, in its order."""
    done: list[str] = []

    def work(name: str) -> None:
        with state.transaction() as db:
            db.execute("INSERT INTO rooms (gateway_id) VALUES (?)", (name,))
        done.append(name)

    with closing(sqlite3.connect(state.path, isolation_level=None)) as other:
        state._opened().execute("PRAGMA busy_timeout = 1")
        other.execute("BEGIN IMMEDIATE")
        tasks = [asyncio.create_task(state.run(work, name)) for name in ("a", "b")]
        await until(lambda: state.outages.is_on)
        assert not done and [record.levelname for record in caplog.records] == ["ERROR"]
        assert "cannot be written" in caplog.text and "another program has locked it" in caplog.text
        other.execute("ROLLBACK")
    await asyncio.gather(*tasks)
    assert done == ["a", "b"] and "can be written again after" in caplog.text
    assert state.outages.last > 0


async def test_a_fault_of_the_work_is_not_the_disks(state: StateFile) -> None:
    """Work that breaks a rule of the database fails for who asked for it, once; what comes after it is done."""

    def wrong() -> None:
        with state.transaction() as db:
            db.execute("INSERT INTO rooms (gateway_id) VALUES (NULL)")

    with pytest.raises(sqlite3.IntegrityError):
        await asyncio.wait_for(state.run(wrong), 5)
    assert await state.run(lambda: held(state)) == []
    assert not state.outages.is_on


def held(state: StateFile) -> list[str]:
    with state.connection() as db:
        return [room_id for (room_id,) in db.execute("SELECT gateway_id FROM rooms")]


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody remove an open file")
def test_a_file_that_is_removed_is_there_again(state: StateFile) -> None:
    """When all files of an open state file are removed, it is written again with all that was in it, and is held."""
    with state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('a')")
    assert state.rescue("now") == ""
    for file in state.path.parent.glob("roomsync.db*"):
        file.unlink()
    assert "is gone" in state.rescue("now")
    assert state.rescue("later") == ""
    with state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('b')")
    with pytest.raises(StateFileBusy):
        StateFile(state.path)
    state.close()
    with closing(StateFile(state.path)) as again:
        assert held(again) == ["a", "b"]
    assert not list(state.path.parent.glob("*.saved-*"))


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody remove an open file")
def test_a_file_that_cannot_be_saved_is_used_as_it_is(state: StateFile) -> None:
    """When nothing can be written beside a file that was removed, that is said; the bot goes on with what is open."""
    saved = state.path.with_name("roomsync.db.saved-now")
    saved.mkdir()
    for file in state.path.parent.glob("roomsync.db*"):
        if file.is_file():
            file.unlink()
    assert "cannot be mended now" in state.rescue("now")
    with state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('a')")
    assert "is there again" in state.rescue("later")
    assert held(state) == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody remove an open file")
def test_a_log_that_is_removed_is_saved(state: StateFile, tmp_path: Path) -> None:
    """When the `-wal` alone is removed, what was in it is in the file, and what comes after is safe from a kill."""
    with state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('a')")
    state.path.with_name("roomsync.db-wal").unlink()
    assert "what was in it is saved" in state.rescue("now")
    assert state.rescue("later") == ""
    with state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('b')")
    for end in ("", "-wal"):
        shutil.copy(state.path.with_name(f"roomsync.db{end}"), tmp_path / f"killed{end}")
    with closing(StateFile(tmp_path / "killed")) as after:
        assert held(after) == ["a", "b"]


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody remove an open file")
def test_a_log_that_cannot_be_saved_yet_is_not_let_go(state: StateFile) -> None:
    """While another program reads the file, a log that was removed stays open; after it, all that it held is saved."""
    with closing(sqlite3.connect(state.path)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM rooms").fetchall()
        with state.transaction() as db:
            db.execute("INSERT INTO rooms (gateway_id) VALUES ('a')")
        state._opened().execute("PRAGMA busy_timeout = 1")
        state.path.with_name("roomsync.db-wal").unlink()
        assert "cannot be mended now" in state.rescue("now")
        assert held(state) == ["a"]
    assert "what was in it is saved" in state.rescue("later")
    assert held(state) == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody remove an open file")
def test_a_lock_that_is_removed_is_held_again(state: StateFile) -> None:
    """When the `-lock` alone is removed, it is made and held again, so that a second bot is kept off."""
    state.path.with_name("roomsync.db-lock").unlink()
    assert "it is there again" in state.rescue("now")
    assert state.rescue("later") == ""
    assert is_held(state.path)


@pytest.mark.skipif(os.name != "posix", reason="symbolic links are POSIX's")
def test_two_names_of_one_file_have_one_lock(state: StateFile) -> None:
    """A bot that reaches the file by a link is kept off, too."""
    link = state.path.with_name("link.db")
    link.symlink_to(state.path)
    with pytest.raises(StateFileBusy):
        StateFile(link)


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody remove an open file")
def test_a_file_that_is_replaced_is_saved_beside_the_other(state: StateFile, tmp_path: Path) -> None:
    """What is open goes to a new file and on in it; the other file is left as it is, and our log does not reach it."""
    with closing(StateFile(tmp_path / "other.db")) as other, other.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('theirs')")
    with state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('ours')")
    path = state.path
    (tmp_path / "other.db").rename(path)
    before = path.read_bytes()
    assert "was replaced by another file" in state.rescue("now")
    saved = path.with_name("roomsync.db.saved-now")
    assert state.path == saved and held(state) == ["ours"]
    assert path.read_bytes() == before and saved.stat().st_mode & 0o777 == 0o600
    state.close()
    with closing(StateFile(path)) as theirs:
        assert held(theirs) == ["theirs"]


@pytest.mark.parametrize("content", [b"Dear diary,\n" * 100, b"SQLite format 3\0" + b"\xff" * 4096, b"short"])
def test_a_file_that_is_no_database_is_left_as_it_is(state_file: Path, content: bytes) -> None:
    """A file that is no database is refused in one sentence that names it, and not a byte of it changes."""
    state_file.write_bytes(content)
    with pytest.raises(StateFileError, match=rf"\A.*{state_file.name} cannot be used: [^\n]+\.\Z"):
        StateFile(state_file)
    assert state_file.read_bytes() == content


def test_a_newer_version_is_left_as_it_is(state_file: Path) -> None:
    """A file that a newer bot wrote is refused, and not a byte of it changes."""
    StateFile(state_file).close()
    run_sql(state_file, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = state_file.read_bytes()
    with pytest.raises(StateFileError, match="newer version"):
        StateFile(state_file)
    assert state_file.read_bytes() == before


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_migrated_file_has_the_tables_of_a_new_one(tmp_path: Path, version: int) -> None:
    """A file of an older version brought up to date has the same tables and indexes as a new one."""
    old_file(tmp_path / "old", version)
    found = []
    for name in ("old", "new"):
        StateFile(tmp_path / name).close()
        with read_only(tmp_path / name) as db:
            tables = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
            # Versions of the past were written with other blanks.
            found.append([(name, " ".join(sql.split())) for name, sql in db.execute(tables)])
    assert found[0] == found[1]


def killed_while_writing(path: Path) -> None:
    """A database as a process leaves it that dies in a transaction, with the journal that undoes it, at `path`."""
    made = path.with_name("made")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA cache_size = 1")  # so that pages are written before the end
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE half_made (a)")
        db.executemany("INSERT INTO half_made VALUES (?)", [("a" * 1000,)] * 100)
        for end in ("", "-journal"):
            shutil.copy(f"{path}{end}", f"{made}{end}")
    for end in ("", "-journal"):
        shutil.move(f"{made}{end}", f"{path}{end}")


def test_what_is_set_aside_takes_its_journal_along(state_file: Path) -> None:
    """The journal of a half-made file goes with it: it would be taken for that of the next file."""
    StateFile(state_file).close()
    killed_while_writing(state_file)
    aside = set_aside(state_file)
    assert aside.with_name(f"{aside.name}-journal").exists()
    assert not state_file.with_name(f"{state_file.name}-journal").exists()


def test_a_kill_in_the_first_moment_costs_nothing(state_file: Path) -> None:
    """A state file over whose making a process died, so that something in it has to be undone first, is opened."""
    StateFile(state_file).close()
    killed_while_writing(state_file)
    with closing(StateFile(state_file)) as state, state.connection() as db:
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half_made'").fetchone() == (0,)


def test_a_database_that_another_process_died_over_is_left_alone(state_file: Path) -> None:
    """Another program's database is refused in the same state, and nothing in it is undone."""
    with closing(sqlite3.connect(state_file)) as db:
        db.execute("CREATE TABLE theirs (a)")
    killed_while_writing(state_file)
    files = [state_file, state_file.with_name(f"{state_file.name}-journal")]
    before = [file.read_bytes() for file in files]
    with pytest.raises(StateFileError, match="is a database of something else"):
        StateFile(state_file)
    assert [file.read_bytes() for file in files] == before


def test_few_indexes_change_with_each_send(state: StateFile) -> None:
    """Every index costs each message and each send: what waits is in these two alone, of sends what is looked up is."""
    with state.connection() as db:
        found = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
    assert {name for name, sql in found.items() if " ON sends " in sql} == {"sends_room", "sends_sent_id"}
    waiting = {name for name, sql in found.items() if "state = 'waiting'" in sql}
    assert waiting == {"deliveries_by_source", "deliveries_out_of_turn"}


def test_a_migration_that_fails_changes_nothing(state_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a migration breaks off, the file is still of the version before it, all its rows in place."""
    old_file(state_file, 1)
    monkeypatch.setattr(opening, "MIGRATIONS", (MIGRATIONS[0], "DELETE FROM deliveries; CREATE TABLE parts (a);"))
    with pytest.raises(StateFileError):
        StateFile(state_file)
    with closing(sqlite3.connect(state_file)) as db:
        found = db.execute("SELECT count(*), (SELECT user_version FROM pragma_user_version) FROM deliveries").fetchone()
    assert found == (10, 1)


def test_a_second_bot_is_kept_off(state: StateFile) -> None:
    """Whoever opens the file while a bot has it is told to stop that one first."""
    with pytest.raises(StateFileBusy, match=r"in use by another bot; stop that one first\."):
        opening.hold_lock(state.path, timeout=0)
    assert is_held(state.path)
    state.close()
    assert not is_held(state.path)
    StateFile(state.path).close()


def test_a_killed_bot_holds_nothing(state_file: Path) -> None:
    """After SIGKILL in the middle of a transaction the file is free at once, and has nothing of the half of it."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(state_file)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        assert is_held(state_file)
    finally:
        holder.kill()
        holder.communicate()
    with closing(StateFile(state_file)) as state, state.connection() as db:
        assert db.execute("SELECT * FROM rooms").fetchall() == []


def test_a_refused_file_is_not_held(state_file: Path) -> None:
    """A file that could not be opened is not locked afterwards by the process that tried."""
    run_sql(state_file, "CREATE TABLE songs (name)")
    with pytest.raises(StateFileError):
        StateFile(state_file)
    assert not is_held(state_file)


@pytest.mark.parametrize("name", ["missing/roomsync.db", "."])
def test_a_place_for_no_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    """A folder that is missing, or that stands in the file's place, is explained in one sentence."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(StateFileError, match=r"\AThe state file [^\n]* cannot be used: [^\n]+\.\Z"):
        StateFile((tmp_path / "folder" / name).absolute())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A folder without the right to write is explained in one sentence that names the file."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StateFileError, match=r"\AThe state file [^\n]*roomsync\.db cannot be used: [^\n]+\.\Z"):
            StateFile(tmp_path / "roomsync.db")
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_takes_no_message(state: StateFile) -> None:
    """When the disk is full, a message is refused in one sentence and nothing of it is kept; later ones are taken."""
    outbox = Outbox(state, 2000)
    with state.connection() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    message, room_ids = Message("m1", "r101", "alice", "Alice", Kind.TEXT), ["r102"]
    with pytest.raises(StateFileError, match=r"\AThe state file [^\n]* cannot be used: [^\n]*full[^\n]*\.\Z"):
        outbox.accept(message, [Part(Kind.TEXT, "x" * 100_000)], room_ids, 1000.0)
    with state.connection() as db:
        db.execute("PRAGMA max_page_count = 100000").fetchall()
    assert outbox.counts() == {}
    assert outbox.accept(message, [Part(Kind.TEXT, "x")], room_ids, 1000.0)


def test_one_who_only_looks_sees_what_a_bot_wrote(state: StateFile) -> None:
    """`read_only` works beside the bot that writes, shows what it has committed, and writes nothing itself."""
    with state.transaction() as db:
        db.execute("INSERT INTO rooms (gateway_id) VALUES ('a')")
    with state.transaction() as writer, read_only(state.path) as db:
        writer.execute("INSERT INTO rooms (gateway_id) VALUES ('c')")
        assert db.execute("SELECT gateway_id FROM rooms").fetchall() == [("a",)]
    with pytest.raises(StateFileError, match="readonly"), read_only(state.path) as db:
        db.execute("DELETE FROM rooms")


def test_looking_at_no_file_makes_none(state_file: Path) -> None:
    """`read_only` says that there is no file, and does not make one."""
    with pytest.raises(StateFileError, match="There is no state file"), read_only(state_file):
        pass
    assert not state_file.exists()


def test_looking_at_an_older_version_says_what_to_do(state_file: Path) -> None:
    """`read_only` does not read a file of an older bot, and says that this one brings it up to date."""
    old_file(state_file, 4)
    with pytest.raises(StateFileError, match="start this one once"), read_only(state_file):
        pass
