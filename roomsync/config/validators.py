"""The values of settings: the text of a variable in, what it stands for out. Pure.

Each function here raises ValueError with the rest of a sentence that begins with the variable's name: what is wrong,
and what is allowed.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from roomsync.language import LANGUAGES, N_, _
from roomsync.model import FilterMode, Hours, Kind
from roomsync.text.characters import fold
from roomsync.text.kinds import CARDS, MEDIA, SILENT

TIME_FORM = r"([01]?[0-9]|2[0-3])\s*:\s*([0-5][0-9])"
HOURS_FORM = re.compile(rf"{TIME_FORM}\s*[-–—~]\s*{TIME_FORM}")
MILVUS_FORM = re.compile(r"https?://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?/?")
MAX_HEADER = 60
MAX_TOPIC = 100  # characters of a room's name: WeChat allows 32
MIN_TOKEN = 4  # characters of a token that is looked for in other places: a shorter one is in any word
# What tokens look like: a name before a long random end, a UUID, or long, with letters and digits in no order of words.
TOKEN_LIKE = re.compile(
    r"(?:[A-Za-z]+_)+[0-9A-Za-z-]*[0-9][0-9A-Za-z-]{7,}"
    r"|\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]*"
    r"|(?<![0-9A-Za-z])(?=[0-9]*[A-Za-z])(?=[A-Za-z]*[0-9])[0-9A-Za-z]{20,}"
)


def flag(text: str) -> bool:
    """Return what `true` or `false` stands for."""
    if text.lower() not in ("true", "false"):
        raise ValueError(_("is {text!r}; allowed: true, false").format(text=text))
    return text.lower() == "true"


def prefixes(text: str) -> tuple[str, ...]:
    """Return what the topics of each community start with, from texts separated by commas."""
    prefixes = tuple(part.strip() for part in re.split("[,，]", text))
    if not all(fold(prefix) for prefix in prefixes):
        raise ValueError(
            _("is {text!r}, which has an empty prefix in it; allowed: one or more, separated by commas").format(
                text=text
            )
        )
    if len({fold(prefix) for prefix in prefixes}) < len(prefixes):
        raise ValueError(
            _("is {text!r}, which names one community twice; allowed: prefixes that differ").format(text=text)
        )
    return prefixes


def header(text: str) -> str:
    """Return a form with `{name}` and `{room}` in it, that can be read back."""
    rest = text.replace("{name}", "", 1).replace("{room}", "", 1)
    if "{name}" not in text or "{room}" not in text or "{" in rest or "}" in rest:
        raise ValueError(
            _("is {text!r}; allowed: a line with {{name}} and {{room}} once each, and no other braces").format(
                text=text
            )
        )
    if not rest.strip() or len(text) > MAX_HEADER or not rest.replace("\u3000", "").isprintable():
        raise ValueError(
            _("is {text!r}; allowed: one line of at most {limit} characters, with some beside the two names").format(
                text=text, limit=MAX_HEADER
            )
        )
    if re.search(r"\}\s*(\{|$)", text):
        # Where only blanks end a name or label, nobody can tell where it ends: other relays would not be known.
        raise ValueError(
            _("is {text!r}; allowed: a character other than a space behind each of {{name}} and {{room}}").format(
                text=text
            )
        )
    return text


def topic(text: str) -> str:
    """Return the whole name of a room, or nothing."""
    if not text.isprintable() or len(text) > MAX_TOPIC:
        raise ValueError(
            _("is {text}; allowed: the whole name of a room, {limit} characters, or nothing").format(
                text=shown(text[:80]), limit=MAX_TOPIC
            )
        )
    return text


def choice(*words: str) -> Callable[[str], str]:
    """Return a validator of one of these words."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(_("is {text!r}; allowed: {words}").format(text=text, words=", ".join(words)))
        return text.lower()

    return parse


def language(text: str) -> str:
    """Return the language of the operator; nothing stands for that of the locale."""
    return choice(*LANGUAGES)(text) if text else ""


def filter_mode(text: str) -> FilterMode:
    """Return what becomes of messages that should not be relayed."""
    return FilterMode(choice(*FilterMode)(text))


def kinds(text: str) -> frozenset[Kind]:
    """Return kinds of message, from their names separated by commas; nothing stands for none."""
    allowed = [str(kind) for kind in Kind if kind not in (Kind.TEXT, *SILENT)]
    names = [part.strip().lower() for part in re.split("[,，]", text)] if text else []
    if wrong := [one for one in names if one not in allowed]:
        raise ValueError(
            _("has {word} in it; allowed: {allowed}, with commas, or nothing").format(
                word=shown(wrong[0][:40]), allowed=", ".join(allowed)
            )
        )
    return frozenset(map(Kind, names))


def milvus_uri(text: str) -> str:
    """Return the path of a Milvus Lite file, or the address of a Milvus server, or nothing."""
    if "://" in text:
        found = MILVUS_FORM.fullmatch(text)
        if not found or not 0 < int(found["port"] or 19530) < 65536:
            # It is not shown: it may have a password in it.
            raise ValueError(_("is no address of Milvus; allowed: http://host:19530, with the token in MILVUS_TOKEN"))
    elif text and (not text.isprintable() or not text.lower().endswith(".db")):
        raise ValueError(
            _("is {text}; allowed: a path that ends in .db, http://host:19530, or nothing").format(
                text=shown(text[:80])
            )
        )
    return text


def milvus_token(text: str) -> str:
    """Return the token of a Milvus server (`user:password`, or a key), or nothing; it is never shown."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(_("has a space or a letter that no token has; allowed: ASCII letters, digits and punctuation"))
    return text


def state_file(text: str) -> Path:
    """Return the path of the state file."""
    if not text or not text.isprintable():
        raise ValueError(
            _("is {text}; allowed: the path of a file, such as roomsync.db{rest}").format(
                text=shown(text), rest=backslashes(text)
            )
        )
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            _("is {text}, and that home folder is not known; allowed: the path of a file").format(text=shown(text))
        ) from None


def log_file(text: str) -> Path | None:
    """Return the path of a file for the log; None for nothing."""
    return state_file(text) if text else None


def number(low: float, high: float, unit: str, form: str = r"[0-9]{1,9}(\.[0-9]{1,9})?") -> Callable[[str], float]:
    """Return a validator of numbers from `low` to `high`, in `unit`, written in that form."""

    def parse(text: str) -> float:
        value = float(text) if re.fullmatch(form, text) else math.nan
        if not low <= value <= high:
            raise ValueError(
                _("is {text!r}; allowed: {unit} from {low:g} to {high:g}").format(
                    text=text, unit=_(unit), low=low, high=high
                )
            )
        return value

    return parse


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return a validator of whole numbers from `low` to `high`."""
    parse = number(low, high, N_("a whole number"), "[0-9]{1,9}")
    return lambda text: int(parse(text))


def daily(text: str) -> dict[Kind, int]:
    """Return how many sends a day each kind may have, from `kind:number` separated by commas."""
    if text in ("", "0"):
        return {}
    limits: dict[Kind, int] = {}
    for part in re.split("[,，]", text):
        found = re.fullmatch(r"\s*([a-z_]+)\s*:\s*([0-9]{1,9})\s*", part)
        if not found or found[1] not in (*MEDIA, *CARDS) or found[1] in limits:
            kinds = ", ".join((*MEDIA, *CARDS))
            raise ValueError(
                _("is {text!r}; allowed: kind:number, separated by commas, of {kinds}; or 0 for no limits").format(
                    text=text, kinds=kinds
                )
            )
        limits[Kind(found[1])] = int(found[2])
    return limits


def hours(text: str) -> Hours | None:
    """Return hours of every day, from `HH:MM-HH:MM`; None for nothing. Full-width characters are read, too."""
    if not text:
        return None
    found = HOURS_FORM.fullmatch(unicodedata.normalize("NFKC", text))
    if not found:
        raise ValueError(
            _("is {text!r}; allowed: HH:MM-HH:MM from 00:00 to 23:59, such as 23:00-08:00, or nothing").format(
                text=text
            )
        )
    start, end = (int(found[n]) * 60 + int(found[n + 1]) for n in (1, 3))
    if start == end:
        raise ValueError(
            _("is {text!r}, which has no length; allowed: two times that differ, such as 23:00-08:00").format(text=text)
        )
    return Hours(start, end)


def masked(text: str, token: str) -> str:
    """Return a problem with `***` for the token in it, and for all that looks like one: it may stand in any place."""
    known = text.replace(token, "***") if len(token) >= MIN_TOKEN else text
    return TOKEN_LIKE.sub("***", known)


def shown(path: str) -> str:
    """Return a path for a sentence: as it was written where that can be, each backslash of Windows not doubled."""
    return f"'{path}'" if path.isprintable() else repr(path)


def backslashes(path: str) -> str:
    """Return what may be wrong with a path that cannot be printed; empty for any other."""
    if path.isprintable():
        return ""
    return _(". In double quotes \\n and \\t are characters of their own: write a Windows path without quotes")
