"""What a person reads of the status: if the bot is ill the reason first, then how it is, then its rooms. Pure."""

from roomsync.cli.arguments import COMMAND
from roomsync.cli.health import Illness, Status
from roomsync.language import _
from roomsync.model import MAX_DELAY, FilterMode
from roomsync.session import Phase
from roomsync.store.report import RoomReport
from roomsync.text.characters import MAX_ERROR, columns, harmless


def lines(status: Status, now: float) -> list[str]:
    """Return the lines of `--status`; `now` is the bot's own time."""
    found = [*_reason(status), _state(status, now)]
    if status.outage is not None and status.outage_ended_at:
        told = _("the state file could not be written for {length}, until {ago} ago")
        found.append(told.format(length=_age(status.outage), ago=_age(now - status.outage_ended_at)))
    if status.verify_code:
        found.append(_("WeChat asks for a verify code: {command}").format(command=COMMAND))
    if status.cooldown and status.illness is not Illness.THROTTLED:
        found.append(_throttled(status))
    if status.unreadable:
        told = _("{count} messages of the last 24 h could not be read from the gateway")
        found.append(told.format(count=status.unreadable))
    found += _decided(status, now)
    if status.rooms:
        heads = (_("waiting"), _("sent"), _("failed"), _("expired"), _("cancelled"))
        found.append(_row(*heads) + "  " + _("room (last 24 h)"))
    return found + [_room_line(room) for room in status.rooms]


def _reason(status: Status) -> list[str]:
    """Return why the bot does not relay, where the line of its state, which is next, does not say so itself."""
    match status.illness:
        case Illness.SILENT:
            told = _("nothing was written to the state file for {age}: the disk or the bot hangs")
            return [told.format(age=_age(status.silence or 0.0))]
        case Illness.TOO_FEW_ROOMS:
            told = _("{community}: rooms that take part: {count}; with fewer than two there is nothing to relay")
            small = status.too_small()
            return [told.format(community=harmless(one), count=status.communities[one]) for one in small]
        case Illness.THROTTLED:
            return [_throttled(status)]
        case Illness.LATE:
            told = _("the bot does not keep up: the oldest delivery waits for {age}, more than {limit}")
            return [told.format(age=_age(status.delay), limit=_age(MAX_DELAY))]
    return []


def _throttled(status: Status) -> str:
    told = _("WeChat says that the account sends too fast: nothing is sent for {age}")
    return told.format(age=_age(status.cooldown))


def _state(status: Status, now: float) -> str:
    phases = {
        Phase.DISCONNECTED: _("running, not connected to the gateway"),
        Phase.CONNECTED: _("connected to the gateway, but WeChat is not logged in"),
        Phase.LOGGED_IN: _("logged in to WeChat, finding rooms"),
        Phase.READY: _("connected"),
    }
    state = phases[status.phase] if status.running else _("not running")
    if status.running and status.since:
        state = _("{state} for {age}").format(state=state, age=_age(now - status.since))
    if not status.last_event:
        return _("{state}; no event yet").format(state=state)
    return _("{state}; last event {age} ago").format(state=state, age=_age(now - status.last_event))


def _decided(status: Status, now: float) -> list[str]:
    """Return what keeps rooms from being sent to: quiet hours, and what staff decided."""
    found = []
    if status.quiet_until:
        told = _("quiet hours for {age} more: rooms get only what staff announces")
        found.append(told.format(age=_age(status.quiet_until - now)))
    for community, until in status.paused.items():
        which = harmless(community) or _("all communities")
        if until:
            found.append(_("staff paused {which} for {age} more").format(which=which, age=_age(until - now)))
        else:
            found.append(_("staff paused {which} until /恢复 (/resume)").format(which=which))
    if status.moderation != FilterMode.OFF:
        found.append(_("moderation: {mode}").format(mode=status.moderation) + _held(status))
    if status.modes:
        modes = ", ".join(f"{harmless(topic)} {mode}" for topic, mode in status.modes.items())
        found.append(_("rooms set by staff: {modes}").format(modes=modes))
    return found


def _held(status: Status) -> str:
    """Return what became of the messages for which there were reasons."""
    counts = ", ".join(f"{count} {state}" for state, count in status.held.items())
    failed = _("{count} checks failed or were slow").format(count=status.failed_checks)
    told = [_("{counts} (24 h)").format(counts=counts)] if counts else []
    return "".join(f"; {one}" for one in (*told, *([failed] if status.failed_checks else [])))


def _room_line(room: RoomReport) -> str:
    told = [f"{_row(room.waiting, room.sent, room.failed, room.expired, room.cancelled)}  {harmless(room.topic)}"]
    if room.left:
        told.append(_("the bot is no longer in this room"))
    if room.oldest_waiting:
        told.append(_("oldest waits for {age}").format(age=_age(room.oldest_waiting)))
    # A state file of an earlier version has topics and errors as the gateway gave them.
    first = (room.last_error or "")[:MAX_ERROR].strip().partition("\n")[0]
    if first:
        told.append(_("last error: {error}").format(error=harmless(first[:80])))
    return "; ".join(told)


def _row(waiting: object, sent: object, failed: object, expired: object, cancelled: object) -> str:
    cells = zip((waiting, sent, failed, expired, cancelled), (8, 8, 8, 8, 11), strict=True)
    return "".join(" " * (width - columns(str(cell))) + str(cell) for cell, width in cells)


def _age(seconds: float) -> str:
    if seconds >= 86400:
        return _("{count} d").format(count=int(seconds // 86400))
    if seconds >= 3600:
        return _("{count} h").format(count=int(seconds // 3600))
    if seconds >= 60:
        return _("{count} min").format(count=int(seconds // 60))
    return _("{count} s").format(count=int(max(0.0, seconds)))
