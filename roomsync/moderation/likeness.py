"""How like a text is to adverts that were taught. Pure: which of them to look at, an index says."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from roomsync.moderation.grams import MIN_UNITS, cosine, grams, units, windows

MIN_LIKENESS = 0.50  # from here on a text is a repost of a sample
MIN_CANDIDATE = 0.20  # a text that is as like as this as a whole may have the sample in it, with other words around


class Known(NamedTuple):
    """A sample that a text is compared with; `number` is None for one that another bot taught."""

    number: int | None
    text: str


class Likeness(NamedTuple):
    """The sample that a text is most like, and how much: MIN_LIKENESS to 1."""

    known: Known
    score: float


def most_alike(said: Sequence[str], candidates: Iterable[Known]) -> Likeness | None:
    """Return the candidate that a text, given as its units, is most like; None when it is like none.

    A candidate counts as the text has it as a whole or, with chat around it or half of it cut away, in a stretch as
    long as the sample or half as long.
    """
    if len(said) < MIN_UNITS:
        return None
    whole = grams(said)
    best: Likeness | None = None
    for known in candidates:
        sample = units(known.text)
        weights = grams(sample)
        score = cosine(whole, weights)
        if MIN_CANDIDATE <= score < MIN_LIKENESS:
            sizes = {len(sample), max(MIN_UNITS, len(sample) // 2)}
            score = max(cosine(grams(one), weights) for size in sizes for one in windows(said, size))
        if score >= MIN_LIKENESS and (best is None or score > best.score):
            best = Likeness(known, min(score, 1.0))
    return best
