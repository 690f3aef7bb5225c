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
    """What a room was sent before: whether a picture last, and when which source room last had its turn with one.

    `owed_until`: words that were accepted by then go before the next picture, however many messages they take.
    """

    was_media: bool = False
    owed_until: float = 0.0
    turns: dict[int, int] = field(default_factory=dict)  # source room -> the number of that turn, counted from 1

    def note(self, rows: Sequence[Waiting], now: float) -> None:
        """Note that these deliveries are sent."""
        first = rows[0]
        if first.kind == Kind.RECALLED:
            return
        if first.kind != Kind.TEXT:
            self.turns[first.source] = max(self.turns.values(), default=0) + 1
        elif self.was_media:
            self.owed_until = now
        self.was_media = first.kind != Kind.TEXT

    def owes(self, row: Waiting, now: float) -> bool:
        """Return whether somebody's words go before the next picture: they were there once the last one had gone."""
        return is_words(row) and row.accepted_at <= (now if self.was_media else self.owed_until)

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
    if urgent and not (urgent.caption and _may_join(urgent, now)):
        return [urgent]
    owed = [row for _, row in due if memory.owes(row, now)]
    media = [row for _, row in due if row.kind != Kind.TEXT]
    if media and not urgent and not owed:
        return [min(media, key=memory.rank)]
    texts = [queue for queue, row in due if row.kind == Kind.TEXT]
    first = min(owed or [row for _, row in due if row.kind == Kind.TEXT], key=lambda row: row.id)
    if alone or not _may_join(first, now):
        return [first]
    captions = [row for _, row in due if row.caption and _may_join(row, now)]
    return _together(texts, urgent or min(captions, key=memory.rank, default=None), memory, max_bytes, now)


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

    The caption stands last, for its picture goes next: so none goes before all words that are owed. `caption`: the one
    whose turn it is.
    """
    batch: list[Waiting] = []
    found = [caption] if caption else []
    kept = len((caption.header + caption.body).encode()) + 1 if caption else 0  # bytes, for the caption
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
        if grown > max_bytes - (0 if memory.owes(row, now) else kept) and batch:
            break
        batch.append(row)
        size = grown
        queue.pop()
        if queue.front:
            heapq.heappush(heap, (queue.front.id, queue))
    if any(queue.front and memory.owes(queue.front, now) for queue in queues):
        return batch
    for row in sorted(found, key=memory.rank):
        if not batch or size + _added(batch, row) <= max_bytes:
            return [*batch, row]
    # A long text leaves it no room: it goes before what was said after it.
    is_first = caption and (caption.priority > 0 or caption.id < batch[0].id) and not memory.owes(batch[0], now)
    return [caption] if caption and is_first else batch


def _added(batch: Sequence[Waiting], row: Waiting) -> int:
    """Return how many bytes of UTF-8 a text adds to those before it: one speaker's in a row have one header."""
    if not batch:
        return len((row.header + row.words()).encode())
    same = (row.talker_id, row.header) == (batch[-1].talker_id, batch[-1].header)
    return len((row.words() if same else row.header + row.words()).encode()) + 1
