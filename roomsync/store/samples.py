"""The table `samples`: what staff taught to be an advert."""

from enum import StrEnum
from typing import NamedTuple

from roomsync.store.connection import Connection

MAX_SAMPLE = 1000  # characters of one; of a longer text so many are learnt
COLUMNS = "id, kind, text, origin, teacher, at"
IMPORTED = "import"  # instead of a teacher, where a file has taught it


class SampleKind(StrEnum):
    """What is compared with a sample."""

    TEXT = "text"  # the words of a message
    CODE = "code"  # what stands in its QR code


class Sample(NamedTuple):
    """An advert: where it came from, who taught it, and when. `text` is just what is learnt."""

    id: int
    kind: SampleKind
    text: str
    origin: str
    teacher: str
    at: float


def add(db: Connection, kind: SampleKind, text: str, origin: str, teacher: str, now: float) -> int | None:
    """Add a sample; return its number, None when that very text was known already."""
    script = """
    INSERT INTO samples (kind, text, origin, teacher, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id
    """
    row = db.execute(script, (kind, text, origin, teacher, now)).fetchone()
    return int(row[0]) if row else None


def put_back(db: Connection, sample: Sample) -> bool:
    """Add a sample again that was removed, under its number; return False when its text is known by another one."""
    script = f"INSERT INTO samples ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    return db.execute(script, sample).rowcount > 0


def remove(db: Connection, number: int) -> None:
    """Forget a sample."""
    db.execute("DELETE FROM samples WHERE id = ?", (number,))


def get(db: Connection, number: int) -> Sample | None:
    """Return the sample of that number."""
    row = db.execute(f"SELECT {COLUMNS} FROM samples WHERE id = ?", (number,)).fetchone()
    return _sample(row) if row else None


def find(db: Connection, kind: SampleKind, text: str) -> Sample | None:
    """Return the sample that is that very text."""
    row = db.execute(f"SELECT {COLUMNS} FROM samples WHERE kind = ? AND text = ?", (kind, text)).fetchone()
    return _sample(row) if row else None


def all_of(db: Connection) -> list[Sample]:
    """Return all samples, by number."""
    return [_sample(row) for row in db.execute(f"SELECT {COLUMNS} FROM samples ORDER BY id")]


def numbers(db: Connection) -> list[int]:
    """Return the numbers of all samples."""
    return [number for (number,) in db.execute("SELECT id FROM samples ORDER BY id")]


def _sample(row: tuple[int, str, str, str, str, float]) -> Sample:
    number, kind, text, origin, teacher, at = row
    return Sample(number, SampleKind(kind), text, origin, teacher, at)
