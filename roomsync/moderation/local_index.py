"""The default index of samples: in the process, exact, without any service."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from itertools import chain

from roomsync.moderation.grams import MIN_UNITS, grams, units
from roomsync.moderation.likeness import MIN_CANDIDATE, Known

MAX_CANDIDATES = 50
MAX_KEY = 2**30 - 1  # what a small integer takes: a larger one takes more memory


class LocalIndex:
    """Samples by their grams. Each gram knows the samples that have it, so that a text looks at few of them.

    It is used in the thread of the state file alone.
    """

    is_outside = False
    problem = ""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        # By the hash of a gram, which takes less memory than the gram; most are in one sample alone.
        self._having: dict[int, int | array[int]] = {}
        self._factors: dict[int, float] = {}  # the greatest weight of a gram of each

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
        self._factors[number] = max(found.values(), default=0.0)
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
        del self._factors[number]

    def candidates(self, found: Sequence[str]) -> list[Known]:
        """Return the samples that a text, given as its units, may be like, the likest first.

        What is computed is their cosine as if each gram of a sample weighed as much as its heaviest: never too little.
        """
        having: defaultdict[float, list[Iterable[int]]] = defaultdict(list)  # by weight: counting is cheap
        for gram, weight in grams(found).items() if len(found) >= MIN_UNITS else ():
            numbers = self._having.get(_key(gram), ())
            having[weight].append((numbers,) if isinstance(numbers, int) else numbers)
        scores: defaultdict[int, float] = defaultdict(float)
        for weight, lists in having.items():
            for number, count in Counter(chain.from_iterable(lists)).items():
                scores[number] += count * weight
        factors = self._factors
        near = [(-score * factors[one], one) for one, score in scores.items() if score * factors[one] >= MIN_CANDIDATE]
        return [Known(one, self._texts[one]) for _, one in nsmallest(MAX_CANDIDATES, near)]


def _key(gram: str) -> int:
    return hash(gram) & MAX_KEY
