"""The bot process and pictures whose bytes are gone, at either gateway."""

import hashlib
from pathlib import Path

from tests.interop.bots import community, relaying
from tests.interop.gateway import Media, RealGateway, Which

LABELS = ["101", "102", "103"]
OTHERS = ["@102", "@103"]
PICTURE = Media("large.png", bytes(range(256)) * 400)
NOWHERE = Media("gone.png", url="http://127.0.0.1:9/gone.png")  # port 9: nobody listens there
NOT_RELAYED = "[图片] 未能转发，仅原群可见"


async def pictures_arrive(gateway: RealGateway, count: int) -> None:
    """Wait until so many files are in every other room."""
    await gateway.wait(
        lambda: all(sum(s.kind == "file" and s.room == room for s in gateway.sent) == count for room in OTHERS)
    )


async def test_picture_after_all_handles_died(tmp_path: Path, which: Which) -> None:
    """When the gateway has forgotten all that it kept, the next picture arrives like the one before."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            for count in (1, 2):
                await gateway.say(talker="alice", room="@101", kind="image", file=PICTURE)
                await pictures_arrive(gateway, count)
                assert await gateway.kill_handles() > 0
        assert not gateway.refused


async def test_dead_handle_is_asked_for_once_more(tmp_path: Path, which: Which) -> None:
    """A picture whose handle is gone is asked for by its message's id, and arrives everywhere."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.say(talker="alice", room="@101", kind="image", file=PICTURE, dead_handles=1)
            await pictures_arrive(gateway, 1)
            await gateway.say(talker="alice", room="@101", text="behind")
            await gateway.wait(lambda: all("behind" in "".join(gateway.texts(room)) for room in OTHERS))
        assert NOT_RELAYED not in "".join(gateway.texts("@102"))


async def test_dead_link_holds_nobody_else_up(tmp_path: Path, which: Which) -> None:
    """A picture with a dead link ends as a line, and what is said in another room is there before it."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await gateway.say(talker="alice", room="@101", kind="image", file=NOWHERE)
            await gateway.wait(lambda: gateway.refused)
            await gateway.say(talker="bob", room="@102", text="help")
            await gateway.wait(lambda: NOT_RELAYED in "".join(gateway.texts("@103")), 30)
        words = "".join(gateway.texts("@103"))
        assert "help" in words and words.index("help") < words.index(NOT_RELAYED)


async def test_nobody_waits_for_ten_pictures(tmp_path: Path, which: Which) -> None:
    """Ten rooms, ten pictures of one, then a text of another: it is one of the next three sends of each room, and the
    pictures all arrive, in order, each below its own caption or a picture of the same person."""
    labels = [str(label) for label in range(101, 111)]
    rooms = [f"@{label}" for label in labels if label not in ("101", "102")]
    files = [Media(f"{number}.png", bytes([number]) * 200) for number in range(10)]
    async with RealGateway(which) as gateway:
        await community(gateway, labels)
        async with relaying(gateway, tmp_path / "s.db", SEND_INTERVAL="0.05"):
            for file in files:
                await gateway.say(talker="alice", room="@101", kind="image", file=file)
            await gateway.wait_sent(20)
            before = {room: sum(one.room == room for one in gateway.sent) for room in rooms}
            await gateway.say(talker="bob", room="@102", text="help")
            await gateway.wait(lambda: all(len(pictures(gateway, room)) == 10 for room in rooms), 60)
    for room in rooms:
        kinds = ["text" if one.kind == "text" else "picture" for one in gateway.sent if one.room == room]
        texts = [one.text for one in gateway.sent if one.room == room]
        # One more may have been on its way to some room when it was said.
        assert next(at for at, text in enumerate(texts) if "help" in text) <= before[room] + 3, texts
        assert pictures(gateway, room) == [hashlib.sha256(file.content).hexdigest() for file in files]
        for at in range(1, len(kinds)):
            if kinds[at] == "picture" and kinds[at - 1] == "text":
                assert texts[at - 1].endswith("[Alice@101]:  [图片]")


def pictures(gateway: RealGateway, room: str) -> list[object]:
    """Which files are in a room, in order."""
    return [one.data["sha256"] for one in gateway.sent if one.room == room and one.kind == "file"]
