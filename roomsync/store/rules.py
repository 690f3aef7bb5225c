"""The table `rules`: words that keep a message back, and hosts to which links are allowed."""

from enum import StrEnum

from roomsync.store.connection import Connection


class RuleKind(StrEnum):
    """What a rule is about."""

    WORD = "word"
    HOST = "host"


def add(db: Connection, kind: RuleKind, text: str, now: float) -> bool:
    """Add a rule; return False when it was there already."""
    script = "INSERT INTO rules (kind, text, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    return db.execute(script, (kind, text, now)).rowcount > 0


def remove(db: Connection, kind: RuleKind, text: str) -> bool:
    """Remove a rule; return False when there was none."""
    return db.execute("DELETE FROM rules WHERE kind = ? AND text = ?", (kind, text)).rowcount > 0


def all_of(db: Connection, kind: RuleKind) -> list[str]:
    """Return the rules of a kind, in the order in which they were added."""
    return [text for (text,) in db.execute("SELECT text FROM rules WHERE kind = ? ORDER BY id", (kind,))]
