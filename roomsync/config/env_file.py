"""Reading `.env`: what python-dotenv finds in it, and a sentence for every line that a user got wrong."""

import difflib
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from roomsync.errors import SettingsError
from roomsync.language import _

PREFIX = "WECHATY_PUPPET_SERVICE_"
# How alike a name must be to one of ours to be taken for a slip of it; of those with the long prefix the part behind
# it is compared, else they are all alike.
ALIKE = 0.87
PREFIX_ALIKE = 0.93
# What people call the settings that they must make.
SHORT = {"TOKEN": PREFIX + "TOKEN", "ENDPOINT": PREFIX + "ENDPOINT", "PREFIX": "ROOM_PREFIX"}


def read_env_file(
    path: Path, names: Collection[str], elsewhere: Iterable[str] = ()
) -> tuple[dict[str, str], list[str]]:
    """Return the variables in the file and what is wrong with it; no file is no problem.

    `names` are the bot's own, `elsewhere` are those that are set outside the file. No problem shows the text of a line:
    it may hold the token. Raises `SettingsError` when the file cannot be read.
    """
    if not path.exists():
        other = path.with_name(path.name + ".txt")
        return {}, [
            _("There is {name}; its name must be {wanted}.").format(name=other.name, wanted=path.name)
        ] if other.exists() else []
    lines = list(parse_stream(io.StringIO(_text_of(path))))
    values = {line.key: line.value for line in lines if line.key is not None}  # of a name that is there twice the last
    problems = filter(None, _problems(lines, names, elsewhere))
    return {name: value for name, value in values.items() if value is not None}, list(problems)


def _text_of(path: Path) -> str:
    try:
        # Notepad on Windows writes a byte order mark; utf-8-sig takes it off.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        problem = _("{name} is not UTF-8, so nothing in it was read; save it as UTF-8 in your editor.").format(
            name=path.name
        )
    except OSError as error:
        problem = _("{name} cannot be read: {problem}.").format(name=path.name, problem=_(error.strerror or ""))
    raise SettingsError([problem])


def _problems(lines: list[Binding], names: Collection[str], elsewhere: Iterable[str]) -> Iterator[str | None]:
    yield from (_problem(line, names) for line in lines)
    found = dict.fromkeys(line.key for line in lines)
    for name in found:
        # The last of them counts, which is seldom the one that a person looks at.
        numbers = [str(line.original.line) for line in lines if line.key == name]
        if name in names and len(numbers) > 1:
            yield _("{name} is set more than once in .env, in lines {numbers}; keep one of them.").format(
                name=name, numbers=", ".join(numbers)
            )
    absent = set(names).difference(elsewhere, found)
    yield from (_problem_of_short_name(line, absent) for line in lines)


def _problem(line: Binding, names: Collection[str]) -> str | None:
    number = line.original.line
    if line.error:
        return _("Line {number} of .env cannot be read; write NAME=value, with two straight quotes or none.").format(
            number=number
        )
    if line.key is None:
        return None
    if line.key in names:
        return _problem_of_value(line)
    name = unicodedata.normalize("NFKC", line.key)
    name = re.split(r"[^A-Za-z0-9_]", name.strip(), maxsplit=1)[0]  # what follows may be the token
    meant = _closest(name, names)
    if meant == name:
        return _("Line {number} of .env cannot be read; write {name}=value.").format(number=number, name=name)
    return (
        _("{name} in line {number} of .env is no setting of the bot; did you mean {meant}?").format(
            name=name, number=number, meant=meant
        )
        if meant
        else None
    )


def _problem_of_value(line: Binding) -> str | None:
    if line.value is None:
        return _("{key} has no value in line {number} of .env; write {key}=value.").format(
            key=line.key, number=line.original.line
        )
    raw = line.original.string.partition("=")[2].strip("\r\n")
    if line.key == "HEADER" and raw.strip()[:1] not in ("'", '"') and raw != line.value:
        return _("HEADER in line {number} of .env needs quotes: its blanks count.").format(number=line.original.line)
    return None


def _problem_of_short_name(line: Binding, absent: Collection[str]) -> str | None:
    """Return the problem of a name cut down to its end, such as TOKEN, where nothing has its full name."""
    short = (line.key or "").upper().removeprefix("WECHATY_")
    meant, number = SHORT.get(short), line.original.line
    if meant not in absent:
        return None
    return _("{name} in line {number} of .env is no setting of the bot; did you mean {meant}?").format(
        name=line.key, number=number, meant=meant
    )


def _closest(name: str, names: Collection[str]) -> str | None:
    """Return the one of `names` that `name` is a slip of; None for other people's variables."""
    name = name.upper()
    if name in names:
        return name
    if name.startswith(PREFIX):
        ends = [one.removeprefix(PREFIX) for one in names if one.startswith(PREFIX)]
        end = _closest_end(name.removeprefix(PREFIX), ends)
        return PREFIX + end if end else None
    short = [one for one in names if not one.startswith(PREFIX)]
    return _alike(name, short, ALIKE) or _alike(name, names, PREFIX_ALIKE)


def _closest_end(end: str, ends: Collection[str]) -> str | None:
    longer = [one for one in ends if one.startswith(end)]
    return longer[0] if len(end) > 3 and len(longer) == 1 else _alike(end, ends, ALIKE)


def _alike(name: str, names: Collection[str], cutoff: float) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=cutoff)), None)
