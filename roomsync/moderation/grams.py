"""Texts as they are compared: by their sound, without what disguises them. Pure.

Normalised as follows: NFKD, lower case, letters and digits alone, a run of digits is one `0`, a Han character is its
syllable without tone, other letters are taken three at a time, and one alone is left out. Weights are 1 + ln(count) of
the runs of two and three such units, of length 1 together.
"""

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain, pairwise

Grams = Mapping[str, float]

MIN_UNITS = 12  # a shorter text says too little: "扫码进群" alone is like any advert
MAX_CHARACTERS = 2000  # of a text that are looked at
GAP = "\x1f"  # between the units of a gram
# Two letters in a row say next to nothing: with single letters as units all English texts are a little alike.
LETTERS = 3
# Parts of characters, which are no words: who writes them puts them between others, or beside the rest of a character.
PARTS = frozenset("丶丨丿乀乁乚亅灬氵亻讠纟钅艹饣忄扌冫犭宀阝彳廴辶疒刂攵礻衤丬勹冖卩凵罒")
# Cyrillic and Greek letters that are drawn like Latin ones; of these, two that are drawn like each other.
DRAWN_ALIKE = dict(zip("асеорхуікмтнвԁӏѕјαοεικνρτυχl", "aceopxyikmthbdisjaoeiknptuxi", strict=True))
DIGIT_IN_WORD = re.compile("(?<=[a-z])[01345](?=[a-z])")
READ_AS_LETTER = str.maketrans("01345", "oieas")
LETTER_IN_NUMBER = re.compile(r"(?<=\d)[oi]+|[oi]+(?=\d)")
HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
RUN = re.compile(rf"(?P<number>\d+)|(?P<han>[{HAN}]+)|[^\d{HAN}]+")
# What pypinyin leaves out when these are set: phrases cost 45 MB, and are no help, as single sounds are meant.
LEFT_OUT = ("PYPINYIN_NO_PHRASES", "PYPINYIN_NO_DICT_COPY")


@cache
def _sounds() -> Mapping[int, str]:
    """Return pypinyin's sounds of each character, by its code point: `zhòng,chóng`."""
    before = {name: os.environ.get(name) for name in LEFT_OUT}
    os.environ.update(dict.fromkeys(LEFT_OUT, "1"))
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


@lru_cache(maxsize=2**14)
def _kept(character: str) -> str:
    """Return what of a character is compared: itself, or what it is drawn like; nothing for a symbol."""
    if character.isdigit():
        return str(unicodedata.digit(character))
    if not character.isalpha() or character in PARTS:
        return ""
    return DRAWN_ALIKE.get(character, character)


def _without_disguise(text: str) -> str:
    """Return the letters and digits of a text, each as what it is read as where it stands: `Pyth0n`, `5OO`."""
    # NFKD makes eighteen characters of some, and upper-case letters of others.
    normalised = unicodedata.normalize("NFKD", text[:MAX_CHARACTERS]).lower()[:MAX_CHARACTERS]
    kept = "".join(map(_kept, normalised))
    kept = DIGIT_IN_WORD.sub(lambda match: match[0].translate(READ_AS_LETTER), kept)
    return LETTER_IN_NUMBER.sub("0", kept)


def units(text: str) -> list[str]:
    """Return what a text is made of when it is compared: syllables, runs of letters, `0` for a number."""
    found: list[str] = []
    for match in RUN.finditer(_without_disguise(text)):
        run = match[0]
        if match["number"]:
            found.append("0")
        elif match["han"]:
            found += map(_syllable, run)
        elif len(run) > 1:  # a letter alone is put between others, or stands for a word: `加v`, `兼z`
            found += [run[start : start + LETTERS] for start in range(max(1, len(run) - LETTERS + 1))]
    return found


def pairs_and_triples(found: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the grams of a text by size, each where its first unit stands."""
    pairs = [f"{one}{GAP}{two}" for one, two in pairwise(found)]
    return pairs, [f"{pair}{GAP}{last}" for pair, last in zip(pairs, found[2:], strict=False)]


def grams(found: Sequence[str]) -> Grams:
    """Return the weights of the grams of a text, which is given as its units; their squares add up to 1."""
    counts = Counter(chain(*pairs_and_triples(found)))
    weights = {gram: 1 + math.log(count) if count > 1 else 1.0 for gram, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {gram: weight / length for gram, weight in weights.items()}


def cosine(one: Grams, other: Grams) -> float:
    """Return how like two texts are: 0 for nothing in common, 1 for the same."""
    small, large = (one, other) if len(one) < len(other) else (other, one)
    return sum(weight * large.get(gram, 0.0) for gram, weight in small.items())
