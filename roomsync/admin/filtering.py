"""The filter: how it is set, its words and hosts, and whom it trusts."""

import re

from roomsync import store
from roomsync.admin.messages import spoken
from roomsync.admin.office import Office
from roomsync.admin.replies import Context, Refused, Reply
from roomsync.admin.syntax import Name
from roomsync.model import FilterMode
from roomsync.moderation import standing
from roomsync.moderation.breaker import WINDOW
from roomsync.moderation.trust import is_trusted
from roomsync.store.actions import Undo
from roomsync.store.held import HeldState
from roomsync.store.rules import RuleKind

WORDS = {FilterMode.OFF: "关", FilterMode.OBSERVE: "观察", FilterMode.HOLD: "拦截"}
CHOICES = {word: mode for mode, word in WORDS.items()} | {str(mode): mode for mode in FilterMode}
MEANINGS = {
    FilterMode.OFF: "所有消息照常转发",
    FilterMode.OBSERVE: "照常转发，可疑的告诉管理员",
    FilterMode.HOLD: "可疑的先不转发，等管理员决定",
}
STATES = {
    HeldState.OBSERVED: "仅提示",
    HeldState.RELEASED: "放行",
    HeldState.ADVERT: "广告",
    HeldState.EXPIRED: "过期",
    HeldState.RECALLED: "作者撤回",
}
DAY = 86400.0
ADD_OR_REMOVE = re.compile(r"(加|放|add|allow|删除|删|del)(?![a-z])\s*(.*)", re.IGNORECASE | re.DOTALL)
DONE = {
    (RuleKind.WORD, "加"): "加词",
    (RuleKind.WORD, "删"): "删词",
    (RuleKind.HOST, "加"): "放行域名",
    (RuleKind.HOST, "删"): "取消放行域名",
}
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")


def filter_(office: Office, context: Context, rest: str) -> Reply:
    """Show how the filter is set and what it did in the last day, or set it."""
    moderator, db = office.decided.moderator, context.db
    if not rest:
        return Reply("\n".join(status(office, db, context.now)))
    mode = CHOICES.get(rest.casefold())
    if mode is None:
        raise Refused(f"用法：{Name.FILTER.usage}")
    if not moderator.is_possible:
        raise Refused("没有设置 ADMIN_ROOM（管理群），拦下的消息没有人看，不能打开过滤。")
    before = moderator.mode
    if mode is before:
        raise Refused(f"过滤已经是「{WORDS[mode]}」。")
    store.moderation.choose(db, mode, moderator.setting)
    undo = {"op": "filter", "was": str(before), "now": str(mode)}
    what = f"过滤：{WORDS[before]} → {WORDS[mode]}"
    return Reply(f"{what}：{MEANINGS[mode]}。", what, undo)


def undo_filter(office: Office, context: Context, undo: Undo) -> str:
    """Set the filter as it was before."""
    moderator, before = office.decided.moderator, FilterMode(str(undo["was"]))
    if moderator.mode is not FilterMode(str(undo["now"])):
        raise Refused(f"过滤之后又改过，请用 {Name.FILTER.usage} 直接设置。")
    store.moderation.choose(context.db, before, moderator.setting)
    return f"过滤恢复为「{WORDS[before]}」"


def status(office: Office, db: store.Connection, now: float) -> list[str]:
    """Return how the filter is set, what it did in the last day, and what is wrong with it."""
    moderator, row = office.decided.moderator, store.moderation.read(db)
    counts = store.held.counts(db, now - DAY)
    lines = [f"过滤：{WORDS[moderator.mode]}（{MEANINGS[moderator.mode]}）"]
    done = [
        *((f"待审 {counts[HeldState.HELD]} 条",) if HeldState.HELD in counts else ()),
        *(f"{word} {counts[state]}" for state, word in STATES.items() if state in counts),
    ]
    if done:
        lines.append("，".join(done) + "（近一天）")
    if row.failed_at and row.failed_at > now - DAY:
        lines.append(f"有检查出错或太慢，那些消息照常转发（累计 {row.failures} 次）")
    return [*lines, *([moderator.problem] if moderator.problem else [])]


def tripped() -> str:
    """Return what staff is told when the breaker acted."""
    return (
        f"过滤在 {WINDOW / 60:.0f} 分钟里拦下了三分之一以上的消息，可能是规则太宽，已自动改为「观察」："
        "照常转发，只提示。看过 /待审 和 /词 之后，发 /过滤 拦截 重新打开。"
    )


def word(office: Office, context: Context, rest: str) -> Reply:
    """List the words that keep a message back, add one, or remove one."""
    from roomsync.moderation.words import fault_of_word  # which only who lists words needs

    verb, text = _verb(rest)
    if not verb:
        return _listed(context, RuleKind.WORD, "还没有词", rest, Name.WORD)
    if verb == "加" and (fault := fault_of_word(text)):
        raise Refused(f"「{text}」没有加：{fault}。")
    return _change(context, RuleKind.WORD, verb, text)


def host(office: Office, context: Context, rest: str) -> Reply:
    """List the hosts to which links are allowed, allow one, or allow it no more."""
    verb, text = _verb(rest)
    if not verb:
        return _listed(context, RuleKind.HOST, "还没有放行的域名", rest, Name.HOST)
    text = re.sub(r"\Ahttps?://", "", text.casefold()).partition("/")[0].removeprefix("www.").rstrip(".")
    if not HOST.fullmatch(text):
        raise Refused(f"「{text}」不是域名，例如 /域名 放 milvus.io")
    return _change(context, RuleKind.HOST, verb, text)


def _verb(rest: str) -> tuple[str, str]:
    """Return what to do, `加` or `删`, and with what; empty where that is not said."""
    found = ADD_OR_REMOVE.fullmatch(rest)
    if not found or not found[2].strip():
        return "", ""
    return ("删" if found[1].casefold() in ("删", "删除", "del") else "加"), found[2].strip()


def _listed(context: Context, kind: RuleKind, none: str, rest: str, name: Name) -> Reply:
    if rest:
        raise Refused(f"用法：{name.usage}")
    return Reply("、".join(store.rules.all_of(context.db, kind)) or f"{none}。用法：{name.usage}")


def _change(context: Context, kind: RuleKind, verb: str, text: str) -> Reply:
    db = context.db
    if verb == "加" and not store.rules.add(db, kind, text, context.now):
        raise Refused(f"「{text}」已经在了。")
    if verb == "删" and not store.rules.remove(db, kind, text):
        raise Refused(f"「{text}」本来就不在。")
    done = f"{DONE[kind, verb]}「{text}」"
    return Reply(f"已{done}。", done, {"op": "rule", "kind": str(kind), "verb": verb, "text": text})


def undo_rule(office: Office, context: Context, undo: Undo) -> str:
    """Remove what was added, or add what was removed."""
    kind, text = RuleKind(str(undo["kind"])), str(undo["text"])
    if undo["verb"] == "加":
        done = store.rules.remove(context.db, kind, text)
        return f"「{text}」" + ("已删" if done else "本来就不在了")
    done = store.rules.add(context.db, kind, text, context.now)
    return f"「{text}」" + ("已加回" if done else "本来就在")


def trust(office: Office, context: Context, rest: str) -> Reply:
    """Trust the author of a message: what newcomers may not post it may."""
    if not rest:
        raise Refused(f"用法：{Name.TRUST.usage}。编号见 /最近")
    one, account = spoken(context, rest), office.session.account_id
    if is_trusted(store.trust.get(context.db, account, one.talker_id)):
        raise Refused(f"「{one.name}」已经受信任。")
    before = standing.give(context.db, account, one.talker_id, one.name)
    undo = {"op": "trust", "contact": one.talker_id, "account": account, "name": one.name, "was": before}
    return Reply(f"「{one.name}」现在受信任：发名片、小程序、二维码只提示，不拦。", f"信任 {one.name}", undo)


def undo_trust(office: Office, context: Context, undo: Undo) -> str:
    """Let speak for a member what did before."""
    standing.restore(context.db, undo["was"], str(undo["account"]), str(undo["contact"]), grant=True)
    return f"「{undo['name']}」又是新成员了"
