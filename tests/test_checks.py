"""The checks: what each says of a message, in staff's words, and of what it says nothing."""

import json
from dataclasses import replace

import pytest

from roomsync.model import Kind, Message, Quote
from roomsync.moderation.checks import (
    Facts,
    Reason,
    foreign_link,
    known_advert,
    listed_word,
    qr_code,
    several_rooms,
    watched_kind,
)
from roomsync.moderation.likeness import Known
from roomsync.moderation.said import Said, said_of
from roomsync.moderation.words import Word
from tests.moderated import ADVERT, CARD, TALK

OTHER_CARD = CARD.replace("wx1", "wx2")
LINK_CARD = {"url": "https://mp.weixin.qq.com/s/1", "title": "周报", "description": "本周的进展"}
ONLY_TOLD = "（已信任，仅提示）"


def said(text: str = "", kind: Kind = Kind.TEXT, name: str = "Alice", digest: str = "", **more: object) -> Said:
    """What a message says that is made of these."""
    return said_of(Message("m1", "r101", "alice", name, kind, text, **more), digest)  # type: ignore[arg-type]


def form(text: str = "", kind: Kind = Kind.TEXT, **more: object) -> str:
    return said(text, kind, **more).form  # type: ignore[arg-type]


def texts(*found: Reason | None) -> list[str]:
    return [one.text for one in found if one]


# Said in several rooms.


@pytest.mark.parametrize(
    ("elsewhere", "reason"),
    [
        ([(2, form(ADVERT))], ["两个群都发了"]),
        ([(2, form(ADVERT)), (3, form(f"{ADVERT}快来")), (4, form(ADVERT))], ["4 个群都发了"]),
        ([(2, form(ADVERT)), (2, form(ADVERT + "！！"))], ["两个群都发了"]),
        ([(2, form(TALK))], []),
        ([(2, form("图", Kind.IMAGE, digest="d"))], []),
        ([], []),
    ],
)
def test_the_same_in_other_rooms_is_counted_by_room(elsewhere: list[tuple[int, str]], reason: list[str]) -> None:
    """The reason says in how many rooms the same, or nearly, was said: each counts once, other words do not."""
    found = several_rooms(said(ADVERT), Facts(elsewhere=elsewhere))
    assert texts(found) == reason
    assert not found or found.holds


@pytest.mark.parametrize("is_trusted", [True, False])
def test_trust_does_not_help_against_several_rooms(is_trusted: bool) -> None:
    """What a trusted member says in two rooms was relayed, too: the second one is held."""
    found = several_rooms(said(ADVERT), Facts(is_trusted=is_trusted, elsewhere=[(2, form(ADVERT))]))
    assert found and found.holds


@pytest.mark.parametrize(
    ("one", "other", "is_told"),
    [
        (said("谢谢大家"), said("谢谢大家"), False),
        (said("12345678901234567890"), said("9"), False),
        (said("👍👍👍👍👍👍👍👍"), said("👍👍👍👍👍👍👍👍"), False),
        (said("请问怎么建索引"), said("请问怎么建索引！"), True),
        (said("请问怎么建索引"), said("请问怎么删索引"), False),
        (said(TALK), said(f"{TALK}，谢谢"), True),
        (said(kind=Kind.MINIPROGRAM, content=CARD), said(kind=Kind.MINIPROGRAM, content=CARD), True),
        (said(kind=Kind.MINIPROGRAM, content=CARD), said(kind=Kind.MINIPROGRAM, content=OTHER_CARD), False),
        (said(kind=Kind.MINIPROGRAM, content=CARD), said(kind=Kind.URL, content=CARD), False),
        (said(kind=Kind.MINIPROGRAM), said(kind=Kind.MINIPROGRAM), False),
        (said(kind=Kind.IMAGE, digest="1f"), said(kind=Kind.IMAGE, digest="1f"), True),
        (said(kind=Kind.IMAGE, digest="1f"), said(kind=Kind.IMAGE, digest="2e"), False),
        (said(kind=Kind.IMAGE), said(kind=Kind.IMAGE), False),
        (said(kind=Kind.EMOTICON), said(kind=Kind.EMOTICON), False),
    ],
)
def test_what_is_the_same(one: Said, other: Said, is_told: bool) -> None:
    """A text of six units or more, a card and a picture are the same elsewhere; what everybody says never is."""
    assert bool(several_rooms(one, Facts(elsewhere=[(2, other.form)] if other.form else []))) == is_told


def test_what_a_reply_quotes_is_not_said_twice() -> None:
    """Two replies to one message are compared by what was typed alone."""
    one, other = (said("", quote=Quote("Bob", ADVERT, words)) for words in ("今天的天气真不错", "请问怎么建索引"))
    assert several_rooms(one, Facts(elsewhere=[(2, other.form)])) is None
    assert several_rooms(one, Facts(elsewhere=[(2, form("今天的天气真不错"))]))


# Words.

WORDS = [Word("刷单"), Word("/加.{0,3}微/")]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (said("招人刷 单"), ["有「刷单」"]),
        (said("加我微"), ["有「/加.{0,3}微/」"]),
        (said("你好", name="刷单小王"), ["名字里有「刷单」"]),
        (said("刷单", name="刷单小王"), ["有「刷单」"]),
        (said("", quote=Quote("Bob", "刷单", "不要信")), []),
        (said("「Bob：刷单」\n- - - - - -\n不要信", quote=Quote("Bob", "刷单", "不要信")), []),
        (said("", quote=Quote("Bob", "不要信", "刷单")), ["有「刷单」"]),
        (said("", Kind.URL, content='{"title": "周末刷单"}'), ["有「刷单」"]),
        (said("", Kind.URL, content='{"description": "周末刷单"}'), ["有「刷单」"]),
        (said("", Kind.CONTACT, content='{"name": "刷单小王"}'), ["有「刷单」"]),
        (said("", Kind.CHAT_HISTORY, content='{"records": [{"name": "B", "words": "刷单"}]}'), ["有「刷单」"]),
        (said("刷单.png", Kind.FILE, content='{"name": "刷单.png"}'), []),
        (said("你好"), []),
    ],
)
def test_a_word_is_found_in_what_was_typed_and_in_the_name(message: Said, reason: list[str]) -> None:
    """A listed word counts in what the author typed, on a card, in a history and in the name; not in what is quoted."""
    found = listed_word(message, Facts(is_trusted=True, words=WORDS))
    assert texts(found) == reason
    assert not found or found.holds


def test_a_long_word_is_cut_in_its_reason() -> None:
    """A word of a hundred characters does not fill the report."""
    assert texts(listed_word(said("长" * 90), Facts(words=[Word("长" * 90)]))) == [f"有「{'长' * 23}…」"]


# Kinds and links.


@pytest.mark.parametrize(
    ("message", "facts", "reason"),
    [
        (said(kind=Kind.MINIPROGRAM, content=CARD), Facts(), "新成员发[小程序]"),
        (said(kind=Kind.CONTACT, content='{"name": "B"}'), Facts(), "新成员发[名片]"),
        (said(kind=Kind.MINIPROGRAM, content=CARD), Facts(is_trusted=True), f"[小程序]{ONLY_TOLD}"),
        (said(kind=Kind.URL, content=json.dumps(LINK_CARD)), Facts(hosts=["qq.com"]), ""),
        (said(kind=Kind.URL, content=json.dumps(LINK_CARD)), Facts(hosts=["milvus.io"]), "新成员发[链接]"),
        (said(kind=Kind.URL, content='{"title": "no address"}'), Facts(hosts=["qq.com"]), "新成员发[链接]"),
        (said(kind=Kind.MINIPROGRAM, content='{"title": "qq.com"}'), Facts(hosts=["qq.com"]), "新成员发[小程序]"),
        (said(kind=Kind.IMAGE), Facts(), ""),
        (said("你好"), Facts(), ""),
    ],
)
def test_kinds_of_newcomers_are_held(message: Said, facts: Facts, reason: str) -> None:
    """A watched kind holds a newcomer's message and is only told of a trusted member's; an allowed link is nothing."""
    found = watched_kind(message, replace(facts, kinds=[Kind.MINIPROGRAM, Kind.CONTACT, Kind.URL]))
    assert texts(found) == ([reason] if reason else [])
    assert not found or found.holds is not facts.is_trusted


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("看 https://milvus.io/docs 和 HTTP://Blog.Zilliz.com", ["milvus.io", "blog.zilliz.com"]),
        ("进群abc.com领取", ["abc.com"]),
        ("去www.a.shop看看", ["www.a.shop"]),
        ("www.some-thing.photography", ["www.some-thing.photography"]),
        ("https://a.b.unheard/", ["a.b.unheard"]),
        ("http://1.2.3.4:8080/x", ["1.2.3.4"]),
        ("https://milvus.io@evil.com/", ["evil.com"]),
        ("ｅｖｉｌ．ｃｏｍ", ["evil.com"]),
        ("zilliz.com.cn，谢谢", ["zilliz.com.cn"]),
        ("在 milvus.io. 好的", ["milvus.io"]),
        ("milvus.io.evil.com", ["milvus.io.evil.com"]),
        ("t.me/joinchat bit.ly/3x", ["t.me", "bit.ly"]),
        ("a.com a.com", ["a.com"]),
        *(
            (text, [])
            for text in (
                "alice@b.com first.last@mail.b.cn x.cn.y@b.com",
                "v2.4.1 2.5 10.0.0.1 1.2.3.dev4",
                "config.yaml main.py a.tar.gz libc.so README.md setup.sh Main.java index.html data.parquet",
                "logger.info user.id self.me java.io.File com.milvus.client np.int8",
                "好的。com 是什么",
                "http://localhost:19530 https://",
                "e.g. i.e. etc...",
                "https://milvus",
            )
        ),
    ],
)
def test_which_texts_have_links(text: str, hosts: list[str]) -> None:
    """A link has a scheme, `www.`, or an ending that hosts have; addresses of people, versions and files are none."""
    assert list(said(text).hosts) == hosts


@pytest.mark.parametrize("text", ["a." * 9000, "a" * 18_000, "https://a@" * 1800, "www.a." * 3000, "a-" * 9000])
def test_links_are_looked_for_in_endless_texts(text: str) -> None:
    """A text made to be slow for it is no hindrance."""
    assert len(said(text).hosts) <= 1


@pytest.mark.parametrize(
    ("text", "allowed", "reason"),
    [
        ("https://milvus.io/x", ["milvus.io"], ""),
        ("https://www.milvus.io", ["milvus.io"], ""),
        ("docs.milvus.io", ["milvus.io"], ""),
        ("https://milvus.io.evil.com", ["milvus.io"], "新成员发链接 milvus.io.evil.com"),
        ("https://notmilvus.io", ["milvus.io"], "新成员发链接 notmilvus.io"),
        ("https://milvus.io", ["docs.milvus.io"], "新成员发链接 milvus.io"),
        ("milvus.io evil.com bad.com", ["milvus.io"], "新成员发链接 evil.com"),
        ("https://a-very-long-name-of-a-host.com", [], "新成员发链接 a-very-long-name-of-a-h…"),
        ("没有链接", [], ""),
    ],
)
def test_links_to_hosts_that_are_not_allowed(text: str, allowed: list[str], reason: str) -> None:
    """A newcomer's link is held with its first host that is neither allowed nor below an allowed one."""
    found = foreign_link(said(text), Facts(holds_links=True, hosts=allowed))
    assert texts(found) == ([reason] if reason else [])
    assert not found or found.holds
    assert foreign_link(said(text), Facts(hosts=allowed)) is None


def test_a_trusted_members_link_is_told() -> None:
    """A link of a trusted member goes, and staff reads of it."""
    found = foreign_link(said("evil.com"), Facts(is_trusted=True, holds_links=True))
    assert found and (found.text, found.holds) == (f"链接 evil.com{ONLY_TOLD}", False)


def test_a_link_that_is_quoted_is_not_judged() -> None:
    """Who answers a link did not post it."""
    assert said("", quote=Quote("Bob", "https://evil.com", "这是什么")).hosts == ()


def test_a_card_links_to_its_address() -> None:
    """The host of a link card is that of its address."""
    assert said(kind=Kind.URL, content=json.dumps(LINK_CARD)).hosts == ("mp.weixin.qq.com",)


# Adverts and codes.


@pytest.mark.parametrize(
    ("number", "reason"),
    [(3, "像样本 3（1.00）"), (None, "像共享样本「【限时免费】零基础学剪辑，三十天包接单，前五十…」（1.00）")],
)
def test_a_known_advert_names_its_sample(number: int | None, reason: str) -> None:
    """The reason has the sample's number, or its words where another bot taught it, and how like it is."""
    found = known_advert(said(ADVERT), Facts(is_trusted=True, candidates=[Known(1, TALK), Known(number, ADVERT)]))
    assert texts(found) == [reason]
    assert found and found.holds


@pytest.mark.parametrize("message", [said(TALK), said("扫码进群"), said("", quote=Quote("Bob", ADVERT, "不要信这个"))])
def test_what_is_no_known_advert(message: Said) -> None:
    """Other words, a short text, and a reply that quotes an advert are none."""
    assert known_advert(message, Facts(candidates=[Known(1, ADVERT), Known(2, "扫码进群")])) is None


@pytest.mark.parametrize(
    ("code", "is_trusted", "reasons", "holds"),
    [
        ("https://u.wechat.com/a", False, ["新成员发二维码「https://u.wechat.com/a」"], [True]),
        ("https://u.wechat.com/a", True, [f"二维码「https://u.wechat.com/a」{ONLY_TOLD}"], [False]),
        (
            "https://u.wechat.com/bad",
            True,
            ["二维码与样本 7 相同", f"二维码「https://u.wechat.com/bad」{ONLY_TOLD}"],
            [True, False],
        ),
        ("x" * 60, False, [f"新成员发二维码「{'x' * 47}…」"], [True]),
        ("", False, [], []),
    ],
)
def test_codes_of_pictures(code: str, is_trusted: bool, reasons: list[str], holds: list[bool]) -> None:
    """A newcomer's QR code is held, a trusted member's told, and one that was taught is held of everybody."""
    facts = Facts(is_trusted=is_trusted, code=code, codes={"https://u.wechat.com/bad": 7})
    found = [one(said(kind=Kind.IMAGE), facts) for one in (known_advert, qr_code)]
    assert texts(*found) == reasons
    assert [one.holds for one in found if one] == holds


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"title": 1, "url": ["a"]}', '{"title": "\\ud800", "url": null}', None]
)
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.URL, Kind.MINIPROGRAM, Kind.CONTACT, Kind.CHAT_HISTORY, Kind.IMAGE])
def test_anything_can_be_judged(kind: Kind, content: str | None) -> None:
    """Cards that are none, or say what UTF-8 cannot, are judged like others, and what is noted can be kept."""
    found = said("<x>", kind, content=content)
    assert "\ud800" not in f"{found.words}{found.form}{''.join(found.hosts)}"
