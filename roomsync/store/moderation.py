"""The table `moderation`, of one row: the mode that is in force, and how its checks are doing."""

from typing import NamedTuple

from roomsync.model import FilterMode
from roomsync.store.connection import Connection


class Row(NamedTuple):
    """`mode`: what staff, or the breaker, chose while the setting was `setting`; None: nothing was chosen.

    `owner`: what the samples of this state file are called in a base that several bots share. `failures`: how many
    checks failed or were slow, the last one at `failed_at`. `tripped_at`: when the breaker acted, until staff is told.
    """

    mode: FilterMode | None
    setting: str
    owner: str
    failures: int
    failed_at: float | None
    tripped_at: float | None


def read(db: Connection) -> Row:
    """Return the row."""
    query = "SELECT mode, setting, owner, failures, failed_at, tripped_at FROM moderation"
    mode, *others = db.execute(query).fetchone()
    return Row(FilterMode(mode) if mode else None, *others)


def in_force(row: Row, setting: FilterMode) -> FilterMode:
    """Return the mode that is in force while MODERATION says `setting`: what was chosen, unless that changed since."""
    return row.mode if row.mode and row.setting == setting else setting


def choose(db: Connection, mode: FilterMode, setting: FilterMode) -> None:
    """Let a mode be in force as long as the setting is that."""
    db.execute("UPDATE moderation SET mode = ?, setting = ?", (mode, setting))


def note_failures(db: Connection, count: int, now: float) -> None:
    """Count checks that failed or were slow."""
    db.execute("UPDATE moderation SET failures = failures + ?, failed_at = ?", (count, now))


def trip(db: Connection, setting: FilterMode, now: float) -> None:
    """Let nothing be held any more, as the breaker wants it, and staff be told of it."""
    choose(db, FilterMode.OBSERVE, setting)
    db.execute("UPDATE moderation SET tripped_at = ?", (now,))


def note_told(db: Connection) -> None:
    """Note that staff was told what the breaker did."""
    db.execute("UPDATE moderation SET tripped_at = NULL")
