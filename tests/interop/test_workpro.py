"""The bot process at WorkPro's gateway: what no other gateway has."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.interop.bots import BOT, BotProcess, community, relaying
from tests.interop.gateway import RealGateway
from tests.interop.workpro import WorkPro, record

LABELS = ["101", "102", "103"]


def heard(gateway: RealGateway, room: str) -> str:
    """All text that arrived in a room."""
    return "\n".join(gateway.texts(room))


async def all_heard(gateway: RealGateway, *words: str, rooms: tuple[str, ...] = ("@102", "@103")) -> None:
    """Wait until all these words have arrived in all these rooms."""
    await gateway.wait(lambda: all(word in heard(gateway, room) for word in words for room in rooms))
    await gateway.sync()


# --- quotes ---


async def reply_to_alice(gateway: WorkPro) -> tuple[str, dict[str, str]]:
    """Alice says something in 101, Bob quotes his room's copy of it in 103; return the ids of it and of the copies."""
    original = await gateway.say(talker="alice", room="@101", text="2.6 什么时候发布")
    await gateway.wait_sent(2)
    await gateway.sync()
    copies = {sent.room: sent.id for sent in gateway.sent}
    await gateway.say(talker="bob", room="@103", text="下周", quote_id=copies["@103"])
    return original, copies


async def test_reply_quotes_each_rooms_own_copy(tmp_path: Path) -> None:
    """A reply to a relayed message quotes, in every room, that room's own copy; in the author's room the original."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            original, copies = await reply_to_alice(gateway)
            await all_heard(gateway, "下周", rooms=("@101", "@102"))
        quoted = {sent.room: sent.quote_id for sent in gateway.sent if "下周" in sent.text}
        assert quoted == {"@101": original, "@102": copies["@102"]}
        assert all("发布" not in sent.text for sent in gateway.sent if "下周" in sent.text)


async def test_quote_that_is_refused_becomes_a_line(tmp_path: Path) -> None:
    """Where a send with a quote id is refused, the reply goes without one, with the quoted line above it."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        await gateway.rule("refuse", quoting=True, error="quote is not supported")
        async with relaying(gateway, tmp_path / "s.db"):
            await reply_to_alice(gateway)
            await all_heard(gateway, "下周", rooms=("@101", "@102"))
        replies = [sent for sent in gateway.sent if "下周" in sent.text]
        assert gateway.refused and len(replies) == 2
        assert all(sent.quote_id == "" and "2.6 什么时候发布" in sent.text for sent in replies)


async def test_reply_without_its_quote_is_relayed(tmp_path: Path) -> None:
    """A reply whose quoted message nobody knows any more arrives all the same."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.say(talker="bob", room="@101", text="下周", quote_id="long-gone")
            await all_heard(gateway, "[Bob@101]:  下周")


# --- the cursor ---


@asynccontextmanager
async def numbered() -> AsyncIterator[WorkPro]:
    """A gateway that numbers events, a community in it."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        await gateway.cursor()
        yield gateway


async def say(gateway: WorkPro, *texts: str) -> None:
    for text in texts:
        await gateway.say(talker="alice", room="@101", text=text)


async def test_what_was_said_while_the_bot_was_dead(tmp_path: Path) -> None:
    """After kill -9 the gateway replays what was said meanwhile: relayed once, and in order."""
    async with numbered() as gateway:
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await say(gateway, "m0", "m1")
            await all_heard(gateway, "m0", "m1")
            await bot.end(signal.SIGKILL)
        await gateway.wait(lambda: not gateway.stream_open)
        await say(gateway, "m2", "m3")
        async with relaying(gateway, tmp_path / "s.db"):
            await say(gateway, "m4")
            await all_heard(gateway, "m4")
        for room in ("@102", "@103"):
            words = heard(gateway, room)
            # The kill may have met the sends of m0 and m1 before they were noted: these may be there twice.
            assert [words.count(f"m{number}") for number in (2, 3, 4)] == [1, 1, 1]
            assert sorted(range(5), key=lambda number: words.index(f"m{number}")) == list(range(5))
        assert gateway.resumed[-1].account == BOT and gateway.resumed[-1].replayed == 2


async def test_sequence_that_starts_anew(tmp_path: Path) -> None:
    """Numbers that begin at 1 again are taken as they are: the next connection names the new ones."""
    async with numbered() as gateway:
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await say(gateway, "m0", "m1", "m2")
            await all_heard(gateway, "m2")
            await gateway.cursor_anew()
            await say(gateway, "m3")
            await all_heard(gateway, "m3")
            assert await bot.end() == 0
        async with relaying(gateway, tmp_path / "s.db"):
            assert gateway.resumed[-1].seq == 1


@pytest.mark.parametrize("next_account", [BOT, "alice"])
async def test_cursor_ends_with_the_login(tmp_path: Path, next_account: str) -> None:
    """After a logout, and at another account, the number of before is not sent."""
    async with numbered() as gateway:
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await say(gateway, "m0")
            await all_heard(gateway, "m0")
            assert await bot.end() == 0
        async with relaying(gateway, tmp_path / "s.db") as bot:
            assert gateway.resumed[-1].seq == 1
            await gateway.logout()
            await bot.said("logged out")
            await gateway.login(next_account)
            await bot.said("rooms:", times=2)
            assert await bot.end() == 0
        async with relaying(gateway, tmp_path / "s.db"):
            assert gateway.resumed[-1].seq == 0


# --- the first login ---


async def test_verify_code_from_the_command_line(tmp_path: Path) -> None:
    """The bot says that a code is asked for, and how to give it; `--verify-code` gives it, and relaying begins."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        await gateway.logout()
        bot, other = (BotProcess(gateway, tmp_path / "s.db") for _ in range(2))
        await bot.start()
        await gateway.wait(lambda: gateway.stream_open)
        await gateway.verify_code("v1", "123456", login=BOT)
        try:
            await bot.said("--verify-code", limit=10)
            await other.start("--verify-code", "123456")
            assert await other.end(0) == 0
            await bot.said("rooms:")
        finally:
            await bot.end()
        assert gateway.entered == [("v1", "123456")]


async def test_slide_is_said(tmp_path: Path) -> None:
    """The bot says where a slider waits to be moved."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await gateway.logout()
            await gateway.verify_slide("https://example.org/slide")
            await bot.said("https://example.org/slide", limit=10)


# --- kinds ---


async def test_announcement_is_relayed(tmp_path: Path) -> None:
    """A room's new announcement is there in the others."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.announce("@101", "周五聚会", "alice")
            await say(gateway, "behind")
            await all_heard(gateway, "behind")
        assert "[群公告] 周五聚会" in heard(gateway, "@102")


@pytest.mark.parametrize(
    ("kind", "words"), [("channel", "[视频号]"), ("channel_card", "[视频号]"), ("call_record", "[通话]")]
)
async def test_kinds_of_wecom_show(tmp_path: Path, kind: str, words: str) -> None:
    """What only WeCom has shows as a readable line."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.say(talker="alice", room="@101", kind=kind, payload={"nickname": "x", "desc": "d"})
            await say(gateway, "behind")
            await all_heard(gateway, "behind")
        assert words in heard(gateway, "@102")


async def test_markdown_is_text(tmp_path: Path) -> None:
    """Markdown arrives as the text that it is."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.say(talker="alice", room="@101", kind="markdown", text="**今晚** 维护")
            await say(gateway, "behind")
            await all_heard(gateway, "behind")
        assert "[Alice@101]:  **今晚** 维护" in heard(gateway, "@102")


async def test_chat_history_shows_its_first_lines(tmp_path: Path) -> None:
    """A merged chat history shows how many records it has, and who said what in the first three."""
    async with WorkPro() as gateway:
        await community(gateway, LABELS)
        records = [record("Carol", f"第 {number} 条") for number in range(1, 5)]
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.say(talker="alice", room="@101", kind="chat_history", payload={"records": records})
            await say(gateway, "behind")
            await all_heard(gateway, "behind")
        words = heard(gateway, "@102")
        assert "[聊天记录]" in words and "(4 条)" in words
        assert all("Carol" in line for line in words.split("\n") if "第 " in line)
        assert [f"第 {number} 条" in words for number in range(1, 5)] == [True, True, True, False]
