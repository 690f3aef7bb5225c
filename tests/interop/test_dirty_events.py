"""The bot process and a gateway that tells of many rooms at once that they changed, as WorkPro does after a login."""

from pathlib import Path

from tests.interop.bots import BOT, community, relaying
from tests.interop.gateway import RealGateway, Which

LABELS = ["101", "102", "103"]
ROOMS = [f"@other-{number}" for number in range(197)]
DIRTY = 27


async def text_arrives(gateway: RealGateway) -> None:
    """Alice says something in 101, and it is in the other two rooms."""
    await gateway.say(talker="alice", room="@101", text="help")
    await gateway.wait(lambda: all("help" in "".join(gateway.texts(room)) for room in ("@102", "@103")))


async def test_two_hundred_dirty_rooms_hold_no_text_up(tmp_path: Path, which: Which) -> None:
    """A text arrives while not one of the 200 rooms' payloads has been answered."""
    async with RealGateway(which) as gateway:
        for room in ROOMS:
            await gateway.room(room, room, [BOT, "alice"])
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.slow("roomPayload", 60_000)
            await gateway.dirty_rooms([*ROOMS, "@101", "@102", "@103"])
            await text_arrives(gateway)


async def test_dirty_events_of_one_room_are_one(tmp_path: Path, which: Which) -> None:
    """Two hundred events of one room, at 60 ms a payload, cost a few calls."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.slow("roomPayload", 60)
            before = gateway.call_count("roomPayload")
            await gateway.dirty_rooms(["@101"] * 200)
            await text_arrives(gateway)
        assert gateway.call_count("roomPayload") - before < 20


async def test_dirty_event_without_an_id_is_harmless(tmp_path: Path, which: Which) -> None:
    """One that names nothing costs no traceback, and no message."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await gateway.raw(DIRTY, '{"payloadType": 3}')
            await text_arrives(gateway)
        assert not any("Traceback" in line for line in bot.lines)
