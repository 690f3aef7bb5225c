"""The bot process against the real gateway: all four kinds, plain and TLS, and restarts."""

import base64
import hashlib
from pathlib import Path

import trustme

from tests.interop.bots import BOT, BotProcess, community, relaying, spoken
from tests.interop.gateway import Media, RealGateway, TlsCertificate, Which

LABELS = ["101", "102", "103"]
SMALL = Media("small.png", bytes(range(256)) * 8)
LARGE = Media("large.png", bytes(range(256)) * 400)
CARD = {"url": "https://example.org", "title": "Title", "description": "d", "thumbnailUrl": "https://example.org/t.png"}
PROGRAM = {"appid": "wx1", "title": "Meetup", "pagePath": "p", "username": "gh_1", "thumbKey": "k"}


async def post_all_four(gateway: RealGateway) -> None:
    """Alice posts every kind in 101, and in places that are nobody's business."""
    await gateway.say(talker="alice", room="@101", text="hello")
    await gateway.say(talker="alice", room="@101", kind="image", file=SMALL)
    await gateway.say(talker="alice", room="@101", kind="image", file=LARGE)
    await gateway.say(talker="alice", room="@101", kind="url", payload=dict(CARD))
    await gateway.say(talker="alice", room="@101", kind="miniprogram", payload=dict(PROGRAM))
    await gateway.say(talker="alice", room="@family", text="family only")
    await gateway.say(talker="alice", to=BOT, text="private")


def arrived(gateway: RealGateway, room: str) -> list[object]:
    """What arrived in a room: lines of text, sums of files, fields of cards; not the captions of pictures.

    Two pictures in a row need one caption or two, as they meet on the way; that there is one is checked apart.
    """
    found: list[object] = []
    for sent in gateway.sent:
        if sent.room == room and sent.kind == "text":
            lines = [line for name, line in spoken(sent.text, LABELS) if name == "Alice"]
            found += [line for line in lines if line != "[图片]"]
        elif sent.room == room:
            found.append(sent.data["sha256"] if sent.kind == "file" else sent.data["payload"])
    return found


def expected() -> list[object]:
    sha = [hashlib.sha256(media.content).hexdigest() for media in (SMALL, LARGE)]
    return ["hello", *sha, "[链接] Title", CARD, "[小程序] Meetup", PROGRAM]


async def check_all_four(gateway: RealGateway) -> None:
    await gateway.wait(lambda: all(PROGRAM in arrived(gateway, room) for room in ("@102", "@103")), 30)
    await gateway.sync()
    assert all("[图片]" in "".join(gateway.texts(room)) for room in ("@102", "@103"))
    assert arrived(gateway, "@102") == arrived(gateway, "@103") == expected()
    assert {sent.room for sent in gateway.sent} == {"@102", "@103"}


async def test_four_kinds_over_a_plain_gateway(tmp_path: Path, which: Which) -> None:
    """Each kind posted in one room is in all others and nowhere else, pictures byte for byte."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db"):
            await post_all_four(gateway)
            await check_all_four(gateway)


async def test_four_kinds_over_the_default_tls(tmp_path: Path, which: Which) -> None:
    """The same over TLS with the gateway's own default certificate, no setting made."""
    async with RealGateway(which, tls=True) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db", WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT="false"):
            await post_all_four(gateway)
            await check_all_four(gateway)


async def test_tls_with_a_ca_of_ones_own(tmp_path: Path, which: Which) -> None:
    """The same with a CA of one's own, given as a path, and the name in its certificate."""
    authority = trustme.CA()
    issued = authority.issue_cert("my-gateway")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = TlsCertificate(issued.cert_chain_pems[0].bytes().decode(), issued.private_key_pem.bytes().decode())
    async with RealGateway(which, tls=own) as gateway:
        await community(gateway, LABELS)
        env = {
            "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "false",
            "WECHATY_PUPPET_SERVICE_TLS_CA_CERT": str(tmp_path / "ca.pem"),
            "WECHATY_PUPPET_SERVICE_TLS_SERVER_NAME": "my-gateway",
        }
        async with relaying(gateway, tmp_path / "s.db", **env):
            await gateway.say(talker="alice", room="@101", text="hello")
            await gateway.wait_sent(2)


async def test_certificate_that_does_not_fit_stops_the_bot(tmp_path: Path, which: Which) -> None:
    """A certificate for another name is one clear line, and 3."""
    async with RealGateway(which, tls=True) as gateway:
        env = {
            "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "false",
            "WECHATY_PUPPET_SERVICE_TLS_SERVER_NAME": "other",
        }
        bot = BotProcess(gateway, tmp_path / "s.db", **env)
        await bot.start()
        assert await bot.end(0) == 3
        assert "certificate is for insecure, not for other" in bot.lines[-1]


async def test_wrong_token_stops_the_bot(tmp_path: Path, which: Which) -> None:
    """A wrong token is one clear line without the token, and 3."""
    async with RealGateway(which) as gateway:
        bot = BotProcess(gateway, tmp_path / "s.db", WECHATY_PUPPET_SERVICE_TOKEN="insecure_wrong")
        await bot.start()
        assert await bot.end(0) == 3
        assert "refuses the token" in bot.lines[-1]
        assert not any("insecure_wrong" in line for line in bot.lines)


async def test_a_handle_that_the_gateway_forgot(tmp_path: Path) -> None:
    """A picture whose bytes are gone at the gateway when it is sent arrives all the same, asked for once more."""
    async with RealGateway() as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db", ROOM_INTERVAL="2"):
            await gateway.say(talker="alice", room="@101", kind="image", file=LARGE)
            await gateway.wait_sent(2)  # the captions; the pictures have to wait for their rooms
            assert gateway.forget_files() == 1
            sent = await gateway.wait_sent(4)
        assert sum(call.name == "messageImage" for call in gateway.called) == 2
        sha = hashlib.sha256(LARGE.content).hexdigest()
        assert [one.data.get("sha256") for one in sent if one.kind != "text"] == [sha, sha]


async def test_restart_logs_nobody_out(tmp_path: Path, which: Which) -> None:
    """The bot leaves and comes back: the gateway sees neither Stop nor Logout, and relaying goes on."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        for number in (1, 2):
            async with relaying(gateway, tmp_path / "s.db") as bot:
                await gateway.say(talker="alice", room="@101", text=f"{number}")
                await gateway.wait_sent(2 * number)
                assert await bot.end() == 0
            await gateway.wait(lambda number=number: gateway.streams.count("closed") == number)  # type: ignore[misc]
        await gateway.sync()
        assert gateway.call_count("stop") == gateway.call_count("logout") == 0


async def test_rooms_are_kept_true(tmp_path: Path, which: Which) -> None:
    """A room joined or renamed into the prefix while the bot runs gets what is said."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS[:2])
        async with relaying(gateway, tmp_path / "s.db") as bot:
            await gateway.room("@104", "Milvus 用户交流群 104", [BOT, "alice"])
            await gateway.join("@104", [BOT], "alice")
            await gateway.rename("@family", "Milvus用户交流群105", "alice")
            await bot.said("Room 104")
            await bot.said("Room 105")
            await gateway.say(talker="alice", room="@101", text="hello")
            await gateway.wait_sent(3)
        assert {sent.room for sent in gateway.sent} == {"@102", "@104", "@family"}


async def test_check_beside_a_running_bot(tmp_path: Path, which: Which) -> None:
    """`--check` shows account and rooms, and does not take the stream from a bot that runs."""
    async with RealGateway(which) as gateway:
        await community(gateway, LABELS)
        check = BotProcess(gateway, tmp_path / "s.db")
        await check.start("--check")
        assert await check.end(0) == 0
        assert any("小助手 (bot)" in line for line in check.lines)
        async with relaying(gateway, tmp_path / "s.db"):
            await check.start("--check")
            assert await check.end(0) == 0
            assert any("another bot is connected" in line for line in check.lines)
            await gateway.say(talker="alice", room="@101", text="hello")
            await gateway.wait_sent(2)


def test_pictures_are_on_both_sides_of_the_limit() -> None:
    """One picture travels inline, one as a handle: the gateway's limit is 20 KB."""
    assert len(base64.b64encode(SMALL.content)) < 20 * 1024 < len(LARGE.content)
