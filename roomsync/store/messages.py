"""The table `messages`: what was said, by whom, in which room; the bot's own lines and recalls among it."""

from typing import NamedTuple

from roomsync.model import Author, Kind, Message, State
from roomsync.store import rooms
from roomsync.store.connection import Connection

ADD = """
INSERT INTO messages (gateway_id, room, talker_id, name, kind, accepted_at, missed)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id
"""
AUTHORS_BY_SEND = """
SELECT DISTINCT m.talker_id, m.name, r.gateway_id FROM sends AS s JOIN deliveries AS d ON d.send_id = s.id
JOIN messages AS m ON m.id = d.message_id JOIN rooms AS r ON r.id = m.room
WHERE s.sent_id = ? AND m.talker_id <> '' LIMIT 2
"""
AUTHORS_BY_WORDS = """
SELECT DISTINCT m.talker_id, m.name, r.gateway_id FROM parts AS p JOIN messages AS m ON m.id = p.message_id
JOIN rooms AS r ON r.id = m.room WHERE p.header = ? AND m.talker_id <> '' AND substr(p.body, 1, ?) = ? LIMIT 2
"""
# Who said a message, where, and the start of what it became.
KEPT = """
SELECT m.id, m.talker_id, m.name, r.gateway_id, p.body, p.mention FROM messages AS m
JOIN rooms AS r ON r.id = m.room JOIN parts AS p ON p.message_id = m.id AND p.part = 0
"""
SAID = f"{KEPT} WHERE m.gateway_id = ? AND m.room = {rooms.KEY}"
CARRIED = f"""
{KEPT} JOIN deliveries AS d ON d.message_id = m.id JOIN sends AS s ON s.id = d.send_id
WHERE s.sent_id = ? AND s.room = {rooms.KEY} AND d.state <> '{State.OMITTED}' GROUP BY m.id ORDER BY min(d.id)
"""
# What members said in rooms that have a mode, which are those of communities, the newest first.
RECENT = """
SELECT m.id, m.talker_id, m.name, r.gateway_id, coalesce(p.body, ''), m.accepted_at,
EXISTS (SELECT 1 FROM recalls WHERE recalled = m.id), coalesce(h.state, '')
FROM messages AS m JOIN rooms AS r ON r.id = m.room LEFT JOIN parts AS p ON p.message_id = m.id AND p.part = 0
LEFT JOIN held AS h ON h.message_id = m.id
WHERE m.talker_id <> '' AND r.mode IS NOT NULL AND m.kind <> 'system' {where} ORDER BY m.id DESC LIMIT ?
"""
# What comes from the room itself is the bot's own.
WAITING_NOTICE = f"""
SELECT m.id, m.missed FROM deliveries AS d INDEXED BY deliveries_by_source JOIN messages AS m ON m.id = d.message_id
WHERE d.room = {rooms.KEY} AND d.source = d.room AND d.state = '{State.WAITING}' AND m.missed > 0 AND d.send_id IS NULL
"""
IS_KEPT = """
(EXISTS (SELECT 1 FROM parts WHERE message_id = messages.id)
OR EXISTS (SELECT 1 FROM held WHERE message_id = messages.id))
"""
PRUNE = f"""
DELETE FROM messages WHERE id IN (SELECT m.id FROM messages AS m WHERE m.accepted_at < ? AND NOT EXISTS (
    SELECT 1 FROM deliveries AS d WHERE d.message_id = m.id
    AND (d.state IN ('{State.WAITING}', '{State.SENDING}') OR d.changed >= ?))
AND NOT EXISTS (SELECT 1 FROM held AS h WHERE h.message_id = m.id AND (h.state = 'held' OR h.changed >= ?)) LIMIT ?)
"""


class Kept(NamedTuple):
    """A message as it is kept. `body` and `mention` are those of its first part."""

    id: int
    talker_id: str
    name: str
    room_id: str
    body: str
    mention: str


class Spoken(NamedTuple):
    """What a member said in a room of a community, under its key. `body`: the start of what it became; empty: nothing.

    `recalled`: it was taken back. `held`: its state, if a filter had reasons.
    """

    id: int
    talker_id: str
    name: str
    room_id: str
    body: str
    accepted_at: float
    recalled: int
    held: str = ""


class Notice(NamedTuple):
    """A line for a room that says how many messages it missed."""

    message_id: int
    missed: int


def add(db: Connection, message: Message, now: float) -> int | None:
    """Add a message with its room; return its key, None when it was known already."""
    room = rooms.key(db, message.room_id)
    values = (message.id, room, message.talker_id, message.name, message.kind, now, 0)
    row = db.execute(ADD, values).fetchone()
    return row[0] if row else None


def add_own(db: Connection, room_id: str, kind: Kind, now: float, missed: int = 0) -> int:
    """Add a message that no member said: a line of the bot's own for that room, or a recall there; return its key."""
    room = rooms.key(db, room_id)
    return int(db.execute(ADD, (None, room, "", "", kind, now, missed)).fetchone()[0])


def find(db: Connection, gateway_id: str, room_id: str) -> int | None:
    """Return the key of the message of that id that was said in that room, and became something to send, or is held."""
    query = f"SELECT id FROM messages WHERE gateway_id = ? AND room = {rooms.KEY} AND {IS_KEPT}"
    row = db.execute(query, (gateway_id, room_id)).fetchone()
    return row[0] if row else None


def shown_as(db: Connection, gateway_id: str, room_id: str) -> list[Kept]:
    """Return the messages whose words the gateway calls so in that room: the one said there, or those of a send."""
    rows = db.execute(SAID, (gateway_id, room_id)).fetchall() or db.execute(CARRIED, (gateway_id, room_id)).fetchall()
    return [Kept(*row) for row in rows]


def is_kept(db: Connection, message_id: int, accepted_at: float) -> bool:
    """Return whether the message of that key is the one that was accepted then: keys may come again, in the end."""
    query = "SELECT 1 FROM messages WHERE id = ? AND accepted_at = ?"
    return db.execute(query, (message_id, accepted_at)).fetchone() is not None


def recent(db: Connection, room_id: str | None, limit: int) -> list[Spoken]:
    """Return the last messages that members said in a room of a community (None: in any), the newest first."""
    where = "" if room_id is None else f"AND m.room = {rooms.KEY}"
    return [Spoken(*row) for row in db.execute(RECENT.format(where=where), [*([room_id] if room_id else []), limit])]


def spoken(db: Connection, message_id: int) -> Spoken | None:
    """Return the message of that key, if a member said it in a room of a community."""
    row = db.execute(RECENT.format(where="AND m.id = ?"), (message_id, 1)).fetchone()
    return Spoken(*row) if row else None


def speakers(db: Connection, since: float) -> list[Spoken]:
    """Return the last message of each member, under each name, since then, the newest first."""
    rows = map(Spoken._make, db.execute(RECENT.format(where="AND m.accepted_at >= ?"), (since, -1)))
    found: dict[tuple[str, str], Spoken] = {}
    for row in rows:
        found.setdefault((row.talker_id, row.name), row)
    return list(found.values())


def set_accepted(db: Connection, message_id: int, now: float) -> None:
    """Let a message be as old as if it were accepted now: what was held is relayed later."""
    db.execute("UPDATE messages SET accepted_at = ? WHERE id = ?", (now, message_id))


def waiting_notice(db: Connection, room_id: str) -> Notice | None:
    """Return the notice that waits for that room, if it went nowhere yet."""
    row = db.execute(WAITING_NOTICE, (room_id,)).fetchone()
    return Notice(*row) if row else None


def set_missed(db: Connection, message_id: int, missed: int) -> None:
    """Change how many messages a notice says that its room missed."""
    db.execute("UPDATE messages SET missed = ? WHERE id = ?", (missed, message_id))


def authors_by_send(db: Connection, sent_id: str) -> list[Author]:
    """Return the members whose words went with the send of that id; two of them at the most."""
    return [Author(*row) for row in db.execute(AUTHORS_BY_SEND, (sent_id,))]


def authors_by_words(db: Connection, header: str, start: str) -> list[Author]:
    """Return the members who said something with that header that starts so; two of them at the most."""
    return [Author(*row) for row in db.execute(AUTHORS_BY_WORDS, (header, len(start), start))]


def ids_from(db: Connection, start: str, since: float) -> list[str]:
    """Return the ids that begin with `start`, which ends with U+001F, of messages accepted since then."""
    query = "SELECT gateway_id FROM messages WHERE gateway_id > ? AND gateway_id < ? AND accepted_at >= ?"
    return [one for (one,) in db.execute(query, (start, start[:-1] + " ", since))]


def texts(db: Connection, room_id: str, talker_id: str, since: float) -> list[tuple[str, str]]:
    """Return the texts said in that room since then, by that one or, when empty, by anybody: id, and first part.

    Of a text that is held, all of it.
    """
    query = f"""
    SELECT m.gateway_id, coalesce(p.body, h.text) FROM messages AS m
    LEFT JOIN parts AS p ON p.message_id = m.id AND p.part = 0 LEFT JOIN held AS h ON h.message_id = m.id
    WHERE coalesce(p.body, h.text) IS NOT NULL
    AND m.accepted_at >= ? AND m.room = {rooms.KEY} AND m.kind = '{Kind.TEXT}' AND ? IN ('', m.talker_id)
    """
    return db.execute(query, (since, room_id, talker_id)).fetchall()


def clamp(db: Connection, now: float) -> None:
    """Let no message be later than now, after the clock was set back."""
    db.execute("UPDATE messages SET accepted_at = ? WHERE accepted_at > ?", (now, now))


def prune(db: Connection, before: float, limit: int) -> int:
    """Forget messages with which nothing happened since then, `limit` at the most; return how many."""
    return db.execute(PRUNE, (before, before, before, limit)).rowcount
