"""Staff on the real gateways: listed by a code, heard in its room and in private, over kills and restarts."""

import signal
from pathlib import Path

from tests.interop.bots import BOT, BotProcess, community, relaying
from tests.interop.gateway import Media, RealGateway, Which
from tests.interop.staffed import LABELS, NAME, OFFICE, ask, claim, said_in, with_staff

SMALL = Media("small.png", bytes(range(256)) * 8)
CARD = {"url": "https://example.org", "title": "Title", "description": "d", "thumbnailUrl": "https://example.org/t.png"}


async def test_staff_steers_the_bot(tmp_path: Path, which: Which) -> None:
    """Listed by the code of the log, staff mutes, sets modes, and is answered; one of the same name is not."""
    async with RealGateway(which) as gateway:
        await with_staff(gateway)
        async with relaying(gateway, tmp_path / "s.db", ADMIN_ROOM=NAME) as bot:
            await claim(gateway, bot)
            await gateway.say(talker="eve", room=OFFICE, text="/群 101 停")
            await gateway.say(talker="eve", to=BOT, text="/群 101 停")
            await gateway.say(talker="bob", room="@101", text="spam")
            await gateway.wait_sent(1 + 9)
            number = (await ask(gateway, "/最近", where="")).split()[0]
            assert "已静音「Bob」" in await ask(gateway, f"/静音 {number} 60")
            assert "只收" in await ask(gateway, "/群 103 只收")
            assert "→ 停" in await ask(gateway, "/群 104 停")
            sent = len(gateway.sent)
            for talker, room in (("bob", "@102"), ("alice", "@103"), ("alice", "@101")):
                await gateway.say(talker=talker, room=room, text=f"from {room}")
            await gateway.wait_sent(sent + 8)
            await gateway.sync()
            assert {one.text for one in gateway.sent[sent:]} == {"[Alice@101]:  from @101"}
            assert {one.room for one in gateway.sent[sent:]} == {f"@{one}" for one in LABELS} - {"@101", "@104"}


async def test_an_announcement_goes_to_ten_rooms_and_back(tmp_path: Path, which: Which) -> None:
    """A text, a picture and a link, collected in private, are in all ten rooms as they are, and are taken back."""
    async with RealGateway(which) as gateway:
        await with_staff(gateway)
        async with relaying(gateway, tmp_path / "s.db", ADMIN_ROOM=NAME) as bot:
            await claim(gateway, bot)
            assert "/完成" in await ask(gateway, "/公告", where="")
            await gateway.say(talker="chief", to=BOT, text="Milvus 2.7 发布了")
            await gateway.say(talker="chief", to=BOT, kind="image", file=SMALL)
            await gateway.say(talker="chief", to=BOT, kind="url", payload=dict(CARD))
            await gateway.wait_called("messageUrl")
            shown = await ask(gateway, "/完成", where="")
            assert "10 个群" in shown and "\nMilvus 2.7 发布了\n[图片]\n[链接] Title\n" in shown
            assert "正在发往 10 个群" in await ask(gateway, "/确认 1", where="")
            rooms = {f"@{one}" for one in LABELS}
            await gateway.wait(lambda: sum(one.room in rooms for one in gateway.sent) == 30)
            for room in rooms:
                found = [one for one in gateway.sent if one.room == room]
                assert [one.kind for one in found] == ["text", "file", "url"]
                assert (found[0].text, found[2].data["payload"]) == ("Milvus 2.7 发布了", CARD)
            assert "30 处撤回" in await ask(gateway, "/撤销", where="")
            await gateway.wait(lambda: len(gateway.recalled) == 30)


async def test_a_pause_outlasts_a_kill(tmp_path: Path, which: Which) -> None:
    """Paused and killed, the next bot keeps what is said, also before the kill, and sends it after /恢复, in order."""
    async with RealGateway(which) as gateway:
        await with_staff(gateway)
        async with relaying(gateway, tmp_path / "s.db", ADMIN_ROOM=NAME) as bot:
            await claim(gateway, bot)
            assert "已暂停" in await ask(gateway, "/暂停")
            await gateway.say(talker="alice", room="@101", text="one")
            await gateway.wait_called("messagePayload", 3)
            assert "等待 1" in await ask(gateway, "/状态")
            await bot.end(signal.SIGKILL)
            await gateway.wait(lambda: gateway.streams.count("closed") == 1)
        async with relaying(gateway, tmp_path / "s.db", ADMIN_ROOM=NAME):
            sent = len(gateway.sent)
            await gateway.say(talker="alice", room="@101", text="two")
            # The last answer before the kill may be repeated.
            await gateway.say(talker="chief", room=OFFICE, text="/状态")
            await gateway.wait(lambda: any("等待 2" in text for text in said_in(gateway, OFFICE)))
            assert all(one.room == OFFICE for one in gateway.sent[sent:])
            await gateway.say(talker="chief", room=OFFICE, text="/恢复")
            await gateway.wait(lambda: "two" in "".join(said_in(gateway, "@110")))
            assert "\n".join(said_in(gateway, "@110")) in (
                "[Alice@101]:  one\ntwo",
                "[Alice@101]:  one\n[Alice@101]:  two",
            )


async def test_the_machine_announces_while_the_bot_runs(tmp_path: Path, which: Which) -> None:
    """--do beside a bot that runs announces, with 0; without one it does nothing, with 1."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            beside = BotProcess(gateway, tmp_path / "s.db")
            await beside.start("--do", "/公告 Milvus 2.7 发布了", "--yes")
            assert await beside.end(0) == 0
            assert "正在发往 10 个群" in "".join(beside.lines)
            await gateway.wait_sent(10)
            assert {one.text for one in gateway.sent} == {"Milvus 2.7 发布了"}
        alone = BotProcess(gateway, tmp_path / "s.db")
        await alone.start("--do", "/状态")
        assert await alone.end(0) == 1
        assert "No bot runs" in "".join(alone.lines)
