"""What members have earned, in the state file: counted, given by staff, taken away, and given back."""

from roomsync import store
from roomsync.model import Kind, Message
from roomsync.moderation import trust
from roomsync.moderation.grams import units
from roomsync.moderation.said import words_of
from roomsync.store.trust import Trust

Before = list[str | int | bool] | None  # what spoke for a member before something was changed, as JSON has it


def earn(db: store.Connection, account_id: str, message: Message, now: float) -> Before:
    """Count one more text for who said it, if it is long enough; return what spoke for them before."""
    contact = message.talker_id
    before = store.trust.get(db, account_id, contact)
    if message.kind is Kind.TEXT and contact and trust.counts(len(units(words_of(message)))):
        known = before or Trust(account_id, contact, message.name)
        store.trust.put(db, trust.with_text(known, message.name, now))
    return list(before) if before else None


def give(db: store.Connection, account_id: str, contact_id: str, name: str) -> Before:
    """Let a member be trusted by staff's word; return what spoke for them before."""
    before = store.trust.get(db, account_id, contact_id)
    store.trust.put(db, (before or Trust(account_id, contact_id, name))._replace(name=name, is_granted=True))
    return list(before) if before else None


def take_away(db: store.Connection, account_id: str, contact_id: str) -> Before:
    """Let nothing speak for a member; return what did before."""
    before = store.trust.get(db, account_id, contact_id)
    store.trust.remove(db, account_id, contact_id)
    return list(before) if before else None


def restore(db: store.Connection, before: object, account_id: str, contact_id: str, *, grant: bool = False) -> None:
    """Let speak for a member what did before; not `grant`: staff's word that was given since stays."""
    now = None if grant else store.trust.get(db, account_id, contact_id)
    is_granted = now is not None and now.is_granted
    if isinstance(before, list):
        earlier = Trust(*before)
        store.trust.put(db, earlier._replace(is_granted=earlier.is_granted or is_granted))
    elif now is None or not is_granted:
        store.trust.remove(db, account_id, contact_id)
