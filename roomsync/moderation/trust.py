"""Trust: who said ordinary things for a while may post what newcomers may not. Pure."""

import time

from roomsync.moderation.grams import MIN_UNITS
from roomsync.store.trust import Trust

MIN_TEXTS = 5  # relayed texts that earn it
MIN_DAYS = 2  # different days of this machine on which they were said


def is_trusted(trust: Trust | None) -> bool:
    """Return whether a member is trusted, by its own texts or by staff's word."""
    return trust is not None and (trust.is_granted or (trust.texts >= MIN_TEXTS and trust.days >= MIN_DAYS))


def counts(units: int) -> bool:
    """Return whether a text of so many units earns trust: a short one says nothing about who says it."""
    return units >= MIN_UNITS


def with_text(trust: Trust, name: str, now: float) -> Trust:
    """Return the trust of a member who said one more such text."""
    day = time.strftime("%Y-%m-%d", time.localtime(now))
    days = trust.days + (day != trust.last_day)
    return trust._replace(name=name, texts=trust.texts + 1, days=days, last_day=day)
