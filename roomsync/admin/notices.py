"""What staff is told unasked: of rooms that are new."""

from collections.abc import Sequence
from typing import Protocol

from roomsync.admin.office import Office
from roomsync.errors import GatewayError
from roomsync.model import Mode, Room

MAX_SINGLE = 5  # new rooms at once of which each has a line of its own


class Directory(Protocol):
    """See `desk.Directory`."""

    async def name_in(self, room_id: str, contact_id: str) -> str: ...
    async def member_count(self, room_id: str) -> int | None: ...


async def of_new_rooms(office: Office, directory: Directory, rooms: Sequence[Room], inviter_id: str) -> list[str]:
    """Return the lines that tell of rooms that are new, and what can be said about them."""
    asked = [room for room in rooms if office.rooms.mode(room.id) is Mode.ASKED]
    if len(rooms) > MAX_SINGLE:
        labels = "、".join(map(office.label, rooms))
        return [f"新群 {len(rooms)} 个：{labels}" + (" · 用 /接入 或 /拒绝 逐个决定" if asked else "，已加入")]
    return [await _line(office, directory, room, inviter_id, is_asked=room in asked) for room in rooms]


async def _line(office: Office, directory: Directory, room: Room, inviter_id: str, *, is_asked: bool) -> str:
    try:
        inviter = await directory.name_in(room.id, inviter_id) if inviter_id else ""
        count = await directory.member_count(room.id)
    except GatewayError:  # staff is told all the same
        inviter, count = "", None
    facts = [f"邀请人 {inviter or '未知'}", *([f"共 {count} 人"] if count is not None else [])]
    label = office.label(room)
    choice = f" · /接入 {label} · /拒绝 {label}" if is_asked else f" · 已加入，不要的话 /群 {label} 停"
    return f"新群「{room.topic}」，{'，'.join(facts)}{choice}"
