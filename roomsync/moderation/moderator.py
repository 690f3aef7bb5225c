"""The moderator: while it is on, messages are judged, and those with reasons are kept for staff."""

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from roomsync import store
from roomsync.language import _
from roomsync.model import FilterMode, Kind, Message, Room, Verdict
from roomsync.session import Session

if TYPE_CHECKING:
    from roomsync.moderation.evidence import Evidence, Fetch
    from roomsync.moderation.judge import Judge

log = logging.getLogger(__name__)


class Options(Protocol):
    """The settings about moderation, each by the name of its variable; without a room of the staff it is off."""

    @property
    def moderation(self) -> FilterMode: ...
    @property
    def admin_room(self) -> str: ...
    @property
    def hold_kinds(self) -> Collection[Kind]: ...
    @property
    def hold_links(self) -> bool: ...
    @property
    def milvus_uri(self) -> str: ...
    @property
    def milvus_token(self) -> str: ...


class Moderator:
    """Knows the mode that is in force. What only judging needs is imported, and made, when it is on.

    All but `examine` is called in the thread of the state file.
    """

    def __init__(self, options: Options, session: Session, fetch: "Fetch") -> None:
        """`fetch`: see `Fetch`."""
        self.mode = FilterMode.OFF
        self.trips = 0  # how often the breaker acted since the start
        self._options, self._session, self._fetch = options, session, fetch
        self._judge: Judge | None = None

    @property
    def setting(self) -> FilterMode:
        """The mode that MODERATION says; staff can choose another one."""
        return self._options.moderation

    @property
    def is_possible(self) -> bool:
        """Whether there may be staff to see what is held."""
        return bool(self._options.admin_room)

    @property
    def problem(self) -> str:
        """Why the index of samples does not answer, as staff reads it; empty while it does."""
        return self._judge.problem if self._judge else ""

    def load(self, db: store.Connection) -> None:
        """Read which mode is in force, and what is judged by."""
        chosen = store.moderation.in_force(store.moderation.read(db), self.setting)
        before, self.mode = self.mode, chosen if self.is_possible else FilterMode.OFF
        if self.mode is not before:
            source = "" if self.mode is self.setting else _(", as it was chosen while the bot ran")
            log.info("Moderation is set to %s%s.", self.mode, source)
        if self.mode is FilterMode.OFF:
            self.close()
            return
        if self._judge is None:
            from roomsync.moderation.judge import Judge  # which nobody needs who does not judge

            self._judge = Judge(self._options, self._session, self._fetch)
        self._judge.load(db, self.mode)

    def close(self) -> None:
        """Let go of what judging uses."""
        if self._judge:
            self._judge.close()
        self._judge = None

    async def examine(self, message: Message) -> "Evidence | None":
        """Return what has to be looked up about a message before it is judged; None while it is off.

        Raises `GatewayLost`.
        """
        return await self._judge.examine(message) if self._judge else None

    def judge(
        self, db: store.Connection, message: Message, source: Room, evidence: "Evidence | None", now: float
    ) -> Verdict | None:
        """Return what should become of a message said in `source`, and why; None while it is off."""
        if self._judge is None:
            return None
        verdict = self._judge.judge(db, message, source, evidence, now)
        self.mode = self._judge.mode
        return verdict

    def note(self, db: store.Connection, key: int, message: Message, verdict: Verdict, now: float) -> None:
        """Note what becomes of a message that was judged, in the transaction in which it is accepted under `key`."""
        if self._judge and self._judge.note(db, key, message, verdict, now):
            self.mode = FilterMode.OBSERVE
            self.trips += 1
