"""The table `health`, of one row: how the bot is doing, for `--status` and for the next process."""

from dataclasses import dataclass
from sqlite3 import Connection

from roomsync.session import Cooldown


@dataclass(frozen=True)
class Health:
    """What is known: the phase of the session since when, and when the last event came (None: before the first)."""

    phase: str
    since: float | None
    last_event: float | None
    cooldown: Cooldown


def read(db: Connection) -> Health:
    """Return the row."""
    query = "SELECT phase, since, last_event, cooldown_until, cooldown_length FROM health"
    phase, since, last_event, *cooldown = db.execute(query).fetchone()
    return Health(phase, since, last_event, Cooldown(*cooldown))


def note_phase(db: Connection, phase: str, now: float) -> None:
    """Note the phase that the session is in from now on."""
    db.execute("UPDATE health SET phase = ?, since = ?", (phase, now))


def note_last_event(db: Connection, at: float) -> None:
    """Note when the last event came."""
    db.execute("UPDATE health SET last_event = ?", (at,))


def note_cooldown(db: Connection, cooldown: Cooldown) -> None:
    """Note a pause of the account."""
    db.execute("UPDATE health SET cooldown_until = ?, cooldown_length = ?", (cooldown.until, cooldown.length))
