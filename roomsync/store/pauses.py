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


def end(db: Connection, community: str, now: float) -> None:
    """Let a community go on."""
    db.execute(
        "UPDATE pauses SET until = ? WHERE community = ? AND (until IS NULL OR until > ?)", (now, community, now)
    )


def ended_since(db: Connection, since: float) -> list[str]:
    """Return the communities that are paused, or were at some time since then."""
    rows = db.execute("SELECT community FROM pauses WHERE until IS NULL OR until > ?", (since,))
    return [community for (community,) in rows]


def prune(db: Connection, before: float) -> None:
    """Forget pauses that were over before that time."""
    db.execute("DELETE FROM pauses WHERE until < ?", (before,))
