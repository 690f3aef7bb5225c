"""The end of the quiet hours: where many pictures wait, lines go that count them, before anything else is sent."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from roomsync import store
from roomsync.delivery.gate import QuietHours
from roomsync.errors import StateFileError
from roomsync.model import Kind
from roomsync.store import StateFile
from roomsync.store.waiting import Waiting
from roomsync.text.kinds import counted_text

log = logging.getLogger(__name__)

MAX_PICTURES = 10  # of one source room that go to a room one by one
Pair = tuple[Waiting, Waiting]  # a caption and its picture


class Morning:
    """Goes through the rooms once after each quiet hours, and once after a start: that may be later in the morning.

    It is asked before each send, in the state file's thread, and does one room each time, so that others' work goes
    between.
    """

    def __init__(self, state: StateFile, quiet: QuietHours) -> None:
        self._state, self._quiet = state, quiet
        self._room = 0  # the key of the last room that was gone through
        self._done_until = 0.0  # when the next quiet hours start

    def step(self, now: float) -> bool:
        """Go through one more room; False when none is left, or it is not time. Raises `StateFileError`."""
        if now < self._done_until or self._quiet.end(now):
            return False
        with self._state.connection() as db:
            found = store.waiting.room_after(db, self._room)
        if found is None:
            self._room, self._done_until = 0, self._quiet.start(now)
            return False
        key, room_id = found
        try:
            self._go_through(room_id, now)
        except StateFileError:
            raise  # done again
        except Exception:
            log.exception("The pictures for %s were not counted, in a way that was not foreseen; they go.", room_id)
        self._room = key
        return True

    def _go_through(self, room_id: str, now: float) -> None:
        with self._state.connection() as db:
            sources = [[front, *store.waiting.behind(db, front)] for front in store.waiting.fronts(db, room_id)]
        many = [pairs for rows in sources for pairs in too_many(rows, self._quiet)]
        if not many:
            return
        with self._state.transaction() as db:
            for pairs in many:
                captions, pictures = zip(*((caption.id, picture.id) for caption, picture in pairs), strict=True)
                line = counted_text(Kind.IMAGE, len(pairs))
                store.deliveries.count_pictures(db, captions, pictures, line, now)


def too_many(rows: Iterable[Waiting], quiet: QuietHours) -> list[list[Pair]]:
    """Return the pictures of the quiet hours in what waits for a room from one source room, those of each talker apart.

    Empty when they are not more than go one by one. What was tried before is none of them, nor what staff announces.
    """
    found = [pair for pair in pairwise(rows) if _is_one(*pair) and quiet.end(pair[1].accepted_at)]
    if len(found) <= MAX_PICTURES:
        return []
    by_talker: defaultdict[str, list[Pair]] = defaultdict(list)
    for caption, picture in found:
        by_talker[picture.talker_id].append((caption, picture))
    return list(by_talker.values())


def _is_one(caption: Waiting, picture: Waiting) -> bool:
    return (
        bool(caption.caption)
        and picture.kind == Kind.IMAGE
        and all(row.send_id is None and row.priority == 0 for row in (caption, picture))
    )
