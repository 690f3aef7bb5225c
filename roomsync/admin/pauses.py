"""Pauses: nothing is sent to a community, everything said is kept and goes out afterwards."""

from collections.abc import Sequence

from roomsync import store
from roomsync.admin.office import Office
from roomsync.admin.replies import Context, Refused, Reply, clock, span
from roomsync.admin.syntax import Name, number_of
from roomsync.store.actions import Undo
from roomsync.store.pauses import Pause

MAX_MINUTES = 7 * 24 * 60
REMIND_INTERVAL = 3600.0  # seconds between two reminders of a pause without an end


def pause(office: Office, context: Context, rest: str) -> Reply:
    """Pause a community, or all, for some minutes or until somebody says so."""
    community, rest = office.split_community(rest)
    minutes = number_of(rest.removesuffix("分钟").strip()) if rest else None
    if rest and minutes is None:
        raise Refused(f"用法：{Name.PAUSE.usage}，例如 /暂停 30")
    if minutes is not None and not 1 <= minutes <= MAX_MINUTES:
        raise Refused(f"分钟数要在 1 到 {MAX_MINUTES} 之间。")
    now, until = context.now, None if minutes is None else context.now + 60 * minutes
    undo = _before(context, [community])
    store.pauses.put(context.db, Pause(community, until, now, now))
    scope = office.scope(community)
    ends = f"到 {clock(until, now)} 自动恢复" if until else "发 /恢复 继续"
    what = f"暂停{scope}" + (f" {minutes} 分钟" if minutes else "")
    return Reply(f"已暂停{scope}，期间的发言都会保留，之后补发；{ends}。", what, undo)


def resume(office: Office, context: Context, rest: str) -> Reply:
    """Let a community, or all, go on."""
    community, rest = office.split_community(rest)
    if rest:
        raise Refused(f"没有「{rest}」这个社群。用法：{Name.RESUME.usage}")
    paused = [one.community for one in store.pauses.all_of(context.db, context.now)]
    if not paused:
        raise Refused("现在没有暂停。")
    if community and "" in paused:
        raise Refused("现在是全部暂停，发 /恢复 一起恢复。")
    chosen = [community] if community else paused
    if community and community not in paused:
        raise Refused(f"{office.scope(community)}没有暂停。")
    undo = _before(context, chosen)
    for one in chosen:
        store.pauses.end(context.db, one, context.now)
    scope = office.scope(community)
    quiet = office.gate.quiet_until(context.now)
    then = f"免打扰时段，{clock(quiet, context.now)} 起补发" if quiet else "保留的发言正在补发"
    return Reply(f"已恢复发送{scope}，{then}。", f"恢复发送{scope}", undo)


def undo_pauses(office: Office, context: Context, undo: Undo) -> str:
    """Let the communities that an action paused or resumed be as they were before it, and no other."""
    touched, was = undo["touched"], undo["was"]
    for community in touched if isinstance(touched, list) else []:
        store.pauses.end(context.db, community, context.now)
    for row in was if isinstance(was, list) else []:
        community, until, since, reminded_at = row
        if until is None or until > context.now:
            store.pauses.put(context.db, Pause(community, until, since, reminded_at))
    left = store.pauses.all_of(context.db, context.now)
    return "；".join(line_of(office, one, context.now) for one in left) or "没有暂停，正在发送"


def _before(context: Context, touched: Sequence[str]) -> Undo:
    """Return what takes an action back: the pauses, as they are before it, of the communities that it touches."""
    found = [list(one) for one in store.pauses.all_of(context.db, context.now) if one.community in touched]
    return {"op": "pauses", "touched": list(touched), "was": found}


def line_of(office: Office, one: Pause, now: float) -> str:
    """Return what a pause is: of which community, since when, until when."""
    ends = f"{clock(one.until, now)} 自动恢复" if one.until else "发 /恢复 继续"
    return f"已暂停{office.scope(one.community)} {span(now - one.since)}，{ends}"


def reminders(office: Office, db: store.Connection, now: float) -> list[str]:
    """Return what staff has to be reminded of now, and note that it is."""
    lines = []
    for one in store.pauses.all_of(db, now):
        if one.until is None and one.reminded_at <= now - REMIND_INTERVAL:
            store.pauses.put(db, one._replace(reminded_at=now))
            lines.append(f"提醒：{line_of(office, one, now)}。")
    return lines
