"""How like a text is to adverts that were taught. Pure: which of them to look at, an index says."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from heapq import nlargest
from itertools import accumulate, zip_longest
from typing import NamedTuple

from roomsync.moderation.grams import MIN_UNITS, Grams, cosine, grams, pairs_and_triples, units

MIN_LIKENESS = 0.50  # from here on a text is a repost of a sample
MIN_CANDIDATE = 0.20  # a text that is as like as this as a whole may have the sample in it, with other words around
STEPS = 8  # of a stretch: the next one begins so much further
TRIED = 3  # stretches of a size that are compared, those that have most of a sample
MAX_REMEMBERED = 256  # samples whose grams are kept, about 15 KB each: an advert that goes round is looked at often


class Known(NamedTuple):
    """A sample that a text is compared with; `number` is None for one that another bot taught."""

    number: int | None
    text: str


class Likeness(NamedTuple):
    """The sample that a text is most like, and how much: MIN_LIKENESS to 1."""

    known: Known
    score: float


class _Sample(NamedTuple):
    """What a sample is compared by; `length` in units."""

    length: int
    grams: Grams


@lru_cache(maxsize=MAX_REMEMBERED)
def _sample(text: str) -> _Sample:
    found = units(text)
    return _Sample(len(found), grams(found))


def most_alike(said: Sequence[str], candidates: Iterable[Known]) -> Likeness | None:
    """Return the candidate that a text, given as its units, is most like; None when it is like none.

    A candidate counts as the text has it as a whole or, with chat around it or half of it cut away, in a stretch as
    long as the sample or half as long.
    """
    if len(said) < MIN_UNITS:
        return None
    whole, runs = grams(said), pairs_and_triples(said)

    @cache
    def grams_between(start: int, end: int) -> Grams:  # variants of one advert have the same stretches
        return grams(said[start:end])

    best: Likeness | None = None
    for known in candidates:
        sample = _sample(known.text)
        score = cosine(whole, sample.grams)
        least = best.score if best else MIN_LIKENESS
        if MIN_CANDIDATE <= score < MIN_LIKENESS and _reach(whole, sample.grams) >= least:
            stretches = _stretches(len(said), runs, sample)
            score = max(cosine(grams_between(*ends), sample.grams) for ends in stretches)
        if score >= MIN_LIKENESS and (best is None or score > best.score):
            best = Likeness(known, min(score, 1.0))
    return best


def _reach(whole: Grams, sample: Grams) -> float:
    """Return what no stretch of a text exceeds: the length of what the text has of the sample (Cauchy-Schwarz)."""
    return math.sqrt(sum(weight * weight for gram, weight in sample.items() if gram in whole))


def _stretches(length: int, runs: Iterable[Sequence[str]], sample: _Sample) -> Iterator[tuple[int, int]]:
    """Give the stretches of a text that have most of a sample, from unit to unit: of each size a few."""
    weights = ((sample.grams.get(gram, 0.0) for gram in grams_of_size) for grams_of_size in runs)
    amounts = [0.0, *accumulate(map(sum, zip_longest(*weights, fillvalue=0.0)))]  # before each unit
    for size in {sample.length, max(MIN_UNITS, sample.length // 2)}:
        step = max(1, size // STEPS)
        ends = [(start, min(start + size, length - 1)) for start in range(0, max(1, length - size + step), step)]
        for start, end in nlargest(TRIED, ends, key=lambda one: amounts[one[1]] - amounts[one[0]]):
            yield start, end + 1
