"""`--check`: what it prints, and its exit code."""

from pathlib import Path

import pytest

from roomsync.cli.check import check
from roomsync.store import StateFile
from tests.conftest import running, settings, until
from tests.scripted import ScriptedGateway
from tests.staffed import NAME, staffed


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state file that a bot holds is held, without a second in which it might leave."""
    monkeypatch.setattr("roomsync.store.opening.LOCK_TIMEOUT", 0.0)


async def test_check_shows_what_the_bot_will_use(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A good setup is shown with account, gateway, rooms, labels and state file, and the code is 0."""
    assert await check(settings(gateway, STATE_FILE=str(state_file))) == 0
    shown = capsys.readouterr().out
    for words in ("plain) is connected", "小助手 (bot)", "Milvus用户交流群: 3 rooms", "103", "is usable"):
        assert words in shown
    assert "家庭群" not in shown and gateway.token not in shown
    assert not {"Stop", "Logout", "MessageSendText"} & set(gateway.calls)


async def test_check_does_not_disturb_a_running_bot(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a bot is connected, the check says so, shows the rooms, and the bot goes on relaying."""
    async with running(gateway, state_file):
        assert await check(settings(gateway, STATE_FILE=str(state_file))) == 0
        gateway.say("r101", "alice", "undisturbed")
        await gateway.until(lambda: len(gateway.sent) == 2)
    shown = capsys.readouterr().out
    assert "another bot is connected" in shown and "3 rooms" in shown
    assert gateway.calls.count("Start") == 1


async def test_check_beside_a_bot_that_is_logged_out(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a bot is connected whose WeChat is logged out, the check says so, shows no rooms, and the code is 1."""
    async with running(gateway, state_file) as bot:
        gateway.logout()
        await until(lambda: not bot.session.is_logged_in)
        await bot.housekeeper.note_health()
        assert await check(settings(gateway, STATE_FILE=str(state_file))) == 1
    shown = capsys.readouterr().out
    assert "WeChat is not logged in, as the bot that runs has it" in shown and "3 rooms" not in shown


async def test_check_shows_how_to_become_staff(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The room of the staff is looked for, and while nobody is listed the code of the bot that runs is shown."""
    async with staffed(gateway, state_file, claim=False) as staff:
        found = settings(gateway, STATE_FILE=str(state_file), ADMIN_ROOM=NAME)
        assert await check(found) == 0
        shown = capsys.readouterr().out
        assert f"{NAME}: is there" in shown and f"/claim {staff.code()}" in shown
        await staff.ask(f"/claim {staff.code()}")
        gateway.add_room("office2", NAME)
    assert await check(found) == 0
    shown = capsys.readouterr().out
    assert f"{NAME}: 2 rooms have that name" in shown and "/claim" not in shown


async def test_check_names_what_judging_misses(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the filter on the check says by what, and which packages are not there; off, it says nothing of it."""
    monkeypatch.setattr("roomsync.cli.check.find_spec", lambda name: None)
    monkeypatch.setattr("roomsync.moderation.qr.is_available", lambda: False)
    found = {"STATE_FILE": str(state_file), "ADMIN_ROOM": NAME}
    assert await check(settings(gateway, **found, MODERATION="hold", MILVUS_URI="ads.db")) == 0
    shown = capsys.readouterr().out
    for words in ("moderation  hold, ", "in Milvus, ", "requirements-milvus.txt", "requirements-qr.txt"):
        assert words in shown
    assert await check(settings(gateway, **found)) == 0
    assert "moderation" not in capsys.readouterr().out


async def test_check_gives_up(gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway that is not there is one line an attempt, and 1 in the end."""
    await gateway.close()
    assert await check(settings(gateway, STATE_FILE=str(state_file)), limit=0.1) == 1
    shown = capsys.readouterr().out
    assert "cannot be reached" in shown and "gave up" in shown


async def test_check_says_that_wechat_is_logged_out(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gateway without a logged-in account is said to be one, with 1."""
    gateway.logged_in = False
    assert await check(settings(gateway, STATE_FILE=str(state_file)), limit=0.2) == 1
    assert "WeChat is not logged in" in capsys.readouterr().out


async def test_check_rejects_a_wrong_token(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong token is one clear line, and 1."""
    found = settings(gateway, STATE_FILE=str(state_file), WECHATY_PUPPET_SERVICE_TOKEN="wrong_one")
    assert await check(found) == 1
    shown = capsys.readouterr().out
    assert "refuses the token" in shown and "wrong_one" not in shown


async def test_check_tells_of_an_unusable_state_file(
    gateway: ScriptedGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A state file that is something else is said to be so, with 1."""
    other = tmp_path / "other.db"
    other.write_text("not a database, but long enough to be looked at as one" * 10)
    assert await check(settings(gateway, STATE_FILE=str(other))) == 1
    assert "cannot be used" in capsys.readouterr().out


async def test_check_calls_fewer_than_two_rooms_no_error(
    gateway: ScriptedGateway, state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One room alone is said clearly, and the code is 0."""
    found = settings(gateway, STATE_FILE=str(state_file), ROOM_PREFIX="家庭")
    assert await check(found) == 0
    assert "1 room; with fewer than two there is nothing to relay" in capsys.readouterr().out


async def test_check_leaves_the_state_file_to_the_bot(gateway: ScriptedGateway, state_file: Path) -> None:
    """After the check the state file is free."""
    await check(settings(gateway, STATE_FILE=str(state_file)))
    StateFile(state_file).close()
