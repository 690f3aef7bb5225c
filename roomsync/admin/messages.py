"""Messages: what was said last, and how one is taken back."""

from roomsync import store
from roomsync.admin.held import words_in_short
from roomsync.admin.office import Office
from roomsync.admin.replies import Context, Refused, Reply, clock
from roomsync.admin.syntax import Name, number_of
from roomsync.delivery.recalls import Recalls
from roomsync.store.actions import Undo
from roomsync.store.held import HeldState
from roomsync.store.messages import Spoken
from roomsync.text.characters import shorten

MAX_RECENT = 10
MAX_WORDS = 24  # characters of a message in a list


def recent(office: Office, context: Context, rest: str) -> Reply:
    """List the last messages, of one room or of all, each with its number."""
    room = office.room(rest) if rest else None
    found = store.messages.recent(context.db, room.id if room else None, MAX_RECENT)
    return Reply("\n".join(line_of(office, context.db, one, context.now) for one in reversed(found)) or "还没有消息。")


def line_of(office: Office, db: store.Connection, one: Spoken, now: float) -> str:
    """Return a message on one line: `#12 101 张三 14:03 你好`."""
    room = office.rooms.get(one.room_id)
    body = "" if one.held == HeldState.HELD else one.body  # of what was released, and is held again
    found = None if body else store.held.get(db, one.id)
    shown = shorten(body, MAX_WORDS) or f"（未转发）{shorten(words_in_short(found), MAX_WORDS) if found else ''}"
    words = "（已撤回）" if one.recalled and one.held != HeldState.HELD else shown
    where, who = office.label(room) if room else "?", shorten(one.name, MAX_WORDS)
    return f"#{one.id} {where} {who} {clock(one.accepted_at, now)} {words}"


def spoken(context: Context, text: str) -> Spoken:
    """Return the message that a number names. Raises `Refused`."""
    number = number_of(text)
    found = store.messages.spoken(context.db, number) if number is not None else None
    if found is None:
        raise Refused(f"没有编号「{text.lstrip('#＃')}」的消息。发 /最近 看编号。")
    return found


def recall(office: Office, context: Context, rest: str) -> Reply:
    """Take the copies of a message back in all rooms."""
    if not rest:
        raise Refused(f"用法：{Name.RECALL.usage}。编号见 /最近")
    one, db = spoken(context, rest), context.db
    if store.recalls.is_known(db, one.id):
        raise Refused(f"#{one.id} 已经撤回。")
    if not one.body:
        raise Refused(f"#{one.id} 没有转发过。")
    key, copies = Recalls.take_back(db, one.id, one.room_id, context.now)
    undo = {"op": "recall", "recall": key, "message": one.id, "at": one.accepted_at}
    late = "；发出超过两分钟的，微信不允许撤回，那里会有一行说明。原群里的原话还在"
    told = f"正在从 {copies} 处撤回{late}" if copies else "还没有发出，已取消"
    return Reply(f"#{one.id}（{one.name}）{told}。", f"撤回 #{one.id} {one.name}", undo)


def undo_recall(office: Office, context: Context, undo: Undo) -> str:
    """Send a message again that was taken back."""
    message = int(str(undo["message"]))
    if not store.messages.is_kept(context.db, message, float(str(undo["at"]))):
        raise Refused("那条消息已经不在记录里，无法撤销。")
    held = store.held.get(context.db, message)
    if held and held.state is HeldState.ADVERT:
        raise Refused(f"#{message} 之后按广告处理了，先撤销那一步（/记录 看编号）。")
    again = Recalls.undo(context.db, int(str(undo["recall"])), message, context.now)
    return f"#{message} 重新发往 {again} 处" if again else f"#{message} 没有要重发的（作者自己也撤回了，或群收不到）"
