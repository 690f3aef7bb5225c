"""`python bot.py --status`: how the bot is doing, read from its state file, also while it runs."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from roomsync import store
from roomsync.cli.arguments import COMMAND
from roomsync.delivery.quiet import DailyHours
from roomsync.errors import StateFileError
from roomsync.model import FilterMode, Hours, Mode
from roomsync.session import Phase
from roomsync.store import is_held, read_only
from roomsync.store.report import RoomReport
from roomsync.text.characters import MAX_ERROR, UNSAFE, harmless

DAY = 86400.0
MAX_SILENCE = 30.0  # seconds; a bot that runs writes its state file more often
PHASES = {
    Phase.DISCONNECTED: "running, not connected to the gateway",
    Phase.CONNECTED: "connected to the gateway, but WeChat is not logged in",
    Phase.LOGGED_IN: "logged in to WeChat, finding rooms",
    Phase.READY: "connected",
}


@dataclass(frozen=True)
class Status:
    """What `--json` prints: times in seconds since the epoch, `cooldown` in seconds from now.

    `silence`: seconds since the bot wrote its state file, which it does every few; None when it does not run.
    `outage`: how many seconds the file could not be written, until `outage_ended_at`; None without one in 24 h.
    `quiet_until`: the end of the quiet hours that it is in. `paused`: what staff paused, community (empty: all) ->
    until when, None without an end. `modes`: topic -> mode of the rooms that do not take part as usual.
    `moderation`: the mode that is in force. `held`: messages for which there were reasons, by state: those that wait
    for staff, and the others of 24 h. `failed_checks`: how many checks failed, or were slow.
    """

    running: bool
    connected: bool
    logged_in: bool  # and its rooms found
    since: float | None
    last_event: float | None
    cooldown: float
    verify_code: bool  # whether WeChat asks for one
    silence: float | None
    outage: float | None
    outage_ended_at: float | None
    unreadable: int
    quiet_until: float | None
    paused: dict[str, float | None]
    modes: dict[str, str]
    moderation: str
    held: dict[str, int]
    failed_checks: int
    rooms: list[RoomReport]

    @property
    def is_well(self) -> bool:
        """Whether a bot runs, relays, and shows that it does."""
        return self.logged_in and (self.silence or 0.0) < MAX_SILENCE


def read_status(
    path: Path, now: float, hours: Hours | None = None, filtering: FilterMode = FilterMode.OFF
) -> tuple[Status, Phase, float]:
    """Return the status, the phase that the session is or was in, and what the bot's own clock says at `now`.

    Raises `StateFileError`.
    """
    running = is_held(path)
    if running and not path.exists():
        raise StateFileError(
            f"The state file {path} is gone while a bot runs on it; the bot writes it again by itself."
        )
    with read_only(path) as db:
        health = store.health.read(db)
        phase, now = Phase(health.phase), now + health.clock_ahead * running
        has_outage = health.outage_ended_at is not None and health.outage_ended_at > now - DAY
        return (
            Status(
                running=running,
                connected=running and phase is not Phase.DISCONNECTED,
                logged_in=running and phase is Phase.READY,
                since=health.since,
                last_event=health.last_event,
                cooldown=max(0.0, health.cooldown.until - now),
                verify_code=bool(health.verify_id),
                silence=max(0.0, now - health.written_at) if running and health.written_at else None,
                outage=health.outage_length if has_outage else None,
                outage_ended_at=health.outage_ended_at if has_outage else None,
                unreadable=store.incoming.given_up(db, now - DAY),
                quiet_until=(DailyHours(hours).end(now) or None) if hours else None,
                paused={one.community: one.until for one in store.pauses.all_of(db, now)},
                modes={topic: mode for topic, mode in store.rooms.decided(db) if mode is not Mode.NORMAL},
                moderation=store.moderation.in_force(store.moderation.read(db), filtering),
                held={str(state): count for state, count in store.held.counts(db, now - DAY).items()},
                failed_checks=store.moderation.read(db).failures,
                rooms=store.report.rooms(db, now - DAY, now),
            ),
            phase,
            now,
        )


def show_status(path: Path, as_json: bool, hours: Hours | None = None, filtering: FilterMode = FilterMode.OFF) -> int:
    """Print the status; return 0 when a bot is running on that file and relays, else 1.

    `hours`: its quiet hours. `filtering`: what MODERATION says.
    """
    status, phase, now = read_status(path, time.time(), hours, filtering)
    lines = [_json(status)] if as_json else _lines(status, phase, now)
    print("\n".join(lines))  # noqa: T201
    return 0 if status.is_well else 1


def _json(status: Status) -> str:
    """Return the status as JSON that a terminal can show, too: what it would obey is escaped, as JSON allows."""
    found = json.dumps(asdict(status), ensure_ascii=False, indent=2)
    return UNSAFE.sub(lambda one: one[0] if one[0] == "\n" else f"\\u{ord(one[0]):04x}", found)


def _lines(status: Status, phase: Phase, now: float) -> list[str]:
    state = PHASES[phase] if status.running else "not running"
    if status.running and status.since:
        state += f" for {_age(now - status.since)}"
    last = f"last event {_age(now - status.last_event)} ago" if status.last_event else "no event yet"
    lines = [f"{state}; {last}"]
    if status.silence and status.silence >= MAX_SILENCE:
        lines.append(f"nothing was written to the state file for {_age(status.silence)}: the disk or the bot hangs")
    if status.outage is not None and status.outage_ended_at:
        ago = _age(now - status.outage_ended_at)
        lines.append(f"the state file could not be written for {_age(status.outage)}, until {ago} ago")
    if status.verify_code:
        lines.append(f"WeChat asks for a verify code: {COMMAND}")
    if status.cooldown:
        lines.append(f"WeChat says that the account sends too fast: nothing is sent for {_age(status.cooldown)}")
    if status.unreadable:
        lines.append(f"{status.unreadable} messages of the last 24 h could not be read from the gateway")
    lines += _decided(status, now)
    if status.rooms:
        lines.append(f"{'waiting':>8}{'sent':>8}{'failed':>8}{'expired':>8}{'cancelled':>11}  room (last 24 h)")
    return lines + [_room_line(room) for room in status.rooms]


def _decided(status: Status, now: float) -> list[str]:
    """Return what keeps rooms from being sent to: quiet hours, and what staff decided."""
    lines = []
    if status.quiet_until:
        lines.append(f"quiet hours for {_age(status.quiet_until - now)} more: rooms get only what staff announces")
    for community, until in status.paused.items():
        ends = f"for {_age(until - now)} more" if until else "until /恢复 (/resume)"
        lines.append(f"staff paused {harmless(community) or 'all communities'} {ends}")
    lines += [f"moderation: {status.moderation}{_held(status)}"] if status.moderation != FilterMode.OFF else []
    if status.modes:
        modes = ", ".join(f"{harmless(topic)} {mode}" for topic, mode in status.modes.items())
        lines.append(f"rooms set by staff: {modes}")
    return lines


def _held(status: Status) -> str:
    """Return what became of the messages for which there were reasons."""
    counts = ", ".join(f"{count} {state}" for state, count in status.held.items())
    failed = f"; {status.failed_checks} checks failed or were slow" if status.failed_checks else ""
    return (f"; {counts} (24 h)" if counts else "") + failed


def _room_line(room: RoomReport) -> str:
    numbers = f"{room.waiting:>8}{room.sent:>8}{room.failed:>8}{room.expired:>8}{room.cancelled:>11}"
    oldest = f"; oldest waits for {_age(room.oldest_waiting)}" if room.oldest_waiting else ""
    # A state file of an earlier version has topics and errors as the gateway gave them.
    first = (room.last_error or "")[:MAX_ERROR].strip().partition("\n")[0]
    error = f"; last error: {harmless(first[:80])}" if first else ""
    return f"{numbers}  {harmless(room.topic)}{oldest}{error}"


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0.0, seconds))} s"
