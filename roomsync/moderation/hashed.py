"""Texts as vectors of one length, which a vector database can compare. Pure."""

import zlib

from roomsync.moderation.grams import Grams

DIMENSIONS = 512


def vector(weights: Grams) -> list[float]:
    """Return the grams of a text as a vector: each adds its weight at a place that its checksum names, or takes it.

    The cosine of two such vectors is that of the grams, give or take 0.05: grams that fall on one place cancel out as
    often as they add up. All zeros for a text without grams.
    """
    values = [0.0] * DIMENSIONS
    for gram, weight in weights.items():
        key = zlib.crc32(gram.encode())
        values[key % DIMENSIONS] += weight if key >> 31 else -weight
    return values
