"""Words that staff listed: plain ones, and patterns. Pure."""

import functools
import itertools
import math
import re
import time
import unicodedata
from dataclasses import dataclass

import regex

from roomsync.text.characters import INVISIBLE, fold

MAX_WORD = 100  # characters
MAX_SEARCHED = 2000  # characters of a message that a pattern is looked for in
SEARCH_TIMEOUT = 0.05  # seconds; the `regex` package stops a search then, which the standard library's `re` cannot
PROBE_LENGTHS = (19, 400)  # characters of each text that a new pattern is tried on
PROBE_TIMEOUT = 0.5  # seconds for all of them: the bot does nothing else meanwhile
MAX_COMPILED = 10_000  # patterns that are kept: to compile one takes a millisecond
MAX_REPEATS = 50_000  # that a pattern asks for, all counts multiplied: `regex` unfolds them, and may take all memory
COUNT = re.compile(r"\{[0-9]*,?[0-9]*\}")
ORDINARY = ("你好", "hi", "12")  # what has all of them in it is no word of adverts


@dataclass(frozen=True)
class Word:
    """A word, or a pattern between slashes: `刷单`, `/加.{0,3}微/`. Letter case and width do not matter.

    Nor do blanks in and between Han characters. A word of Latin letters is no part of another one: `ad` does not stand
    in `load`.
    """

    text: str

    def is_in(self, said: str) -> bool:
        """Return whether it stands in a text. Raises `TimeoutError` when that takes too long to know."""
        pattern = pattern_of(self.text)
        if pattern is None and not (latin := _latin_of(self.text)):
            return fold(self.text) in _folded(said)
        if pattern is None:
            pattern, said = latin, _narrow(said)
        return bool(_compiled(pattern).search(said[:MAX_SEARCHED], timeout=SEARCH_TIMEOUT))


def pattern_of(text: str) -> str | None:
    """Return the pattern that stands between slashes; None for a plain word."""
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == "/" else None


def fault_of_word(text: str) -> str:
    """Return why a word cannot be listed, as staff reads it; empty for one that can.

    A pattern is tried on texts made of its own characters, again and again, which is what slow ones are slow on.
    """
    if len(text) > MAX_WORD:
        return f"太长，最多 {MAX_WORD} 个字"
    pattern = pattern_of(text)
    if pattern is None:
        return "" if len(fold(text)) > 1 else "太短，至少两个字"
    counts = [max(map(int, re.findall("[0-9]+", one)), default=0) for one in COUNT.findall(pattern)]
    if math.prod(max(1, count) for count in counts) > MAX_REPEATS:
        return "这个正则的重复次数太多，请写简单些"
    try:
        return _fault_of_pattern(_compiled(pattern), pattern)
    except regex.error as error:
        return f"正则写错了：{error}"
    except TimeoutError:
        return "这个正则太慢，请写简单些"


def _fault_of_pattern(compiled: "regex.Pattern[str]", pattern: str) -> str:
    """Return why a pattern cannot be listed. Raises `TimeoutError`."""
    if compiled.search("") or all(compiled.search(one) for one in ORDINARY):
        return "这个正则什么都匹配"
    own, ends = "".join(dict.fromkeys(pattern)), time.monotonic() + PROBE_TIMEOUT
    for probe in [own, *own, *(a + b for a, b in itertools.pairwise(own)), "a", "1", "中", " ", "a1", "中a"]:
        for length, tail in itertools.product(PROBE_LENGTHS, ("", "!", "\n")):
            compiled.search((probe * length)[:length] + tail, timeout=SEARCH_TIMEOUT)
        if time.monotonic() > ends:
            raise TimeoutError
    return ""


@functools.lru_cache(maxsize=MAX_COMPILED)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(pattern, regex.IGNORECASE)


@functools.lru_cache(maxsize=MAX_COMPILED)
def _latin_of(text: str) -> str:
    """Return the pattern of a plain word of Latin letters; empty for another word."""
    latin = unicodedata.normalize("NFKC", text.translate(INVISIBLE))
    letters = r"\s+".join(map(regex.escape, latin.split()))
    return f"(?<![a-z0-9]){letters}(?![a-z0-9])" if latin.isascii() else ""


@functools.lru_cache(maxsize=4)  # what was said, and the name: of words nothing is kept here
def _folded(said: str) -> str:
    return fold(said)


@functools.lru_cache(maxsize=4)
def _narrow(said: str) -> str:
    return unicodedata.normalize("NFKC", said.translate(INVISIBLE))
