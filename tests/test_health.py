"""`python bot.py --status` beside real bots: 0 when it relays, else 1 and why, for people and for machines."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from roomsync import store
from roomsync.cli.status import read_status, show_status
from roomsync.config.settings import Settings, read_settings
from roomsync.errors import StateFileError
from roomsync.store import read_only
from tests.conftest import running, settings, until
from tests.processes import LEAVE, copy_bot, output, run, start, write_env
from tests.scripted import Fault, ScriptedGateway, refused


class Running:
    """A bot in a process, and what its state file says."""

    def __init__(self, folder: Path, gateway: ScriptedGateway, process: asyncio.subprocess.Process) -> None:
        self.folder, self.gateway, self.process = folder, gateway, process
        self.settings: Settings = read_settings(folder, {}, offline=True)

    def illness(self) -> str | None:
        """Why it does not relay; empty before there is a state file."""
        try:
            return read_status(self.settings, time.time())[0].illness
        except StateFileError:
            return ""

    async def becomes(self, reason: str | None) -> None:
        """Wait until this is why it does not relay; None when it does."""
        async with asyncio.timeout(30):
            while self.illness() != reason:
                await asyncio.sleep(0.05)

    async def leave(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(LEAVE[-1])
        await output(self.process)


@asynccontextmanager
async def bot(tmp_path: Path, gateway: ScriptedGateway) -> AsyncIterator[Running]:
    folder = copy_bot(tmp_path)
    write_env(folder, gateway)
    process = await start(folder)
    try:
        found = Running(folder, gateway, process)
        yield found
        await found.leave()
    finally:
        if process.returncode is None:
            process.kill()


def metrics(text: str) -> dict[tuple[str, ...], float]:
    """The samples of what is written for Prometheus: name and labels' values -> value."""
    families = text_string_to_metric_families(text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


async def leave(at_work: Running) -> None:
    await at_work.leave()


async def lose_gateway(at_work: Running) -> None:
    at_work.gateway.token = "another"  # so that it takes nobody back
    at_work.gateway.end_stream()


async def log_out(at_work: Running) -> None:
    at_work.gateway.logout()


async def lose_rooms(at_work: Running) -> None:
    for room_id in ("r102", "r103"):
        at_work.gateway.remove(room_id)


async def throttle(at_work: Running) -> None:
    at_work.gateway.script("MessageSendText", Fault(refused("操作过于频繁，请稍后再试")))
    at_work.gateway.say("r101", "alice", "hello")


ILLNESSES = {
    "not_running": (leave, "not running; "),
    "disconnected": (lose_gateway, "running, not connected to the gateway"),
    "logged_out": (log_out, "connected to the gateway, but WeChat is not logged in"),
    "too_few_rooms": (lose_rooms, "Milvus用户交流群: rooms that take part: 1; "),
    "throttled": (throttle, "WeChat says that the account sends too fast: nothing is sent for "),
}


@pytest.mark.parametrize("reason", ILLNESSES)
async def test_a_bot_that_does_not_relay_is_ill(
    tmp_path: Path, gateway: ScriptedGateway, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    """Of a bot that relayed, what befalls it is code 1, the reason first, and the same for machines."""
    befalls: Callable[[Running], Awaitable[None]]
    befalls, line = ILLNESSES[reason]
    async with bot(tmp_path, gateway) as at_work:
        await at_work.becomes(None)
        await befalls(at_work)
        await at_work.becomes(reason)
        done = await asyncio.to_thread(run, at_work.folder, "--status")
        assert done.returncode == 1 and done.stdout.startswith(line), done
        assert show_status(at_work.settings, as_json=True) == 1
        found = json.loads(capsys.readouterr().out)
        assert (found["well"], found["reason"]) == (False, reason)
        assert show_status(at_work.settings, prometheus="") == 1
        numbers = metrics(capsys.readouterr().out)
        assert numbers["roomsync_well",] == 0
        assert {labels[1] for labels, value in numbers.items() if labels[0] == "roomsync_reason" and value} == {reason}


async def test_a_bot_that_finds_rooms_does_not_relay_yet(tmp_path: Path, gateway: ScriptedGateway) -> None:
    """While the gateway takes its time to list the rooms, the exit code is 1, and the first line says so."""
    gateway.script("RoomList", Fault(delay=60))
    async with bot(tmp_path, gateway) as at_work:
        await at_work.becomes("finding_rooms")
        done = await asyncio.to_thread(run, at_work.folder, "--status")
        assert done.returncode == 1 and done.stdout.startswith("logged in to WeChat, finding rooms"), done


@pytest.mark.skipif(os.name == "nt", reason="Windows stops no process by a signal")
async def test_a_bot_that_is_stopped_shows_after_30_seconds(
    tmp_path: Path, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a bot that was stopped (SIGSTOP) the exit code is 1 from 30 s after it wrote last, and 0 until then."""
    async with bot(tmp_path, gateway) as at_work:
        await at_work.becomes(None)
        at_work.process.send_signal(signal.SIGSTOP)
        try:
            with read_only(at_work.settings.state_file) as db:
                written_at = store.health.read(db).written_at
            assert written_at is not None
            for silence, code in ((29, 0), (30.1, 1)):
                now = written_at + silence
                with monkeypatch.context() as patch:
                    patch.setattr("roomsync.cli.status.time.time", lambda now=now: now)
                    assert show_status(at_work.settings) == code
            assert "\nnothing was written to the state file for 30 s" in capsys.readouterr().out
        finally:
            at_work.process.send_signal(signal.SIGCONT)


@pytest.fixture
def shown(gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Returns the lines of `--status`."""

    def look() -> list[str]:
        show_status(settings(gateway, STATE_FILE=str(state_file)))
        return capsys.readouterr().out.splitlines()

    return look


LEFT = "Milvus用户交流群103; the bot is no longer in this room"


async def test_rooms_are_listed_and_marked(
    gateway: ScriptedGateway, state_file: Path, shown: Callable[[], list[str]]
) -> None:
    """Rooms without deliveries have a line; one that the bot was taken out of is marked, also after a new login."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "hello")  # so that the room is not forgotten at the login
        await gateway.until(lambda: len(gateway.sent) == 2)
        assert [line.split()[-1][-3:] for line in shown()[-3:]] == ["101", "102", "103"]
        gateway.remove("r103")
        await until(lambda: shown()[-1].endswith(LEFT))
    assert shown()[-1].endswith(LEFT)
    async with running(gateway, state_file):
        assert shown()[-1].endswith(LEFT)


async def test_a_room_that_goes_while_the_bot_is_away_is_marked(
    gateway: ScriptedGateway, state_file: Path, shown: Callable[[], list[str]]
) -> None:
    """A room that the gateway does not list at a login any more is one that the bot is out of, until it is back."""
    async with running(gateway, state_file):
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
    room = gateway._rooms.pop("r103")
    async with running(gateway, state_file):
        assert shown()[-1].endswith(LEFT)
        gateway._rooms["r103"] = room
        gateway.invite("r103", room.topic)
        await until(lambda: shown()[-1].endswith("103"))


async def test_a_file_for_prometheus_is_whole(tmp_path: Path, gateway: ScriptedGateway) -> None:
    """Written to a file, the status is there at once and is read by others; what cannot be written is told, with 1."""
    async with bot(tmp_path, gateway) as at_work:
        await at_work.becomes(None)
        path = tmp_path / "roomsync.prom"
        path.write_text("old")
        done = await asyncio.to_thread(run, at_work.folder, "--status", "--prometheus", str(path))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        found = metrics(path.read_text(encoding="utf-8"))
        assert (found["roomsync_well",], found["roomsync_community_rooms", "Milvus用户交流群"]) == (1, 3)
        assert found["roomsync_room_deliveries_24h", "Milvus用户交流群101", "sent"] == 0
        assert sorted(one.name for one in tmp_path.iterdir()) == ["home", "roomsync.prom"]
        missing = str(tmp_path / "missing" / "roomsync.prom")
        done = await asyncio.to_thread(run, at_work.folder, "--status", "--prometheus", missing)
        assert done.returncode == 1 and "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_without_a_state_file_prometheus_hears_that_nothing_runs(tmp_path: Path) -> None:
    """Where no bot ever ran, the file for Prometheus does not keep what was in it: it says so, and so does the code."""
    folder, path = copy_bot(tmp_path), tmp_path / "roomsync.prom"
    path.write_text("roomsync_well 1\n")
    done = run(folder, "--status", "--prometheus", str(path))
    assert done.returncode == 1 and "has never run" in done.stderr
    found = metrics(path.read_text())
    assert (found["roomsync_well",], found["roomsync_running",], found["roomsync_reason", "not_running"]) == (0, 0, 1)
