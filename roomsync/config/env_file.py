"""Reading `.env`: what python-dotenv finds in it, and a sentence for every line that a user got wrong."""

import difflib
import io
import logging
import re
import unicodedata
from collections.abc import Container, Iterable
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from roomsync.errors import SettingsError

PREFIX = "WECHATY_PUPPET_SERVICE_"
# How alike a name must be to one of ours to be taken for a slip of it; of those with the long prefix the part behind
# it is compared, else they are all alike.
ALIKE = 0.87
PREFIX_ALIKE = 0.93
SHORT = ("TOKEN", "ENDPOINT", "PREFIX")  # what people call the settings that they must make


def read_env_file(path: Path, names: Iterable[str], elsewhere: Container[str] = ()) -> tuple[dict[str, str], list[str]]:
    """The variables in the file and what is wrong with it; no file is no problem. `names` are the bot's own,
    `elsewhere` has those that are set outside the file.

    No problem shows the text of a line: it may hold the token. Raises `SettingsError` when the file cannot be read.
    """
    if not path.exists():
        other = path.with_name(path.name + ".txt")
        return {}, [f"There is {other.name}; its name must be {path.name}."] if other.exists() else []
    try:
        # Notepad on Windows writes a byte order mark; utf-8-sig takes it off.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(
            [f"{path.name} is not UTF-8, so nothing in it was read; save it as UTF-8 in your editor."]
        ) from None
    except OSError as error:
        raise SettingsError([f"{path.name} cannot be read: {error.strerror}."]) from None
    known, lines = list(names), list(parse_stream(io.StringIO(text)))
    problems = [problem for line in lines if (problem := _problem(line, known))]
    problems += _repeated([line for line in lines if line.key in known])
    absent = [name for name in known if name not in elsewhere and name not in {line.key for line in lines}]
    problems += [problem for line in lines if (problem := _short(line, absent))]
    # python-dotenv says itself, in its own words, which lines it cannot read; that is told above.
    logging.getLogger("dotenv.main").disabled = True
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}, problems


def _problem(line: Binding, names: list[str]) -> str | None:
    number = line.original.line
    if line.error:
        return f"Line {number} of .env cannot be read; write NAME=value, with two straight quotes or none."
    if line.key is None:
        return None
    name = unicodedata.normalize("NFKC", line.key)
    name = re.split(r"[^A-Za-z0-9_]", name.strip(), maxsplit=1)[0]  # what follows may be the token
    meant = name if name in names else closest(name, names)
    if line.key in names:
        if line.value is None:
            return f"{name} has no value in line {number} of .env; write {name}=value."
        raw = line.original.string.partition("=")[2].strip("\r\n")
        if name == "HEADER" and raw.strip()[:1] not in ("'", '"') and raw != line.value:
            return f"HEADER in line {number} of .env needs quotes: its blanks count."
        return None
    if meant == name:
        return f"Line {number} of .env cannot be read; write {name}=value."
    return f"{name} in line {number} of .env is no setting of the bot; did you mean {meant}?" if meant else None


def _repeated(lines: Iterable[Binding]) -> list[str]:
    """Of a name that is set twice python-dotenv takes the last, which is seldom the one that a person looks at."""
    numbers: dict[str, list[str]] = {}
    for line in lines:
        numbers.setdefault(str(line.key), []).append(str(line.original.line))
    return [
        f"{name} is set more than once in .env, in lines {', '.join(found)}; keep one of them."
        for name, found in numbers.items()
        if len(found) > 1
    ]


def _short(line: Binding, absent: Iterable[str]) -> str | None:
    """A name cut down to its end, such as TOKEN, where nothing has its full name."""
    short = (line.key or "").upper().removeprefix("WECHATY_")
    meant = [name for name in absent if short in SHORT and name.endswith(f"_{short}")]
    number = line.original.line
    return f"{line.key} in line {number} of .env is no setting of the bot; did you mean {meant[0]}?" if meant else None


def closest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` is a slip of; None for other people's variables."""
    name = name.upper()
    if name in names:
        return name
    if name.startswith(PREFIX):
        longer = [one for one in names if one.startswith(name)]
        if len(name) > len(PREFIX) + 3 and len(longer) == 1:
            return longer[0]
        ends = [one.removeprefix(PREFIX) for one in names if one.startswith(PREFIX)]
        found = difflib.get_close_matches(name.removeprefix(PREFIX), ends, n=1, cutoff=ALIKE)
        return PREFIX + found[0] if found else None
    short = [one for one in names if not one.startswith(PREFIX)]
    found = difflib.get_close_matches(name, short, n=1, cutoff=ALIKE)
    found = found or difflib.get_close_matches(name, names, n=1, cutoff=PREFIX_ALIKE)
    return found[0] if found else None
