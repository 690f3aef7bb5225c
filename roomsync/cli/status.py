"""`python bot.py --status`: how the bot is doing, read from its state file, also while it runs."""

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from roomsync import store
from roomsync.cli.health import Status, delay
from roomsync.cli.status_lines import lines
from roomsync.config.settings import Settings
from roomsync.delivery.quiet import DailyHours
from roomsync.errors import StateFileError
from roomsync.files import write_at_once
from roomsync.language import _
from roomsync.model import Hours, Mode
from roomsync.relay.rooms import Rooms
from roomsync.session import Phase
from roomsync.store import is_held, read_only
from roomsync.store.report import RoomReport
from roomsync.text.characters import UNSAFE

DAY = 86400.0
TAKING_NO_PART = (Mode.OFF, Mode.ASKED)


def read_status(settings: Settings, now: float) -> tuple[Status, float]:
    """Return the status, and what the bot's own clock says at `now`. Raises `StateFileError`."""
    path = settings.state_file
    running = is_held(path)
    if running and not path.exists():
        raise StateFileError(
            _("The state file {path} is gone while a bot runs on it; the bot writes it again by itself.").format(
                path=path
            )
        )
    with read_only(path) as db:
        return _status(db, settings, running, now)


def _status(db: store.Connection, settings: Settings, running: bool, now: float) -> tuple[Status, float]:
    health = store.health.read(db)
    phase, now = Phase(health.phase), now + health.clock_ahead * running
    has_outage = health.outage_ended_at is not None and health.outage_ended_at > now - DAY
    communities = _communities(db, settings)
    reports = store.report.rooms(db, now - DAY, now)
    moderation = store.moderation.read(db)
    quiet_until, quiet_end = _quiet(settings.quiet_hours, now)
    status = Status(
        running=running,
        connected=running and phase is not Phase.DISCONNECTED,
        logged_in=running and phase is Phase.READY,
        phase=phase,
        since=health.since,
        last_event=health.last_event,
        cooldown=max(0.0, health.cooldown.until - now),
        verify_code=bool(health.verify_id),
        silence=max(0.0, now - health.written_at) if running and health.written_at else None,
        outage=health.outage_length if has_outage else None,
        outage_ended_at=health.outage_ended_at if has_outage else None,
        unreadable=store.incoming.given_up(db, now - DAY),
        quiet_until=quiet_until,
        paused={one.community: one.until for one in store.pauses.all_of(db, now)},
        modes={topic: mode for topic, mode in store.rooms.decided(db) if mode is not Mode.NORMAL},
        moderation=store.moderation.in_force(moderation, settings.moderation),
        held={str(state): count for state, count in store.held.counts(db, now - DAY).items()},
        failed_checks=moderation.failures,
        communities=_sizes(db, settings, reports, communities),
        delay=delay(reports, communities, store.pauses.all_of(db, 0.0), quiet_end, now),
        rooms=[one for one in reports if one.id in communities or _has_numbers(one)],
    )
    return status, now


def _communities(db: store.Connection, settings: Settings) -> dict[str, str]:
    """Return the community of each room that was noted in one, by room id."""
    rooms = Rooms(settings.room_prefixes, settings.admin_room)
    _, staff_room_id = store.staff.room(db)
    found = {one: rooms.community_of(topic) for one, topic in store.rooms.topics(db).items() if one != staff_room_id}
    return {one: community for one, community in found.items() if community is not None}


def _sizes(
    db: store.Connection, settings: Settings, reports: list[RoomReport], communities: Mapping[str, str]
) -> dict[str, int]:
    """Return how many rooms take part in each community: the bot is in them, and staff did not shut them."""
    modes, left = store.rooms.modes(db), {one.id for one in reports if one.left}
    taking_part = [one for one in communities if one not in left and modes.get(one) not in TAKING_NO_PART]
    counts = Counter(communities[one] for one in taking_part)
    return {prefix: counts[prefix] for prefix in settings.room_prefixes}


def _quiet(hours: Hours | None, now: float) -> tuple[float | None, float]:
    """Return when the quiet hours end that `now` is in, if any, and until when nothing was said for quiet, up to now.

    The second is 0 without quiet hours.
    """
    if hours is None:
        return None, 0.0
    daily = DailyHours(hours)
    if until := daily.end(now):
        return until, now
    return None, min(daily.end(daily.start(now - DAY)), now)


def _has_numbers(room: RoomReport) -> bool:
    return bool(room.waiting or room.sent or room.failed or room.expired or room.cancelled)


def show_status(settings: Settings, *, as_json: bool = False, prometheus: str | None = None) -> int:
    """Print the status; return 0 when a bot is running with these settings and relays, else 1.

    `prometheus`: write it for Prometheus, to the file of that name, or print it when that is empty. Raises
    `StateFileError`; for Prometheus, which would keep what was written before, that is written first.
    """
    if prometheus is not None:
        return _give(settings, prometheus)
    status, now = read_status(settings, time.time())
    print(_json(status) if as_json else "\n".join(lines(status, now)))  # noqa: T201
    return 0 if status.is_well else 1


def _give(settings: Settings, file: str) -> int:
    """Print the status for Prometheus, or write it to a file; return 0 when all is well, else 1."""
    from roomsync.cli.prometheus import text_of  # which nobody else needs

    problem, status = None, None
    try:
        status, _now = read_status(settings, time.time())
    except StateFileError as error:
        problem = error
    if not file:
        sys.stdout.write(text_of(status))
    else:
        try:
            write_at_once(Path(file), text_of(status))  # the exporter, another user, reads what ends in .prom
        except OSError as error:
            said = _("{path} cannot be written: {reason}.").format(path=file, reason=_(error.strerror or ""))
            print(said, file=sys.stderr)  # noqa: T201
            return 1
    if problem:
        raise problem
    return 0 if status and status.is_well else 1


def _json(status: Status) -> str:
    """Return the status as JSON that a terminal can show, too: what it would obey is escaped, as JSON allows."""
    told = {"well": status.is_well, "reason": status.illness, **asdict(status)}
    found = json.dumps(told, ensure_ascii=False, indent=2)
    return UNSAFE.sub(lambda one: one[0] if one[0] == "\n" else f"\\u{ord(one[0]):04x}", found)
