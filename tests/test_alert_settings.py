"""ALERT_URLS and HEARTBEAT_URL: what is refused, that they are never shown, the test alert, and how a bot ends."""

import logging
import sys
from contextlib import closing
from pathlib import Path

import pytest

from roomsync.cli.logs import _Safe
from roomsync.config.settings import Settings
from roomsync.errors import SettingsError
from roomsync.store import StateFile
from tests.hooked import Hooked, hooked
from tests.processes import output, run, start, write_env
from tests.scripted import ScriptedGateway
from tests.test_command_line import folder

__all__ = ["folder"]  # a fixture
SECRET = "693a91f6-7aoc-4bc4-97a0"
WECOM = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={SECRET}"
NEEDED = {"WECHATY_PUPPET_SERVICE_TOKEN": "insecure_0123456789"}
FORM = "allowed are addresses such as https://... in ASCII, with commas between them, and %2C for one in them"


def parse(**values: str) -> Settings:
    return Settings.parse({**NEEDED, **values})


@pytest.fixture(autouse=True)
def without_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which apprise is not installed."""
    monkeypatch.setattr("roomsync.config.addresses.find_spec", lambda name: None)


def test_addresses_are_separated_by_commas() -> None:
    """Of several addresses each is one, also with a comma of Chinese keyboards; of none there is none."""
    own = "http://[::1]:8080/in?a=b%2Cc"
    assert parse(ALERT_URLS=f"{WECOM}, {own}，https://x.org").alert_urls == (WECOM, own, "https://x.org")
    assert parse(ALERT_URLS="").alert_urls == ()
    assert parse(HEARTBEAT_URL="https://hc-ping.com/1").heartbeat_url == "https://hc-ping.com/1"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (SECRET, f"number 1: {FORM}"),
        (f"{WECOM},{SECRET}", f"number 2: {FORM}"),
        (f"{WECOM},", f"number 2: {FORM}"),
        (f"https:///{SECRET}", f"number 1: {FORM}"),
        (f"https://x.org:99999/{SECRET}", f"number 1: {FORM}"),
        (f"https://x.org/{SECRET} b", f"number 1: {FORM}"),
        (f"https://x.org/{SECRET};https://x.org/{SECRET}", f"number 1: {FORM}"),
        (f"https://x.org/{SECRET}密", f"number 1: {FORM}"),
        (
            f"wecombot://{SECRET}",
            "number 1: the bot knows that service itself; allowed is the robot's own address, which begins with https://",
        ),
        (
            f"{WECOM},tgram://{SECRET}/1",
            "number 2: one of the web begins with https://, any other needs the package apprise: "
            "pip install -r requirements-alerts.txt",
        ),
    ],
)
def test_a_wrong_address_is_refused_and_not_shown(value: str, problem: str) -> None:
    """What is wrong is one sentence with the address's number and what to do, and nothing of the address."""
    with pytest.raises(SettingsError) as caught:
        parse(ALERT_URLS=value)
    assert str(caught.value) == f"ALERT_URLS has a wrong address, {problem}."
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [SECRET, f"mailto://{SECRET}@x.org", f"https://x.org/{SECRET} b"])
def test_a_wrong_heartbeat_is_refused_and_not_shown(value: str) -> None:
    """The heartbeat's address is one of the web."""
    with pytest.raises(SettingsError) as caught:
        parse(HEARTBEAT_URL=value)
    assert str(caught.value).startswith("HEARTBEAT_URL is no address; allowed: ")
    assert SECRET not in str(caught.value)


def test_with_apprise_its_addresses_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where apprise is installed any other scheme is an address."""
    monkeypatch.setattr("roomsync.config.addresses.find_spec", lambda name: object())
    assert parse(ALERT_URLS="mailto://user:password@x.org").alert_urls == ("mailto://user:password@x.org",)


def test_no_address_is_shown_in_a_repr() -> None:
    """A repr of the settings, which may come into any log, has neither address."""
    assert SECRET not in repr(parse(ALERT_URLS=WECOM, HEARTBEAT_URL=f"https://hc-ping.com/{SECRET}"))


def test_no_address_gets_through_the_log() -> None:
    """What a library logs of an address, also without its host or in a traceback, is masked."""
    found = parse(ALERT_URLS=WECOM, HEARTBEAT_URL=f"https://hc-ping.com/{SECRET}x")
    formatter = _Safe(found.secrets)
    try:
        raise OSError(
            f"Max retries exceeded with url: /cgi-bin/webhook/send?key={SECRET} of {WECOM}, /{SECRET}x, {SECRET}"
        )
    except OSError as error:
        text = f"{error}"
        record = logging.LogRecord("urllib3", logging.WARNING, "", 0, text, None, sys.exc_info())
    shown = formatter.format(record)
    assert "***" in shown and SECRET not in shown and "hc-ping" not in shown


@pytest.mark.parametrize(
    "url", [f"tgram://{SECRET}/1234", f"mailto://somebody:{SECRET}@x.org", f"https://user:{SECRET}@x.org/in"]
)
def test_no_part_of_an_address_gets_through_the_log(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that stands in the place of the host, or before it, is masked where a library logs it alone."""
    monkeypatch.setattr("roomsync.config.addresses.find_spec", lambda name: object())
    formatter = _Safe(parse(ALERT_URLS=url, MILVUS_TOKEN="root:Milvus").secrets)
    text = f"Failed: https://api.telegram.org/bot{SECRET}/send of x.org, and root:Milvus"
    shown = formatter.format(logging.LogRecord("urllib3", logging.WARNING, "", 0, text, None, None))
    assert shown.endswith("Failed: https://api.telegram.org/bot***/send of x.org, and ***")


def answered(folder: Path, gateway: ScriptedGateway, *urls: str) -> None:
    write_env(folder, gateway, f"ALERT_URLS={','.join(urls)}", "LOG_LEVEL=debug")


async def check(folder: Path) -> tuple[int | None, str]:
    process = await start(folder, "--check", "--alert", NO_PROXY="127.0.0.1")
    shown = await output(process)
    return process.returncode, shown


async def test_a_test_alert_goes_to_each_address(folder: Path, gateway: ScriptedGateway) -> None:
    """`--check --alert` says of each address whether it has the alert, shows none, and ends with 1 if one has not."""
    with hooked() as good, hooked((500, {})) as bad:
        answered(folder, gateway, good.url)
        code, shown = await check(folder)
        assert code == 0 and "\nalert 1: sent (JSON)\n" in shown.replace("\r", "")
        answered(folder, gateway, good.url, bad.url)
        code, shown = await check(folder)
        assert code == 1
    lines = shown.replace("\r", "").splitlines()
    assert lines[-2:] == ["alert 1: sent (JSON)", "alert 2: not sent, HTTP 500 (JSON)"]
    assert good.kinds == ["test", "test"] and "0123456789abcdef" not in shown


async def test_a_check_alone_sends_no_alert(folder: Path, gateway: ScriptedGateway) -> None:
    """Who does not ask for a test alert gets none."""
    with hooked() as hook:
        answered(folder, gateway, hook.url)
        process = await start(folder, "--check")
        await output(process)
    assert process.returncode == 0 and hook.paths == []


async def test_a_test_alert_needs_an_address(folder: Path, gateway: ScriptedGateway) -> None:
    """Without an address a test alert is a failure that says so."""
    write_env(folder, gateway)
    code, shown = await check(folder)
    assert code == 1 and "ALERT_URLS is empty" in shown


def test_a_test_alert_goes_with_a_check(folder: Path) -> None:
    """`--alert` alone is refused in one sentence."""
    done = run(folder, "--alert")
    assert done.returncode == 2 and "--alert goes with --check" in done.stderr


async def ended(folder: Path, hook: Hooked, temporary: str = ".") -> str:
    (place := folder / temporary).mkdir(exist_ok=True)
    process = await start(folder, NO_PROXY="127.0.0.1", TMPDIR=str(place), TEMP=str(place), TMP=str(place))
    shown = await output(process)
    assert process.returncode not in (0, None), shown
    assert "0123456789abcdef" not in shown
    return shown


async def test_a_bot_that_ends_with_an_error_tells_so_once(folder: Path, gateway: ScriptedGateway) -> None:
    """A refused token is told before the bot ends, and once: also where each start has its own temporary folder."""
    with hooked() as hook:
        gateway.token, right = "wrong_one", gateway.token
        answered(folder, gateway, hook.url)
        gateway.token = right
        for temporary in ("first", "second"):
            await ended(folder, hook, temporary)
    (alert,) = hook.bodies
    assert alert["kind"] == "gateway" and "refuses the token" in alert["text"] and "wrong_one" not in str(alert)


async def test_a_second_bot_is_no_alert(folder: Path, gateway: ScriptedGateway) -> None:
    """Who starts a bot on a state file that another one has reads so, and nobody is alarmed."""
    with hooked() as hook, closing(StateFile(folder / "roomsync.db")):
        answered(folder, gateway, hook.url)
        assert "is in use by another bot" in await ended(folder, hook)
    assert hook.paths == []


async def test_a_state_file_that_cannot_be_used_is_told(folder: Path, gateway: ScriptedGateway) -> None:
    """A state file that is something else ends the bot, and is told; that this failed stands in the log."""
    (folder / "roomsync.db").write_text("not a database, but long enough to be looked at as one" * 10)
    with hooked((500, {})) as hook:
        answered(folder, gateway, hook.url)
        shown = await ended(folder, hook)
    assert hook.kinds == ["state_file"] and "it is not a database" in hook.bodies[0]["text"]
    assert "Alert 1 could not be sent (HTTP 500): " in shown
