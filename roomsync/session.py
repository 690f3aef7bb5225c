"""Whether the bot is connected, logged in (as whom), throttled or paused: the one place that knows."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Phase(StrEnum):
    """How far the bot has come; the values are what the state file calls it."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"  # to the gateway, where nobody is logged in to WeChat
    LOGGED_IN = "logged_in"  # the rooms of the account are being found
    READY = "ready"  # what is said is relayed


@dataclass(frozen=True)
class Cooldown:
    """A pause of the whole account: until when (since the epoch), and how long it was (0: there was none). Seconds."""

    until: float = 0.0
    length: float = 0.0


class Session:
    """The bot's session at the gateway. Who wants to know of changes listens; who must wait for one waits here."""

    def __init__(self) -> None:
        self.phase = Phase.DISCONNECTED
        self.account_id = ""  # the contact id of the account that is, or was last, logged in; empty after a logout
        self.verify_id = ""  # what WeChat's question for a verify code is called; empty while it asks for none
        self.scan_link = ""  # what shows the QR code to log in with; empty while WeChat asks for no scan
        self.cooldown = Cooldown()
        self.pauses: Mapping[str, float] = MappingProxyType({})  # community -> until when; empty: all communities
        self.last_event = 0.0  # when the last event came, seconds since the epoch; 0 before the first
        self.disconnects = 0  # how many connections ended
        self.ends = 0  # how many connections or logins ended
        self._listeners: list[Callable[[], None]] = []
        self._changed = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to the gateway."""
        return self.phase is not Phase.DISCONNECTED

    @property
    def is_logged_in(self) -> bool:
        """Whether WeChat is logged in, as far as the gateway told."""
        return self.phase in (Phase.LOGGED_IN, Phase.READY)

    @property
    def is_ready(self) -> bool:
        """Whether WeChat is logged in and the rooms are found."""
        return self.phase is Phase.READY

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change from now on."""
        self._listeners.append(listener)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()`, asked again after each change; one that held for a moment alone may be missed."""
        while not condition():
            await self._changed.wait()

    def connect(self) -> None:
        """Note that the connection to the gateway stands."""
        self._change(Phase.CONNECTED)

    def disconnect(self) -> None:
        """Note that the connection is gone. Whose account it was stays known: what it told of may still be in hand."""
        self.disconnects += 1
        self.ends += 1
        self._change(Phase.DISCONNECTED)

    def log_in(self, account_id: str) -> None:
        """Note that WeChat is logged in; some gateways say so more than once."""
        known = account_id == self.account_id and self.is_ready
        self.account_id, self.verify_id, self.scan_link = account_id, "", ""
        self._change(Phase.READY if known else Phase.LOGGED_IN)

    def log_out(self) -> None:
        """Note that WeChat is logged out."""
        self.account_id = ""
        self.ends += 1
        self._change(Phase.CONNECTED if self.is_connected else Phase.DISCONNECTED)

    def rooms_found(self) -> None:
        """Note that the rooms of the account that is logged in are found."""
        if self.is_logged_in:
            self._change(Phase.READY)

    def ask_for_code(self, verify_id: str) -> None:
        """Note that WeChat asks for a verify code, and what that question is called; empty when it asks no more."""
        self.verify_id = verify_id
        self._change(self.phase)

    def throttle(self, cooldown: Cooldown) -> None:
        """Note that the account pauses, because WeChat says that it sends too fast."""
        self.cooldown = cooldown
        self._change(self.phase)

    def pause(self, community: str = "", until: float = math.inf) -> None:
        """Send nothing to a community's rooms (empty: to any) until then; what is said is accepted all the same."""
        self.set_pauses({**self.pauses, community: until})

    def resume(self, community: str = "") -> None:
        """Send again."""
        self.set_pauses({one: until for one, until in self.pauses.items() if one != community})

    def set_pauses(self, pauses: Mapping[str, float]) -> None:
        """Let these pauses stand in the place of all others: community (empty: all) -> until when."""
        self.pauses = MappingProxyType(dict(pauses))
        self._change(self.phase)

    def paused_at(self, now: float) -> tuple[str, ...]:
        """Return the communities that are paused then; an empty one stands for all."""
        return tuple(sorted(one for one, until in self.pauses.items() if until > now))

    def is_paused(self, community: str, now: float) -> bool:
        """Return whether nothing is sent to the rooms of a community then."""
        return any(self.pauses.get(one, 0.0) > now for one in ("", community))

    def _change(self, phase: Phase) -> None:
        self.phase = phase
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        for listener in self._listeners:
            listener()
