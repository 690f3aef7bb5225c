"""What is like an advert that was taught: disguises of it, and nothing that anybody else says."""

import math
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomsync.moderation.grams import MIN_UNITS, cosine, grams, units
from roomsync.moderation.likeness import MIN_CANDIDATE, MIN_LIKENESS, Known, Likeness, most_alike
from roomsync.moderation.local_index import MAX_CANDIDATES, LocalIndex
from tests.adverts import APART, FILES, texts
from tests.conftest import thorough
from tests.disguises import ALL_DISGUISES

ROOT = Path(__file__).parent.parent
ENOUGH = 0.95  # of disguised reposts
# Texts that nobody would call one, and nothing that is done with a text may fail on.
ODD = [
    "",
    " ",
    "😀🎉❤️",
    "！？。，",
    "\n" * 50,
    "1" * 300,
    "\u200b" * 40,
    "丶丨" * 20,
    "e\u0301" * 30,
    "ﷺ" * 3000,
    "\ud800" * 20,
]
ODD += [
    "加" * 2000,
    "a" * 2000,
    "加微" * 1000,
    "①②③" * 10,
    "한국어로 쓴 글입니다 안녕하세요",
    "𠀀𠀁" * 20,
    "O0" * 500,
    "Łódź ÆØÅ ß ĳ" * 9,
]


def index_of(*samples: str) -> LocalIndex:
    """An index that has these samples, numbered from 1."""
    index = LocalIndex()
    index.sync("", dict(enumerate(samples, 1)))
    return index


def found_in(index: LocalIndex, text: str) -> Likeness | None:
    """What a text is found to be like."""
    said = units(text)
    return most_alike(said, index.candidates(said))


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", ALL_DISGUISES)
def test_disguised_reposts_are_found(name: str, file: str) -> None:
    """Of the reposts in a disguise, of adverts taught one by one, at least 95 of 100 are found."""
    draw, found = random.Random(f"{name} {file}"), []
    for text in texts(file).taught():
        index = index_of(text)
        found += [found_in(index, ALL_DISGUISES[name](draw, text)) is not None for _ in range(max(5, thorough(15)))]
    assert sum(found) >= ENOUGH * len(found), f"{sum(found)} of {len(found)}"


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", ["light_edit", "obfuscated"])
def test_edited_reposts_are_found(kind: str, file: str) -> None:
    """An advert that a person edited or disguised is found by the one that it was made of, which is named."""
    bases = texts(file).of_kind("base")
    index = index_of(*bases)
    found = [found_in(index, text) for text in texts(file).of_kind(kind)]
    assert [one and one.known for one in found] == [Known(*one) for one in enumerate(bases, 1)]


@pytest.mark.parametrize("file", FILES)
def test_adverts_told_in_other_words_are_not_confused(file: str) -> None:
    """What one family's adverts say in other words is no repost of its others: each is a sample of its own."""
    alike = []
    for kind in APART:
        for other in APART:
            pairs = zip(texts(file).of_kind(kind), texts(file).of_kind(other), strict=True)
            alike += [(kind, other) for one, two in pairs if kind != other and found_in(index_of(one), two)]
    assert alike == []


@pytest.mark.parametrize("file", FILES)
def test_ordinary_messages_are_let_through(file: str) -> None:
    """No ordinary message is like any of the adverts, of both files, nor are several that are sent as one."""
    index = index_of(*(text for name in FILES for _, _, text in texts(name).adverts))
    said, draw = texts(file).said(), random.Random(file)
    several = ["\n".join(draw.sample(said, draw.randint(2, 10))) for _ in range(thorough(300))]
    assert [text for text in said + several if found_in(index, text)] == []


@pytest.mark.parametrize("name", ["README.zh-CN.md", "README.md", ".env.example", "docs/architecture.md"])
def test_documents_are_let_through(name: str) -> None:
    """No line of the documents, nor a screenful of them, is like any of the adverts."""
    index = index_of(*(text for file in FILES for _, _, text in texts(file).adverts))
    document = (ROOT / name).read_text(encoding="utf-8")
    screens = [document[start : start + 2000] for start in range(0, len(document), 1000)]
    assert [text for text in document.splitlines() + screens if found_in(index, text)] == []


def test_english_texts_are_not_all_alike() -> None:
    """Texts whose language alone is the same have nothing in common, however long they are."""
    advert = texts("unseen_adverts").of_kind("reworded")[-1]
    assert advert.startswith("We are looking for")
    document = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (
        max(cosine(grams(units(document[at : at + 2000])), grams(units(advert))) for at in range(0, 9000, 2000)) < 0.1
    )


def test_short_texts_are_never_found() -> None:
    """A text of fewer than 12 units is like nothing, though it was taught in these very words."""
    for text in texts("adverts").taught():
        short = next(text[:end] for end in range(len(text), 0, -1) if len(units(text[:end])) < MIN_UNITS)
        assert found_in(index_of(text, short), short) is None
        assert most_alike(units(short), [Known(1, short)]) is None


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_texts_do_no_harm(odd: str) -> None:
    """A text that is hardly one can be taught, compared and forgotten, and is never taken for an advert."""
    advert = texts("adverts").taught()[0]
    index = index_of(advert, odd)
    assert found_in(index_of(advert), odd) is None
    found_in(index, odd)
    found = found_in(index, advert)
    assert found and found.known.number == 1
    index.sync("", {})
    assert vars(index) == vars(LocalIndex())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("加微信", "jia wei xin"),
        ("珈薇芯", "jia wei xin"),
        ("加 微.信！", "jia wei xin"),
        ("加丶微丨信灬", "jia wei xin"),
        ("➕微\u200b信❤️", "wei xin"),
        ("加v微x信", "jia wei xin"),
        ("讠正 亻尔", "zen er"),  # 证 is the sound of one of its parts, as most characters are
        ("是吃这 中心 冷", "si ci ze zong xin len"),
        ("額度", "e du"),
        ("５０００元 ① ㊿", "0 yuan 0"),
        ("1️⃣2️⃣3️⃣", "0"),
        ("4090 现货 12-34", "0 xian huo 0"),
        ("ＭＩＬＶＵＳ", "mii iiv ivu vus"),
        ("m i l v u s", "mii iiv ivu vus"),
        ("𝐌𝐢𝐥𝐯𝐮𝐬", "mii iiv ivu vus"),
        ("Мilvus", "mii iiv ivu vus"),  # the first letter is Cyrillic
        ("mílvüs", "mii iiv ivu vus"),
        ("m1lvus", "mii iiv ivu vus"),
        ("AI", "ai"),
        ("V", ""),
        ("5OO圆", "0 yuan"),
        ("H8OO", "0"),
        ("♥【】-", ""),
        ("", ""),
    ],
)
def test_units_of_a_text(text: str, expected: str) -> None:
    """A text is its syllables, its letters three at a time and `0` for a number; what disguises it is gone."""
    assert " ".join(units(text)) == expected


def test_units_hold_no_space() -> None:
    """Units can be kept as one text with spaces between them, for any character of the first plane."""
    blocks = ("".join(map(chr, range(start, start + 500))) for start in range(0, 0x10000, 500))
    assert not any(any(map(str.isspace, unit)) for block in blocks for unit in units(block))


WORDS = st.sampled_from("加微信领取资料免费名额有限老板联系一二三 ab0。")
TEXTS = st.lists(WORDS, max_size=60).map("".join)
SAMPLES = st.dictionaries(st.integers(1, 99), TEXTS, max_size=MAX_CANDIDATES)


@given(TEXTS)
def test_grams_have_length_one(text: str) -> None:
    """The weights of a text are of length 1, so that a text is like itself by 1; of nothing there are none."""
    found = grams(units(text))
    assert not found or math.isclose(cosine(found, found), 1)
    assert bool(found) is (len(units(text)) > 1)


@settings(max_examples=thorough(200))
@given(TEXTS, SAMPLES)
def test_candidates_are_all_that_are_near(text: str, samples: dict[int, str]) -> None:
    """The index gives every sample whose cosine to the whole text is 0.20 or more."""
    index, said = LocalIndex(), units(text)
    index.sync("", samples)
    near = {
        number
        for number, sample in samples.items()
        if len(said) >= MIN_UNITS and cosine(grams(said), grams(units(sample))) >= MIN_CANDIDATE + 1e-9
    }
    assert near <= {one.number for one in index.candidates(said)}


@pytest.mark.parametrize("file", FILES)
def test_candidates_are_all_from_the_limit_on(file: str) -> None:
    """However little of an advert stands before other words, it is a candidate where the cosine is 0.20 or more."""
    missed, least = [], 1.0
    for advert in texts(file).taught()[: thorough(100)]:
        index = index_of(advert)
        for cut in range(len(advert)):
            said = units(advert[:cut] + texts(file).said()[-1])
            score = cosine(grams(said), grams(units(advert)))
            if score >= MIN_CANDIDATE:
                least = min(least, score)
                missed += [] if index.candidates(said) else [(cut, advert)]
    assert missed == []
    assert least < MIN_CANDIDATE + 0.01


@pytest.mark.parametrize("order", [1, -1])
def test_the_likest_of_two_is_named(order: int) -> None:
    """Of an advert and an edited one, both taught, the one that was said is named, whichever was taught first."""
    for base, edited in zip(*(texts("adverts").of_kind(kind) for kind in ("base", "light_edit")), strict=True):
        candidates = [Known(1, base), Known(2, edited)][::order]
        for known in candidates:
            found = most_alike(units(known.text), candidates)
            assert found and found.known == known and found.score == pytest.approx(1)


@settings(max_examples=thorough(200))
@given(TEXTS, SAMPLES)
def test_the_likest_is_named(text: str, samples: dict[int, str]) -> None:
    """What is named is a sample, its likeness is 0.50 to 1, and none is more like the whole text."""
    said = units(text)
    found = most_alike(said, [Known(*one) for one in samples.items()])
    scores = [cosine(grams(said), grams(units(sample))) for sample in samples.values()]
    if found:
        assert found.known in [Known(*one) for one in samples.items()]
        assert MIN_LIKENESS <= found.score <= 1
        assert len(said) >= MIN_UNITS and found.score >= min(1, max(scores)) - 1e-9
    else:
        assert len(said) < MIN_UNITS or max(scores, default=0) < MIN_LIKENESS


@settings(max_examples=thorough(200))
@given(SAMPLES, SAMPLES)
def test_what_is_forgotten_leaves_nothing(first: dict[int, str], then: dict[int, str]) -> None:
    """An index that had other samples knows the same as one that never had them."""
    kept = {**then, **{number: first[number] for number in first.keys() & then.keys()}}  # a number is never reused
    index, other = LocalIndex(), LocalIndex()
    index.sync("", first)
    index.sync("", kept)
    other.sync("", kept)
    assert index._texts == kept
    assert {text: found_in(index, text) for text in kept.values()} == {
        text: found_in(other, text) for text in kept.values()
    }
    index.sync("", {})
    assert vars(index) == vars(LocalIndex())
