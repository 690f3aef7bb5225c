"""What a room is sent next: texts of all source rooms together, then a picture, the source rooms in turn. Pure.

Order is owed to what one source room said, and to nothing else. So nobody's text waits for another room's pictures.
"""

import heapq
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from roomsync.model import Kind
from roomsync.store.waiting import Waiting

MAX_BATCH = 200  # deliveries in one send
PATIENCE = 10.0  # seconds that words may stand back for a reply that goes alone, because it quotes


class Queue:
    """What waits for a room from one source room, in its order: `front`, and `behind` it, read as far as is needed."""

    def __init__(self, front: Waiting, behind: Iterator[Waiting]) -> None:
        self.front: Waiting | None = front
        self._rows = behind

    def pop(self) -> None:
        """Look at the next one."""
        self.front = next(self._rows, None)


@dataclass
class Memory:
    """What a room was sent before: when, whether a picture last, and which source rooms had their turns.

    `owed_until`: words that were accepted by then go before the next picture, however many messages they take.
    """

    was_media: bool = False
    sent_at: float = 0.0
    owed_until: float = 0.0
    # Source room -> the number of its last turn, counted from 1: with words, and with a picture.
    word_turns: dict[int, int] = field(default_factory=dict)
    media_turns: dict[int, int] = field(default_factory=dict)

    def note(self, rows: Sequence[Waiting], now: float) -> None:
        """Note that these deliveries are sent."""
        first = rows[0]
        if first.kind == Kind.RECALLED:
            return
        is_media = first.kind != Kind.TEXT
        turns = self.media_turns if is_media else self.word_turns
        number = max(turns.values(), default=0) + 1
        turns.update({row.source: number for row in rows if not row.caption})
        if rows[-1].caption:
            self.owed_until = 0.0  # its picture is next, also when this message was made once more
        elif self.was_media and not is_media:
            self.owed_until = now
        self.was_media, self.sent_at = is_media, now

    def owes(self, row: Waiting, now: float) -> bool:
        """Return whether somebody's words go before the next picture: they were there once the last one had gone."""
        was_there = row.accepted_at <= (now if self.was_media else self.owed_until)
        return was_there and row.next_try <= now and is_words(row)

    def rank(self, row: Waiting) -> tuple[int, int]:
        """Return what orders those who wait for a turn: the one served longest ago first, then the oldest."""
        turns = self.word_turns if is_words(row) else self.media_turns
        return turns.get(row.source, 0), row.id

    def is_late(self, fronts: Iterable[Waiting], now: float) -> bool:
        """Return whether somebody's words had to stand back before, and not only for a moment."""
        since = min(self.sent_at, now - PATIENCE)
        return any(is_words(row) and row.next_try <= now and row.accepted_at < since for row in fronts)


def due_at(fronts: Iterable[Waiting], now: float) -> float:
    """Return when one of these, the first of each queue, may go; `now` or earlier: at once.

    What failed holds up its own source room alone: nobody waits for a text or a picture that the gateway refuses.
    """
    return min((row.next_try for row in fronts), default=float("inf"))


def choose(queues: Iterable[Queue], memory: Memory, max_bytes: int, now: float) -> list[Waiting]:
    """Return the deliveries that go next as one send; none when nothing may go now.

    Of a text that was tried before only the first delivery is returned: it goes again with all that it went with.
    """
    due = [(queue, row) for queue in queues if (row := queue.front) and row.next_try <= now]
    rows = [row for _, row in due]
    urgent = min((row for row in rows if row.priority > 0), key=lambda row: row.id, default=None)
    owed = [row for row in rows if memory.owes(row, now)]
    media = [row for row in rows if row.kind != Kind.TEXT and row.priority <= 0]
    if media and not owed and not (urgent and urgent.kind == Kind.RECALLED):
        return [min(media, key=memory.rank)]  # right below its caption
    if urgent and not (urgent.caption and _may_join(urgent, now)):
        return [urgent]
    texts = [(queue, row) for queue, row in due if row.kind == Kind.TEXT]
    if not texts:
        return []
    first = min(owed or [row for _, row in texts], key=memory.rank)
    if not _may_join(first, now):
        return [first]
    captions = [row for row in rows if row.caption and _may_join(row, now)]
    caption = urgent or min(captions, key=memory.rank, default=None)
    return _together([queue for queue, _ in texts], caption, memory, max_bytes, now)


def is_words(row: Waiting) -> bool:
    """Return whether somebody says something, not only who posts the picture that follows."""
    return row.kind == Kind.TEXT and not row.caption


def _may_join(row: Waiting, now: float) -> bool:
    """Return whether a text may go with others: nothing that failed before, quotes, or is the bot's own."""
    is_new = row.send_id is None and not row.attempts
    return row.kind == Kind.TEXT and is_new and row.copy is None and bool(row.talker_id) and row.next_try <= now


def _together(
    queues: list[Queue], caption: Waiting | None, memory: Memory, max_bytes: int, now: float
) -> list[Waiting]:
    """Return all texts that stand first, the oldest first, and one caption behind them.

    Where they do not all fit, the source rooms take turns. The caption stands last, for its picture goes next: so none
    goes before all words that are owed. `caption`: the one whose turn it is.
    """
    batch: list[Waiting] = []
    found = [caption] if caption else []
    kept = len((caption.header + caption.body).encode()) + 1 if caption else 0  # bytes, for the caption
    heap = [(memory.rank(queue.front), queue) for queue in queues if queue.front]
    heapq.heapify(heap)
    size = 0
    while heap and len(batch) < MAX_BATCH:
        _, queue = heapq.heappop(heap)
        row = queue.front
        if row is None or not _may_join(row, now):
            continue
        if row.caption:
            found += [row] if not caption else []
            continue
        place = bisect(batch, row.id, key=lambda one: one.id)
        grown = size + _added(batch, place, row)
        if grown > max_bytes - (0 if memory.owes(row, now) else kept) and batch:
            break
        batch.insert(place, row)
        size = grown
        queue.pop()
        if queue.front:
            heapq.heappush(heap, (memory.rank(queue.front), queue))
    if any(queue.front and memory.owes(queue.front, now) for queue in queues):
        return batch
    for row in sorted(found, key=memory.rank):
        if not batch or size + _added(batch, len(batch), row) <= max_bytes:
            return [*batch, row]
    # A long text leaves it no room: it goes before what was said after it.
    is_first = caption and (caption.priority > 0 or caption.id < batch[0].id) and not memory.owes(batch[0], now)
    return [caption] if caption and is_first else batch


def _added(batch: Sequence[Waiting], place: int, row: Waiting) -> int:
    """Return how many bytes of UTF-8 a text adds at that place: one speaker's in a row have one header."""
    before = _speaker(batch[place - 1]) if place else None
    after = _speaker(batch[place]) if place < len(batch) else None
    headers = [one[1] for one, last in ((_speaker(row), before), (after, _speaker(row))) if one and one != last]
    shown_before = after[1] if after and after != before else ""
    line_break = 1 if batch else 0
    return len("".join([*headers, row.words()]).encode()) - len(shown_before.encode()) + line_break


def _speaker(row: Waiting) -> tuple[str, str]:
    return row.talker_id, row.header
