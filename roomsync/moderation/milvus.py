"""The samples in Milvus: a path is Milvus Lite, embedded, an address a server, which many bots may share."""

from collections.abc import Mapping, Sequence

from roomsync.moderation.likeness import Known


class MilvusIndex:
    """To be written."""

    is_outside = True

    def __init__(self, uri: str, token: str) -> None:
        self.problem = ""

    def sync(self, owner: str, samples: Mapping[int, str]) -> None:
        """Have these samples, by number, and no other ones of `owner`; called in any thread, it returns at once."""
        raise NotImplementedError

    def candidates(self, found: Sequence[str]) -> list[Known]:
        """Return nothing: it is asked by `look_up`."""
        return []

    async def look_up(self, found: Sequence[str]) -> list[Known]:
        """Return the samples that a text, given as its units, may be like. Raises `LookupFailed`."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it."""
