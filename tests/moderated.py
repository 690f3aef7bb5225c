"""A bot with staff that judges what is said, and what its rooms and its staff read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

from roomsync import store
from roomsync.admin import watch
from roomsync.store.held import HeldState
from tests.scripted import ScriptedGateway
from tests.staffed import OFFICE, Staff, said, staffed

ADVERT = "【限时免费】零基础学剪辑，三十天包接单，前五十名送全套素材，加微信 abc12345 领取，手慢无！"
REPOST = "【限.时.免.费】0基础学剪楫，30天包接丹，前80名送全套素材，➕微信 xyz98765 领取，手慢无~"
TALK = "我们下周在上海办一次线下交流会，主题是向量检索的调优经验，欢迎大家来聊聊"
CARD = '{"appid": "wx1", "title": "砍一刀", "username": "gh_1", "pagePath": "a"}'


@asynccontextmanager
async def moderated(
    gateway: ScriptedGateway, state_file: Path, mode: str = "hold", **more: str
) -> AsyncIterator[Staff]:
    """A bot whose filter is set to `mode`; staff is told at once, not every thirty seconds."""
    with patch.object(watch, "REPORT_INTERVAL", 0.0):
        async with staffed(gateway, state_file, claim=True, office=True, MODERATION=mode, **more) as staff:
            yield staff


def heard(staff: Staff, room: str) -> list[str]:
    """What a room was sent, texts joined or not."""
    return [one for one in staff.said_in(room) if one]


def states(staff: Staff) -> dict[int, HeldState]:
    """What became of each message for which there were reasons."""
    with staff.bot.state.connection() as db:
        found = [store.held.get(db, number) for number in range(1, 200)]
    return {one.id: one.state for one in found if one}


async def reported(staff: Staff, count: int = 1) -> list[str]:
    """The lines that staff is told of held messages, once there are so many."""

    def lines() -> list[str]:
        return [
            line
            for text in staff.said_in(OFFICE)
            for line in text.split("\n")
            if line.startswith("#") and " · " in line
        ]

    await staff.gateway.until(lambda: len(lines()) >= count)
    return lines()


def last(staff: Staff) -> int:
    """The number of what was said last in a room of a community."""
    with staff.bot.state.connection() as db:
        return store.messages.recent(db, None, 1)[0].id


async def teach(staff: Staff, who: str = "bob", room: str = "r102") -> None:
    """Somebody posts the advert, and staff takes it for one."""
    await said(staff, room, who, ADVERT)
    assert "学为样本" in await staff.ask(f"/广告 {last(staff)}")
