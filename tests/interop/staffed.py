"""Staff on the real gateways: its room, its chief, how it asks, and what it reads."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.interop.bots import BOT, PREFIX, BotProcess, community, relaying, spoken
from tests.interop.gateway import RealGateway

LABELS = [str(number) for number in range(101, 111)]
ROOMS = [f"@{label}" for label in LABELS]
OFFICE, NAME = "@office", PREFIX + "管理"


def said_in(gateway: RealGateway, place: str) -> list[str]:
    """The texts that a room, or somebody in private, was sent."""
    return [sent.text for sent in gateway.sent if sent.room == place and sent.kind == "text"]


async def ask(gateway: RealGateway, text: str, who: str = "chief", where: str = OFFICE) -> str:
    """The answer to what somebody says in the room of the staff, or (`where` empty) in private."""
    place = where or who
    before = len(said_in(gateway, place))
    if where:
        await gateway.say(talker=who, room=where, text=text)
    else:
        await gateway.say(talker=who, to=BOT, text=text)
    await gateway.wait(lambda: len(said_in(gateway, place)) > before)
    return said_in(gateway, place)[before]


async def with_staff(gateway: RealGateway) -> None:
    """Ten rooms, a room of the staff, and one who is to be its chief."""
    await gateway.contact("chief", "张主管")
    await gateway.contact("eve", "张主管")
    await community(gateway, LABELS)
    await gateway.room(OFFICE, NAME, [BOT, "chief", "eve"])


async def claim(gateway: RealGateway, bot: BotProcess) -> None:
    """The chief sends the code that the log shows."""
    await bot.said("/claim")
    (code,) = {found[1] for line in bot.lines if (found := re.search(r"/claim (\d{6})", line))}
    assert "认领成功" in await ask(gateway, f"/认领 {code}")


@asynccontextmanager
async def moderated(
    gateway: RealGateway, folder: Path, mode: str = "hold", *, anew: bool = True
) -> AsyncIterator[BotProcess]:
    """A bot process whose filter is set to `mode`; `anew`: its first one, whose code the chief sends."""
    async with relaying(gateway, folder / "s.db", ADMIN_ROOM=NAME, MODERATION=mode) as bot:
        if anew:
            await claim(gateway, bot)
        yield bot


async def told(gateway: RealGateway, text: str) -> str:
    """The answer to what the chief says in private: in the room of the staff reports come in between."""
    return await ask(gateway, text, where="")


def reports(gateway: RealGateway) -> list[str]:
    """The lines that the room of the staff was told of messages for which there were reasons."""
    lines = [line for text in said_in(gateway, OFFICE) for line in text.split("\n")]
    return [line for line in lines if line.startswith("#")]


async def reported(gateway: RealGateway, words: str, count: int = 1) -> list[str]:
    """The lines with these words, once there are so many: two reports are thirty seconds apart."""

    def found() -> list[str]:
        return [line for line in reports(gateway) if words in line]

    await gateway.wait(lambda: len(found()) >= count, 45)
    return found()


def number_in(line: str) -> str:
    """The number with which a line begins."""
    return line[1:].split()[0]


def got(gateway: RealGateway, words: str) -> Counter[str]:
    """How often each room of the community got a text with these words."""
    return Counter(sent.room for sent in gateway.sent if sent.room in ROOMS and words in sent.text)


def all_but(room: str) -> Counter[str]:
    """Each room of the community but this one, once."""
    return Counter(one for one in ROOMS if one != room)


def lines_of(gateway: RealGateway, room: str) -> list[str]:
    """What a room of the community was sent, without headers, one entry for each line."""
    return [line for text in gateway.texts(room) for _, line in spoken(text, LABELS)]
