"""The bot process against the real gateway when things break: nothing lost, order kept."""

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path

from tests.interop.bots import BotProcess, community, relaying, spoken
from tests.interop.gateway import RealGateway, Which
from tests.interop.noted import asked_for, unfinished
from tests.together import figures

LABELS = ["101", "102", "103"]
KILLS = 25  # at each of the two gateways
MESSAGES = 200  # at once


def bodies(gateway: RealGateway, room: str, talker: str = "Alice") -> list[str]:
    """What arrived in a room, without headers, one entry for each line."""
    return [line for text in gateway.texts(room) for name, line in spoken(text, LABELS) if name == talker]


def without_repeats(found: list[str]) -> list[str]:
    return [one for number, one in enumerate(found) if one not in found[:number]]


def check(gateway: RealGateway, room: str, said: list[str], repeats: int = 0) -> int:
    """All of `said` is in `room` in order, with at most that many sends repeated; how many there were."""
    found = bodies(gateway, room)
    lost = [one for one in said if one not in found]
    extra = sum(count - 1 for count in Counter(gateway.texts(room)).values())
    assert not lost, f"lost in {room}: {lost}"
    # A repeat is the send of before the kill made once more: it moves nothing else.
    assert without_repeats(found) == said
    assert extra <= repeats
    return extra


async def all_arrived(gateway: RealGateway, rooms: list[str], said: list[str], limit: float = 60) -> None:
    await gateway.wait(lambda: all(set(said) <= set(bodies(gateway, room)) for room in rooms), limit)
    await gateway.sync()


async def test_killed_at_random_moments(tmp_path: Path, which: Which) -> None:
    """Over 25 kills (SIGKILL) while Alice talks nothing is lost, at most one send a kill repeats, order is kept."""
    chance = random.Random(20260101)
    async with RealGateway(which, echo=True) as gateway:
        await community(gateway, LABELS)
        await gateway.rule("delay", delay_ms=25)  # so that kills meet sends in hand
        posted: dict[str, str] = {}
        kills = 0
        bot = BotProcess(gateway, tmp_path / "s.db", LOG_LEVEL="warning")
        while kills < KILLS:
            opened = gateway.streams.count("open")
            await bot.start()
            await gateway.wait(lambda opened=opened: gateway.streams.count("open") > opened, 30)  # type: ignore[misc]
            for _ in range(chance.randint(3, 6)):
                text = f"m{len(posted)}"
                posted[await gateway.say(talker="alice", room="@101", text=text)] = text
                await asyncio.sleep(chance.random() * 0.03)
            await asyncio.sleep(chance.random() * 0.15)
            await bot.end(signal.SIGKILL)
            kills += 1
            await gateway.wait(lambda: gateway.streams.count("open") == gateway.streams.count("closed"))
        async with relaying(gateway, tmp_path / "s.db"):
            # On a slow machine no process before this one lived to ask for all that it had noted.
            await gateway.wait(lambda: unfinished(tmp_path / "s.db") <= asked_for(gateway), 30)
            # The gateway keeps no history: a message that it was never asked for reached only a dying process.
            accepted = asked_for(gateway)
            said = [text for message_id, text in posted.items() if message_id in accepted]
            await all_arrived(gateway, ["@102", "@103"], said)
        repeats = [check(gateway, room, said, kills) for room in ("@102", "@103")]
        assert sum(repeats) <= kills
        unseen = len(posted) - len(said)
        figures(f"{kills} kills, {len(said)} messages accepted: 0 lost, {sum(repeats)} sends repeated")
        figures(f"({unseen} messages met a dying bot and were never asked for)")


async def test_gateway_killed_and_started_again(tmp_path: Path, which: Which) -> None:
    """The gateway dies and comes back on the same port: the bot goes on by itself, what waited goes out first."""
    first = RealGateway(which)
    await first.start()
    bot = BotProcess(first, tmp_path / "s.db")
    await community(first, LABELS)
    await bot.relaying()
    await first.rule("delay", delay_ms=150)
    said = [f"m{number}" for number in range(6)]
    for text in said:
        await first.say(talker="alice", room="@101", text=text)
    await first.wait(lambda: first.call_count("messagePayload") >= 6)
    await asyncio.sleep(0.2)
    await first.kill()
    second = RealGateway(which, port=first.port)
    await second.start()
    await community(second, LABELS)
    await second.wait(lambda: "open" in second.streams, 10)
    await bot.said("rooms:", times=2)
    said.append("after")
    await second.say(talker="alice", room="@101", text="after")
    for room in ("@102", "@103"):
        await second.wait(lambda room=room: "after" in bodies(second, room), 30)  # type: ignore[misc]
        found = bodies(first, room) + bodies(second, room)
        assert without_repeats(found) == said
    assert await bot.end() == 0
    await second.close()


async def test_frozen_gateway_is_noticed(tmp_path: Path, which: Which) -> None:
    """A gateway frozen (SIGSTOP) for 45 s is left and found again; what is said afterwards arrives, nothing is lost."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await gateway.say(talker="alice", room="@101", text="before")
            await gateway.wait_sent(2)
            gateway.pause()
            frozen = asyncio.create_task(asyncio.sleep(45))
            await bot.said("trying again", limit=31)
            await frozen
            gateway.resume()
            await bot.said("rooms:", times=2)
            await gateway.say(talker="alice", room="@101", text="after")
            await all_arrived(gateway, ["@102", "@103"], ["before", "after"])
        for room in ("@102", "@103"):
            check(gateway, room, ["before", "after"], repeats=1)


async def test_room_that_always_refuses_delays_no_other(tmp_path: Path, which: Which) -> None:
    """One room that refuses every send costs the others nothing, and shows in --status."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        await gateway.rule("refuse", room="@103", error="no")
        async with relaying(gateway, tmp_path / "s.db") as bot:
            said = [f"m{number}" for number in range(20)]
            for text in said:
                await gateway.say(talker="alice", room="@101", text=text)
            await all_arrived(gateway, ["@102"], said)
            check(gateway, "@102", said)
            assert not gateway.texts("@103")
            status = BotProcess(gateway, tmp_path / "s.db")
            await status.start("--status")
            assert await status.end(0) == 0
            assert status.lines[0].startswith("connected for")
            assert any("103" in line and "last error" in line and "no" in line for line in status.lines), status.lines
        assert bot.process.returncode is not None


async def test_send_that_was_performed_and_answered_with_an_error(tmp_path: Path, which: Which) -> None:
    """A send whose answer is an error, but whose echo is seen, is not repeated."""
    async with RealGateway(which, echo=True) as gateway:
        await community(gateway, LABELS)
        await gateway.rule("perform_then_fail", room="@102", error="but it was sent", times=1)
        async with relaying(gateway, tmp_path / "s.db"):
            said = ["one", "two", "three"]
            for text in said:
                await gateway.say(talker="alice", room="@101", text=text)
            await all_arrived(gateway, ["@102", "@103"], said)
        for room in ("@102", "@103"):
            assert check(gateway, room, said) == 0


async def test_same_event_twice_is_one_message(tmp_path: Path, which: Which) -> None:
    """An event that the gateway repeats, at once and after a restart of the bot, is relayed once."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db") as bot:
            message = await gateway.say(talker="alice", room="@101", text="once")
            await gateway.again(message)
            await gateway.wait_sent(2)
            assert await bot.end() == 0
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.again(message)
            await gateway.say(talker="alice", room="@101", text="next")
            await all_arrived(gateway, ["@102", "@103"], ["once", "next"])
        for room in ("@102", "@103"):
            assert check(gateway, room, ["once", "next"]) == 0


async def test_two_hundred_messages_at_once(tmp_path: Path, which: Which) -> None:
    """200 messages at once from one room arrive in all others, in order, though payloads answer out of order."""
    chance = random.Random(7)
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            said = [f"m{number}" for number in range(MESSAGES)]
            for text in said:
                await gateway.say(talker="alice", room="@101", text=text, delay_payload_ms=chance.randint(0, 40))
            await all_arrived(gateway, ["@102", "@103"], said)
        for room in ("@102", "@103"):
            assert check(gateway, room, said) == 0


async def test_hostile_events(tmp_path: Path, which: Which) -> None:
    """Events that end python-wechaty's read loop for good cost the bot nothing but themselves."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.event("error", {"data": "boom"})
            await gateway.event("scan", {"status": 6, "qrcode": "x"})
            await gateway.event("message", {"messageId": "nobody-knows-it"})
            await gateway.raw(99, "{}")
            await gateway.raw(2, "no json")
            await gateway.raw(16, '{"gerror": "{}"}')
            await gateway.raw(19, "{}")
            for kind in (0, 10, 16, 17, 18, 99):
                await gateway.say(talker="alice", room="@101", kind=kind)
            await gateway.say(talker="nobody", room="@101", text="from a stranger")
            await gateway.say(talker="alice", room="@101", text="still here", fail_payload=1)
            await all_arrived(gateway, ["@102", "@103"], ["still here"])
            assert any("from a stranger" in text for text in gateway.texts("@102"))


async def test_logged_out_and_in_again_with_new_room_ids(tmp_path: Path, which: Which) -> None:
    """What waits while WeChat is logged out follows the rooms by topic to the ids that the next login gives them."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await gateway.rule("refuse", error="not now")
            await gateway.say(talker="alice", room="@101", text="wait")
            await gateway.wait(lambda: len(gateway.refused) >= 2)
            await gateway.logout()
            await bot.said("logged out")
            for label in LABELS:
                await gateway.remove_room(f"@{label}")
                await gateway.room(f"@new-{label}", f"Milvus用户交流群{label}", ["bot", "alice", "bob"])
            await gateway.clear_rules()
            await gateway.login("bot")
            await all_arrived(gateway, ["@new-102", "@new-103"], ["wait"])
