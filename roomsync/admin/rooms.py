"""Rooms: how each takes part, and which new ones may."""

import re
from collections import Counter

from roomsync import store
from roomsync.admin.office import Office
from roomsync.admin.replies import Context, Refused, Reply
from roomsync.admin.syntax import Name
from roomsync.model import Mode, Room
from roomsync.store.actions import Undo

WORDS = {Mode.NORMAL: "正常", Mode.RECEIVE: "只收", Mode.SEND: "只发", Mode.OFF: "停", Mode.ASKED: "待接入"}
# What staff may write for each that it may choose.
CHOICES = {word: mode for mode, word in WORDS.items() if mode is not Mode.ASKED} | {
    str(mode): mode for mode in WORDS if mode is not Mode.ASKED
}
# `107只收` needs no blank; `kickoff` is no room `kick`.
MODE = {one: re.compile((r"(?<!\S)" if one.isascii() else "") + one + "$", re.IGNORECASE) for one in CHOICES}


def rooms(office: Office, context: Context, rest: str) -> Reply:
    """List the rooms with their modes, or change the mode of one: `107 只收`."""
    if not rest:
        return Reply(listing(office))
    choice = next((one for one in CHOICES if MODE[one].search(rest)), "")
    name = rest[: len(rest) - len(choice)].strip() if choice else rest
    if not choice or not name:
        raise Refused(f"用法：{Name.ROOMS.usage}（模式：正常、只收、只发、停）")
    return _change(office, context, office.room(name), CHOICES[choice])


def listing(office: Office) -> str:
    """Return the rooms of all communities, each with its mode, one community below the other."""
    lines = []
    for prefix in office.rooms.prefixes:
        found = office.all_rooms(prefix)
        counts = Counter(office.rooms.mode(room.id) for room in found)
        lines.append(f"{prefix}：{len(found)} 个群")
        if counts[Mode.NORMAL] == len(found):
            lines.append("、".join(map(office.short_label, found)) + " 均正常" if found else "（还没有群）")
        else:
            lines += [f"{office.short_label(room)} {WORDS[office.rooms.mode(room.id)]}" for room in found]
    return "\n".join(lines)


def accept(office: Office, context: Context, rest: str) -> Reply:
    """Let a new room take part."""
    return _change(office, context, _asked(office, rest, Name.ACCEPT), Mode.NORMAL)


def reject(office: Office, context: Context, rest: str) -> Reply:
    """Let a new room take no part."""
    return _change(office, context, _asked(office, rest, Name.REJECT), Mode.OFF)


def _asked(office: Office, rest: str, name: Name) -> Room:
    waiting = [room for room in office.all_rooms() if office.rooms.mode(room.id) is Mode.ASKED]
    if rest:
        return office.room(rest)
    if len(waiting) == 1:
        return waiting[0]
    raise Refused(f"用法：{name.usage}。待接入：{'、'.join(map(office.label, waiting)) or '没有'}")


def _change(office: Office, context: Context, room: Room, mode: Mode) -> Reply:
    before = office.rooms.mode(room.id)
    label = office.label(room)
    if mode is before:
        raise Refused(f"{label} 已经是「{WORDS[mode]}」。")
    db = context.db
    store.rooms.set_mode(db, room.id, mode)
    cancelled = 0 if mode.hears else store.deliveries.shut_room(db, room.id, context.now)
    more = f"，等待发往该群的 {cancelled} 条已取消" if cancelled else ""
    what = f"{label}：{WORDS[before]} → {WORDS[mode]}"
    undo = {"op": "mode", "room": store.rooms.key(db, room.id), "was": before, "now": mode, "at": context.now}
    undo |= {"community": room.community}
    return Reply(f"{what}{more}。", what, undo)


def undo_mode(office: Office, context: Context, undo: Undo) -> str:
    """Give a room the mode that it had, and what was cancelled with the change."""
    db, before = context.db, Mode(str(undo["was"]))
    room_id = store.rooms.id_of(db, int(str(undo["room"])))
    room = office.rooms.get(room_id)
    if room is None:
        raise Refused("那个群已不在社群里，无法撤销。")
    if office.rooms.mode(room_id) is not Mode(str(undo["now"])):
        raise Refused(f"{office.label(room)} 之后又改过，请用 /群 直接设置。")
    store.rooms.set_mode(db, room_id, before)
    again = 0
    if not before.hears:
        store.deliveries.shut_room(db, room_id, context.now)
    elif room.community == undo["community"]:
        since = context.now - office.ttl
        since = 0.0 if room_id in office.decided.spared(db, since) else since
        again = store.deliveries.open_room(db, room_id, float(str(undo["at"])), since, context.now)
    return f"{office.label(room)} 恢复为「{WORDS[before]}」" + (f"，{again} 条继续发送" if again else "")
