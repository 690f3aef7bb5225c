"""The default index of samples: in the process, exact, without any service."""

import math
import zlib
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence

from roomsync.moderation.grams import MIN_UNITS, grams, units
from roomsync.moderation.likeness import MIN_CANDIDATE, Known

MAX_CANDIDATES = 50


class LocalIndex:
    """Samples by their grams. Each gram knows the samples that have it, so that a text looks at few of them.

    It is used in the thread of the state file alone.
    """

    is_outside = False
    problem = ""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        # By the checksum of a gram, which takes less memory than the gram; most are in one sample alone.
        self._having: dict[int, int | array[int]] = {}
        self._lengths: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def sync(self, owner: str, samples: Mapping[int, str]) -> None:
        """Have these samples, by number, and no others."""
        for number in self._texts.keys() - samples.keys():
            self.remove(number)
        for number in samples.keys() - self._texts.keys():
            self.add(number, samples[number])

    def close(self) -> None:
        """Do nothing: it has nothing but memory."""

    async def look_up(self, found: Sequence[str]) -> list[Known]:
        """Return the candidates of a text."""
        return self.candidates(found)

    def add(self, number: int, text: str) -> None:
        """Add a sample under a number that is not taken."""
        found = grams(units(text))
        self._texts[number] = text
        self._lengths[number] = math.sqrt(len(found)) or 1.0
        for key in map(_key, found):
            having = self._having.get(key)
            if having is None:
                self._having[key] = number
            elif isinstance(having, int):
                self._having[key] = array("q", (having, number))
            else:
                having.append(number)

    def remove(self, number: int) -> None:
        """Forget a sample."""
        for key in map(_key, grams(units(self._texts.pop(number)))):
            having = self._having[key]
            if isinstance(having, int):
                del self._having[key]
            else:
                having.remove(number)
                if not having:
                    del self._having[key]
        del self._lengths[number]

    def candidates(self, found: Sequence[str]) -> list[Known]:
        """Return the samples that a text, given as its units, may be like, the likest first.

        What is computed is their cosine as if no sample had a gram twice: a little off where one has.
        """
        scores: defaultdict[int, float] = defaultdict(float)
        for gram, weight in grams(found).items() if len(found) >= MIN_UNITS else ():
            having = self._having.get(_key(gram))
            for number in (having,) if isinstance(having, int) else having or ():
                scores[number] += weight
        near = [(score / self._lengths[one], one) for one, score in scores.items()]
        likest = sorted((-score, one) for score, one in near if score >= MIN_CANDIDATE / 2)
        return [Known(one, self._texts[one]) for _, one in likest[:MAX_CANDIDATES]]


def _key(gram: str) -> int:
    return zlib.crc32(gram.encode())
