"""The checks: each says why a message should not be relayed, or nothing. Pure: what they know is given to them."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from roomsync.model import Kind
from roomsync.moderation.likeness import Known, most_alike
from roomsync.moderation.said import Said, is_same
from roomsync.moderation.words import Word
from roomsync.text.characters import shorten
from roomsync.text.kinds import word as word_of_kind

MAX_SHOWN = 24  # characters of a word, host or code in a reason


class Check(Enum):
    """What a reason comes from."""

    ROOMS = auto()
    WORD = auto()
    KIND = auto()
    LINK = auto()
    SAMPLE = auto()
    CODE = auto()


@dataclass(frozen=True)
class Reason:
    """Why a message should not be relayed, as staff reads it. Not `holds`: staff is only told."""

    check: Check
    text: str
    holds: bool = True


@dataclass(frozen=True)
class Facts:
    """What the checks know beside the message: staff's rules, and what is on record.

    `elsewhere`: rooms, by key, with the forms of what its author said there in the last ten minutes. `candidates`:
    samples that it may be like. `code`: what stands in its QR code; `codes`: the samples of such, text -> number.
    """

    is_trusted: bool = False
    elsewhere: Sequence[tuple[int, str]] = ()
    words: Sequence[Word] = ()
    kinds: Collection[Kind] = ()
    holds_links: bool = False
    hosts: Collection[str] = ()
    candidates: Sequence[Known] = ()
    code: str = ""
    codes: dict[str, int] = field(default_factory=dict)


def several_rooms(said: Said, facts: Facts) -> Reason | None:
    """The same member said the same, or nearly, in another room: that was relayed, and this has nothing to add."""
    count = len({room for room, form in facts.elsewhere if is_same(said.form, form)}) if said.form else 0
    if not count:
        return None
    return Reason(Check.ROOMS, f"{'两个' if count == 1 else f'{count + 1} 个'}群都发了")


def listed_word(said: Said, facts: Facts) -> Reason | None:
    """A word of staff's list stands in what was said, or in the name of who said it.

    Raises `TimeoutError` when one takes too long, and none of the others is there.
    """
    late: TimeoutError | None = None
    for word in facts.words:
        try:
            if word.is_in(said.words):
                return Reason(Check.WORD, f"有{_quoted(word.text)}")
            if word.is_in(said.name):
                return Reason(Check.WORD, f"名字里有{_quoted(word.text)}")
        except TimeoutError as error:
            late = error
    if late:
        raise late
    return None


def watched_kind(said: Said, facts: Facts) -> Reason | None:
    """It is of a kind that is held of members who are not trusted yet; a link to a host that is allowed is not."""
    if said.kind not in facts.kinds:
        return None
    if said.kind is Kind.URL and said.hosts and not _not_allowed(said, facts):
        return None
    return Reason(Check.KIND, _of_newcomer(word_of_kind(said.kind), facts), holds=not facts.is_trusted)


def foreign_link(said: Said, facts: Facts) -> Reason | None:
    """It links to a host that staff did not allow."""
    found = _not_allowed(said, facts) if facts.holds_links else []
    if not found:
        return None
    return Reason(Check.LINK, _of_newcomer(f"链接 {shorten(found[0], MAX_SHOWN)}", facts), holds=not facts.is_trusted)


def known_advert(said: Said, facts: Facts) -> Reason | None:
    """It is like an advert that staff taught, or has the same QR code."""
    if facts.code in facts.codes:
        return Reason(Check.SAMPLE, f"二维码与样本 {facts.codes[facts.code]} 相同")
    found = most_alike(said.units, facts.candidates)
    if found is None:
        return None
    name = f"样本 {found.known.number}" if found.known.number else f"共享样本{_quoted(found.known.text)}"
    return Reason(Check.SAMPLE, f"像{name}（{found.score:.2f}）")


def qr_code(said: Said, facts: Facts) -> Reason | None:
    """It is a picture with a QR code."""
    if not facts.code:
        return None
    shown = _quoted(facts.code, 2 * MAX_SHOWN)
    return Reason(Check.CODE, _of_newcomer(f"二维码{shown}", facts), holds=not facts.is_trusted)


def _not_allowed(said: Said, facts: Facts) -> list[str]:
    return [one for one in said.hosts if not any(one == host or one.endswith(f".{host}") for host in facts.hosts)]


def _quoted(text: str, limit: int = MAX_SHOWN) -> str:
    """Return what others wrote in brackets that it cannot close, so that it does not look like the rest of a line."""
    return f"「{shorten(re.sub('[「」·]', ' ', text), limit)}」"


def _of_newcomer(what: str, facts: Facts) -> str:
    return f"{what}（已信任，仅提示）" if facts.is_trusted else f"新成员发{what}"


CheckFunction = Callable[[Said, Facts], Reason | None]
CHECKS: tuple[CheckFunction, ...] = (known_advert, several_rooms, listed_word, watched_kind, foreign_link, qr_code)
