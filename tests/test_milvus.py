"""The samples in Milvus: with Milvus Lite, for real. Without pymilvus it is skipped; with NEEDS_MILVUS set it fails."""

import asyncio
import importlib.util
import itertools
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roomsync.errors import LookupFailed
from roomsync.moderation import milvus, pymilvus_client
from roomsync.moderation.grams import grams, units
from roomsync.moderation.hashed import vector
from roomsync.moderation.likeness import MIN_CANDIDATE, Known, most_alike
from roomsync.moderation.local_index import LocalIndex
from roomsync.moderation.milvus import MilvusIndex
from roomsync.moderation.sample_base import COLLECTION
from tests.moderated import moderated
from tests.scripted import ScriptedGateway

IS_MISSING = importlib.util.find_spec("pymilvus") is None and not os.environ.get("NEEDS_MILVUS")
with_milvus = pytest.mark.skipif(IS_MISSING, reason="pymilvus is not installed")

ROOT = Path(__file__).parent.parent
DATA = json.loads((Path(__file__).parent / "adverts.json").read_text(encoding="utf-8"))
ADVERTS: list[str] = [one["text"] for one in DATA["adverts"]]
BASES: list[str] = [one["text"] for one in DATA["adverts"] if one["kind"] == "base"]
MESSAGES: list[str] = [one["text"] for one in DATA["ordinary"]]
CHAT = "大家下午好，今天天气不错，昨天说的那个索引问题解决了没有？我这边升级以后就好了。"
PATIENCE = 20.0  # seconds that a test waits for a thread before it fails

Make = Callable[..., MilvusIndex]


@pytest.fixture(autouse=True)
def no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no failure: a look-up may take its time."""
    monkeypatch.setattr(milvus, "LOOKUP_TIMEOUT", PATIENCE)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make indexes, by default of one folder, that try again at once; they are closed at the end."""
    made: list[MilvusIndex] = []

    def new(uri: str = str(tmp_path / "ads.db"), token: str = "") -> MilvusIndex:
        made.append(MilvusIndex(uri, token, delays=lambda: itertools.repeat(0.01)))
        return made[-1]

    yield new
    for one in made:
        one.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; the thread of Milvus tells nobody."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


async def synced(index: MilvusIndex, samples: dict[int, str], owner: str = "me") -> None:
    """Have these samples in Milvus, and wait until it is done."""
    index.sync(owner, samples)
    await until(lambda: not index._is_behind)


async def best(index: MilvusIndex | LocalIndex, text: str) -> tuple[int | None, float] | None:
    """Which sample a text is a repost of, and how like."""
    found = units(text)
    likeness = most_alike(found, await index.look_up(found))
    return likeness and (likeness.known.number, round(likeness.score, 9))


def numbered(texts: list[str]) -> dict[int, str]:
    """Number samples from 1."""
    return dict(enumerate(texts, start=1))


def texts_to_judge() -> list[str]:
    """Every text of the examples as it is, with chat around it, and its halves."""
    around = [f"{CHAT}{one}{CHAT[::-1]}" for one in ADVERTS]
    halves = [half for one in ADVERTS for half in (one[: len(one) // 2], one[len(one) // 2 :])]
    return [*ADVERTS, *MESSAGES, *around, *halves]


def test_a_vector_is_as_like_another_as_its_text() -> None:
    """The cosine of two vectors is that of the grams, within 0.18, for all pairs of adverts."""
    known = [grams(units(one)) for one in ADVERTS]
    vectors = [vector(one) for one in known]
    for (one, first), (other, second) in itertools.combinations(zip(known, vectors, strict=True), 2):
        exact = sum(weight * other.get(gram, 0.0) for gram, weight in one.items())
        lengths = sum(a * a for a in first) ** 0.5 * sum(b * b for b in second) ** 0.5
        assert abs(sum(a * b for a, b in zip(first, second, strict=True)) / lengths - exact) < 0.18


@with_milvus
async def test_answers_are_those_of_the_index_in_the_process(make: Make) -> None:
    """Every text of the examples, disguised or not, is like the same sample by the same cosine."""
    index, local = make(), LocalIndex()
    await synced(index, numbered(BASES))
    local.sync("me", numbered(BASES))
    for text in texts_to_judge():
        assert await best(index, text) == await best(local, text), text


@with_milvus
async def test_every_sample_that_is_a_bit_alike_is_a_candidate(make: Make) -> None:
    """With all adverts and messages taught, each that has a cosine of 0.20 with a text is looked at."""
    index = make()
    samples = numbered([*ADVERTS, *MESSAGES])
    await synced(index, samples)
    known = {number: grams(units(text)) for number, text in samples.items()}
    for text in ADVERTS:
        said = grams(units(text))
        near = {
            number
            for number, other in known.items()
            if sum(weight * other.get(gram, 0.0) for gram, weight in said.items()) >= MIN_CANDIDATE
        }
        assert near <= {one.number for one in await index.look_up(units(text))}


@with_milvus
async def test_a_sample_counts_as_soon_as_it_is_taught(make: Make) -> None:
    """What was taught a moment ago is found before Milvus has it."""
    index = make()
    await synced(index, {1: BASES[0]})
    index._retry_at = time.monotonic() + 3600  # so that Milvus does not get it
    index.sync("me", {1: BASES[0], 2: BASES[1]})
    assert await best(index, BASES[1]) == (2, 1.0)


async def test_samples_count_while_milvus_is_opened(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repost that is said in the seconds in which Milvus is opened is found; of too many samples it fails."""
    index, is_open = make(), threading.Event()
    monkeypatch.setattr(index._base, "open", lambda: is_open.wait(PATIENCE))
    index.sync("me", {1: BASES[0]})
    await until(lambda: index._is_stuck(0.0))
    assert await best(index, BASES[0]) == (1, 1.0)
    index.sync("me", numbered([BASES[0]] * (milvus.MAX_PENDING + 1)))
    with pytest.raises(LookupFailed):
        await index.look_up(units(BASES[0]))
    is_open.set()


@with_milvus
async def test_a_sample_that_is_removed_counts_no_more(make: Make) -> None:
    """A sample that is gone from the state file is not found, neither before nor after Milvus has forgotten it."""
    index = make()
    await synced(index, numbered(BASES[:2]))
    index._retry_at = time.monotonic() + 3600
    index.sync("me", {2: BASES[1]})
    assert await best(index, BASES[0]) is None
    index._retry_at = 0.0
    await synced(index, {2: BASES[1], 3: BASES[2]})
    assert index._base.stored("me", [2, 3]) == {2: BASES[1], 3: BASES[2]}


@with_milvus
async def test_a_sample_that_was_changed_is_what_it_is_now(make: Make) -> None:
    """A number that stands for another text is found by that one, and not by the old one."""
    index = make()
    await synced(index, {1: BASES[0]})
    await synced(index, {1: BASES[1]})
    assert await best(index, BASES[0]) is None
    assert await best(index, BASES[1]) == (1, 1.0)


@with_milvus
async def test_no_samples_are_no_failure(make: Make) -> None:
    """Without a sample nothing is found, nor is it a failure."""
    index = make()
    await synced(index, {})
    assert await index.look_up(units(BASES[0])) == []
    assert index.problem == ""


@with_milvus
@pytest.mark.parametrize("owners", [("a", "b"), ("", "x"), ('q"\\', "q"), ("a", "a:1")])
async def test_bots_share_a_server(make: Make, tmp_path: Path, owners: tuple[str, str]) -> None:
    """What another bot taught is found without a number, and stays when one's own samples change."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, store, port = start_server_in_thread(str(tmp_path / "server"))
    try:
        one, other = make(f"http://127.0.0.1:{port}"), make(f"http://127.0.0.1:{port}")
        await synced(one, {1: BASES[0]}, owners[0])
        await synced(other, {1: BASES[1], 2: BASES[2]}, owners[1])
        assert Known(None, BASES[1]) in await one.look_up(units(BASES[1]))
        assert await best(one, BASES[0]) == (1, 1.0)
        await synced(one, {}, owners[0])
        assert await best(one, BASES[0]) is None
        assert await best(one, BASES[2]) == (None, 1.0)
        assert await best(other, BASES[1]) == (1, 1.0)
    finally:
        one.close()
        other.close()
        server.stop(grace=0).wait(PATIENCE)
        store.close()


def _deleted(folder: Path) -> None:
    shutil.rmtree(folder)


def _without_its_data(folder: Path) -> None:
    for path in folder.rglob("*.parquet"):
        path.write_bytes(b"no parquet")


def _without_its_manifest(folder: Path) -> None:
    for path in folder.rglob("manifest.json*"):
        path.write_text("{")


def _without_its_schema(folder: Path) -> None:
    (folder / "collections" / COLLECTION / "schema.json").unlink()


def _with_no_place_for_collections(folder: Path) -> None:
    (folder / "aliases.json").write_text("[")


DAMAGES = [
    _deleted,
    _without_its_data,
    _without_its_manifest,
    _without_its_schema,
    _with_no_place_for_collections,
]


@with_milvus
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_folder_is_made_anew(make: Make, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Whatever happened to the folder while the bot was away, all samples are found again."""
    index = make()
    await synced(index, numbered(BASES))
    index.close()
    damage(tmp_path / "ads.db")
    again = make()
    await synced(again, numbered(BASES))
    for number, text in numbered(BASES).items():
        assert await best(again, text) == (number, 1.0)
    assert again.problem == ""


@with_milvus
async def test_a_folder_that_is_deleted_under_the_bot_is_made_anew(make: Make, tmp_path: Path) -> None:
    """With the folder gone while the bot runs, what is taught next is found, and so is the rest."""
    index = make()
    await synced(index, {1: BASES[0]})
    shutil.rmtree(tmp_path / "ads.db")
    await synced(index, numbered(BASES))
    index.close()
    assert (tmp_path / "ads.db" / "collections" / COLLECTION).is_dir()
    again = make()
    await synced(again, numbered(BASES))
    assert await best(again, BASES[2]) == (3, 1.0)


@with_milvus
async def test_a_base_that_is_behind_catches_up(make: Make) -> None:
    """Samples taught, changed and removed while Milvus was not there are in it after the next start."""
    index = make()
    await synced(index, numbered(BASES[:3]))
    index.close()
    again = make()
    wanted = {2: BASES[0], 3: BASES[2], 4: BASES[3]}
    await synced(again, wanted)
    assert again._base.stored("me", wanted) == wanted


@with_milvus
async def test_a_collection_of_another_shape_makes_room(make: Make, tmp_path: Path) -> None:
    """On a server a collection under our name that was made for something else is dropped; no other one is."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread
    from pymilvus import MilvusClient

    server, store, port = start_server_in_thread(str(tmp_path / "server"))
    client = MilvusClient(f"http://127.0.0.1:{port}")
    try:
        client.create_collection(COLLECTION, dimension=8)
        client.create_collection("others", dimension=8)
        index = make(f"http://127.0.0.1:{port}")
        await synced(index, {1: BASES[0]})
        assert await best(index, BASES[0]) == (1, 1.0)
        assert client.has_collection("others")
        index.close()
    finally:
        client.close()
        server.stop(grace=0).wait(PATIENCE)
        store.close()


@with_milvus
async def test_a_file_is_left_alone(make: Make, tmp_path: Path) -> None:
    """A path that is a file, perhaps the state file, stays as it is, and staff is told that Milvus fails."""
    path = tmp_path / "ads.db"
    path.write_text("precious")
    index = make()
    index.sync("me", {1: BASES[0]})
    await until(lambda: bool(index.problem))
    with pytest.raises(LookupFailed):
        await index.look_up(units(BASES[0]))
    index.close()
    assert path.read_text() == "precious"


async def test_a_folder_that_was_not_tried_is_left_alone(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When pymilvus fails before the folder is opened, nothing in that is touched: another bot may use it."""
    kept = tmp_path / "ads.db" / "collections" / COLLECTION / "data"
    kept.mkdir(parents=True)
    loads = []

    def fail() -> None:
        loads.append(1)
        raise ValueError("pymilvus is out of order")

    monkeypatch.setattr(pymilvus_client, "load", fail)
    index = make()
    index.sync("me", {1: BASES[0]})
    await until(lambda: len(loads) > 3)
    assert kept.exists()


@with_milvus
def test_the_setting_may_be_in_the_environment() -> None:
    """With MILVUS_URI as a variable of the environment, a path, pymilvus is imported all the same, and it stays set."""
    script = (
        "import os; from roomsync.moderation import pymilvus_client as one; one.load(); print(os.environ['MILVUS_URI'])"
    )
    env = {**os.environ, "MILVUS_URI": "ads.db"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True)
    assert done.stdout.strip() == b"ads.db", done.stderr


@with_milvus
async def test_a_folder_in_use_is_left_alone(make: Make) -> None:
    """While another process has the folder nothing is taken away; once it is free, it is used."""
    index, second = make(), make()
    await synced(index, {1: BASES[0]})
    second.sync("me", {1: BASES[0], 2: BASES[1]})
    await until(lambda: second.problem == "Milvus 正被另一个程序使用，暂时不和样本比对")
    assert await best(index, BASES[0]) == (1, 1.0)
    index.close()
    await until(lambda: not second.problem)
    assert await best(second, BASES[1]) == (2, 1.0)


@with_milvus
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
async def test_a_kill_between_teaching_and_flush_loses_nothing(make: Make, tmp_path: Path) -> None:
    """A process that is killed before the flush leaves a base from which the next one has all samples again."""
    script = """
import json, os, signal, sys
from roomsync.moderation.sample_base import SampleBase
from roomsync.moderation.milvus import MilvusIndex
SampleBase.flush = lambda self: os.kill(os.getpid(), signal.SIGKILL)
index = MilvusIndex(sys.argv[1], "")
index.sync("me", {int(number): text for number, text in json.loads(sys.argv[2]).items()})
index._thread.join()
"""
    samples = numbered(BASES)
    arguments = [sys.executable, "-c", script, str(tmp_path / "ads.db"), json.dumps(samples)]
    done = await asyncio.to_thread(subprocess.run, arguments, cwd=ROOT, capture_output=True, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL, done.stderr
    index = make()
    await synced(index, samples)
    for number, text in samples.items():
        assert await best(index, text) == (number, 1.0)
    assert index._base.stored("me", samples) == samples


@pytest.fixture
def mute_server() -> Iterator[str]:
    """The address of a server that accepts, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@with_milvus
async def test_a_server_that_says_nothing_holds_up_nobody(
    make: Make, mute_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a server does not answer, look-ups fail at once and nothing waits; then staff is told."""
    monkeypatch.setattr(pymilvus_client, "CALL_TIMEOUT", 0.2)
    monkeypatch.setattr(milvus, "MAX_PENDING", 0)
    index = make(mute_server)
    index.sync("me", {1: BASES[0]})
    with pytest.raises(LookupFailed, match="not ready"):
        await index.look_up(units(BASES[0]))
    assert not index._questions
    await until(lambda: index.problem == "Milvus 连不上，暂时不和样本比对")


@with_milvus
async def test_one_line_begins_a_failure_and_one_ends_it(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that refuses is logged once however often it is tried; so is that it is back."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
    caplog.set_level(logging.INFO)
    index = make(f"http://127.0.0.1:{port}")
    index.sync("me", {1: BASES[0]})
    await until(lambda: bool(index.problem))
    for _ in range(20):
        with pytest.raises(LookupFailed):
            await index.look_up(units(BASES[0]))
        await asyncio.sleep(0.01)
    server, store, _ = start_server_in_thread(str(tmp_path / "server"), port=port)
    try:
        await until(lambda: not index.problem)
        assert await best(index, BASES[0]) == (1, 1.0)
    finally:
        index.close()
        server.stop(grace=0).wait(PATIENCE)
        store.close()
    assert [one.levelname for one in caplog.records if one.name.startswith("roomsync")] == ["WARNING", "INFO"]
    assert {one.name for one in caplog.records if one.levelno >= logging.WARNING} == {"roomsync.moderation.milvus"}


@with_milvus
async def test_a_slow_call_is_given_up_and_nothing_queues_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up ends when its time is over; those after it fail at once until the thread is free again."""
    index = make()
    await synced(index, {1: BASES[0]})
    monkeypatch.setattr(milvus, "LOOKUP_TIMEOUT", 0.05)
    is_free, search = threading.Event(), index._base.search
    monkeypatch.setattr(index._base, "search", lambda found: is_free.wait(PATIENCE) and search(found))
    with pytest.raises(LookupFailed, match="did not answer within"):
        await index.look_up(units(BASES[0]))
    with pytest.raises(LookupFailed, match="earlier call"):
        await index.look_up(units(BASES[0]))
    assert not index._questions
    is_free.set()
    monkeypatch.setattr(milvus, "LOOKUP_TIMEOUT", PATIENCE)
    await until(lambda: index._busy_since is None)
    assert await best(index, BASES[0]) == (1, 1.0)


async def test_a_hung_milvus_does_not_keep_the_process() -> None:
    """A process ends of itself while a call hangs in the thread."""
    script = """
import time
from roomsync.moderation.milvus import MilvusIndex
from roomsync.moderation.sample_base import SampleBase
SampleBase.open = lambda self: time.sleep(3600)
index = MilvusIndex("http://127.0.0.1:1", "")
index.sync("me", {})
while not index._is_stuck(0.3):
    time.sleep(0.01)
index.close()
print(index._thread.is_alive())
"""
    arguments = [sys.executable, "-c", script]
    done = await asyncio.to_thread(subprocess.run, arguments, cwd=ROOT, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout.strip()) == (0, b"True"), done.stderr


async def test_the_token_is_in_no_log(
    make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of pymilvus that has the token in it is logged without it."""

    def fail() -> None:
        raise ValueError("illegal token: secret-token")

    monkeypatch.setattr(pymilvus_client, "load", fail)
    index = make("http://127.0.0.1:1", "secret-token")
    index.sync("me", {})
    await until(lambda: bool(index.problem))
    index.close()
    assert "illegal token: ***" in caplog.text
    assert "secret-token" not in caplog.text


def test_nothing_of_milvus_is_imported_before_it_is_used(tmp_path: Path) -> None:
    """A bot that has MILVUS_URI set, but no samples to compare with, does not pay for pymilvus."""
    script = """
import sys
from roomsync.moderation.lookups import index_at
index_at(sys.argv[1], "").close()
print([name for name in sys.modules if name.partition(".")[0] in ("pymilvus", "milvus_lite", "grpc", "pandas")])
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.db")], cwd=ROOT, capture_output=True)
    assert done.stdout.strip() == b"[]", done.stderr
    assert not (tmp_path / "a.db").exists()


@pytest.mark.skipif(not IS_MISSING, reason="pymilvus is installed")
async def test_a_missing_package_is_named(make: Make) -> None:
    """Without pymilvus staff is told so, and look-ups fail at once."""
    index = make()
    index.sync("me", {1: BASES[0]})
    await until(lambda: index.problem == "Milvus 没有安装，暂时不和样本比对")
    with pytest.raises(LookupFailed):
        await index.look_up(units(BASES[0]))


async def test_a_bot_that_leaves_lets_go_of_it(gateway: ScriptedGateway, state_file: Path, tmp_path: Path) -> None:
    """When the bot is closed its thread of Milvus ends, and with it whatever that has open."""
    async with moderated(gateway, state_file, MILVUS_URI=str(tmp_path / "ads.db")) as staff:
        judge = staff.bot.decided.moderator._judge
        assert judge
        thread = judge._index._thread  # type: ignore[attr-defined]
        assert thread.is_alive()
    await asyncio.to_thread(thread.join, PATIENCE)
    assert not thread.is_alive()
