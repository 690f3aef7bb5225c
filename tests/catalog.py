"""The catalogs of the operator's language: `python -m tests.catalog` extracts, updates and compiles them in one go.

Run it after any change of a text for the operator, fill in the empty `msgstr` in `roomsync/locale/zh/`, run it again.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
PO = ROOT / "roomsync" / "locale" / "zh" / "LC_MESSAGES" / "roomsync.po"
# `_` and `N_` mark texts; a call of a log has its text first, and the log's formatter translates it.
KEYWORDS = {name: None for name in ("_", "N_", "debug", "info", "warning", "error", "exception", "critical")}
# What Python's argparse says itself, through the same catalog.
ARGPARSE = (
    "usage: ",
    "options",
    "positional arguments",
    "show this help message and exit",
    "show program's version number and exit",
    "%(prog)s: error: %(message)s\n",
    "argument %(argument_name)s: %(message)s",
    "expected one argument",
    "expected at most one argument",
    "not allowed with argument %s",
    "unrecognized arguments: %s",
    "ignored explicit argument %r",
    "ambiguous option: %(option)s could match %(matches)s",
    "invalid choice: %(value)r (choose from %(choices)s)",
)
ARGPARSE_PLURAL = ("expected %s argument", "expected %s arguments")


def sources() -> list[Path]:
    """Return the files with texts for the operator."""
    return [ROOT / "bot.py", *sorted((ROOT / "roomsync").rglob("*.py"))]


def extracted() -> Catalog:
    """Return a catalog of all texts in the code, without translations."""
    catalog = Catalog()
    for text in _texts():
        if any(character.isalpha() for character in text.replace("%s", "")):
            catalog.add(text)
    catalog.add(ARGPARSE_PLURAL)
    return catalog


def _texts() -> Iterator[str]:
    yield from ARGPARSE
    for path in sources():
        for _line, text, _comments, _context in extract_from_file("python", path, KEYWORDS):
            yield from [text] if isinstance(text, str) else []


def read() -> Catalog:
    """Return the Chinese catalog as it is in the repository."""
    with PO.open("rb") as file:
        return read_po(file, locale="zh")


def updated() -> Catalog:
    """Return the Chinese catalog with the texts that are in the code now, without those that are gone."""
    catalog = read() if PO.exists() else Catalog(locale="zh")
    catalog.update(extracted(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def po_of(catalog: Catalog) -> bytes:
    """Return the text of a `.po` that changes only where a text does: no dates, no line numbers, no wraps."""
    out = io.BytesIO()
    write_po(out, catalog, width=0, no_location=True, omit_header=True, sort_output=True)
    header = (
        'msgid ""\nmsgstr ""\n"Language: zh\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
    )
    return header.encode() + out.getvalue()


def mo_of(po: bytes) -> bytes:
    """Return what a `.po` is compiled to."""
    out = io.BytesIO()
    catalog = read_po(io.BytesIO(po), locale="zh")
    catalog.creation_date = datetime(2026, 1, 1, tzinfo=UTC)  # the same bytes at each run
    write_mo(out, catalog)
    return out.getvalue()


def untranslated(catalog: Catalog) -> list[Message]:
    """Return the messages without a translation."""
    return [one for one in catalog if one.id and (one.fuzzy or not one.string or one.string == ("",))]


if __name__ == "__main__":
    found = updated()
    text = po_of(found)
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(text)
    PO.with_suffix(".mo").write_bytes(mo_of(text))
    missing = untranslated(found)
    for one in missing:
        print(f"no Chinese yet: {one.id!r}")
    sys.exit(1 if missing else 0)
