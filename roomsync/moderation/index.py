"""What an index of samples can do, and how one is chosen."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from roomsync.moderation.likeness import Known


class Index(Protocol):
    """Knows which samples a text may be like. `problem`: why it does not answer, as staff reads it; empty: it does.

    `is_outside`: it has to be asked before a message is judged, by `look_up`; else it answers at once.
    """

    is_outside: bool
    problem: str

    def sync(self, owner: str, samples: Mapping[int, str]) -> None:
        """Have these samples, by number, and no other ones of `owner`; called in any thread, it returns at once."""

    def candidates(self, found: Sequence[str]) -> list[Known]:
        """Return the samples that a text, given as its units, may be like; none where it is outside."""

    async def look_up(self, found: Sequence[str]) -> list[Known]:
        """Return the same from outside. Raises `LookupFailed`."""

    def close(self) -> None:
        """Let go of what it uses."""
