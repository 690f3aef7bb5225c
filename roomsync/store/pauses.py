"""The table `pauses`: communities to which nothing is sent; the empty one stands for all."""

import math
from typing import NamedTuple

from roomsync.store.connection import Connection

COLUMNS = "community, until, since, reminded_at"


class Pause(NamedTuple):
    """A pause of a community: since when, until when (None: without an end), and when staff last heard of it."""

    community: str
    until: float | None
    since: float
    reminded_at: float


def all_of(db: Connection, now: float) -> list[Pause]:
    """Return the pauses that are not over at that time, that of all communities first."""
    query = f"SELECT {COLUMNS} FROM pauses WHERE until IS NULL OR until > ? ORDER BY community"
    return [Pause(*row) for row in db.execute(query, (now,))]


def ends(db: Connection, now: float) -> dict[str, float]:
    """Return until when each community is paused, as the session has it: infinity where nothing says."""
    return {one.community: math.inf if one.until is None else one.until for one in all_of(db, now)}


def put(db: Connection, pause: Pause) -> None:
    """Pause a community, in the place of the pause that it had."""
    db.execute(f"INSERT OR REPLACE INTO pauses ({COLUMNS}) VALUES (?, ?, ?, ?)", pause)


def remove(db: Connection, community: str) -> None:
    """Let a community go on."""
    db.execute("DELETE FROM pauses WHERE community = ?", (community,))


def prune(db: Connection, before: float) -> None:
    """Forget pauses that were over before that time."""
    db.execute("DELETE FROM pauses WHERE until < ?", (before,))
