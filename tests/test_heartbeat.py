"""The heartbeat: it beats while the bot can relay, and stops when events stop and the gateway is frozen."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import RoomSyncBot
from roomsync import errors
from roomsync.alerts import heartbeat, sender
from roomsync.alerts.heartbeat import EVENT_TTL, Heartbeat, is_alive
from roomsync.config.settings import Settings
from roomsync.session import Session
from tests.conftest import PLAIN, running, until
from tests.hooked import Hooked, hooked, session_to
from tests.scripted import ScriptedGateway

ROOT = Path(__file__).parent.parent
NOW = 1_000_000.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment is a minute; the address is this machine's, past a proxy."""
    monkeypatch.setattr(heartbeat, "BEAT_INTERVAL", 0.01)
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def pulse() -> Iterator[Hooked]:
    """The service that the heartbeat goes to."""
    with hooked() as found:
        yield found


def session(last_event: float, *, ready: bool = True) -> Session:
    found = Session()
    found.connect()
    found.log_in("bot")
    if ready:
        found.rooms_found()
    found.last_event = last_event
    return found


async def answers() -> None:
    """A gateway that answers."""


async def refuses() -> None:
    raise errors.GatewayRefused("no such call")


async def is_frozen() -> None:
    raise errors.AnswerLate("no answer in time")


@pytest.mark.parametrize(
    ("silence", "ready", "ping", "alive"),
    [
        (EVENT_TTL - 1, True, is_frozen, True),
        (EVENT_TTL, True, is_frozen, False),
        (EVENT_TTL, True, answers, True),
        (EVENT_TTL, True, refuses, True),
        (0.0, False, answers, False),
    ],
)
async def test_alive_is_ready_with_events_or_answers(silence: float, ready: bool, ping: object, alive: bool) -> None:
    """Who is ready is alive by an event of the last minute or an answer now, also a refusal; nobody else is."""
    assert callable(ping)
    assert await is_alive(session(NOW - silence, ready=ready), ping, NOW) is alive


async def test_it_beats_while_the_bot_relays(gateway: ScriptedGateway, state_file: Path, pulse: Hooked) -> None:
    """It beats again and again when the rooms are found; after a logout it stops, and with the login it goes on."""
    async with running(gateway, state_file, HEARTBEAT_URL=pulse.url) as bot:
        await until(lambda: len(pulse.paths) > 3)
        gateway.logout()
        await until(lambda: not bot.session.is_logged_in)
        await quiet(pulse)
        gateway.login()
        before = len(pulse.paths)
        await until(lambda: len(pulse.paths) > before + 3)
    assert set(pulse.paths) == {"/hooks/0123456789abcdef"}


async def quiet(pulse: Hooked) -> None:
    """Wait until nothing comes for thirty times as long as between two beats; it fails when they go on and on."""
    async with asyncio.timeout(20):
        before = -1
        while before != len(pulse.paths):
            before = len(pulse.paths)
            await asyncio.sleep(0.3)


async def test_a_bot_that_is_not_logged_in_never_beats(
    gateway: ScriptedGateway, state_file: Path, pulse: Hooked
) -> None:
    """A connection alone is no reason to beat."""
    gateway.logged_in = False
    values = {"WECHATY_PUPPET_SERVICE_TOKEN": gateway.token, PLAIN: "true", "STATE_FILE": str(state_file)}
    endpoint = f"127.0.0.1:{gateway.port}"
    found = {**values, "WECHATY_PUPPET_SERVICE_ENDPOINT": endpoint, "HEARTBEAT_URL": pulse.url}
    bot = RoomSyncBot(Settings.parse(found))
    task = asyncio.create_task(bot.run())
    await until(lambda: bot.session.is_connected)
    await quiet(pulse)
    bot.stop()
    await task
    bot.close()
    assert pulse.paths == []


GATEWAY = """
import asyncio
from roomsync.loopback.gateway import LoopbackGateway

async def main():
    gateway = LoopbackGateway()
    for label in ("101", "102"):
        gateway.add_room("r" + label, "Milvus用户交流群" + label)
    print(await gateway.start(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def other_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway in a process of its own, and its endpoint."""
    process = subprocess.Popen(
        [sys.executable, "-c", GATEWAY],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert process.stdout
    yield process, process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot freeze a process")
async def test_it_stops_when_the_gateway_is_frozen(
    other_process: tuple[subprocess.Popen[str], str], state_file: Path, pulse: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event comes and the gateway is frozen (SIGSTOP): no more beats, until it goes on."""
    monkeypatch.setattr(heartbeat, "EVENT_TTL", 0.05)
    monkeypatch.setattr("roomsync.gateway.connection.PING_TIMEOUT", 0.5)
    monkeypatch.setattr("roomsync.gateway.supervisor.PING_INTERVAL", 3600.0)  # this test is not of that watchdog
    monkeypatch.setattr("roomsync.gateway.connection.HEARTBEAT_TIMEOUT", 0.1)
    process, endpoint = other_process
    values = {"WECHATY_PUPPET_SERVICE_TOKEN": "loopback_token", PLAIN: "true", "STATE_FILE": str(state_file)}
    found = {**values, "WECHATY_PUPPET_SERVICE_ENDPOINT": endpoint, "HEARTBEAT_URL": pulse.url}
    bot = RoomSyncBot(Settings.parse(found))
    task = asyncio.create_task(bot.run())
    try:
        await until(lambda: len(pulse.paths) > 10)  # by its answers: events have stopped
        process.send_signal(signal.SIGSTOP)
        await quiet(pulse)
        assert bot.session.is_ready
        process.send_signal(signal.SIGCONT)
        before = len(pulse.paths)
        await until(lambda: len(pulse.paths) > before + 3)
    finally:
        process.send_signal(signal.SIGCONT)
        bot.stop()
        await asyncio.wait_for(task, 10)
        bot.close()


def beaten(pulse: Hooked, *, times: int) -> None:
    """Let a heartbeat beat so often, one after another."""
    thread = Heartbeat(pulse.url, session_to(pulse))
    thread.start()
    for number in range(times):
        thread.beat()
        until_time = time.monotonic() + 20
        while len(pulse.paths) <= number and time.monotonic() < until_time:
            time.sleep(0.002)
    thread.leave()
    thread.join(20)
    assert not thread.is_alive()


def test_a_failure_is_logged_once_and_without_the_address(caplog: pytest.LogCaptureFixture) -> None:
    """A service that fails twice is one line, and its end another one; neither has the address."""
    with hooked((500, {}), (500, {}), (302, {}), (200, {})) as pulse:
        beaten(pulse, times=4)
        assert len(pulse.paths) == 4
    assert [record.getMessage() for record in caplog.records] == [
        "HEARTBEAT_URL cannot be fetched (HTTP 500); tried again each minute.",
        "HEARTBEAT_URL cannot be fetched (HTTP 302); tried again each minute.",
        "HEARTBEAT_URL is fetched again.",
    ]
    assert "0123456789abcdef" not in caplog.text


def test_a_service_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer in time is a failure; what is asked for meanwhile does not pile up."""
    monkeypatch.setattr(heartbeat, "TIMEOUT", (5.0, 0.05))
    assert sender.TIMEOUT == (5.0, 10.0)
    with hooked(hangs=threading.Event()) as pulse:
        assert Heartbeat(pulse.url, session_to(pulse)).attempt() == "no answer in time"


async def test_a_heartbeat_that_fails_does_not_end_the_bot(
    gateway: ScriptedGateway, state_file: Path, pulse: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the heartbeat itself is logged, the bot goes on where nothing else watches it, and it beats again."""
    faults = [ZeroDivisionError(), ZeroDivisionError()]

    async def fail(*_signs: object) -> bool:
        if faults:
            raise faults.pop()
        return True

    monkeypatch.setattr(heartbeat, "is_alive", fail)
    monkeypatch.setattr("roomsync.alerts.alarm.BEAT_INTERVAL", 0.01)
    async with running(gateway, state_file, HEARTBEAT_URL=pulse.url):
        await until(lambda: not faults and pulse.paths != [])
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
