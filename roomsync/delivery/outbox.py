"""The outbox: messages and their deliveries, committed before anything is sent."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice, takewhile

from roomsync import store
from roomsync.delivery.gate import ALL, passes
from roomsync.delivery.outcomes import Outcomes
from roomsync.delivery.turns import Memory, Queue, choose, due_at
from roomsync.model import Head, Kind, Message, Part, Send, Shown, State
from roomsync.store import StateFile
from roomsync.store.waiting import Waiting
from roomsync.text import phrases
from roomsync.text.headers import join
from roomsync.text.kinds import CARDS, MEDIA, SILENT, word


class Outbox(Outcomes):
    """Messages, deliveries and sends in the state file; every method but `recover` is one transaction.

    Every method raises `StateFileError` when the file cannot be used. `now` is in seconds since the epoch. A text
    that is sent has at most `max_bytes` bytes of UTF-8, unless a single delivery is longer.
    """

    def __init__(self, state: StateFile, max_bytes: int) -> None:
        super().__init__(state)
        self._max_bytes = max_bytes
        self._memories: defaultdict[str, Memory] = defaultdict(Memory)  # by room; used in the state file's thread alone

    def recover(self, now: float) -> int:
        """Let what was in hand when the last process died be sent again; return how many deliveries that were."""
        with self.state.transaction() as db:
            count = store.deliveries.recover(db, now)
        self.bring_forward(math.inf)
        return count

    def accept(
        self,
        message: Message,
        parts: Sequence[Part],
        room_ids: Iterable[str],
        now: float,
        special: Mapping[str, Sequence[Part]] | None = None,
        *,
        expired: bool = False,
        then: Callable[[store.Connection, int], None] | None = None,
    ) -> bool:
        """Commit `message` and a delivery of each of its `parts` to each room; False when it was known already.

        A room in `special` gets those parts in their place. What was taken back before it came is committed alone. Of
        what is `expired` each room reads only that it missed one message. `then` is called in the same transaction,
        with the message's key, unless it was known or taken back.
        """
        with self.state.transaction() as db:
            store.incoming.finish(db, [message.id])
            key = store.messages.add(db, message, now)
            if key is None or store.recalls.is_recalled(db, message.id, message.room_id):
                return False
            by_room = {room_id: (special or {}).get(room_id, parts) for room_id in room_ids}
            store.deliveries.add(db, key, by_room, now)
            if expired:
                store.deliveries.expire_message(db, key, now)
                for room_id in by_room if message.kind not in SILENT else ():
                    add_missed(db, room_id, 1, now)
            if then:
                then(db, key)
            return True

    def heads(self, now: float) -> list[Head]:
        """Return every room that has something waiting; `take` and `next_try` look at what may go there."""
        with self.state.connection() as db:
            return store.waiting.heads(db, now)

    def head(self, room_id: str, now: float) -> Head | None:
        """Return a room if it has something waiting."""
        with self.state.connection() as db:
            return store.waiting.head(db, room_id, now)

    def take_news(self) -> dict[str, bool] | None:
        """Return for which rooms something waits since this was asked last, True where it may stand first there.

        None: any may have something.
        """
        with self.state.connection() as db:
            return db.take_news()

    def next_try(self, room_id: str, now: float, least: float = ALL) -> float:
        """Return when the next send to a room may be made, as far as that depends on what waits for it.

        `least`: the least priority of what passes its gate now.
        """
        with self.state.connection() as db:
            return due_at(_passing(db, room_id, least), now)

    def take(
        self, room_id: str, now: float, *, shown: Shown | None = None, quotes: bool = False, least: float = ALL
    ) -> Send | None:
        """Return the next send for a room, its deliveries marked as sending from now on; None when nothing may go.

        What goes is chosen by `turns.choose`. A send that may have gone out before is made again just as it was, so
        that an echo of the first is known to be of it. `shown`: the picture that is the last thing in that room. A
        caption that would only say the same once more is omitted. `quotes`: the gateway speaks quote ids, so that a
        reply can quote what its room has of what it answers, in a message of its own. Where replies come faster than
        the room has turns they go together, and a line names what each of them quotes. `least`: see `next_try`.
        """
        with self.state.transaction() as db:
            batch = self._choose(db, room_id, now, shown, quotes, least)
            if not batch:
                return None
            send = _send_of(db, room_id, batch)
            if send.repeated:
                store.sends.repeat(db, send.id, now)
            else:
                body = send.body if send.kind is Kind.TEXT else ""  # that of a picture stands in its part
                send = replace(send, id=store.sends.add(db, room_id, send.kind, body, now))
            store.deliveries.change(db, send.deliveries, State.WAITING, State.SENDING, now, send_id=send.id)
        self._memories[room_id].note(batch, now)
        return send

    def _choose(
        self, db: store.Connection, room_id: str, now: float, shown: Shown | None, quotes: bool, least: float
    ) -> list[Waiting]:
        """Return the deliveries that go to a room next; none when nothing may go."""
        fronts, memory = _passing(db, room_id, least), self._memories[room_id]
        with _queues(db, room_id, fronts, quotes and not memory.is_late(fronts, now)) as queues:
            passed = any(memory.owes(row, now) for row in fronts)
            if any([_caption_again(db, room_id, row, now, passed) for row in fronts]):  # of all of them
                return self._choose(db, room_id, now, shown, quotes, least)
            batch = choose(queues, memory, self._max_bytes, now)
            needless = _needless_caption(queues, batch, shown, now)
        if needless:
            last = store.sends.last_but(db, room_id, None, now)  # what stands in its place
            store.deliveries.change(db, [batch[0].id], State.WAITING, State.OMITTED, now, send_id=last)
            return [needless]
        if batch and batch[0].send_id is not None:
            return _as_before(db, room_id, batch[0].send_id)
        return batch


def _passing(db: store.Connection, room_id: str, least: float) -> list[Waiting]:
    """Return what stands first for a room, of each source room apart, among what passes its gate."""
    fronts = store.waiting.fronts(db, room_id)
    if least == ALL:
        return fronts
    found = []
    for front in fronts:
        # Only what goes ahead of all else passes a gate that is shut, and that stands first.
        rows = takewhile(lambda row: row.priority > 0, chain([front], store.waiting.behind(db, front)))
        found += list(islice((row for row in rows if passes(row, least)), 1))
    return found


@contextmanager
def _queues(db: store.Connection, room_id: str, fronts: Iterable[Waiting], quotes: bool) -> Iterator[list[Queue]]:
    """Give what waits for a room behind `fronts`, of each source room apart; replies quote, if `quotes`."""

    def with_copy(row: Waiting) -> Waiting:
        if row.quoted is None or row.attempts or not quotes:  # one that was refused once names what it quotes
            return row
        return row._replace(copy=store.sends.copy_of(db, row.quoted, room_id))

    rows = [(front, store.waiting.behind(db, front)) for front in fronts]
    try:
        yield [Queue(with_copy(front), map(with_copy, behind) if quotes else behind) for front, behind in rows]
    finally:
        for _, behind in rows:
            behind.close()


def _as_before(db: store.Connection, room_id: str, send_id: int) -> list[Waiting]:
    """Return what waits of a send that was made before; a reply quotes again only if it did."""
    rows = store.waiting.of_send(db, send_id)
    if len(rows) == 1 and rows[0].quoted is not None:
        quoting = rows[0]._replace(copy=store.sends.copy_of(db, rows[0].quoted, room_id))
        if join([quoting.line()]) == store.sends.body_of(db, send_id):
            return [quoting]
    return rows


def add_line(
    db: store.Connection, room_id: str, line: str, now: float, *, missed: int = 0, is_answer: bool = False
) -> None:
    """Add a line of the bot's own for one room; `missed`: how many messages it says that the room missed.

    An answer goes ahead of all that waits there.
    """
    message_id = store.messages.add_own(db, room_id, Kind.SYSTEM, now, missed)
    priority = store.waiting.AHEAD if is_answer else 0
    store.deliveries.add(db, message_id, {room_id: [Part(Kind.TEXT, line)]}, now, priority)


def add_missed(db: store.Connection, room_id: str, missed: int, now: float) -> None:
    """Let a room read how many messages it missed; a line that still waits there is brought up to date."""
    notice = store.messages.waiting_notice(db, room_id)
    if notice is None:
        add_line(db, room_id, phrases.missed(missed), now, missed=missed)
        return
    missed += notice.missed
    store.messages.set_missed(db, notice.message_id, missed)
    store.parts.rewrite(db, notice.message_id, phrases.missed(missed))


def _caption_again(db: store.Connection, room_id: str, row: Waiting, now: float, passed: bool) -> bool:
    """Let the caption of a picture that is due wait again if it will not stand last; return whether it does.

    `passed`: others' words go before the picture.
    """
    if row.kind not in (*MEDIA, *CARDS) or row.next_try > now:
        return False
    last = None if passed else store.sends.last_but(db, room_id, row.send_id, now)
    return store.deliveries.caption_again(db, row, last, now)


def _needless_caption(
    queues: Sequence[Queue], batch: Sequence[Waiting], shown: Shown | None, now: float
) -> Waiting | None:
    """Return the picture that follows when `batch` is but a caption that only says once more whose it is."""
    if not shown or len(batch) != 1 or not batch[0].caption or batch[0].send_id is not None:
        return None
    queue = next(one for one in queues if one.front == batch[0])
    queue.pop()
    row = queue.front
    if row is None or row.kind not in MEDIA or row.next_try > now:
        return None
    if not batch[0].body.startswith(word(Kind(row.kind))):  # it says how long ago that was said, too
        return None
    return row if Shown(row.talker_id, row.header, Kind(row.kind)) == shown else None


def _send_of(db: store.Connection, room_id: str, batch: Sequence[Waiting]) -> Send:
    """Return the send that carries these deliveries; its id is 0 when it was not made before."""
    first = batch[0]
    kind = Kind(first.kind)
    return Send(
        id=first.send_id or 0,
        room_id=room_id,
        kind=kind,
        body=join([row.line() for row in batch]) if kind is Kind.TEXT else store.waiting.body_of(db, first.id),
        deliveries=tuple(row.id for row in batch),
        attempts=first.attempts,
        mentions=tuple({row.mention: None for row in batch if row.mention}),
        quote_id=first.copy.id if first.copy else "",
        shows=Shown(first.talker_id, first.header, kind),
        repeated=first.send_id is not None,
    )
