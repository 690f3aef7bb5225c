"""Recalls, quotes and every kind, with the bot process against the real gateway."""

from pathlib import Path

import pytest

from tests.interop.bots import BOT, community, relaying
from tests.interop.gateway import Media, RealGateway, Which

LABELS = ["101", "102", "103"]
DASHES = "- " * 14 + "-"
PICTURE = Media("large.png", bytes(range(256)) * 400)
ROOMS = ["@102", "@103"]


def copies(gateway: RealGateway, words: str) -> set[str]:
    """The ids of the copies of a text."""
    return {sent.id for sent in gateway.sent if words in sent.text}


async def test_recalls_across_a_restart(tmp_path: Path, which: Which) -> None:
    """A text, a picture and a member of a batch that are taken back are gone everywhere, also after a restart."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db") as bot:
            text = await gateway.say(talker="alice", room="@101", text="oops")
            await gateway.wait_sent(2)  # else the caption could travel with it
            picture = await gateway.say(talker="alice", room="@101", kind="image", file=PICTURE)
            await gateway.wait_sent(6)
            assert await bot.end() == 0
        async with relaying(gateway, tmp_path / "s.db"):
            for message in (text, picture):
                await gateway.say(talker="alice", room="@101", kind="recalled", text=message)
            await gateway.wait(lambda: len(gateway.recalled) == 6)
        assert {sent.id for sent in gateway.sent} == set(gateway.recalled)


async def test_recalled_member_of_a_batch(tmp_path: Path, which: Which) -> None:
    """A batch that holds a recalled text is taken back, and the rest of it is there again, once."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        await gateway.rule("delay", delay_ms=300)
        async with relaying(gateway, tmp_path / "s.db"):
            ids = [await gateway.say(talker="alice", room="@101", text=f"line {number}") for number in range(4)]
            await gateway.wait(
                lambda: all(copies(gateway, "line 3") & {s.id for s in gateway.sent if s.room == r} for r in ROOMS)
            )
            await gateway.clear_rules()
            before = len(gateway.sent)
            await gateway.say(talker="alice", room="@101", kind="recalled", text=ids[2])
            await gateway.wait(lambda: len(gateway.recalled) == 2 and len(gateway.sent) == before + 2)
            await gateway.sync()
        for sent in gateway.sent[before:]:
            assert "line 2" not in sent.text and "line 3" in sent.text
        assert copies(gateway, "line 2") == set(gateway.recalled)


async def test_recall_without_ids_is_announced(tmp_path: Path, which: Which) -> None:
    """Where the gateway gives no ids, every other room gets one line."""
    async with RealGateway(which, ids=False) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            picture = await gateway.say(talker="alice", room="@101", kind="image", file=PICTURE)
            await gateway.wait_sent(4)
            await gateway.say(talker="alice", room="@101", kind="recalled", text=picture)
            await gateway.wait_sent(6)
        assert {(sent.room, sent.text) for sent in gateway.sent[4:]} == {
            (room, "[Alice@101] 撤回了一条消息") for room in ROOMS
        }


@pytest.mark.parametrize("ids", [True, False])
async def test_quoted_author_is_mentioned(tmp_path: Path, which: Which, ids: bool) -> None:
    """Alice of 101 is mentioned there, and only there, when Bob of 103 quotes her."""
    async with RealGateway(which, ids=ids) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await gateway.say(talker="alice", room="@101", text="hello")
            await gateway.wait_sent(2)
            assert await bot.end() == 0
        async with relaying(gateway, tmp_path / "s.db"):
            quote = f"「小助手：[Alice@101]:  hello」\n{DASHES}\nhi Alice"
            await gateway.say(talker="bob", room="@103", text=quote)
            await gateway.wait_sent(4)
        mentions = {sent.room: sent.data.get("mentions") for sent in gateway.sent[2:]}
        assert mentions == {"@101": ["alice"], "@102": []}


async def test_every_type_shows(tmp_path: Path, which: Which) -> None:
    """Every message type of wechaty that a person posts shows as itself or as a readable line, and the bot answers."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            for kind in (*range(13), 14, 15, 16):
                file = PICTURE if kind in (1, 5, 6, 15) else None
                await gateway.say(talker="bob" if kind % 2 else "alice", room="@101", kind=kind, text="x", file=file)
            await gateway.say(talker="alice", room="@101", text="@小助手\u2005hi", mentions=[BOT])
            await gateway.wait(lambda: any("另外 2 个群" in text for text in gateway.texts("@101")), 30)
            await gateway.wait(lambda: any("@小助手 hi" in text for text in gateway.texts("@102")), 30)
        shown = "\n".join(gateway.texts("@102"))
        for words in (
            "文件",
            "语音",
            "名片",
            "聊天记录",
            "表情",
            "图片",
            "位置",
            "小程序",
            "接龙",
            "转账",
            "红包",
            "链接",
            "视频",
        ):
            assert f"[{words}]" in shown
        assert sum(sent.kind == "file" for sent in gateway.sent if sent.room == "@102") == 4
