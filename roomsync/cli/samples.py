"""`python bot.py --samples export|import FILE`: adverts as JSON lines, so that communities can share them."""

import json
import time
from pathlib import Path

from roomsync import store
from roomsync.errors import RoomSyncError
from roomsync.language import _
from roomsync.moderation.grams import MIN_UNITS, units
from roomsync.store import read_only, written
from roomsync.store.samples import MAX_SAMPLE, SampleKind
from roomsync.text.characters import clean

MAX_SAMPLES = 100_000  # lines of one file


class SamplesError(RoomSyncError):
    """A file with samples that cannot be read or written."""


def samples(state_file: Path, action: str, path: Path) -> int:
    """Export the samples of a state file to `path`, or import those in it; return the exit code.

    A line is `{"kind": "text" or "code", "text": ..., "origin": ..., "at": seconds since the epoch}`. Who taught it is
    not exported. Raises `RoomSyncError`.
    """
    try:
        return _export(state_file, path) if action == "export" else _import(state_file, path)
    except OSError as error:
        raise SamplesError(
            _("{path} cannot be used: {problem}.").format(path=path, problem=_(error.strerror or ""))
        ) from None
    except UnicodeDecodeError:
        raise SamplesError(_("{path} is not UTF-8, so nothing in it was taken.").format(path=path)) from None


def _export(state_file: Path, path: Path) -> int:
    if path.exists() and state_file.exists() and path.samefile(state_file):
        raise SamplesError(
            _("{path} is the state file itself, which would be lost; name another file.").format(path=path)
        )
    with read_only(state_file) as db:
        found = store.samples.all_of(db)
    rows = [{"kind": one.kind, "text": one.text, "origin": "", "at": round(one.at)} for one in found]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(_("{count} samples are in {path} now.").format(count=len(rows), path=path))  # noqa: T201 - this is the answer to the user
    return 0


def _import(state_file: Path, path: Path) -> int:
    lines = path.read_text(encoding="utf-8-sig").split("\n")  # JSON may have other characters that end a line in it
    if len(lines) > MAX_SAMPLES:
        raise SamplesError(
            _("{path} has {count} lines, more than {limit}; nothing of it was taken.").format(
                path=path, count=len(lines), limit=MAX_SAMPLES
            )
        )
    found = [_sample(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    added = 0
    with written(state_file) as db:
        for kind, text in found:
            added += store.samples.add(db, kind, text, path.name, store.samples.IMPORTED, time.time()) is not None
    known = len(found) - added
    text = _("{added} samples were added, {known} were known. A bot that runs knows them within seconds.")
    print(text.format(added=added, known=known))  # noqa: T201
    return 0


def _sample(line: str, number: int) -> tuple[SampleKind, str]:
    """Return kind and text of a sample. Raises `SamplesError`."""
    try:
        row = json.loads(line)
        kind, text = SampleKind(row.get("kind", "text")), clean(row["text"]).strip()
        text.encode()  # JSON can say what no file can keep: half of a surrogate pair
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SamplesError(
            _('Line {number} is no sample; write {{"kind": "text", "text": "..."}}.').format(number=number)
        ) from None
    if not text or len(text) > MAX_SAMPLE:
        raise SamplesError(
            _("The text in line {number} is empty, or longer than {limit} characters.").format(
                number=number, limit=MAX_SAMPLE
            )
        )
    if kind is SampleKind.TEXT and len(units(text)) < MIN_UNITS:
        raise SamplesError(
            _("The text in line {number} has fewer than {limit} characters: it would hit too much.").format(
                number=number, limit=MIN_UNITS
            )
        )
    return kind, text
