"""RELAY_OWN against the real gateways: a person types with the bot's account, and its sends are shown to it or not."""

import asyncio
import hashlib
from pathlib import Path
from typing import Literal

import pytest

from roomsync.store import read_only
from tests.interop.bots import BOT, community, relaying, spoken
from tests.interop.gateway import GatewayError, Media, RealGateway, Sent, Which

LABELS = ["101", "102", "103"]
PICTURE = Media("a.png", bytes(range(256)) * 400)
SUM = hashlib.sha256(PICTURE.content).hexdigest()
CARD = {"url": "https://example.org", "title": "Title", "description": "d", "thumbnailUrl": "https://example.org/t.png"}
PROGRAM = {"appid": "wx1", "title": "Meetup", "pagePath": "p", "username": "gh_1", "thumbKey": "k"}
Echo = bool | Literal["padlocal"]
OWN = """
SELECT count(*) FROM messages WHERE talker_id = 'bot' AND EXISTS (SELECT 1 FROM parts WHERE message_id = messages.id)
"""


def arrived(gateway: RealGateway, room: str, name: str = "小助手") -> list[object]:
    """What a room has of that name: its lines, and all files and cards, in order."""
    found: list[object] = []
    for sent in (one for one in gateway.sent if one.room == room):
        if sent.kind == "text":
            found += [line for talker, line in spoken(sent.text, LABELS) if talker == name]
        else:
            found.append(sent.data["sha256"] if sent.kind == "file" else sent.data["payload"])
    return found


async def again(gateway: RealGateway, sent: Sent) -> None:
    """Show a send of the bot's once more, as soon as it was shown for the first time."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await gateway.again(sent.id)
            except GatewayError:
                await asyncio.sleep(0.02)


async def show(gateway: RealGateway, sent: Sent) -> None:
    """Show a send of the bot's as a message of the account that has another id."""
    if sent.kind == "text":
        await gateway.say(talker=BOT, room=sent.room, text=sent.text)
    elif sent.kind == "file":
        await gateway.say(talker=BOT, room=sent.room, kind="image", file=PICTURE)
    else:
        await gateway.say(talker=BOT, room=sent.room, kind=sent.kind, payload=CARD if sent.kind == "url" else PROGRAM)


@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
@pytest.mark.parametrize(
    ("echo", "delay"), [(False, 0), (True, 0), (True, 700), ("padlocal", 0)], ids=["off", "on", "late", "padlocal"]
)
async def test_owner_is_relayed_and_the_bot_is_not(
    tmp_path: Path, which: Which, echo: Echo, delay: int, ids: bool
) -> None:
    """Texts, a picture, a link and a mini-program of the account are in all other rooms once, and no echo of them is.

    So it is when everything is shown once more to a bot that was restarted, under its id and under another.
    """
    async with RealGateway(which, echo=echo, echo_delay_ms=delay, ids=ids) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db", RELAY_OWN="true") as bot:
            await gateway.say(talker=BOT, room="@101", text="hello")
            await gateway.say(talker=BOT, room="@101", kind="image", file=PICTURE)
            await gateway.say(talker=BOT, room="@101", kind="url", payload=dict(CARD))
            await gateway.say(talker=BOT, room="@101", kind="miniprogram", payload=dict(PROGRAM))
            await gateway.say(talker=BOT, room="@101", text="bye")
            await gateway.say(talker=BOT, room="@family", text="family only")
            await gateway.wait(lambda: all(PROGRAM in arrived(gateway, room) for room in ("@102", "@103")))
            # Texts go ahead of pictures that wait.
            await gateway.wait(lambda: all("bye" in arrived(gateway, room) for room in ("@102", "@103")))
            count = len(gateway.sent)
            assert await bot.end() == 0
        async with relaying(gateway, tmp_path / "s.db", RELAY_OWN="true"):
            for sent in gateway.sent[:count]:
                if echo:
                    await again(gateway, sent)
                await show(gateway, sent)
            await gateway.say(talker="alice", room="@102", text="end")
            await gateway.wait(lambda: all("end" in arrived(gateway, room, "Alice") for room in ("@101", "@103")))
            await gateway.sync()
    with read_only(tmp_path / "s.db") as db:
        assert db.execute(OWN).fetchone() == (5,)
    for room in ("@102", "@103"):
        found = arrived(gateway, room)
        assert [one for one in found if one not in ("[图片]", "[链接] Title", "[小程序] Meetup", "hello", "bye")] == [
            SUM, CARD, PROGRAM,
        ]  # fmt: skip
        assert [one for one in found if one in ("hello", "bye")] == ["hello", "bye"]
    assert arrived(gateway, "@101") == []
    assert all(sent.room != "@family" for sent in gateway.sent)


async def test_owner_s_recall_and_the_bot_s(tmp_path: Path, which: Which) -> None:
    """A recall by the account takes the copies back; that the bot took those back is shown, too, and means nothing."""
    async with RealGateway(which, echo=True) as gateway:
        await community(gateway, LABELS)
        async with relaying(gateway, tmp_path / "s.db", RELAY_OWN="true"):
            said = await gateway.say(talker=BOT, room="@101", text="hello")
            await gateway.wait_sent(2)
            await gateway.say(talker=BOT, room="@101", kind="recalled", text=said)
            await gateway.wait(lambda: len(gateway.recalled) == 2)
            for sent in gateway.sent[:2]:
                await gateway.say(talker=BOT, room=sent.room, kind="recalled", text=sent.id)
            await gateway.say(talker="alice", room="@102", text="end")
            await gateway.wait(lambda: all("end" in arrived(gateway, room, "Alice") for room in ("@101", "@103")))
    assert sorted(gateway.recalled) == sorted(sent.id for sent in gateway.sent[:2])
    assert len(gateway.sent) == 4
