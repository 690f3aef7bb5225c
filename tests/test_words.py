"""Words that staff listed: what they are found in, and which cannot be listed."""

import pytest

from roomsync.moderation.words import MAX_WORD, SEARCH_TIMEOUT, Word, fault_of_word

TOO_SLOW = "这个正则太慢，请写简单些"
TOO_MANY = "这个正则的重复次数太多，请写简单些"
MATCHES_ALL = "这个正则什么都匹配"
SLOW = Word("/(a|aa)+$/")  # as it would stand in a file that was written by hand
HOSTILE = "a" * 1000 + "!"


@pytest.mark.parametrize(
    ("word", "text", "is_in"),
    [
        ("刷单", "招人刷单", True),
        ("刷单", "刷 单", True),
        ("刷单", "刷\n单", True),
        ("刷单", "刷\u200b单", True),
        ("刷 单", "刷单", True),
        ("刷单", "刷个单", False),
        ("加VX", "加ｖｘ123", True),
        ("加vx", "加 V X", True),
        ("vx", "加VX领取", True),
        ("vx", "加ＶＸ", True),
        ("ＶＸ", "加vx", True),
        ("ＡＤ", "load", False),
        ("ad", "An AD.", True),
        ("ad", "load", False),
        ("ad", "ads", False),
        ("ad", "ad2", False),
        ("ad", "a d", False),
        ("ad", "a\u200bd", True),
        ("buy now", "BUY  NOW!", True),
        ("buy now", "buynow", False),
        ("c++", "C++ 内推", True),
        ("c++", "c", False),
        ("100%", "100% 返利", True),
        ("兼职！", "兼职!", True),
        ("刷单", "", False),
        ("/刷", "/刷", True),
        ("//", "a // b", True),
        ("/加.{0,3}微/", "加个微", True),
        ("/加.{0,3}微/", "加一二三四微", False),
        ("/WX[0-9]+/", "wx12345", True),
        ("/^招/", "招人", True),
        ("/^招/", "内推招人", False),
        ("/单$/", "刷单", True),
    ],
)
def test_what_a_word_is_found_in(word: str, text: str, is_in: bool) -> None:
    """Case, width and what nobody sees do not matter, nor blanks between Han characters; Latin words stand alone."""
    assert Word(word).is_in(text) == is_in


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("刷单", ""),
        ("单" * MAX_WORD, ""),
        ("单" * (MAX_WORD + 1), "太长，最多 100 个字"),
        ("", "太短，至少两个字"),
        ("单", "太短，至少两个字"),
        (" 单 ", "太短，至少两个字"),
        ("a\u200b", "太短，至少两个字"),
        ("//", ""),
        ("/加.{0,3}微/", ""),
        (r"/\d{6,}/", ""),
        (r"/(?:加|私).{0,5}(?:微|薇|V|v).{0,5}[a-z0-9]{6,20}/", ""),
        (r"/\p{Han}{20,}！/", ""),
        ("/a*/", MATCHES_ALL),
        ("/|刷单/", MATCHES_ALL),
        ("/(?=x)*/", MATCHES_ALL),
        ("/./", MATCHES_ALL),
        (r"/\w/", MATCHES_ALL),
        (r"/[\s\S]+/", MATCHES_ALL),
        ("/(?:加微信){e<=3}/", MATCHES_ALL),
        ("/(a+)+$/", TOO_SLOW),
        ("/(x+x+)+y/", TOO_SLOW),
        ("/(a|aa)+$/", TOO_SLOW),
        (r"/(\w+\s?)*!!/", ""),
        ("/(中+)+国$/", TOO_SLOW),
        ("/([a-z]+)+\\d{99}/", TOO_SLOW),
        ("/(?:(?:(?:(?:a?){30}){30}){30}){30}b/", TOO_MANY),
        ("/(?:x{999}){999}y/", TOO_MANY),
        ("/x{99999999999999999999}/", TOO_MANY),
    ],
)
def test_what_can_be_listed(word: str, fault: str) -> None:
    """Words of two to a hundred characters, and patterns that are quick and do not match everything, can be listed."""
    assert fault_of_word(word) == fault


@pytest.mark.parametrize("word", ["/(/", "/[/", "/*a/", "/(?P<a>x)(?P=b)/", "/a{2,1}/"])
def test_a_broken_pattern_is_told(word: str) -> None:
    """A pattern with an error in it is refused with what is wrong."""
    assert fault_of_word(word).startswith("正则写错了：")


def test_trying_a_pattern_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern that is a little slow on every text is refused when all of them together take too long."""
    ticks = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: float(next(ticks)))
    assert fault_of_word("/刷单/") == TOO_SLOW


@pytest.mark.parametrize(("word", "text"), [(SLOW, HOSTILE), (Word("/(.*a){20}/"), ("b" * 40 + "a") * 19 + "b" * 1000)])
def test_a_slow_search_is_stopped(word: Word, text: str) -> None:
    """A search that takes longer than a twentieth of a second ends with TimeoutError."""
    assert SEARCH_TIMEOUT == 0.05
    with pytest.raises(TimeoutError):
        word.is_in(text)


def test_a_pattern_looks_at_the_start() -> None:
    """A pattern is looked for in the first 2000 characters, a plain Han word in all."""
    assert not Word("/刷单/").is_in("x" * 2000 + "刷单")
    assert Word("刷单").is_in("x" * 2000 + "刷单")
