"""Reports: how the bot is doing, what staff did, what can be said."""

import statistics
from collections.abc import Mapping

from roomsync import store
from roomsync.admin import filtering
from roomsync.admin.office import Office
from roomsync.admin.pauses import line_of
from roomsync.admin.replies import Context, Refused, Reply, clock, span
from roomsync.admin.rooms import WORDS
from roomsync.admin.syntax import ABOUT_FILTER, Name
from roomsync.model import FilterMode, Mode
from roomsync.session import Session
from roomsync.store.report import RoomReport

HOUR, DAY = 3600.0, 86400.0
MAX_ACTIONS = 20


def help_(office: Office, context: Context, rest: str) -> Reply:
    """List what can be said, on one screen, or what is about the filter."""
    if rest and rest not in Name.FILTER.names:
        raise Refused(f"用法：{Name.HELP.usage}")
    shown = [name for name in Name if (name in ABOUT_FILTER) == bool(rest)]
    return Reply("\n".join(f"{name.usage} {name.meaning}" for name in shown))


def status(office: Office, context: Context, rest: str) -> Reply:
    """Say whether the bot is connected, throttled or paused, how long copies take, and how each room is doing."""
    db, now, session = context.db, context.now, office.session
    lines = [_connection(session)]
    if session.cooldown.until > now:
        lines.append(f"微信提示发送过快，{span(session.cooldown.until - now)}后继续")
    lines += [line_of(office, one, now) for one in store.pauses.all_of(db, now)]
    if (quiet := office.gate.quiet_until(now)) > now:
        lines.append(f"免打扰时段，{clock(quiet, now)} 恢复发送")
    if office.decided.moderator.mode is not FilterMode.OFF:
        lines += filtering.status(office, db, now)
    delays = store.report.delays(db, now - HOUR)
    if delays:
        lines.append(f"近一小时到达：通常 {span(statistics.median(delays))}，最慢 {span(max(delays))}")
    reports = {report.id: report for report in store.report.rooms(db, now - DAY, now)}
    for prefix in office.rooms.prefixes:
        lines += [f"{prefix}：", *_of_rooms(office, prefix, reports)]
    return Reply("\n".join(lines))


def _connection(session: Session) -> str:
    if session.is_ready:
        return "已连接"
    return "微信还没登录好" if session.is_connected else "没有连上网关，现在听不到群里的话"


def _of_rooms(office: Office, prefix: str, reports: Mapping[str, RoomReport]) -> list[str]:
    """Return a line for each room of a community of which there is something to say, and one for the others."""
    lines, others = [], []
    for room in office.all_rooms(prefix):
        mode, told = office.rooms.mode(room.id), _of_room(reports.get(room.id))
        label = office.short_label(room)
        if mode is Mode.NORMAL and not told:
            others.append(label)
        else:
            lines.append(f"{label} {WORDS[mode]}{told}")
    return [*lines, f"{'其余 ' if lines else ''}{len(others)} 个群正常，没有等待"] if others else lines


def _of_room(report: RoomReport | None) -> str:
    if report is None:
        return ""
    waiting = f" 等待 {report.waiting}" if report.waiting else ""
    oldest = f"（最久 {span(report.oldest_waiting)}）" if report.oldest_waiting else ""
    failed = f" 失败 {report.failed}" if report.failed else ""
    return f"{waiting}{oldest}{failed}"


def log(office: Office, context: Context, rest: str) -> Reply:
    """List the last things that staff did, the newest last."""
    lines = []
    for one in reversed(store.actions.last(context.db, MAX_ACTIONS)):
        undone = f"（{one.undone_by} 已撤销）" if one.undone_at else ""
        lines.append(f"{one.id} {clock(one.at, context.now)} {one.name}：{one.what}{undone}")
    return Reply("\n".join(lines) or "还没有操作。")
