"""The bot process against an account with limits: kept where they are known, obeyed where WeChat says so."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.interop.bots import BotProcess, community, relaying, spoken
from tests.interop.gateway import Media, RealGateway, Which

LABELS = ["101", "102", "103"]
OTHERS = ["@102", "@103"]
NOTICE = "操作过于频繁，可稍后再试。"
PICTURE = Media("large.png", bytes(range(256)) * 400)


async def status_of(gateway: RealGateway, state_file: Path) -> str:
    """What `python bot.py --status` prints."""
    asking = BotProcess(gateway, state_file)
    await asking.start("--status")
    await asking.end(0)
    return "\n".join(asking.lines)


def let_the_pause_end(state_file: Path) -> None:
    """Set the state file of a bot that is not running to a time after the cool-down and the slow start behind it."""
    with closing(sqlite3.connect(state_file)) as db, db:
        assert db.execute("UPDATE health SET cooldown_length = 0, cooldown_until = 1").rowcount == 1


def arrived(gateway: RealGateway, room: str) -> list[str]:
    """The words that really arrived in a room, without headers, in order."""
    texts = [sent.text for sent in gateway.sent if sent.room == room and not sent.data.get("throttled")]
    return [line for text in texts for _, line in spoken(text, LABELS)]


async def test_paced_bot_is_refused_nothing(tmp_path: Path, which: Which) -> None:
    """An account that takes what the settings allow refuses nothing, and everything arrives."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        # An interval is half to one and a half times its average, so 50 a second is the fastest that 0.04 s can be.
        async with relaying(gateway, tmp_path / "s.db", SEND_INTERVAL="0.04", ROOM_INTERVAL="0.06"):
            await gateway.budget(50, burst=5)
            for _ in range(8):
                await gateway.say(talker="alice", room="@101", kind="image", file=PICTURE)
            await gateway.say(talker="alice", room="@101", text="these were all")
            await gateway.wait(lambda: all("these were all" in arrived(gateway, room) for room in OTHERS), 30)
            await gateway.sync()
        assert not gateway.refused
        assert sum(sent.kind == "file" for sent in gateway.sent) == 16


@pytest.mark.parametrize("error", ["1204 == 0", "WorkproErrorCode: 20001"])
async def test_refused_send_pauses_the_account_over_a_restart(tmp_path: Path, which: Which, error: str) -> None:
    """After a refusal nothing is sent, also by the next process, until the pause is over; then all of it is, once."""
    path = tmp_path / "s.db"
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        await gateway.rule("refuse", error=error, times=1)
        async with relaying(gateway, path) as bot:
            await gateway.say(talker="alice", room="@101", text="one")
            await bot.said("pauses for 60 s")
            assert await bot.end() == 0
        async with relaying(gateway, path) as bot:
            await gateway.say(talker="alice", room="@101", text="two")
            await gateway.wait_called("messagePayload", 2)
            assert "the account sends too fast" in await status_of(gateway, path)
            assert await bot.end() == 0
        assert len(gateway.refused) == 1 and not gateway.sent
        let_the_pause_end(path)
        async with relaying(gateway, path):
            await gateway.wait(lambda: all("two" in arrived(gateway, room) for room in OTHERS))
        assert all(arrived(gateway, room) == ["one", "two"] for room in OTHERS)


async def test_notice_pauses_and_what_vanished_is_sent_again(tmp_path: Path, which: Which) -> None:
    """A send that seems to succeed and is followed by WeChat's notice is made again when the pause is over."""
    path = tmp_path / "s.db"
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        await gateway.budget(0.001, burst=1, mode="notice")
        async with relaying(gateway, path) as bot:
            await gateway.say(talker="alice", room="@101", text="hello")
            await bot.said("pauses for 60 s")
            assert "the account sends too fast" in await status_of(gateway, path)
            assert await bot.end() == 0
        assert [bool(sent.data.get("throttled")) for sent in gateway.sent] == [False, True]
        await gateway.budget(None)
        let_the_pause_end(path)
        async with relaying(gateway, path):
            await gateway.wait(lambda: all("hello" in arrived(gateway, room) for room in OTHERS))
            await gateway.sync()
        assert all(arrived(gateway, room) == ["hello"] for room in OTHERS)


async def test_members_words_pause_nothing(tmp_path: Path, which: Which) -> None:
    """WeChat's sentence, typed by a member, is relayed like any other text."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.say(talker="alice", room="@101", text=NOTICE)
            await gateway.say(talker="alice", room="@101", text="that is what it said")
            await gateway.wait(lambda: all("that is what it said" in arrived(gateway, room) for room in OTHERS))
        assert all(arrived(gateway, room) == [NOTICE, "that is what it said"] for room in OTHERS)
