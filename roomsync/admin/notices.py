"""What staff is told unasked: of rooms that are new."""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from typing import Protocol

from roomsync.admin.office import Office
from roomsync.errors import GatewayError
from roomsync.model import Mode, Room

MAX_SINGLE = 5  # new rooms at once of which each has a line of its own
MAX_LABELS = 50
ASK_TIMEOUT = 3.0  # seconds for what the gateway knows of a room


class Directory(Protocol):
    """What knows names and numbers of people: the gateway. Raises `GatewayError` when the connection is gone."""

    async def name_in(self, room_id: str, contact_id: str) -> str:
        """Return what somebody is called in a room, or (empty) calls themselves; empty when that is not known."""

    async def member_count(self, room_id: str) -> int | None:
        """Return how many members a room has; None when that is not known."""


async def of_new_rooms(office: Office, directory: Directory, new: Sequence[tuple[Room, str]]) -> list[str]:
    """Return the lines that tell of rooms that are new, each given with who added the bot (empty: not known)."""
    is_asked = any(office.rooms.mode(room.id) is Mode.ASKED for room, _ in new)
    if len(new) > MAX_SINGLE:
        labels = "、".join(office.label(room) for room, _ in new[:MAX_LABELS]) + ("…" if len(new) > MAX_LABELS else "")
        return [f"新群 {len(new)} 个：{labels}" + ("，用 /接入 或 /拒绝 逐个决定" if is_asked else "，已加入")]
    return [await _line(office, directory, room, inviter_id) for room, inviter_id in new]


async def _line(office: Office, directory: Directory, room: Room, inviter_id: str) -> str:
    inviter, count = "", None
    # Staff is told all the same when the gateway does not say, or is slow.
    with contextlib.suppress(GatewayError, TimeoutError):
        async with asyncio.timeout(ASK_TIMEOUT):
            inviter = await directory.name_in(room.id, inviter_id) if inviter_id else ""
            count = await directory.member_count(room.id)
    facts = [f"邀请人 {_plain(inviter) or '未知'}", *([f"共 {count} 人"] if count is not None else [])]
    label = office.label(room)
    is_asked = office.rooms.mode(room.id) is Mode.ASKED
    choice = f" · /接入 {label} · /拒绝 {label}" if is_asked else f" · 已加入，不要的话 /群 {label} 停"
    return f"新群「{_plain(room.topic)}」，{'，'.join(facts)}{choice}"


def _plain(text: str) -> str:
    """Return a topic that cannot look like the rest of a notice."""
    return re.sub("[「」，·]", " ", text)
