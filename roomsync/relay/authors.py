"""Who said what somebody quotes, found in the state file."""

from collections.abc import Collection

from roomsync import store
from roomsync.model import Author, Quote
from roomsync.store import StateFile
from roomsync.text.headers import HeaderTemplate

MAX_COMPARED = 20  # characters; WeChat shortens what is quoted


def author_of(quote: Quote, state: StateFile, template: HeaderTemplate, labels: Collection[str]) -> Author | None:
    """Return the one member who said what is quoted, if the bot relayed it; None when none or more than one fits."""
    with state.connection() as db:
        found = store.messages.authors_by_send(db, quote.message_id) if quote.message_id else []
        if not found:
            # A quote of a text that carried several people's lines is a quote of none of them.
            spoken = template.parse_batch(quote.content, labels)
            if len({(one.name, one.label) for one in spoken}) != 1:
                return None
            header = template.render(spoken[0].name, spoken[0].label)
            words = spoken[0].text.partition("\n")[0][:MAX_COMPARED]
            found = store.messages.authors_by_words(db, header, words)
        return found[0] if len(found) == 1 else None
