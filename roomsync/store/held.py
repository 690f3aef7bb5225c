"""The table `held`: messages for which a filter had reasons, with all that is needed to send them later."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import NamedTuple

from roomsync.model import Kind, Message, Quote
from roomsync.store.connection import Connection
from roomsync.store.rooms import KEY


class HeldState(StrEnum):
    """What became of a message for which there were reasons."""

    HELD = "held"  # it waits for staff
    OBSERVED = "observed"  # it was relayed: staff was only told
    RELEASED = "released"
    ADVERT = "advert"  # staff keeps it back
    EXPIRED = "expired"  # nobody decided in time
    RECALLED = "recalled"  # its author took it back


MAX_CARD = 4096  # characters of a card
COLUMNS = """
h.message_id, h.state, h.reasons, h.text, {content}, h.quote, h.code, h.changed,
m.gateway_id, m.kind, m.talker_id, m.name, r.gateway_id, m.accepted_at
"""
# Of many, which may be pictures of megabytes: only what a line is made of.
LIGHT = f"""
CASE WHEN m.kind IN ('{Kind.IMAGE}', '{Kind.VIDEO}') OR length(h.content) > {MAX_CARD} THEN NULL ELSE h.content END
"""
# Pictures that were carried as bytes, of which staff decided long ago.
LIGHTEN = f"""
UPDATE held SET content = NULL WHERE message_id IN (
    SELECT h.message_id FROM held AS h INDEXED BY held_heavy JOIN messages AS m ON m.id = h.message_id
    WHERE length(h.content) > {MAX_CARD} AND h.state <> '{HeldState.HELD}' AND m.accepted_at < ?)
"""
FROM = "held AS h JOIN messages AS m ON m.id = h.message_id JOIN rooms AS r ON r.id = m.room"


class Held(NamedTuple):
    """A message with reasons, under its key. `code`: what stands in its QR code; `changed`: when its state did."""

    id: int
    state: HeldState
    reasons: tuple[str, ...]
    message: Message
    code: str
    changed: float
    said_at: float  # when the bot accepted it


def add(
    db: Connection, key: int, message: Message, state: HeldState, reasons: Sequence[str], code: str, now: float
) -> None:
    """Keep a message that stands in `messages` under that key."""
    script = """
    INSERT INTO held (message_id, state, reasons, text, content, quote, code, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    """
    quote = json.dumps(asdict(message.quote)) if message.quote else None
    text = message.text.encode("utf-8", "replace").decode()
    is_needed = state is HeldState.HELD or len(message.content or "") < MAX_CARD
    content = message.content if is_needed else None  # what was relayed stands in its parts, too
    values = key, state, json.dumps(reasons, ensure_ascii=False), text, content, quote, code, now
    db.execute(script, values)


def get(db: Connection, key: int) -> Held | None:
    """Return the message of that key, if there were reasons."""
    return next(_read(db, "h.message_id = ?", key, content="h.content"), None)


def waiting(db: Connection, limit: int) -> list[Held]:
    """Return the messages that wait for staff, the oldest first; without pictures, as all lists are."""
    return list(_read(db, f"h.state = '{HeldState.HELD}' ORDER BY h.message_id LIMIT ?", limit))


def unreported(db: Connection, limit: int) -> list[Held]:
    """Return the messages that staff was not told of, and decided nothing about, the oldest first."""
    open_states = f"'{HeldState.HELD}', '{HeldState.OBSERVED}'"
    return list(_read(db, f"h.reported = 0 AND h.state IN ({open_states}) ORDER BY h.message_id LIMIT ?", limit))


def note_reported(db: Connection, key: int | None = None) -> None:
    """Note that staff was told of the message of that key, or of all."""
    db.execute(
        "UPDATE held SET reported = 1 WHERE reported = 0 AND ? IN (message_id, -1)", (-1 if key is None else key,)
    )


def set_state(db: Connection, key: int, state: HeldState, now: float) -> None:
    """Note what became of a message; what its author took back, or nobody decided on, is not needed any more."""
    db.execute("UPDATE held SET state = ?, changed = ? WHERE message_id = ?", (state, now, key))
    if state in (HeldState.EXPIRED, HeldState.RECALLED):
        db.execute("UPDATE held SET content = NULL WHERE message_id = ?", (key,))


def recall(db: Connection, key: int, now: float) -> None:
    """Note that the author of a message took it back: it is not held any more, whatever staff decides."""
    row = db.execute("SELECT state FROM held WHERE message_id = ?", (key,)).fetchone()
    if row and row[0] in (HeldState.HELD, HeldState.ADVERT):
        set_state(db, key, HeldState.RECALLED, now)
        db.execute("UPDATE held SET reported = 1 WHERE message_id = ?", (key,))


def remove(db: Connection, key: int) -> None:
    """Let there be no reasons against a message any more."""
    db.execute("DELETE FROM held WHERE message_id = ?", (key,))


def is_kept_back(db: Connection, gateway_id: str, room_id: str) -> bool:
    """Return whether the message of that id, said in that room, was relayed nowhere because there were reasons."""
    query = f"""
    SELECT h.state FROM held AS h JOIN messages AS m ON m.id = h.message_id
    WHERE m.gateway_id = ? AND m.room = {KEY}
    """
    row = db.execute(query, (gateway_id, room_id)).fetchone()
    return row is not None and row[0] not in (HeldState.OBSERVED, HeldState.RELEASED)


def kept_back(db: Connection, limit: int) -> list[Held]:
    """Return the messages that are kept back, or are adverts that were relayed before, the newest first."""
    relayed = f"'{HeldState.OBSERVED}', '{HeldState.RELEASED}'"
    return list(_read(db, f"h.state NOT IN ({relayed}) ORDER BY h.message_id DESC LIMIT ?", limit))


def counts(db: Connection, since: float) -> dict[HeldState, int]:
    """Return how many messages wait for staff, and of how many others the state changed since then, by state."""
    query = f"SELECT state, count(*) FROM held WHERE state = '{HeldState.HELD}' OR changed >= ? GROUP BY state"
    return {HeldState(state): count for state, count in db.execute(query, (since,))}


def expire(db: Connection, before: float, now: float) -> int:
    """Give up what was accepted before that time and still waits for staff; return how many messages."""
    query = f"""
    SELECT h.message_id FROM held AS h JOIN messages AS m ON m.id = h.message_id
    WHERE h.state = '{HeldState.HELD}' AND m.accepted_at < ?
    """
    keys = [key for (key,) in db.execute(query, (before,))]
    for key in keys:
        set_state(db, key, HeldState.EXPIRED, now)
    db.execute(LIGHTEN, (before,))
    return len(keys)


def _read(db: Connection, where: str, *values: str | float, content: str = LIGHT) -> Iterator[Held]:
    for row in db.execute(f"SELECT {COLUMNS.format(content=content)} FROM {FROM} WHERE {where}", values):
        key, state, reasons, text, content, quote, code, changed, *of_message, room_id, said_at = row
        gateway_id, kind, talker_id, name = of_message
        quoted = Quote(**json.loads(quote)) if quote else None
        message = Message(gateway_id, room_id, talker_id, name, Kind(kind), text, content, quoted)
        yield Held(key, HeldState(state), tuple(json.loads(reasons)), message, code, changed, said_at)
