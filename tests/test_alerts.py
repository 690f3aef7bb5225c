"""Alerts of a bot that runs: each kind, what is no alert, and that an alert holds nothing up."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from grpclib.const import Status

from bot import RoomSyncBot
from roomsync import store
from roomsync.alerts import alarm, conditions
from roomsync.alerts.watch import AlertKind
from roomsync.alerts.wording import end_of
from roomsync.gateway.protocol import EventType
from roomsync.moderation import breaker
from tests.conftest import running, settings, until
from tests.hooked import Hooked, hooked
from tests.moderated import last, moderated, reported
from tests.scripted import Fault, ScriptedGateway, refused
from tests.staffed import said

ROOT = Path(__file__).parent.parent
SCAN = {"qrcode": "http://weixin.qq.com/x/abc", "status": 2}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An alarm that looks all the time; the address is this machine's, past a proxy."""
    monkeypatch.setattr(alarm, "TICK", 0.005)
    monkeypatch.setattr(alarm, "LOOK_INTERVAL", 0.005)
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What lets two minutes be a moment from now on: at the start even that is too short."""

    def hurry() -> None:
        monkeypatch.setattr(conditions, "AWAY_TIME", 0.05)
        monkeypatch.setattr(conditions, "SETTLE_TIME", 0.0)

    return hurry


@pytest.fixture
def hook() -> Iterator[Hooked]:
    """The operator's own server."""
    with hooked() as found:
        yield found


@asynccontextmanager
async def starting(gateway: ScriptedGateway, state_file: Path, **more: str) -> AsyncIterator[RoomSyncBot]:
    """A bot that runs, logged in or not."""
    bot = RoomSyncBot(settings(gateway, STATE_FILE=str(state_file), **more))
    task = asyncio.create_task(bot.run())
    try:
        yield bot
    finally:
        bot.stop()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)
        bot.close()


async def told(hook: Hooked, *kinds: str) -> None:
    """Wait until alerts of just these kinds came, in this order."""
    await until(lambda: len(hook.paths) >= len(kinds))
    assert hook.kinds == list(kinds)


async def test_a_logout_and_the_login_after_it(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, hurry: Callable[[], None]
) -> None:
    """An account that is logged out is told with the link of the QR code, and once more when it is back."""
    async with running(gateway, state_file, ALERT_URLS=hook.url) as bot:
        gateway.logout()
        gateway.emit(EventType.SCAN, SCAN)
        await until(lambda: bot.session.scan_link)
        hurry()
        await told(hook, "login")
        gateway.login()
        await told(hook, "login", "login_recovered")
    alert = hook.bodies[0]
    assert "https://wechaty.js.org/qrcode/http%3A%2F%2Fweixin.qq.com%2Fx%2Fabc" in alert["text"]
    assert alert["community"] == "Milvus用户交流群" and alert["community"] in alert["title"]
    assert abs(alert["at"] - time.time()) < 600


async def test_a_bot_that_never_gets_logged_in(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, hurry: Callable[[], None]
) -> None:
    """A bot that finds nobody logged in at its start tells so."""
    gateway.logged_in = False
    async with starting(gateway, state_file, ALERT_URLS=hook.url) as bot:
        await until(lambda: bot.session.is_connected)
        hurry()
        await told(hook, "login")


async def test_a_gateway_that_is_away(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, hurry: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that is gone is told, and when it is back; of the login it says nothing."""
    async with running(gateway, state_file, ALERT_URLS=hook.url):
        hurry()
        monkeypatch.setattr(conditions, "SETTLE_TIME", 60.0)
        gateway.script("Start", *[Fault(refused("not now"))] * 10_000)
        gateway.end_stream()
        await told(hook, "gateway")
        gateway._faults["Start"].clear()
        await told(hook, "gateway", "gateway_recovered")


async def test_a_throttled_account(gateway: ScriptedGateway, state_file: Path, hook: Hooked) -> None:
    """WeChat's answer that it sends too fast is told, and when the pause is over."""
    async with running(gateway, state_file, ALERT_URLS=hook.url) as bot:
        gateway.script("MessageSendText", Fault(refused("操作过于频繁", Status.RESOURCE_EXHAUSTED)))
        gateway.say("r101", "alice", "too fast")
        await told(hook, "throttled")
        bot.session.throttle(type(bot.session.cooldown)())
        await told(hook, "throttled", "throttled_recovered")


async def test_a_room_that_it_was_taken_out_of(gateway: ScriptedGateway, state_file: Path, hook: Hooked) -> None:
    """A room of a community is named; one of none is no alert."""
    async with running(gateway, state_file, ALERT_URLS=hook.url):
        gateway.remove("family")
        gateway.remove("r103")
        await told(hook, "room_left")
    assert "Milvus用户交流群103" in hook.bodies[0]["text"]


async def test_deliveries_that_are_given_up(gateway: ScriptedGateway, state_file: Path, hook: Hooked) -> None:
    """What failed for good is told with how many that are."""
    gateway.script("MessageSendText", *[Fault(refused("no"))] * 2)
    async with running(gateway, state_file, ALERT_URLS=hook.url, MAX_ATTEMPTS="1"):
        gateway.say("r101", "alice", "hello")
        await until(lambda: hook.kinds)
    assert hook.kinds == ["given_up"] and hook.bodies[0]["text"][:2] in ("1 ", "2 ")


async def test_a_verify_code_that_is_asked_for(gateway: ScriptedGateway, state_file: Path, hook: Hooked) -> None:
    """WeChat's question for a code is told at once, with the command that answers it."""
    gateway.logged_in = False
    async with starting(gateway, state_file, ALERT_URLS=hook.url) as bot:
        await until(lambda: bot.session.is_connected and gateway.streams)
        gateway.emit(EventType.VERIFY_CODE, {"id": "v1", "status": 0, "message": ""})
        await until(lambda: "verify_code" in hook.kinds)
    assert "--verify-code" in hook.bodies[hook.kinds.index("verify_code")]["text"]


async def test_moderations_breaker(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter that holds too much and stops itself is told."""
    monkeypatch.setattr(breaker, "MIN_MESSAGES", 3)
    gateway.add_contact("carol", "Carol")
    async with moderated(gateway, state_file, ALERT_URLS=hook.url) as staff:
        await staff.ask("/词 加 线下交流")
        for talker in ("alice", "bob", "carol"):
            await said(staff, "r101", talker, f"{talker}: 线下交流")
        await told(hook, "breaker")


async def test_a_state_file_that_is_locked(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be written is told with the reason, and when it can be again."""
    monkeypatch.setattr("roomsync.store.opening.BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr("roomsync.store.outages.MAX_DELAY", 0.05)
    async with running(gateway, state_file, ALERT_URLS=hook.url) as bot:
        with closing(sqlite3.connect(state_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            gateway.say("r101", "alice", "hello")
            await until(lambda: bot.state.outages.is_on)
            monkeypatch.setattr(conditions, "OUTAGE_TIME", 0.05)
            await told(hook, "state_file")
            monkeypatch.setattr(conditions, "OUTAGE_TIME", 60.0)
        await told(hook, "state_file", "state_file_recovered")
    assert "cannot be used: database is locked" in hook.bodies[0]["text"]


async def test_a_bot_that_cannot_write_at_its_start(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot that waits for its state file before it even connects tells so, too."""
    monkeypatch.setattr("roomsync.store.opening.BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr("roomsync.store.outages.MAX_DELAY", 0.05)
    RoomSyncBot(settings(gateway, STATE_FILE=str(state_file))).close()
    with closing(sqlite3.connect(state_file, isolation_level=None)) as other:
        monkeypatch.setattr(conditions, "OUTAGE_TIME", 0.05)
        async with starting(gateway, state_file, ALERT_URLS=hook.url) as bot:
            other.execute("BEGIN IMMEDIATE")
            await until(lambda: "state_file" in hook.kinds)
            assert not bot.session.is_connected
            other.execute("ROLLBACK")
            await until(lambda: bot.session.is_ready)


async def test_messages_that_are_late(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What staff paused is no alert, however old; what waits once it might go is one, and its end, too."""
    monkeypatch.setattr(conditions, "MAX_DELAY", 0.05)
    looks = count_looks(monkeypatch)
    async with running(gateway, state_file, ALERT_URLS=hook.url, paused=True) as bot:
        gateway.script("MessageSendText", *[Fault(delay=1.0)] * 2)
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.state.path.exists() and waits(bot))
        await asyncio.sleep(0.1)
        before = len(looks)
        await until(lambda: len(looks) > before + 3)
        assert hook.kinds == []
        bot.session.resume()
        await until(lambda: "delay" in hook.kinds)
        await told(hook, "delay", "delay_recovered")


async def test_what_waited_while_it_was_away_overnight(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits since before the start counts from when it could go: a bot that comes back raises no alarm."""
    async with running(gateway, state_file, paused=True) as bot:
        gateway.say("r101", "alice", "hello")
        await until(lambda: waits(bot))
    with closing(sqlite3.connect(state_file)) as other, other:
        other.execute("UPDATE messages SET accepted_at = accepted_at - 7200")
    looks = count_looks(monkeypatch)
    gateway.script("MessageSendText", Fault(delay=0.5))
    async with running(gateway, state_file, ALERT_URLS=hook.url) as bot:
        before = len(looks)
        await until(lambda: any(looks[before + 1 :]) and len(gateway.sent) == 2)
    assert hook.kinds == []


async def test_what_was_held_waits_from_when_staff_released_it(gateway: ScriptedGateway, state_file: Path) -> None:
    """A message that staff releases after hours is not late by those hours."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", "线下交流")
        await reported(staff)
        await staff.ask("/暂停")
        before = staff.bot.clock()
        assert "发往 2 个群" in await staff.ask(f"/放行 {last(staff)}")
        with staff.bot.state.connection() as db:
            since = store.report.oldest(db)
    assert min(since["r102"], since["r103"]) >= before


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For each time that the alarm has read what waits, for how many rooms something did."""
    looks: list[int] = []
    oldest = store.report.oldest

    def counted(db: store.Connection) -> dict[str, float]:
        found = oldest(db)
        looks.append(len(found))
        return found

    monkeypatch.setattr(store.report, "oldest", counted)
    return looks


def waits(bot: RoomSyncBot) -> bool:
    with bot.state.connection() as db:
        return bool(store.report.oldest(db))


async def test_an_alert_holds_nothing_up(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the hook gives no answer, messages are relayed, and the bot leaves all the same."""
    monkeypatch.setattr(alarm, "FAREWELL_TIMEOUT", 0.05)
    with hooked(hangs=threading.Event()) as hook:
        async with running(gateway, state_file, ALERT_URLS=hook.url):
            gateway.remove("r103")
            await until(lambda: hook.paths)
            gateway.say("r101", "alice", "hello")
            await gateway.until(lambda: len(gateway.sent) == 1)
        assert hook.hangs and not hook.hangs.is_set()


async def test_what_waits_is_sent_when_it_leaves(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert that came in the last moment is sent before the bot is closed."""
    monkeypatch.setattr(alarm, "FAREWELL_TIMEOUT", 20.0)
    with hooked() as hook:
        async with running(gateway, state_file, ALERT_URLS=hook.url) as bot:
            assert bot.alarm
            for sender in bot.alarm._senders:
                sender.send(end_of("why", AlertKind.TEST, 0.0, "Milvus"))
        assert hook.kinds == ["test"]


async def test_an_alarm_that_fails_does_not_end_the_bot(
    gateway: ScriptedGateway, state_file: Path, hook: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the alarm itself is logged, and messages go on."""

    def fail(facts: conditions.Facts) -> dict[AlertKind, str | None]:
        failures.append(1)
        raise ZeroDivisionError

    failures: list[int] = []
    monkeypatch.setattr(alarm, "conditions", fail)
    async with running(gateway, state_file, ALERT_URLS=hook.url):
        await until(lambda: len(failures) > 2)
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)


async def test_a_dry_run_sends_no_alert(gateway: ScriptedGateway, state_file: Path, hook: Hooked) -> None:
    """Who sends nothing sends no alerts."""
    found = settings(gateway, STATE_FILE=str(state_file), ALERT_URLS=hook.url)
    with closing(RoomSyncBot(found, lambda client, rooms: client)) as bot:
        assert bot.alarm is None


OFF = """
import sys
from pathlib import Path
from bot import RoomSyncBot, Settings
bot = RoomSyncBot(Settings.parse({
    "WECHATY_PUPPET_SERVICE_TOKEN": "a_b", "STATE_FILE": sys.argv[1], "ALERT_URLS": sys.argv[2]}))
bot.close()
print([name for name in ("roomsync.alerts", "requests", "urllib3") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("urls", "imported"), [("", "[]"), ("http://x.org/", "['roomsync.alerts', 'requests', 'urllib3']")]
)
def test_who_sets_nothing_pays_nothing(state_file: Path, urls: str, imported: str) -> None:
    """A bot without addresses imports neither the alerts nor what calls the web; one with them does."""
    done = subprocess.run(
        [sys.executable, "-c", OFF, str(state_file), urls], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.stdout.strip() == imported, done.stderr
