"""What can go wrong with the settings, the state file and the gateway, named by what has to be done about it.

Every message is one sentence for the person who runs the bot; none carries the token.
"""

from collections.abc import Sequence


class RoomSyncError(Exception):
    """Base of every error that the bot explains instead of showing a traceback."""


class SettingsError(RoomSyncError):
    """Settings that cannot be used; `problems` has one sentence for each of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StateFileError(RoomSyncError):
    """The state file cannot be opened, read or written."""


class StateFileDamaged(StateFileError):
    """What is in the state file is not what was written; only a person can help."""


class StateFileBusy(StateFileError):
    """Another bot is using the state file."""


class GatewayError(RoomSyncError):
    """Base of what a gateway, or the way to it, can answer.

    `said`: all that the gateway said, of which its text has the first line. Never shown: words are looked for in it.
    """

    def __init__(self, text: str, said: str = "") -> None:
        super().__init__(text)
        self.said = said or text


class GatewayRejected(GatewayError):
    """Wrong token, a certificate that does not fit, no TLS: trying again cannot help, unless it was good before."""


class GatewayBusy(GatewayError):
    """Another client holds the gateway's one event stream: wait and try again."""


class GatewayLost(GatewayError):
    """No connection, and the call was not made: wait for the reconnect."""


class AnswerLost(GatewayLost):
    """The call may have been carried out, but its answer never came."""


class AnswerLate(AnswerLost):
    """No answer came in time, on a connection that may be good."""


class GatewayRefused(GatewayError):
    """The gateway answered with an error: try this one call again later."""


class Throttled(GatewayRefused):
    """WeChat says that the account sends too fast: pause everything."""


class Unsendable(GatewayError):
    """The gateway will never take this content (too large, malformed): send something else in its place."""


class HandleGone(Unsendable):
    """The gateway no longer has the file that a handle names: ask for the file again, once."""


class Unreadable(GatewayError):
    """The gateway gives what can never be used (an id with control characters): asking again cannot help."""


class LookupFailed(RoomSyncError):
    """What a check of moderation wanted to know cannot be had, or not in time: it says nothing."""


def is_gone(error: Exception) -> bool:
    """Return whether there is no connection to the gateway: then what failed waits for the next login."""
    return isinstance(error, GatewayLost) and not isinstance(error, AnswerLost)
