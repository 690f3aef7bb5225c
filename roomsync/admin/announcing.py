"""Announcements: shown first, confirmed, then sent to every room that hears, as they are."""

import re
from collections.abc import Sequence

from roomsync import store
from roomsync.admin.office import Office
from roomsync.admin.replies import MACHINE, Context, Refused, Reply
from roomsync.admin.syntax import number_of
from roomsync.delivery.recalls import WINDOW, Recalls
from roomsync.model import Kind, Message, Part, Room
from roomsync.store.actions import Undo
from roomsync.store.drafts import Draft, DraftState
from roomsync.store.waiting import ANNOUNCED
from roomsync.text.characters import split_text
from roomsync.text.kinds import CARDS, MEDIA, line_of

COLLECT_TTL = 1800.0  # seconds without a post after which an announcement collects no more
CONFIRM_TTL = 86400.0  # seconds in which one can be confirmed
MAX_PARTS = 20


def announce(office: Office, context: Context, rest: str) -> Reply:
    """Show an announcement and ask for its confirmation; without words, collect what this person posts next."""
    community, words = _community(office, rest)
    if not words and context.place == MACHINE:
        raise Refused("用法：/公告 文字")
    parts = [Part(Kind.TEXT, piece) for piece in split_text(words, office.max_text)] if words else []
    if len(parts) > MAX_PARTS:
        raise Refused(f"公告太长：要分成 {len(parts)} 条，最多 {MAX_PARTS} 条。")
    store.drafts.drop_collecting(context.db, context.contact_id, context.place, context.now)
    number = store.drafts.add(context.db, context.contact_id, context.place, community, parts, context.now)
    if words:
        return _ask(office, context, number)
    return Reply(f"请发公告内容（文字、图片、链接、小程序，可多条），发完后 /完成。目标：{_goal(office, community)}")


def _community(office: Office, rest: str) -> tuple[str, str]:
    """Return the community that an announcement is for, empty for all, and its words.

    It is named with an `@`: `Milvus 2.7` is no announcement for the community Milvus.
    """
    if len(office.rooms.prefixes) < 2 or not rest.startswith(("@", "＠")):
        return "", rest.strip()
    word, *words = re.split(r"\s+", rest[1:], maxsplit=1)
    community, _ = office.split_community(word)
    return (community, words[0].strip() if words else "") if community else ("", rest.strip())


def collect(office: Office, context: Context, message: Message) -> Reply | None:
    """Take what somebody posts into the announcement that this person is making; None when there is none."""
    since = context.now - COLLECT_TTL
    draft = store.drafts.collecting(context.db, context.contact_id, context.place, since)
    if draft is None:
        return None
    if message.kind is Kind.TEXT:
        parts = [Part(Kind.TEXT, piece) for piece in split_text(message.text, office.max_text)]
    elif message.kind in (*MEDIA, *CARDS) and message.content:
        parts = [Part(message.kind, message.content)]
    else:
        return Reply("这类消息不能放进公告，没有收入。")
    if len(draft.parts) + len(parts) > MAX_PARTS:
        return Reply(f"公告最多 {MAX_PARTS} 条，没有收入。")
    store.drafts.add_parts(context.db, draft, parts, context.now)
    return Reply("")


def done(office: Office, context: Context, rest: str) -> Reply:
    """End what is collected, and ask for its confirmation."""
    since = context.now - COLLECT_TTL
    draft = store.drafts.collecting(context.db, context.contact_id, context.place, since)
    if draft is None:
        raise Refused("没有正在收集的公告。先发 /公告")
    if not draft.parts:
        store.drafts.set_state(context.db, draft.id, DraftState.DROPPED, context.now)
        return Reply("没有内容，公告已取消。")
    return _ask(office, context, draft.id)


def _ask(office: Office, context: Context, number: int) -> Reply:
    store.drafts.set_state(context.db, number, DraftState.ASKED, context.now)
    draft = store.drafts.get(context.db, number)
    assert draft
    if context.confirmed:
        return _send(office, context, draft)
    shown = "\n".join(_shown(part) for part in draft.parts)
    quiet = "现在是免打扰时段，确认后会立即发出。\n" if office.gate.quiet_until(context.now) else ""
    is_machine = context.place == MACHINE
    ways = f'加上 --yes 直接发出，或 --do "/确认 {number}"' if is_machine else f"/确认 {number} 发出"
    told = f"公告 {number} → {_goal(office, draft.community)}：\n{shown}\n———\n{quiet}{ways}"
    return Reply(told, is_done=not is_machine)


def _shown(part: Part) -> str:
    return part.body if part.kind is Kind.TEXT else line_of(part.kind, "", part.body)


def _goal(office: Office, community: str) -> str:
    rooms = _hearing(office, community)
    labels = "、".join(office.label(room) for room in rooms[:10]) + ("…" if len(rooms) > 10 else "")
    return f"{_count(office, community)}（{labels}）"


def _count(office: Office, community: str) -> str:
    scope, number = office.scope(community), len(_hearing(office, community))
    return f"{scope} {number} 个群".lstrip()


def _hearing(office: Office, community: str) -> list[Room]:
    return [room for room in office.all_rooms(community) if office.rooms.mode(room.id).hears]


def confirm(office: Office, context: Context, rest: str) -> Reply:
    """Send an announcement that was shown."""
    waiting = store.drafts.asked(context.db, context.now - CONFIRM_TTL)
    number = waiting[0] if len(waiting) == 1 and not rest else number_of(rest)
    draft = store.drafts.get(context.db, number) if number is not None else None
    if draft is None and not waiting:
        raise Refused("没有等待确认的公告。")
    if draft is None:
        raise Refused(f"没有公告「{rest}」。等待确认的：{'、'.join(map(str, waiting))}")
    if draft.state is DraftState.SENT:
        raise Refused(f"公告 {draft.id} 已经发出。")
    if draft.state is DraftState.UNDONE:
        raise Refused(f"公告 {draft.id} 已撤回，要再发请重新 /公告")
    if draft.state is not DraftState.ASKED or draft.changed < context.now - CONFIRM_TTL:
        raise Refused(f"公告 {draft.id} 不能再确认，请重新发 /公告")
    return _send(office, context, draft)


def _send(office: Office, context: Context, draft: Draft) -> Reply:
    db, rooms = context.db, _hearing(office, draft.community)
    if not rooms:
        raise Refused("没有可以发的群。")
    message_id = store.messages.add_own(db, draft.place, Kind.SYSTEM, context.now)
    store.deliveries.add(db, message_id, {room.id: draft.parts for room in rooms}, context.now, ANNOUNCED)
    store.drafts.set_state(db, draft.id, DraftState.SENT, context.now)
    is_paused = any(office.session.is_paused(room.community, context.now) for room in rooms)
    later = "（现在暂停，恢复后发出）" if is_paused else ""
    undo = {"op": "announcement", "message": message_id, "place": draft.place, "at": context.now}
    undo |= {"draft": draft.id}
    told = f"公告 {draft.id} 正在发往 {_count(office, draft.community)}{later}。"
    return Reply(told, f"公告 {draft.id}：{_start(draft.parts)}", undo)


def _start(parts: Sequence[Part]) -> str:
    first = _shown(parts[0]).partition("\n")[0]
    return first[:20] + ("…" if len(first) > 20 or len(parts) > 1 else "")


def undo_announcement(office: Office, context: Context, undo: Undo) -> str:
    """Take an announcement back in all rooms, within the time that WeChat gives."""
    db, message_id = context.db, int(str(undo["message"]))
    if not store.messages.is_kept(db, message_id, float(str(undo["at"]))):
        raise Refused("这条公告已经不在记录里，无法撤回。")
    if store.recalls.is_known(db, message_id):
        raise Refused("这条公告已经撤回。")
    first = store.sends.first_at(db, message_id)
    waiting = store.deliveries.has_waiting(db, message_id)
    if first is not None and first < context.now - WINDOW and not waiting:
        raise Refused("公告发出已超过两分钟，微信不允许撤回。")
    store.drafts.set_state(db, int(str(undo["draft"])), DraftState.UNDONE, context.now)
    _, copies = Recalls.take_back(db, message_id, str(undo["place"]), context.now)
    return f"公告正在从 {copies} 处撤回" if copies else "公告还没有发出，已取消"
