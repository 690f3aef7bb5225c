"""Moderation on the real gateways: what is held, reported, released, taught and undone, over kills and restarts."""

import asyncio
import hashlib
import random
import re
import signal
from collections import Counter
from pathlib import Path

from tests.interop.bots import BotProcess
from tests.interop.gateway import Media, RealGateway, Which
from tests.interop.noted import asked_for, unfinished
from tests.interop.staffed import (
    NAME,
    OFFICE,
    ROOMS,
    all_but,
    got,
    lines_of,
    moderated,
    number_in,
    reported,
    reports,
    said_in,
    told,
    with_staff,
)
from tests.moderated import ADVERT, REPOST, TALK
from tests.test_qr import LINK, code, encoded
from tests.together import figures

CARD = {"appid": "wx1", "title": "砍一刀", "username": "gh_1", "pagePath": "a"}
KILLS = 5  # at each of the two gateways


async def test_the_same_advert_in_five_rooms_goes_out_once(tmp_path: Path, which: Which) -> None:
    """Of what one member says in five rooms one is relayed, to each other room once; staff reads of the other four."""
    async with RealGateway(which) as gateway:
        await with_staff(gateway)
        async with moderated(gateway, tmp_path):
            for room in ROOMS[:5]:
                await gateway.say(talker="alice", room=room, text=ADVERT)
            lines = await reported(gateway, "未转发", 4)
            await gateway.wait(lambda: got(gateway, ADVERT).total() == 9)
            assert max(got(gateway, ADVERT).values()) == 1
            reasons = [line.split(" · ")[2] for line in lines]
            assert reasons == ["两个群都发了", *(f"{count} 个群都发了" for count in (3, 4, 5))]
            number = number_in(lines[0])
            assert re.fullmatch(
                rf"#{number} 未转发 · 10[1-5] Alice：「【限时免费】.*」", lines[0].partition(" · 两")[0]
            )
            assert lines[0].endswith(f" · /放行 {number} · /广告 {number} · /静音 #{number}")


async def test_a_repost_is_known_after_a_kill(tmp_path: Path, which: Which) -> None:
    """Taught from 101 and killed at once, the next bot takes the copies back, and holds a disguised repost in 103.

    Released, that goes to each other room once, with its header and its age; undone, it is taken back.
    """
    async with RealGateway(which) as gateway:
        await with_staff(gateway)
        async with moderated(gateway, tmp_path) as bot:
            await gateway.say(talker="bob", room="@101", text=ADVERT)
            await gateway.wait(lambda: got(gateway, ADVERT) == all_but("@101"))
            answer = await told(gateway, f"/广告 {(await told(gateway, '/最近')).split()[0]}")
            assert f"学为样本 1：「{ADVERT}」" in answer and "正在从 9 处撤回" in answer
            await bot.end(signal.SIGKILL)
            await gateway.wait(lambda: gateway.streams.count("closed") == 1)
        async with moderated(gateway, tmp_path, anew=False):
            adverts = {sent.id for sent in gateway.sent if ADVERT in sent.text and sent.room in ROOMS}
            await gateway.wait(lambda: adverts <= set(gateway.recalled))
            await gateway.say(talker="alice", room="@103", text=REPOST)
            (line,) = await reported(gateway, "未转发 · 103 Alice")
            assert "像样本 1（0." in line
            assert not got(gateway, "xyz98765")
            assert "发往 9 个群" in await told(gateway, f"/放行 {number_in(line)}")
            await gateway.wait(lambda: got(gateway, "xyz98765") == all_but("@103"))
            copies = [sent for sent in gateway.sent if "xyz98765" in sent.text and sent.room in ROOMS]
            assert all(re.fullmatch(rf"\[Alice@103]:  （\d+ 秒前）{re.escape(REPOST)}", one.text) for one in copies)
            assert "回到待审，正在从 9 处撤回" in await told(gateway, "/撤销")
            await gateway.wait(lambda: {one.id for one in copies} <= set(gateway.recalled))
            assert line.partition(" · /")[0] in await told(gateway, "/待审")


async def test_the_mode_is_switched_while_it_runs(tmp_path: Path, which: Which) -> None:
    """Observing, all is relayed and staff reads of it; after /过滤 拦截 it is held, after /过滤 关 neither."""
    async with RealGateway(which) as gateway:
        await with_staff(gateway)
        async with moderated(gateway, tmp_path, "observe"):
            await told(gateway, "/词 加 兼职刷单")
            await gateway.say(talker="alice", room="@101", text="兼职刷单一")
            (line,) = await reported(gateway, "已转发，仅提示")
            assert "有「兼职刷单」" in line and "/放行" not in line
            await gateway.wait(lambda: got(gateway, "兼职刷单一") == all_but("@101"))
            assert "观察 → 拦截" in await told(gateway, "/过滤 拦截")
            await gateway.say(talker="bob", room="@102", text="兼职刷单二")
            await gateway.say(talker="bob", room="@102", text="明天见")
            await gateway.wait(lambda: got(gateway, "明天见") == all_but("@102"))
            assert "「兼职刷单二」" in await told(gateway, "/待审")
            assert "拦截 → 关" in await told(gateway, "/过滤 关")
            await gateway.say(talker="bob", room="@103", text="兼职刷单三")
            await gateway.wait(lambda: got(gateway, "兼职刷单三") == all_but("@103"))
            assert not got(gateway, "兼职刷单二")


async def test_cards_of_a_newcomer(tmp_path: Path, which: Which) -> None:
    """A mini-program and a contact card of a newcomer are held, and released as what they are; of others they pass."""
    async with RealGateway(which) as gateway:
        await with_staff(gateway)

        def cards() -> Counter[str]:
            return Counter(sent.room for sent in gateway.sent if sent.kind == "miniprogram")

        async with moderated(gateway, tmp_path):
            await gateway.say(talker="alice", room="@101", kind="miniprogram", payload=CARD)
            await gateway.say(talker="alice", room="@101", kind="contact", payload={"contactId": "eve"})
            mini, contact = await reported(gateway, "未转发 · 101 Alice", 2)
            assert "「[小程序] 砍一刀」 · 新成员发[小程序] · " in mini and " · 新成员发[名片] · " in contact
            await told(gateway, f"/放行 {number_in(mini)}")
            await told(gateway, f"/放行 #{number_in(contact)}")
            await gateway.wait(lambda: cards() == got(gateway, "前）[名片] 张主管") == all_but("@101"))
            assert got(gateway, "秒前）[小程序] 砍一刀") == all_but("@101")
            await gateway.say(talker="bob", room="@102", text=TALK)
            await gateway.wait(lambda: got(gateway, TALK) == all_but("@102"))
            assert "「Bob」现在受信任" in await told(gateway, f"/信任 {(await told(gateway, '/最近 102')).split()[0]}")
            for talker in ("bob", "chief"):
                await gateway.say(talker=talker, room="@102", kind="miniprogram", payload=CARD)
            await gateway.wait(lambda: cards() == all_but("@101") + all_but("@102") + all_but("@102"))


async def test_a_code_of_a_newcomer(tmp_path: Path, which: Which) -> None:
    """A picture with a QR code is held with what stands in it, released as that picture, and can be taught."""
    plain, coded = (Media("a.png", encoded(one, "PNG")) for one in (code(LINK, 20), code(LINK, 240)))
    async with RealGateway(which) as gateway:
        await with_staff(gateway)

        def pictures(file: Media) -> Counter[str]:
            digest = hashlib.sha256(file.content).hexdigest()
            return Counter(sent.room for sent in gateway.sent if sent.data.get("sha256") == digest)

        async with moderated(gateway, tmp_path):
            await gateway.say(talker="alice", room="@101", kind="image", file=plain)
            await gateway.wait(lambda: pictures(plain) == all_but("@101"))
            await gateway.say(talker="alice", room="@101", kind="image", file=coded)
            (line,) = await reported(gateway, "未转发 · 101 Alice：「[图片]」")
            assert f" · 新成员发二维码「{LINK[:40]}" in line
            assert "发往 9 个群" in await told(gateway, f"/放行 {number_in(line)}")
            await gateway.wait(lambda: pictures(coded) == got(gateway, "秒前）[图片]") == all_but("@101"))
            answer = await told(gateway, f"/广告 {number_in(line)}")
            assert f"学为样本 1：二维码「{LINK}」" in answer and "正在从 18 处撤回" in answer
            await gateway.say(
                talker="bob", room="@102", kind="image", file=Media("b.png", encoded(code(LINK, 300), "PNG"))
            )
            await gateway.say(talker="bob", room="@102", text="看图")
            await gateway.wait(lambda: got(gateway, "看图") == all_but("@102"))
            assert "二维码与样本 1 相同、新成员发二维码" in await told(gateway, "/待审")


async def test_a_filter_that_holds_too_much_is_stopped(tmp_path: Path, which: Which) -> None:
    """More than a third of thirty messages held: staff is told, the next ones are relayed, no ordinary one was lost."""
    async with RealGateway(which) as gateway:
        await with_staff(gateway)
        async with moderated(gateway, tmp_path) as bot:
            await told(gateway, "/词 加 大家")
            await gateway.contact("carol", "Carol")
            for number in range(15):
                await gateway.say(talker="alice", room="@101", text=f"问题 {number} 是怎么建索引")
                talker = ("alice", "bob", "carol")[number % 3]  # of one member it would be that member's fault
                await gateway.say(talker=talker, room="@102", text=f"大家好 {number}")
            await gateway.wait(lambda: got(gateway, "问题 14 ") == all_but("@101"))
            assert "过滤：观察" in await told(gateway, "/过滤")
            await bot.end(signal.SIGKILL)  # which need not wait for the next report
            await gateway.wait(lambda: gateway.streams.count("closed") == 1)
        async with moderated(gateway, tmp_path, anew=False):
            await gateway.wait(lambda: any("已自动改为「观察」" in text for text in said_in(gateway, OFFICE)))
            await gateway.say(talker="bob", room="@102", text="大家晚安")
            await gateway.wait(lambda: got(gateway, "大家晚安") == all_but("@102"))
            asked = [line for line in lines_of(gateway, "@110") if "大家" not in line]
            assert asked == [f"问题 {number} 是怎么建索引" for number in range(15)]


async def test_killed_while_adverts_are_said(tmp_path: Path, which: Which) -> None:
    """Over 5 kills (SIGKILL) nothing ordinary is lost, or out of order, nothing held goes out, each is reported."""
    chance = random.Random(20261130)
    ordinary: dict[str, tuple[str, str]] = {}  # id -> room and text
    adverts: dict[str, str] = {}
    async with RealGateway(which, echo=True) as gateway:
        await with_staff(gateway)
        async with moderated(gateway, tmp_path):
            await told(gateway, "/词 加 兼职刷单")
        await gateway.rule("delay", delay_ms=10)  # so that kills meet sends in hand
        bot = BotProcess(gateway, tmp_path / "s.db", ADMIN_ROOM=NAME, MODERATION="hold", LOG_LEVEL="warning")
        for _ in range(KILLS):
            opened = gateway.streams.count("open")
            await bot.start()
            await gateway.wait(lambda opened=opened: gateway.streams.count("open") > opened)  # type: ignore[misc]
            await asyncio.sleep(chance.random() * 0.3)
            for said in chance.sample(["101", "101", "102", "102", "advert"], 5):
                if said == "advert":
                    room, text = chance.choice(ROOMS[2:]), f"兼职刷单，第 {len(adverts)} 家店招人"
                    adverts[await gateway.say(talker="bob", room=room, text=text)] = text
                else:
                    talker, text = ("alice" if said == "101" else "chief"), f"m{len(ordinary)}"
                    message = await gateway.say(talker=talker, room=f"@{said}", text=text)
                    ordinary[message] = (f"@{said}", text)
                await asyncio.sleep(chance.random() * 0.03)
            await asyncio.sleep(chance.random() * 0.5)
            await bot.end(signal.SIGKILL)
            await gateway.wait(lambda: gateway.streams.count("open") == gateway.streams.count("closed"))
        async with moderated(gateway, tmp_path, anew=False):
            # On a slow machine no process before this one lived to ask for all that it had noted.
            await gateway.wait(lambda: unfinished(tmp_path / "s.db") <= asked_for(gateway), 30)
            # The gateway keeps no history: a message that it was never asked for reached only a dying process.
            accepted = asked_for(gateway)
            held = {text for message, text in adverts.items() if message in accepted}
            for source in ("@101", "@102"):
                said_there = [text for id, (room, text) in ordinary.items() if room == source and id in accepted]
                for room in ROOMS[2:]:
                    await gateway.wait(lambda r=room, s=said_there: set(s) <= set(lines_of(gateway, r)), 60)  # type: ignore[misc]
                    found = [line for line in lines_of(gateway, room) if line in said_there]
                    assert list(dict.fromkeys(found)) == said_there
            listed = await told(gateway, "/待审")
            assert set(re.findall("：「(.*?)」 ·", listed)) == held
            await gateway.wait(
                lambda: {words for one in reports(gateway) for words in re.findall("：「(.*?)」 ·", one)} >= held, 45
            )
            await gateway.sync()
            assert not got(gateway, "兼职刷单")
            repeats = sum(count - 1 for room in ROOMS for count in Counter(gateway.texts(room)).values())
            assert repeats <= KILLS
            figures(f"{KILLS} kills: {len(held)} held, {len(accepted & ordinary.keys())} relayed, {repeats} repeated")


async def test_what_is_held_is_not_quoted_and_can_be_recalled(tmp_path: Path, which: Which) -> None:
    """The words of a held message that a member quotes are shown nowhere; recalled by its author it waits no more."""
    async with RealGateway(which) as gateway:
        await with_staff(gateway)
        async with moderated(gateway, tmp_path):
            await told(gateway, "/词 加 兼职刷单")
            advert = await gateway.say(talker="alice", room="@101", text="兼职刷单，日结三百，找我")
            (line,) = await reported(gateway, "有「兼职刷单」")
            if which == "juzi":
                await gateway.say(talker="bob", room="@101", text="这是骗子吧", quote_id=advert)
            else:
                quote = f"「Alice：兼职刷单，日结三百，找我」\n{'- ' * 14}-\n这是骗子吧"
                await gateway.say(talker="bob", room="@101", text=quote)
            await gateway.wait(lambda: got(gateway, "这是骗子吧") == all_but("@101"))
            assert not got(gateway, "日结三百")
            await gateway.say(talker="alice", room="@101", kind="recalled", text=advert)
            await gateway.say(talker="bob", room="@101", text="撤了")
            await gateway.wait(lambda: got(gateway, "撤了") == all_but("@101"))
            assert await told(gateway, "/待审") == "没有待审的消息。"
            assert "作者自己撤回了" in await told(gateway, f"/放行 {number_in(line)}")
