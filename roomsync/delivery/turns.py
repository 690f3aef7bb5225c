"""What a room is sent next: texts of all source rooms together, then a picture, the source rooms in turn. Pure.

Order is owed to what one source room said, and to nothing else. So nobody's text waits for another room's pictures.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from roomsync.model import Kind
from roomsync.store.waiting import Waiting

MAX_BATCH = 200  # deliveries in one send


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
    """What a room was sent before: whether a picture last, and when which source room last had its turn with one."""

    was_media: bool = False
    turns: dict[int, int] = field(default_factory=dict)  # source room -> the number of that turn, counted from 1

    def note(self, rows: Sequence[Waiting]) -> None:
        """Note that these deliveries are sent."""
        first = rows[0]
        if first.kind == Kind.RECALLED:
            return
        self.was_media = first.kind != Kind.TEXT
        if self.was_media:
            self.turns[first.source] = max(self.turns.values(), default=0) + 1

    def rank(self, row: Waiting) -> tuple[int, int]:
        """Return what orders those who wait for a turn: the one served longest ago first, then the oldest."""
        return self.turns.get(row.source, 0), row.id


def due_at(fronts: Iterable[Waiting], now: float) -> float:
    """Return when one of these, the first of each queue, may go; `now` or earlier: at once.

    A text that failed holds the whole room up: it is the room that refuses. A picture holds up its own source room.
    """
    rows = list(fronts)
    if any(row.priority > 0 and row.next_try <= now for row in rows):
        return now
    held = [row.next_try for row in rows if row.kind == Kind.TEXT and row.next_try > now]
    return max(held) if held else min((row.next_try for row in rows), default=float("inf"))


def choose(queues: Iterable[Queue], memory: Memory, max_bytes: int, now: float, *, alone: bool) -> list[Waiting]:
    """Return the deliveries that go next as one send; none when nothing may go now.

    `alone`: a text goes with no other. Of a text that was tried before only the first delivery is returned: it goes
    again with all that it went with.
    """
    due = [(queue, row) for queue in queues if (row := queue.front)]
    if due_at((row for _, row in due), now) > now:
        return []
    due = [(queue, row) for queue, row in due if row.next_try <= now]
    urgent = min((row for _, row in due if row.priority > 0), key=lambda row: row.id, default=None)
    if urgent and not urgent.caption:
        return [urgent]
    media = [row for _, row in due if row.kind != Kind.TEXT]
    texts = [queue for queue, row in due if row.kind == Kind.TEXT]
    has_words = any(is_words(row) for _, row in due)
    if media and not urgent and not (memory.was_media and has_words):
        return [min(media, key=memory.rank)]
    captions = [row for _, row in due if row.caption]
    chosen = urgent or min(captions, key=memory.rank, default=None)
    first = min((row for _, row in due if row.kind == Kind.TEXT), key=lambda row: row.id)
    if alone or not _may_join(first, now):
        return [first]
    return _together(texts, chosen, memory, max_bytes, now)


def is_words(row: Waiting) -> bool:
    """Return whether somebody says something, not only who posts the picture that follows."""
    return row.kind == Kind.TEXT and not row.caption


def _may_join(row: Waiting, now: float) -> bool:
    """Return whether a text may go with others: nothing that was tried before, quotes, or is the bot's own."""
    is_other = row.send_id is None and row.copy is None and bool(row.talker_id)
    return row.kind == Kind.TEXT and is_other and row.next_try <= now


def _together(
    queues: list[Queue], caption: Waiting | None, memory: Memory, max_bytes: int, now: float
) -> list[Waiting]:
    """Return all texts that stand first, the oldest first, as far as they fit, and one caption behind them.

    The caption stands last, for its picture goes next. `caption`: the one that has to go.
    """
    batch: list[Waiting] = []
    found = [caption] if caption else []
    room_for_caption = len((caption.header + caption.body).encode()) + 1 if caption else 0
    heap = [(queue.front.id, queue) for queue in queues if queue.front]
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
        grown = size + _added(batch, row)
        if grown > max_bytes - room_for_caption and batch:
            break
        batch.append(row)
        size = grown
        queue.pop()
        if queue.front:
            heapq.heappush(heap, (queue.front.id, queue))
    for row in sorted(found, key=memory.rank):
        if not batch or size + _added(batch, row) <= max_bytes:
            return [*batch, row]
    # A long text leaves it no room: it goes before what was said after it.
    return [caption] if caption and (caption.priority > 0 or caption.id < batch[0].id) else batch


def _added(batch: Sequence[Waiting], row: Waiting) -> int:
    """Return how many bytes of UTF-8 a text adds to those before it: one speaker's share a header."""
    if not batch:
        return len((row.header + row.words()).encode())
    same = (row.talker_id, row.header) == (batch[-1].talker_id, batch[-1].header)
    return len((row.words() if same else row.header + row.words()).encode()) + 1
