"""What has to be looked up about a message outside the state file before it is judged."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from roomsync.moderation.likeness import Known

Fetch = Callable[[str, int], Awaitable[bytes]]  # the bytes of a file box (JSON), not more than so many


@dataclass(frozen=True)
class Evidence:
    """What was found. `code`: what stands in the QR code of a picture; `digest`: which picture it is. Empty: not known.

    `candidates`: samples that it may be like, from an index outside the process; None: there is none. `failures`: how
    many look-ups failed, or took too long.
    """

    code: str = ""
    digest: str = ""
    candidates: tuple[Known, ...] | None = None
    failures: int = 0


NOTHING = Evidence()
