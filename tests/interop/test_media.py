"""The bot process and pictures whose bytes are gone, at either gateway."""

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
