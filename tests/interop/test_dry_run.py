"""`python bot.py --dry-run` at either real gateway: it hears all, and the gateway sees no send."""

from pathlib import Path

from tests.interop.bots import BotProcess, community
from tests.interop.gateway import Media, RealGateway, Which

LABELS = ["101", "102", "103"]
PICTURE = Media("large.png", bytes(range(256)) * 400)
LINK = {"url": "https://milvus.io/docs", "title": "Hybrid Search", "description": "", "thumbnailUrl": ""}
# All that a dry run may call: these read, and `start` logs nobody in or out.
READING = {
    "event", "start", "version", "roomList", "roomPayload", "roomMemberPayload", "contactPayload", "messagePayload",
    "messageImage", "messageFile", "messageUrl",
}  # fmt: skip


async def test_gateway_sees_no_send(tmp_path: Path, which: Which) -> None:
    """A text, a picture, a link and a recall are printed for both other rooms; no call changes anything."""
    async with RealGateway(which, echo=True) as gateway:
        await community(gateway, LABELS)
        bot = BotProcess(gateway, tmp_path / "s.db", TMPDIR=str(tmp_path))
        await bot.start("--dry-run")
        try:
            await bot.said("rooms:")
            said = await gateway.say(talker="alice", room="@101", text="hello")
            await bot.said("[Alice@101]:  hello", 2)
            await gateway.say(talker="bob", room="@102", kind="image", file=PICTURE)
            await bot.said("  [图片]", 4)  # with the caption before it
            await gateway.say(talker="bob", room="@103", kind="url", payload=LINK)
            await bot.said("[链接] Hybrid Search", 4)
            await gateway.say(talker="alice", room="@101", kind="recalled", text=said)
            await bot.said("(takes back #", 2)
        finally:
            code = await bot.end()
        await gateway.sync()
        assert code == 0
        assert any("12 sends would have been made, and none was." in line for line in bot.lines)
        assert {call.name for call in gateway.called} <= READING
        assert not gateway.sent and not gateway.refused and not gateway.recalled
        assert list(tmp_path.iterdir()) == []
