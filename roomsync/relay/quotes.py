"""What a reply quotes by its id, found in the state file."""

from roomsync import store
from roomsync.model import Message, Quote
from roomsync.relay.rooms import Rooms
from roomsync.store import StateFile
from roomsync.store.messages import Kept
from roomsync.text.mentions import MENTION_END


def quote_of(message: Message, state: StateFile, rooms: Rooms) -> Quote | None:
    """Return what `message` quotes by its id: what was said in its room, or came there from another; None for none.

    What came with others in one text is no single message: then that text is quoted. A line of the bot's own is left
    to the gateway, which knows what the bot is called in that room.
    """
    with state.connection() as db:
        found = store.messages.shown_as(db, message.quote_id, message.room_id) if message.quote_id else []
        if not found or not found[0].talker_id:
            return None
        text = store.sends.text_of(db, message.quote_id) if len(found) > 1 else _words(found[0])
    key = found[0].id if len(found) == 1 else None
    return Quote(_name(found[0], message, rooms), text, message.text, message.quote_id, key)


def _name(kept: Kept, message: Message, rooms: Rooms) -> str:
    """Return who said it, and where when that is another room, as a header does."""
    home = rooms.get(kept.room_id) if kept.room_id != message.room_id else None
    return f"{kept.name}@{home.label}" if home else kept.name


def _words(kept: Kept) -> str:
    # The first part may be the one in which somebody is mentioned.
    return kept.body.partition(MENTION_END)[2] if kept.mention else kept.body
