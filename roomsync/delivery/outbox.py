"""The outbox: messages and their deliveries, committed before anything is sent."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice

from roomsync import store
from roomsync.delivery.outcomes import Outcomes
from roomsync.model import Head, Kind, Message, Part, Send, Shown, State
from roomsync.store import StateFile
from roomsync.store.deliveries import Waiting
from roomsync.text.headers import join
from roomsync.text.kinds import MEDIA

MAX_BATCH = 200  # deliveries looked at for one send


class Outbox(Outcomes):
    """Messages, deliveries and sends in the state file; every method but `recover` is one transaction.

    Every method raises `StateFileError` when the file cannot be used. `now` is in seconds since the epoch. A text
    that is sent has at most `max_bytes` bytes of UTF-8, unless a single delivery is longer.
    """

    def __init__(self, state: StateFile, max_bytes: int) -> None:
        super().__init__(state)
        self._max_bytes = max_bytes

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
    ) -> bool:
        """Commit `message` and a delivery of each of its `parts` to each room; False when it was known already.

        A room in `special` gets those parts in their place. What was taken back before it came is committed alone.
        """
        with self.state.transaction() as db:
            store.incoming.finish(db, [message.id])
            key = store.messages.add(db, message, now)
            if key is None or store.recalls.is_recalled(db, message.id, message.room_id):
                return False
            by_room = {room_id: (special or {}).get(room_id, parts) for room_id in room_ids}
            store.deliveries.add(db, key, by_room, now)
            return True

    def heads(self) -> list[Head]:
        """Return every room that has something waiting."""
        with self.state.connection() as db:
            return store.deliveries.heads(db)

    def take(self, room_id: str, now: float, *, alone: bool = False, shown: Shown | None = None) -> Send | None:
        """Return the next send for a room, its deliveries marked as sending from now on.

        The first waiting delivery; when it is a text, and not `alone`, with all texts behind it that fit, up to the
        first delivery of another kind. A send that may have gone out before is made again just as it was, so that an
        echo of the first is known to be of it. `shown`: the picture that is the last thing in that room. A caption
        that would only say the same once more is omitted.
        """
        with self.state.transaction() as db:
            if shown:
                with closing(store.deliveries.waiting(db, room_id, 2)) as start:
                    needless = _needless_captions(list(start), shown)
                store.deliveries.change(db, needless, State.WAITING, State.OMITTED, now)
            with closing(store.deliveries.waiting(db, room_id, MAX_BATCH)) as rows:
                batch = self._batch(islice(rows, 1) if alone else rows)
            if not batch:
                return None
            send = _send_of(room_id, batch)
            if send.repeated:
                store.sends.repeat(db, send.id, now)
            else:
                body = send.body if send.kind is Kind.TEXT else ""  # that of a picture stands in its part
                send = replace(send, id=store.sends.add(db, room_id, send.kind, body, now))
            store.deliveries.change(db, send.deliveries, State.WAITING, State.SENDING, now, send_id=send.id)
            return send

    def _batch(self, rows: Iterator[Waiting]) -> list[Waiting]:
        """Return those of a room's waiting deliveries that go together now."""
        batch: list[Waiting] = []
        size = 0
        for row in rows:
            if not batch:
                batch, size = [row], len((row.header + row.body).encode())
                continue
            same = (row.talker_id, row.header) == (batch[-1].talker_id, batch[-1].header)
            size += len((row.body if same else row.header + row.body).encode()) + 1
            if not self._goes_along(batch[0], row, size):
                break
            batch.append(row)
        return batch

    def _goes_along(self, first: Waiting, row: Waiting, size: int) -> bool:
        """Return whether a delivery goes with those from `first` on; `size`: the bytes of all of them together."""
        if first.kind != Kind.TEXT or row.kind != Kind.TEXT or row.send_id != first.send_id:
            return False
        return first.send_id is not None or size <= self._max_bytes


def add_line(db: store.Connection, room_id: str, line: str, now: float, missed: int = 0) -> None:
    """Add a line of the bot's own for one room; `missed`: how many messages it says that the room missed."""
    message_id = store.messages.add_own(db, room_id, Kind.SYSTEM, now, missed)
    store.deliveries.add(db, message_id, {room_id: [Part(Kind.TEXT, line)]}, now)


def _needless_captions(start: Sequence[Waiting], shown: Shown) -> list[int]:
    """Return the first of these deliveries if it is a caption that only says once more whose picture follows."""
    if len(start) < 2 or not start[0].caption or start[1].kind not in MEDIA:
        return []
    said = Shown(start[0].talker_id, start[0].header, Kind(start[1].kind))
    return [start[0].id] if said == shown else []


def _send_of(room_id: str, batch: Sequence[Waiting]) -> Send:
    """Return the send that carries these deliveries; its id is 0 when it was not made before."""
    first = batch[0]
    kind = Kind(first.kind)
    return Send(
        id=first.send_id or 0,
        room_id=room_id,
        kind=kind,
        body=join([row.line() for row in batch]) if kind is Kind.TEXT else first.body,
        deliveries=tuple(row.id for row in batch),
        attempts=first.attempts,
        mentions=tuple({row.mention: None for row in batch if row.mention}),
        shows=Shown(first.talker_id, first.header, kind),
        repeated=first.send_id is not None,
    )
