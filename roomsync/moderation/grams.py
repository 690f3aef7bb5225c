"""Texts as they are compared: by their sound, without what disguises them. Pure.

Normalised as follows: NFKC, lower case, letters and digits alone, a run of digits is one `0`, a Han character is its
syllable without tone. Weights are 1 + ln(count) of the runs of two and three such units, of length 1 together.
"""

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

Grams = Mapping[str, float]

MIN_UNITS = 12  # a shorter text says too little: "扫码进群" alone is like any advert
MAX_CHARACTERS = 2000  # of a text that are looked at
SIZES = (2, 3)  # units in a gram
GAP = "\x1f"  # between the units of a gram
HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
STROKES = frozenset("丶丨丿乀乁乚亅灬氵")  # parts of characters: who writes them puts them between others
SWALLOWED = (
    "PYPINYIN_NO_PHRASES",
    "PYPINYIN_NO_DICT_COPY",
)  # phrases cost 45 MB, and are no help: single sounds are meant


@cache
def _sounds() -> Mapping[int, str]:
    """Return pypinyin's sounds of each character, by its code point: `zhòng,chóng`."""
    before = {name: os.environ.get(name) for name in SWALLOWED}
    os.environ.update(dict.fromkeys(SWALLOWED, "1"))
    try:
        from pypinyin.constants import PINYIN_DICT  # a tenth of a second, which only those pay who use it
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    sounds: Mapping[int, str] = PINYIN_DICT
    return sounds


@cache
def _syllable(character: str) -> str:
    """Return the first sound of a character; what many people say alike is one: `zh` and `z`, `ing` and `in`."""
    sound = _sounds().get(ord(character), "").partition(",")[0]
    plain = "".join(one for one in unicodedata.normalize("NFD", sound) if one.isascii())
    return re.sub("([aei])ng$", r"\1n", re.sub("^([zcs])h", r"\1", plain)) or character


def units(text: str) -> list[str]:
    """Return what a text is made of when it is compared: syllables, letters, `0` for a number."""
    found: list[str] = []
    for character in unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).lower():
        if character.isdigit():
            if found[-1:] != ["0"]:
                found.append("0")
        elif HAN.match(character):
            found += [] if character in STROKES else [_syllable(character)]
        elif character.isalpha():
            found.append(character)
    return found


def grams(found: Sequence[str]) -> Grams:
    """Return the weights of the grams of a text, which is given as its units; their squares add up to 1."""
    counts = Counter(GAP.join(found[start : start + size]) for size in SIZES for start in range(len(found) - size + 1))
    weights = {gram: 1 + math.log(count) for gram, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {gram: weight / length for gram, weight in weights.items()}


def cosine(one: Grams, other: Grams) -> float:
    """Return how like two texts are: 0 for nothing in common, 1 for the same."""
    small, large = (one, other) if len(one) < len(other) else (other, one)
    return sum(weight * large.get(gram, 0.0) for gram, weight in small.items())


def windows(found: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Give every stretch of so many units, each a quarter further than the one before; of a short text all of it."""
    step = max(1, size // 4)
    for start in range(0, max(1, len(found) - size + step), step):
        yield found[start : start + size]
