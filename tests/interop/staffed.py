"""Staff on the real gateways: its room, its chief, how it asks, and what it reads."""

import re

from tests.interop.bots import BOT, PREFIX, BotProcess, community
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
