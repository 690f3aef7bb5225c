"""The moderator: while it is on, messages are judged, and those with reasons are kept for staff."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from roomsync import store
from roomsync.model import FilterMode, Kind, Message, Verdict
from roomsync.session import Session

if TYPE_CHECKING:
    from roomsync.moderation.evidence import Evidence, Fetch
    from roomsync.moderation.judge import Judge


class Moderator:
    """Knows the mode that is in force; what only judging needs is imported, and made, when it is on.

    `setting`: the mode that MODERATION says, which staff can change. Not `is_possible`: there is no room of the staff,
    so that it is off whatever was chosen.
    """

    def __init__(
        self,
        session: Session,
        setting: FilterMode,
        is_possible: bool,
        kinds: Collection[Kind],
        holds_links: bool,
        fetch: "Fetch",
        base: tuple[str, str] = ("", ""),
    ) -> None:
        """`kinds`, `holds_links`: HOLD_KINDS and HOLD_LINKS. `fetch`: see `Fetch`. `base`: MILVUS_URI and its token."""
        self.mode, self.setting, self.is_possible = FilterMode.OFF, setting, is_possible
        self._session = session
        self._kinds, self._holds_links = kinds, holds_links
        self._fetch, self._base = fetch, base
        self._judge: Judge | None = None

    def load(self, db: store.Connection) -> None:
        """Read which mode is in force, and what is judged by."""
        row = store.moderation.read(db)
        chosen = row.mode if row.mode and row.setting == self.setting else self.setting
        self.mode = chosen if self.is_possible else FilterMode.OFF
        if self.mode is FilterMode.OFF:
            self._judge = None
            return
        if self._judge is None:
            self._judge = self._make_judge()
        self._judge.load(db, self.mode)

    def _make_judge(self) -> "Judge":
        from roomsync.moderation.judge import Judge

        return Judge(self._session, self.setting, self._kinds, self._holds_links, self._fetch, self._base)

    async def examine(self, message: Message) -> "Evidence | None":
        """Return what has to be looked up about a message before it is judged; None while it is off."""
        return await self._judge.examine(message) if self._judge else None

    def judge(self, db: store.Connection, message: Message, evidence: "Evidence | None", now: float) -> Verdict | None:
        """Return what should become of a message, and why; None while it is off."""
        return self._judge.judge(db, message, evidence, now) if self._judge else None

    def note(self, db: store.Connection, key: int, message: Message, verdict: Verdict, now: float) -> None:
        """Note what becomes of a message that was judged, in the transaction in which it is accepted under `key`."""
        if self._judge and self._judge.note(db, key, message, verdict, now):
            self.mode = FilterMode.OBSERVE
