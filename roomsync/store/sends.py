"""The table `sends`: calls to the gateway, each carrying one delivery or several, and what the gateway calls it."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from roomsync.model import Kind, State
from roomsync.store import call_log
from roomsync.store.connection import Connection
from roomsync.store.rooms import KEY

# The oldest send that has had no echo, or fewer than it was tried. A text is known by its words, anything else by its
# kind; of those only one that has not waited long for its next try, and only where none is being made.
AWAITING_ECHO = f"""
SELECT s.id FROM sends AS s WHERE s.room = {KEY} AND s.at >= ?
AND (s.sent_id IS NULL OR (s.tries > 1 AND s.echoes < s.tries - 1))
AND s.kind = ? AND (s.kind <> '{Kind.TEXT}' OR s.body = ?)
AND (s.kind = '{Kind.TEXT}' OR NOT EXISTS (
    SELECT 1 FROM deliveries AS d WHERE d.send_id = s.id AND d.state = '{State.WAITING}' AND d.changed < ?))
ORDER BY s.kind <> '{Kind.TEXT}' AND EXISTS (
    SELECT 1 FROM deliveries AS d WHERE d.send_id = s.id AND d.state = '{State.WAITING}'), s.at, s.id LIMIT 1
"""
# Not an announcement, whose id is made up: char(31) is in none of a gateway.
IS_SAID_THERE = f"SELECT gateway_id FROM messages WHERE id = ? AND room = {KEY} AND instr(gateway_id, char(31)) = 0"
# The newest send that brought the last part of a message to a room (no caption is one), and whether it brought other
# messages, too.
COPY = f"""
SELECT s.sent_id, EXISTS (
    SELECT 1 FROM deliveries WHERE send_id = s.id AND message_id <> d.message_id AND state <> '{State.OMITTED}')
FROM deliveries AS d JOIN sends AS s ON s.id = d.send_id
WHERE d.message_id = ? AND d.room = {KEY} AND d.state = '{State.SENT}' AND s.sent_id IS NOT NULL AND d.part = (
    SELECT max(part) FROM deliveries WHERE message_id = d.message_id AND room = d.room)
ORDER BY s.at DESC, s.id DESC LIMIT 1
"""

# What is no text: a send that may be shown under an id that is not known, because its answer gave none, an echo may
# have given the one that is known, or it was made again; and of any, one that was made close to that time.
NO_TEXT = f"NOT IN ('{Kind.TEXT}', '{Kind.RECALLED}')"
IN_HAND = f"SELECT 1 FROM deliveries AS d JOIN sends AS s ON s.id = d.send_id AND s.kind {NO_TEXT} WHERE d.room = {KEY}"
MAY_SHOW = f"""
SELECT 1 FROM sends AS s WHERE s.room = {KEY} AND s.kind {NO_TEXT} AND s.at BETWEEN ? AND ? AND (
    s.sent_id IS NULL OR s.tries > 1 OR (s.echoes > 0 AND s.id NOT IN (SELECT value FROM json_each(?)))
    OR s.at BETWEEN ? AND ?)
UNION ALL SELECT 1 FROM call_log AS c WHERE c.room = {KEY} AND c.kind {NO_TEXT} AND c.at BETWEEN ? AND ?
UNION ALL {IN_HAND} AND d.state = '{State.WAITING}' UNION ALL {IN_HAND} AND d.state = '{State.SENDING}' LIMIT 1
"""
BLANKS = " \t\n\r"  # gateways take some away, and write line breaks in their own way
# SQL for what `bare` returns of a body.
BARE = "replace(replace(replace(replace(body, ' ', ''), char(9), ''), char(10), ''), char(13), '')"
SAME_WORDS = f"SELECT 1 FROM sends WHERE room = {KEY} AND kind = '{Kind.TEXT}' AND {BARE} = ? LIMIT 1"


class Copy(NamedTuple):
    """What a room has of a message: what the gateway calls it; `mixed`: words of other messages stand in it, too."""

    id: str
    mixed: bool


def add(db: Connection, room_id: str, kind: Kind, body: str, now: float) -> int:
    """Add a send that is made now; return its key."""
    script = f"INSERT INTO sends (room, kind, body, at) VALUES ({KEY}, ?, ?, ?) RETURNING id"
    return int(db.execute(script, (room_id, kind, body, now)).fetchone()[0])


def repeat(db: Connection, send_id: int, now: float) -> None:
    """Note that a send is made again now."""
    call_log.log_call(db, send_id)
    db.execute("UPDATE sends SET at = ?, tries = tries + 1 WHERE id = ?", (now, send_id))


def forget(db: Connection, send_id: int, *, made: bool = True) -> None:
    """Forget a send of which nothing came: its deliveries are free to go with others.

    `made`: the gateway was called, which counts for the pace.
    """
    if made:
        call_log.log_call(db, send_id)
    db.execute("DELETE FROM sends WHERE id = ?", (send_id,))


def note_sent_id(db: Connection, send_id: int, sent_id: str) -> None:
    """Note what the gateway calls the message that was sent."""
    db.execute("UPDATE sends SET sent_id = ? WHERE id = ?", (sent_id, send_id))


def note_echo(db: Connection, send_id: int, sent_id: str) -> None:
    """Note that the gateway showed the message that was sent, under that id."""
    db.execute("UPDATE sends SET sent_id = coalesce(sent_id, ?), echoes = echoes + 1 WHERE id = ?", (sent_id, send_id))


def awaiting_echo(db: Connection, room_id: str, kind: Kind, body: str, since: float, media_since: float) -> int | None:
    """Return the send that a message of the bot's own shows, if it was made after `since`.

    Of what is no text none that failed before `media_since`: it is known by its kind alone.
    """
    row = db.execute(AWAITING_ECHO, (room_id, since, kind, body, media_since)).fetchone()
    return row[0] if row else None


def first_at(db: Connection, message_key: int) -> float | None:
    """Return when the first send was made that brought a message somewhere; None when none was."""
    query = "SELECT min(s.at) FROM deliveries AS d JOIN sends AS s ON s.id = d.send_id WHERE d.message_id = ?"
    row = db.execute(query, (message_key,)).fetchone()
    return None if row[0] is None else float(row[0])


def last_in(db: Connection, room_id: str, since: float) -> int | None:
    """Return the last send to a room, if it was made since then."""
    query = f"SELECT id FROM sends WHERE room = {KEY} AND at >= ? ORDER BY at DESC, id DESC LIMIT 1"
    row = db.execute(query, (room_id, since)).fetchone()
    return row[0] if row else None


def last_but(db: Connection, room_id: str, send_id: int | None, now: float) -> int | None:
    """Return the last send that showed something in a room, without that one.

    What was sent later than `now` was sent before the machine's clock was set back: it is not the last one.
    """
    query = f"""
    SELECT id FROM sends WHERE room = {KEY} AND id IS NOT ? AND kind <> ? AND at <= ? ORDER BY at DESC, id DESC LIMIT 1
    """
    row = db.execute(query, (room_id, send_id, Kind.RECALLED, now)).fetchone()
    return row[0] if row else None


def is_ours(db: Connection, sent_id: str) -> bool:
    """Return whether that is the gateway's id of something that the bot sent."""
    return db.execute("SELECT 1 FROM sends WHERE sent_id = ?", (sent_id,)).fetchone() is not None


def may_show(
    db: Connection, room_id: str, within: tuple[float, float], close: tuple[float, float], answered: Iterable[int]
) -> bool:
    """Return whether something that is no text, sent or perhaps sent to a room, may be shown under an unknown id.

    It counts when it was made `within` that time, one whose answer gave its id for certain only when it was `close`;
    and as long as it is not known to be made. `answered`: sends whose id came with their answer, whatever echoes say.
    """
    ids = json.dumps(list(answered))
    values = (room_id, *within, ids, *close, room_id, *within, room_id, room_id)
    return db.execute(MAY_SHOW, values).fetchone() is not None


def has_words(db: Connection, room_id: str, words: str) -> bool:
    """Return whether a text of these words was sent to a room; blanks and line breaks do not count."""
    return db.execute(SAME_WORDS, (room_id, bare(words))).fetchone() is not None


def bare(words: str) -> str:
    """Return words as they are compared: without blanks and line breaks."""
    return words.translate(dict.fromkeys(map(ord, BLANKS)))


def text_of(db: Connection, sent_id: str) -> str:
    """Return the text that was sent with that id of the gateway's; empty for what was no text."""
    row = db.execute("SELECT body FROM sends WHERE sent_id = ?", (sent_id,)).fetchone()
    return str(row[0]) if row else ""


def body_of(db: Connection, send_id: int) -> str:
    """Return the text that a send was made with; empty for what was no text."""
    return str(db.execute("SELECT body FROM sends WHERE id = ?", (send_id,)).fetchone()[0])


def copy_of(db: Connection, message_key: int, room_id: str) -> Copy | None:
    """Return what a room has of a message: itself where it was said, else what the bot sent last of its last part.

    None when that room has nothing of it, not the whole of it yet, or the gateway gave no id; and when the message was
    taken back.
    """
    if db.execute("SELECT 1 FROM recalls WHERE recalled = ?", (message_key,)).fetchone():
        return None
    if said := db.execute(IS_SAID_THERE, (message_key, room_id)).fetchone():
        return Copy(said[0], False)
    row = db.execute(COPY, (message_key, room_id)).fetchone()
    return Copy(row[0], bool(row[1])) if row else None


def clamp(db: Connection, now: float) -> None:
    """Let no send be later than now: else, when the clock was set back, the last one would not be known."""
    db.execute("UPDATE sends SET at = ? WHERE room IN (SELECT id FROM rooms) AND at > ?", (now, now))


def prune(db: Connection, before: float) -> None:
    """Forget sends that were made before that time."""
    db.execute("DELETE FROM sends WHERE room IN (SELECT id FROM rooms) AND at < ?", (before,))
