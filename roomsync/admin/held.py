"""Held messages: what staff is told of them, and how they are relayed after all."""

import re
from collections.abc import Sequence

from roomsync import store
from roomsync.admin.office import Office
from roomsync.admin.replies import Context, Refused, Reply, clock, span
from roomsync.admin.syntax import Name, number_of
from roomsync.delivery.recalls import Recalls
from roomsync.model import Kind
from roomsync.moderation import standing
from roomsync.moderation.said import words_of
from roomsync.store.actions import Undo
from roomsync.store.held import Held, HeldState
from roomsync.text.characters import shorten
from roomsync.text.kinds import line_of as line_of_kind
from roomsync.text.kinds import word as word_of_kind
from roomsync.text.mentions import neutralize_mentions

MAX_LISTED = 20
MAX_REPORTED = 10  # messages in one report; of more only the number
MAX_WORDS = 30  # characters of a message in a line
DECIDED = {
    HeldState.RELEASED: "已经放行",
    HeldState.ADVERT: "已经按广告处理，要放行请先撤销那一步（/记录 看编号）",
    HeldState.EXPIRED: "已经过期，没有转发",
    HeldState.RECALLED: "作者自己撤回了",
    HeldState.OBSERVED: "已经转发，仅提示",
}


def report(office: Office, found: Sequence[Held], now: float) -> list[str]:
    """Return what staff is told of messages for which there were reasons, a line for each."""
    shown, others = found[:MAX_REPORTED], found[MAX_REPORTED:]
    lines = [line_of(office, one, now) for one in shown]
    where = "发 /待审 查看" if any(one.state is HeldState.HELD for one in others) else "都已转发，编号见 /最近"
    return [*lines, *([f"另有 {len(others)} 条，{where}"] if others else [])]


def line_of(office: Office, one: Held, now: float) -> str:
    """Return a message with its reasons, and what can be done about it, on one line."""
    room = office.rooms.get(one.message.room_id)
    where, who = _plain(office.label(room)) if room else "?", _plain(shorten(one.message.name, MAX_WORDS))
    is_held = one.state is HeldState.HELD
    state = "未转发" if is_held else "已转发，仅提示"
    ways = [*([f"/放行 {one.id}"] if is_held else []), f"/广告 {one.id}", f"/静音 #{one.id}"]
    what = f"「{words_in_short(one)}」"
    return " · ".join([f"#{one.id} {state}", f"{where} {who}：{what}", "、".join(one.reasons), *ways])


def words_in_short(one: Held) -> str:
    """Return the start of what a message says, on one line."""
    message = one.message
    words = words_of(message)
    if message.kind is not Kind.TEXT and not message.quote:
        kind = word_of_kind(message.kind)
        words = f"{kind} {words}" if words else line_of_kind(message.kind, message.text, message.content or "{}")
    return _plain(shorten(words, MAX_WORDS))


def _plain(text: str) -> str:
    """Return what a member wrote so that it cannot look like the rest of a line, and mentions nobody."""
    return re.sub("[「」·]", " ", neutralize_mentions(text))


def held(office: Office, context: Context, rest: str) -> Reply:
    """List the messages that wait for staff."""
    found = store.held.waiting(context.db, MAX_LISTED + 1)
    lines = [f"{line_of(office, one, context.now)} · {clock(one.said_at, context.now)}" for one in found[:MAX_LISTED]]
    more = ["（还有更多，处理完这些再发 /待审）"] if len(found) > MAX_LISTED else []
    return Reply("\n".join([*lines, *more]) or "没有待审的消息。")


def kept(context: Context, text: str, name: Name) -> Held:
    """Return the message with reasons that a number names. Raises `Refused`."""
    if not text:
        raise Refused(f"用法：{name.usage}。编号见 /待审")
    number = number_of(text)
    found = store.held.get(context.db, number) if number is not None else None
    if found is None:
        raise Refused(f"没有编号「{text.lstrip('#＃')}」的待审消息。发 /待审 看编号。")
    return found


def release(office: Office, context: Context, rest: str) -> Reply:
    """Relay a message that is held, with its author's header and how long ago it was said."""
    one, db, now = kept(context, rest, Name.RELEASE), context.db, context.now
    if one.state is not HeldState.HELD:
        raise Refused(f"#{one.id} {DECIDED[one.state]}。")
    number = _relay(office, context, one)
    store.held.set_state(db, one.id, HeldState.RELEASED, now)
    account = office.session.account_id
    before = standing.earn(db, account, one.message, now)
    undo = {"op": "release", "message": one.id, "trust": before}
    name = one.message.name
    where = f"发往 {number} 个群" if number else "没有群要发（上次没能撤回的还在那里）"
    return Reply(f"已放行 #{one.id}（{name}），{where}。", f"放行 #{one.id} {name}", undo)


def _relay(office: Office, context: Context, one: Held) -> int:
    """Relay a message, or once more what staff took back of it; return to how many rooms. Raises `Refused`."""
    db, now = context.db, context.now
    recall = store.recalls.by_staff(db, one.id)
    if recall is not None and store.parts.header_of(db, one.id):
        return Recalls.undo(db, recall, one.id, now)
    if recall is not None:
        store.recalls.remove(db, recall)  # of what went nowhere, as no room heard then
    room = office.rooms.get(one.message.room_id)
    if room is None:
        raise Refused(f"#{one.id} 原来的群已不在社群里，不能放行。")
    if not office.rooms.mode(room.id).speaks:
        raise Refused(f"{office.label(room)} 现在设为不转发，不能放行；先 /群 {office.label(room)} 正常")
    age = f"（{span(max(1.0, now - one.said_at))}前）"
    return office.presenter.release(db, one.id, one.message, age, now) or 0


def undo_release(office: Office, context: Context, undo: Undo) -> str:
    """Take back what was released, and let it wait for staff again."""
    db, key = context.db, int(str(undo["message"]))
    one = store.held.get(db, key)
    if one is None:
        raise Refused("那条消息已经不在记录里，无法撤销。")
    if one.state is not HeldState.RELEASED:
        raise Refused(f"#{key} {DECIDED.get(one.state, '又在待审')}，无法撤销。")
    if store.recalls.is_known(db, key):
        raise Refused(f"#{key} 已经撤回。")
    standing.restore(db, undo["trust"], office.session.account_id, one.message.talker_id)
    _, copies = Recalls.take_back(db, key, one.message.room_id, context.now)
    store.held.set_state(db, key, HeldState.HELD, context.now)
    return f"#{key} 回到待审，" + (f"正在从 {copies} 处撤回" if copies else "还没有发出，已取消")
