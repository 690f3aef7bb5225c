"""The table `parts`: what messages became, one thing to send each."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from roomsync.model import Kind, Part, Reason, State
from roomsync.store.connection import Connection
from roomsync.store.rooms import KEY
from roomsync.store.sends import BARE, bare

MIN_PAYLOAD = 4096  # characters of a body that is worth getting rid of early; in the index parts_heavy, too
MAX_HEADER = 200  # characters that are looked at: far more than one has
ADD = """
INSERT INTO parts (message_id, part, kind, body, header, mention, caption, quoted, quote_line)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
ORIGIN = """
SELECT d.message_id, d.part, p.body, m.gateway_id FROM deliveries AS d JOIN parts AS p USING (message_id, part)
JOIN messages AS m ON m.id = d.message_id WHERE d.id = ?
"""
DROP = f"""
UPDATE parts SET body = '{{}}' WHERE (message_id, part) IN (
    SELECT p.message_id, p.part FROM parts AS p INDEXED BY parts_heavy
    WHERE length(p.body) > {MIN_PAYLOAD} AND p.kind <> '{Kind.TEXT}' AND NOT EXISTS (
        SELECT 1 FROM deliveries AS d WHERE d.message_id = p.message_id
        AND (d.state IN ('{State.WAITING}', '{State.SENDING}') OR d.reason = '{Reason.ROOM_SHUT}' OR d.changed >= ?))
    LIMIT ?)
"""


class Origin(NamedTuple):
    """The part that a delivery is of, its body, and the gateway's id of its message; None for one of the bot's own."""

    message_id: int
    part: int
    body: str
    gateway_id: str | None


def add(db: Connection, message_id: int, parts: Iterable[Part]) -> None:
    """Add parts, each different, to a message that has none; they are numbered in their order, from 0."""
    db.executemany(ADD, [_row(message_id, number, part) for number, part in enumerate(parts)])


def append(db: Connection, message_id: int, part: Part) -> int:
    """Add one part behind those that a message has; return its number."""
    (number,) = db.execute("SELECT max(part) + 1 FROM parts WHERE message_id = ?", (message_id,)).fetchone()
    db.execute(ADD, _row(message_id, number, part))
    return int(number)


def _row(message_id: int, number: int, part: Part) -> tuple[str | int | None, ...]:
    said = part.kind, part.body, part.header, part.mention, part.caption
    return message_id, number, *said, part.quoted, part.quote_line


def rewrite(db: Connection, message_id: int, body: str) -> None:
    """Change the words of a message that has one part, which went nowhere yet."""
    db.execute("UPDATE parts SET body = ? WHERE message_id = ?", (body, message_id))


def origin(db: Connection, delivery_id: int) -> Origin:
    """Return the part that a delivery is of."""
    return Origin(*db.execute(ORIGIN, (delivery_id,)).fetchone())


def set_body(db: Connection, part: Origin) -> None:
    """Give a part the body that `part` has: every delivery of it that still waits goes with that."""
    db.execute("UPDATE parts SET body = ? WHERE message_id = ? AND part = ?", (part.body, part.message_id, part.part))


def header_of(db: Connection, message_id: int) -> str:
    """Return the header of a message's first part; empty when it has no part."""
    row = db.execute("SELECT header FROM parts WHERE message_id = ? ORDER BY part LIMIT 1", (message_id,)).fetchone()
    return str(row[0]) if row else ""


def words_of(db: Connection, message_id: int) -> list[str]:
    """Return the texts that a message became, without captions, and without what only one member is told."""
    query = f"""
    SELECT body FROM parts WHERE message_id = ? AND kind = '{Kind.TEXT}' AND NOT caption AND mention = '' ORDER BY part
    """
    return [body for (body,) in db.execute(query, (message_id,))]


def has_header(db: Connection, line: str) -> bool:
    """Return whether a line begins with the header of a part, whatever room or setting gave it that.

    A gateway may take away some of the blanks at the end of the header.
    """
    ends = range(1, min(len(line), MAX_HEADER) + 1)
    starts = json.dumps([line[:end] + blanks for end in ends for blanks in ("", " ", "  ")])
    query = "SELECT 1 FROM parts WHERE header IN (SELECT value FROM json_each(?)) LIMIT 1"
    return db.execute(query, (starts,)).fetchone() is not None


def has_own_words(db: Connection, room_id: str, words: str) -> bool:
    """Return whether the bot says these words itself in that room, under nobody's header, as what staff announces.

    They are found here also when their send is forgotten.
    """
    query = f"""
    SELECT 1 FROM parts AS p JOIN deliveries AS d USING (message_id, part)
    WHERE p.header = '' AND p.kind = '{Kind.TEXT}' AND {BARE} = ? AND d.room = {KEY} LIMIT 1
    """
    return db.execute(query, (bare(words), room_id)).fetchone() is not None


def drop_payloads(db: Connection, before: float, limit: int) -> int:
    """Blank pictures and files that were carried as bytes, `limit` at the most; return how many.

    None of their deliveries may wait, or have changed since `before`: WeChat's notice could ask for it again.
    """
    return db.execute(DROP, (before, limit)).rowcount
