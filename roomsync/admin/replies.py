"""What the parts of this wing hand each other: who asks, and what is answered."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from roomsync.store import Connection
from roomsync.store.actions import Undo

MACHINE = ""  # the place of what is said on the machine; any other is the id of a room or of a contact


class Refused(Exception):
    """A command that is not carried out: nothing was changed. The text is the answer."""


@dataclass(frozen=True)
class Context:
    """Who gives a command, where, when, and the transaction in which it is carried out.

    `mention_ids` and `mention_names`: whom it mentions, and what they are called. `confirmed`: what it would ask before
    it is done is agreed to.
    """

    db: Connection
    contact_id: str
    name: str
    place: str
    now: float
    mention_ids: tuple[str, ...] = ()
    mention_names: tuple[str, ...] = ()
    confirmed: bool = False


@dataclass(frozen=True)
class Reply:
    """An answer. `what` was done, for the record, empty when nothing was; `undo` takes it back.

    `then` is called with the number under which that is on record. `is_done`: nothing more has to be said for it.
    """

    text: str
    what: str = ""
    undo: Undo | None = None
    then: Callable[[int], None] = lambda number: None
    is_done: bool = True


def clock(at: float, now: float) -> str:
    """Return a time as people of this machine's time zone read it: `14:30`, of another day `11-26 14:30`."""
    then, today = time.localtime(at), time.localtime(now)
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%m-%d %H:%M", then)


def span(seconds: float) -> str:
    """Return how long something takes: `12 秒`, `90 分钟`, `3 小时`, `2 天`; never more than it is."""
    for unit, size in (("天", 86400), ("小时", 3600), ("分钟", 60)):
        if seconds >= 2 * size or size <= seconds < 1.1 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, round(seconds))} 秒"
