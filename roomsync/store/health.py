"""The table `health`, of one row: how the bot is doing, for `--status` and for the next process."""

from dataclasses import dataclass

from roomsync.session import Cooldown
from roomsync.store.connection import Connection


@dataclass(frozen=True)
class Health:
    """What is known: the phase of the session since when, and when the last event came (None: before the first).

    `written_at`: when the bot wrote last. `clock_ahead`: seconds that its clock was ahead of the machine's then, which
    had been set. `outage_length`: how many seconds the state file could not be written, until `outage_ended_at`.
    `verify_id`: what WeChat's question for a verify code is called; empty while it asks for none.
    """

    phase: str
    since: float | None
    last_event: float | None
    cooldown: Cooldown
    written_at: float | None = None
    clock_ahead: float = 0.0
    outage_ended_at: float | None = None
    outage_length: float = 0.0
    verify_id: str = ""


def read(db: Connection) -> Health:
    """Return the row."""
    query = """
    SELECT phase, since, last_event, cooldown_until, cooldown_length, written_at, clock_ahead, outage_ended_at,
    outage_length, verify_id FROM health
    """
    phase, since, last_event, until, length, *others = db.execute(query).fetchone()
    return Health(phase, since, last_event, Cooldown(until, length), *others)


def note_phase(db: Connection, phase: str, now: float) -> None:
    """Note the phase that the session is in from now on."""
    db.execute("UPDATE health SET phase = ?, since = ?", (phase, now))


def note_last_event(db: Connection, at: float) -> None:
    """Note when the last event came."""
    db.execute("UPDATE health SET last_event = ?", (at,))


def note_cooldown(db: Connection, cooldown: Cooldown) -> None:
    """Note a pause of the account."""
    db.execute("UPDATE health SET cooldown_until = ?, cooldown_length = ?", (cooldown.until, cooldown.length))


def note_written(db: Connection, now: float, clock_ahead: float) -> None:
    """Note that the bot writes now, and how far its clock is ahead of the machine's."""
    db.execute("UPDATE health SET written_at = ?, clock_ahead = ?", (now, clock_ahead))


def note_outage(db: Connection, ended_at: float, length: float) -> None:
    """Note a time in which the state file could not be written."""
    db.execute("UPDATE health SET outage_ended_at = ?, outage_length = ?", (ended_at, length))


def note_verify_id(db: Connection, verify_id: str) -> None:
    """Note what WeChat's question for a verify code is called; empty when it asks for none."""
    db.execute("UPDATE health SET verify_id = ?", (verify_id,))
