"""`python bot.py --samples export|import FILE`: adverts as JSON lines, so that communities can share them."""

import json
import time
from pathlib import Path

from roomsync import store
from roomsync.errors import RoomSyncError
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
        raise SamplesError(f"{path} cannot be used: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SamplesError(f"{path} is not UTF-8, so nothing in it was taken.") from None


def _export(state_file: Path, path: Path) -> int:
    if path.exists() and state_file.exists() and path.samefile(state_file):
        raise SamplesError(f"{path} is the state file itself, which would be lost; name another file.")
    with read_only(state_file) as db:
        found = store.samples.all_of(db)
    rows = [{"kind": one.kind, "text": one.text, "origin": "", "at": round(one.at)} for one in found]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} samples are in {path} now.")  # noqa: T201 - this is the answer to the user
    return 0


def _import(state_file: Path, path: Path) -> int:
    lines = path.read_text(encoding="utf-8-sig").split("\n")  # JSON may have other characters that end a line in it
    if len(lines) > MAX_SAMPLES:
        raise SamplesError(f"{path} has {len(lines)} lines, more than {MAX_SAMPLES}; nothing of it was taken.")
    found = [_sample(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    added = 0
    with written(state_file) as db:
        for kind, text in found:
            added += store.samples.add(db, kind, text, path.name, store.samples.IMPORTED, time.time()) is not None
    known = len(found) - added
    print(f"{added} samples were added, {known} were known. A bot that runs knows them within seconds.")  # noqa: T201
    return 0


def _sample(line: str, number: int) -> tuple[SampleKind, str]:
    """Return kind and text of a sample. Raises `SamplesError`."""
    try:
        row = json.loads(line)
        kind, text = SampleKind(row.get("kind", "text")), clean(row["text"]).strip()
        text.encode()  # JSON can say what no file can keep: half of a surrogate pair
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SamplesError(f'Line {number} is no sample; write {{"kind": "text", "text": "..."}}.') from None
    if not text or len(text) > MAX_SAMPLE:
        raise SamplesError(f"The text in line {number} is empty, or longer than {MAX_SAMPLE} characters.")
    if kind is SampleKind.TEXT and len(units(text)) < MIN_UNITS:
        raise SamplesError(f"The text in line {number} has fewer than {MIN_UNITS} characters: it would hit too much.")
    return kind, text
