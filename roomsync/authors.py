"""Who said what somebody quotes, found in the state file."""

from collections.abc import Collection

from roomsync.headers import HeaderForm
from roomsync.model import Author, Quote
from roomsync.statefile import StateFile

BY_SEND = """
SELECT DISTINCT m.talker_id, m.name, m.room_id FROM sends AS s JOIN deliveries AS d ON d.send_id = s.id
JOIN messages AS m ON m.id = d.message_id WHERE s.sent_id = ? AND m.talker_id <> '' LIMIT 2
"""
BY_WORDS = """
SELECT DISTINCT m.talker_id, m.name, m.room_id FROM parts AS p JOIN messages AS m ON m.id = p.message_id
WHERE p.header = ? AND m.talker_id <> '' AND substr(p.body, 1, ?) = ?
"""
WORDS_COMPARED = 20  # signs; WeChat shortens what is quoted


def author_of(quote: Quote, state: StateFile, form: HeaderForm, labels: Collection[str]) -> Author | None:
    """The one member who said what is quoted, if the bot relayed it; None when no one or more than one fits."""
    with state.reading() as db:
        rows = db.execute(BY_SEND, (quote.message_id,)).fetchall() if quote.message_id else []
        if not rows:
            # A quote of a text that carried several people's lines is a quote of none of them.
            spoken = form.parse_batch(quote.content, labels)
            if len({(one.name, one.label) for one in spoken}) != 1:
                return None
            header = form.render(spoken[0].name, spoken[0].label)
            words = spoken[0].text.partition("\n")[0][:WORDS_COMPARED]
            rows = db.execute(BY_WORDS, (header, len(words), words)).fetchall()
        return Author(*rows[0]) if len(rows) == 1 else None
