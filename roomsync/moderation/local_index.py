"""The default index of samples: in the process, exact, without any service."""

import math
import zlib
from array import array
from collections import defaultdict

from roomsync.moderation.grams import Grams, grams, units
from roomsync.moderation.likeness import MIN_CANDIDATE, Known

MAX_CANDIDATES = 50


class LocalIndex:
    """Samples by their grams. Each gram knows the samples that have it, so that a text looks at few of them."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        # By the checksum of a gram, which takes less memory than the gram; most are in one sample alone.
        self._having: dict[int, int | array[int]] = {}
        self._lengths: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def numbers(self) -> set[int]:
        """The numbers of the samples that it has."""
        return set(self._texts)

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

    def candidates(self, text_grams: Grams) -> list[Known]:
        """Return the samples that a text may be like, the likest first.

        What is computed is their cosine as if no sample had a gram twice: a little off where one has.
        """
        scores: defaultdict[int, float] = defaultdict(float)
        for gram, weight in text_grams.items():
            having = self._having.get(_key(gram))
            for number in (having,) if isinstance(having, int) else having or ():
                scores[number] += weight
        near = [(score / self._lengths[one], one) for one, score in scores.items()]
        found = sorted(((-score, one) for score, one in near if score >= MIN_CANDIDATE / 2))
        return [Known(one, self._texts[one]) for _, one in found[:MAX_CANDIDATES]]


def _key(gram: str) -> int:
    return zlib.crc32(gram.encode())
