"""Which conditions stand that the operator has to hear of. Pure; times are arguments."""

from dataclasses import dataclass

from roomsync.alerts.watch import AlertKind
from roomsync.language import _
from roomsync.model import MAX_DELAY
from roomsync.session import Phase

AWAY_TIME = 120.0  # seconds without gateway or login that a restart of the gateway may take
SETTLE_TIME = 15.0  # seconds in which a gateway that is back tells of the login that it kept
OUTAGE_TIME = 60.0  # seconds in which the state file is not answered; a slow disk takes less


@dataclass(frozen=True)
class Facts:
    """How the bot is doing. All but `phase`, `scan_link`, `asks_code` and `outage_reason` are seconds.

    `unready`: since it was ready last, or since the start. `in_phase`: since the phase changed. `cooldown`: until
    WeChat lets it send. `delay`: how long the oldest delivery waits that may go; None when that is not known.
    `outage`: how long the state file has not been answering.
    """

    phase: Phase
    unready: float = 0.0
    in_phase: float = 0.0
    scan_link: str = ""
    asks_code: bool = False
    cooldown: float = 0.0
    delay: float | None = None
    outage: float = 0.0
    outage_reason: str = ""


def conditions(facts: Facts) -> dict[AlertKind, str | None]:
    """Return what stands, with its text, and what does not (None); what nobody can tell now is left out."""
    found: dict[AlertKind, str | None] = {}
    if facts.phase is not Phase.DISCONNECTED:
        found[AlertKind.GATEWAY] = None
    elif facts.unready >= AWAY_TIME:
        found[AlertKind.GATEWAY] = _(
            "The bot has not been able to relay for {minutes} min, because the gateway cannot be reached. It tries "
            "again by itself; what it has is kept, what is said meanwhile it may not hear of."
        ).format(minutes=_minutes(facts.unready))
    if facts.phase is Phase.READY:
        found[AlertKind.LOGIN] = None
    elif facts.phase is not Phase.DISCONNECTED and facts.unready >= AWAY_TIME and facts.in_phase >= SETTLE_TIME:
        found[AlertKind.LOGIN] = _of_login(facts)
    found[AlertKind.VERIFY_CODE] = None
    if facts.asks_code:
        found[AlertKind.VERIFY_CODE] = _(
            "WeChat asks for the verify code that it shows the account's owner. On the bot's machine: "
            "python bot.py --verify-code 123456"
        )
    found[AlertKind.THROTTLED] = None
    if facts.cooldown > 0:
        found[AlertKind.THROTTLED] = _(
            "WeChat says that the account sends too fast. Nothing is sent for {minutes} min, then the bot goes on by "
            "itself; what is said meanwhile waits."
        ).format(minutes=_minutes(facts.cooldown))
    if facts.phase is Phase.READY and facts.delay is not None:
        found[AlertKind.DELAY] = _of_delay(facts.delay) if facts.delay > MAX_DELAY else None
    found[AlertKind.STATE_FILE] = None
    if facts.outage >= OUTAGE_TIME:
        found[AlertKind.STATE_FILE] = _of_outage(facts)
    return found


def _minutes(seconds: float) -> int:
    return max(1, round(seconds / 60))


def _of_login(facts: Facts) -> str:
    minutes = _minutes(facts.unready)
    if facts.phase is Phase.LOGGED_IN:
        return _(
            "The bot has not been able to relay for {minutes} min: WeChat is logged in, but the gateway does not list "
            "its rooms."
        ).format(minutes=minutes)
    lines = [_("The bot has not been able to relay for {minutes} min: WeChat is logged out.").format(minutes=minutes)]
    if facts.scan_link:
        lines.append(_("Scan this with the account's phone: {link}").format(link=facts.scan_link))
    else:
        lines.append(_("Log in at the gateway; a new QR code stands in the bot's log."))
    return "\n".join(lines)


def _of_delay(delay: float) -> str:
    return _("The oldest message waits for {minutes} min to be sent: the bot does not keep up.").format(
        minutes=_minutes(delay)
    )


def _of_outage(facts: Facts) -> str:
    start = _("The state file has not answered for {seconds} s, so nothing is relayed. The bot tries again by itself.")
    return "\n".join(
        [start.format(seconds=round(facts.outage)), *([facts.outage_reason] if facts.outage_reason else [])]
    )
