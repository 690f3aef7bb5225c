"""Alerts and heartbeat, as the settings ask for them: nothing of them is imported where they do not."""

import contextlib
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from roomsync.config.settings import Settings
from roomsync.delivery.gate import Gate
from roomsync.errors import RoomSyncError, StateFileBusy, StateFileError
from roomsync.language import _
from roomsync.moderation.moderator import Moderator
from roomsync.relay.roster import Roster
from roomsync.session import Session
from roomsync.store import StateFile

if TYPE_CHECKING:
    from roomsync.alerts.alarm import Alarm

log = logging.getLogger(__name__)

END_INTERVAL = 600.0  # seconds between two alerts that the bot ended: a service may start it again and again


def alarm_of(
    settings: Settings,
    session: Session,
    state: StateFile,
    gate: Gate,
    roster: Roster,
    moderator: Moderator,
    clock: Callable[[], float],
    ping: Callable[[], Awaitable[None]],
) -> "Alarm | None":
    """Return what watches the bot; None when neither ALERT_URLS nor HEARTBEAT_URL is set. `ping` asks the gateway."""
    if not (settings.alert_urls or settings.heartbeat_url):
        return None
    from roomsync.alerts.alarm import Alarm, Signs

    signs = Signs(session, state, clock, gate.least, lambda: moderator.trips, ping)
    alarm = Alarm(settings.alert_urls, settings.heartbeat_url, _names(settings), signs)
    roster.watchers.append(alarm)
    return alarm


@contextlib.contextmanager
def end_is_told(settings: Settings) -> Iterator[None]:
    """Tell of what ends a block: in a log file, and what a person has to mend in an alert. A second bot is no alert."""
    try:
        yield
    except Exception as error:
        if settings.log_file:  # where nobody reads standard error
            log.critical("The bot ends: %s", error, exc_info=not isinstance(error, RoomSyncError))
        is_to_mend = isinstance(error, RoomSyncError) and not isinstance(error, StateFileBusy)
        if is_to_mend and settings.alert_urls and _is_news(settings.state_file):
            from roomsync.alerts.alarm import tell_end
            from roomsync.alerts.watch import AlertKind

            kind = AlertKind.STATE_FILE if isinstance(error, StateFileError) else AlertKind.GATEWAY
            tell_end(settings.alert_urls, _names(settings), str(error), kind)
        raise


def send_test(settings: Settings) -> int:
    """Send a test alert to each address, and print what became of it; return 0 when all have it, else 1."""
    if not settings.alert_urls:
        return _say(_("alerts"), _("ALERT_URLS is empty, so there is nothing to send to"), 1)
    from roomsync.alerts.hooks import Hook
    from roomsync.alerts.sender import Sender
    from roomsync.alerts.watch import AlertKind, Due
    from roomsync.alerts.wording import alert_of

    code = 0
    for number, url in enumerate(settings.alert_urls, 1):
        hook = Hook.parse(url)
        problem = Sender(hook, number).attempt(alert_of(Due(AlertKind.TEST), time.time(), _names(settings)))
        text = _("not sent, {reason}").format(reason=problem) if problem else _("sent")
        code |= _say(_("alert {number}").format(number=number), f"{text} ({hook.service})", 1 if problem else 0)
    return code


def _say(what: str, text: str, code: int) -> int:
    print(f"{what}: {text}")  # noqa: T201 - this is the answer to the user
    return code


def _names(settings: Settings) -> str:
    return ", ".join(settings.room_prefixes)


def _is_news(path: Path) -> bool:
    """Return whether no bot on that state file told of its end lately, and note that this one does.

    It is noted beside the state file, which outlives a service's own temporary folder, and in that folder, which bears
    a broken disk of the state file. Where it can be noted in neither, each end is told.
    """
    digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]
    stamps = path.with_name(f"{path.name}-ended"), Path(tempfile.gettempdir()) / f"roomsync-{digest}.ended"
    news = [_is_old(stamp) for stamp in stamps]
    if all(news):
        for stamp in stamps:
            with contextlib.suppress(OSError):
                stamp.touch()
    return all(news)


def _is_old(stamp: Path) -> bool:
    with contextlib.suppress(OSError):
        return not 0 <= time.time() - stamp.stat().st_mtime < END_INTERVAL
    return True
