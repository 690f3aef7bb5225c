"""What an alert says, in the operator's language. Pure."""

import time
from dataclasses import dataclass

from roomsync.alerts.watch import AlertKind, Due
from roomsync.language import _


@dataclass(frozen=True)
class Alert:
    """An alert as it is sent. `kind`: see AlertKind, with `_recovered` behind it when that is over.

    `at`: seconds since the epoch. `community`: the prefixes of all communities of the bot.
    """

    kind: str
    title: str
    text: str
    at: float
    community: str

    @property
    def body(self) -> str:
        """Text and time, for a service that shows the title apart."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.at))
        return f"{self.text}\n{at}" if self.text else at

    @property
    def words(self) -> str:
        """All of it as one text, for a service that shows texts."""
        return f"{self.title}\n{self.body}"


def alert_of(due: Due, at: float, community: str) -> Alert:
    """Return what is sent for what is due."""
    what = _recovered(due.kind) if due.recovered else _title(due.kind)
    title = _("WeChat bot {community}: {what}").format(community=community, what=what)
    kind = f"{due.kind}_recovered" if due.recovered else str(due.kind)
    return Alert(kind, title, "" if due.recovered else _text(due), at, community)


def end_of(reason: str, kind: AlertKind, at: float, community: str) -> Alert:
    """Return the alert that the bot ends, and why."""
    title = _("WeChat bot {community}: {what}").format(community=community, what=_("the bot has ended"))
    return Alert(str(kind), title, reason, at, community)


def _title(kind: AlertKind) -> str:
    return {
        AlertKind.GATEWAY: _("the gateway is away"),
        AlertKind.LOGIN: _("WeChat is not logged in"),
        AlertKind.VERIFY_CODE: _("WeChat asks for a verify code"),
        AlertKind.THROTTLED: _("WeChat says that it sends too fast"),
        AlertKind.DELAY: _("messages are late"),
        AlertKind.STATE_FILE: _("trouble with the state file"),
        AlertKind.ROOM_LEFT: _("it was taken out of a room"),
        AlertKind.GIVEN_UP: _("messages were given up"),
        AlertKind.BREAKER: _("the filter holds nothing any more"),
        AlertKind.TEST: _("a test"),
    }[kind]


def _recovered(kind: AlertKind) -> str:
    return {
        AlertKind.GATEWAY: _("recovered: the gateway is connected"),
        AlertKind.LOGIN: _("recovered: WeChat is logged in, and messages are relayed"),
        AlertKind.VERIFY_CODE: _("recovered: WeChat asks for no verify code any more"),
        AlertKind.THROTTLED: _("recovered: it sends again"),
        AlertKind.DELAY: _("recovered: messages arrive in time"),
        AlertKind.STATE_FILE: _("recovered: the state file can be used"),
    }[kind]


def _text(due: Due) -> str:
    match due.kind:
        case AlertKind.ROOM_LEFT:
            more = due.count - len(due.details)
            names = ", ".join(due.details) + (_(" and {count} more").format(count=more) if more > 0 else "")
            return _("The bot is no longer in {rooms}; nothing is relayed there.").format(rooms=names)
        case AlertKind.GIVEN_UP:
            return _(
                "{count} deliveries were given up, after the last attempt or because they waited for too long: "
                "python bot.py --status shows the rooms."
            ).format(count=due.count)
        case AlertKind.BREAKER:
            return _("Too much of what members wrote was held, so it is relayed again and staff is only told of it.")
        case AlertKind.TEST:
            return _("This address gets the alerts of the bot.")
    if due.count > 1:
        return due.text + "\n" + _("{count} times since the last alert of this kind.").format(count=due.count)
    return due.text
