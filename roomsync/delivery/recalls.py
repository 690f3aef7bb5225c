"""Recalls: when a member takes a message back, its copies go, too, or their rooms read that it did."""

from collections.abc import Iterable

from roomsync import store
from roomsync.model import Kind, Part, Reason, Send, State
from roomsync.store import StateFile
from roomsync.store.deliveries import Carried
from roomsync.text.headers import subject_of
from roomsync.text.phrases import ANNOUNCEMENT_RECALLED, RECALLED

WINDOW = 120.0  # seconds in which WeChat lets a message be taken back


class Recalls:
    """Recalls in the state file: a recall is a message of its own, with an urgent delivery for each send to take back.

    Every method raises `StateFileError` when the file cannot be used. `now` is in seconds since the epoch.
    """

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def accept(self, message_ids: Iterable[str], room_id: str, now: float) -> int | None:
        """Take back the message of one of these ids, said in that room: cancel what waits of it.

        Return how many copies of it have to be taken back; None when no such message was relayed, or it is a recall
        known already. A message that comes after its own recall, because its payload is slow, is known by it.
        """
        with self._state.transaction() as db:
            ids = tuple(message_ids)
            keys = {one: store.messages.find(db, one, room_id) for one in ids}
            # Of several ids that a notice may mean the first that is known; all of them while none is.
            for recalled_id in [one for one in ids if keys[one] is not None][:1] or ids:
                if store.recalls.is_recalled(db, recalled_id, room_id):
                    continue
                recall = store.messages.add_own(db, room_id, Kind.RECALLED, now)
                store.recalls.add(db, recall, recalled_id, message_id := keys[recalled_id])
                if message_id is not None:
                    store.held.recall(db, message_id, now)
                    return self._take_back(db, recall, message_id, now)
            return None

    @classmethod
    def take_back(cls, db: store.Connection, message_id: int, room_id: str, now: float) -> tuple[int, int]:
        """Take back, for staff, the message of that key as if its author had; return the recall, and how many copies.

        `room_id`: where it was said.
        """
        recall = store.messages.add_own(db, room_id, Kind.RECALLED, now)
        store.recalls.add(db, recall, "", message_id)
        return recall, cls._take_back(db, recall, message_id, now)

    @staticmethod
    def undo(db: store.Connection, recall: int, message_id: int, now: float) -> int:
        """Let a message be as if staff had not taken it back; return how many deliveries of it are sent again.

        That is 0 when its author took it back, too.
        """
        store.deliveries.cancel_recall(db, recall, now)
        store.recalls.remove(db, recall)
        return 0 if store.recalls.is_known(db, message_id) else store.deliveries.restore(db, message_id, now)

    @staticmethod
    def _take_back(db: store.Connection, recall: int, message_id: int, now: float) -> int:
        store.deliveries.cancel_unsent(db, message_id, None, Reason.RECALLED, now)
        copies = store.recalls.copies(db, message_id)
        if not copies:
            return 0
        header = store.parts.header_of(db, message_id)
        told = f"{subject_of(header)} {RECALLED}" if header else ANNOUNCEMENT_RECALLED
        store.parts.add(db, recall, [Part(Kind.RECALLED, line, header) for line in ("", told)])
        last = {room: max(copy.part for copy in copies if copy.room_id == room) for room, *_ in copies}
        for copy in copies:
            # Only one of several copies in a room, the picture and not its caption, is announced when it stays.
            announced = int(copy.part == last[copy.room_id])
            store.deliveries.add_recall(db, recall, copy.room_id, announced, copy.send_id, now)
        return len(copies)

    def target(self, send: Send, now: float) -> str | None:
        """Return the gateway's id of what `send`, of the kind RECALLED, takes back; None when that cannot be (now)."""
        with self._state.connection() as db:
            return store.deliveries.recalled_sent_id(db, send.deliveries[0], now - WINDOW)

    def done(self, send: Send, taken: bool, now: float, *, certain: bool = True) -> None:
        """Mark a copy as gone (`taken`), and send again what travelled with it; or as staying, and tell its room.

        Not `certain`: it seems to be gone, and its room reads of it all the same.
        """
        with self._state.transaction() as db:
            (delivery,) = send.deliveries
            recall = store.recalls.of_delivery(db, delivery)
            copies = store.deliveries.carried(db, recall.send_id)
            own = [copy for copy in copies if copy.message_id == recall.recalled]
            if taken:
                self._send_rest_again(db, recall.send_id, copies, now)
            if recall.recalled is not None:
                store.deliveries.cancel_unsent(db, recall.recalled, send.room_id, Reason.RECALLED, now)
            if taken or any(copy.state is State.WAITING for copy in own):
                self._cancel(db, own, now)
            may_be_seen = bool(own) and not (taken and certain)
            self._close(db, send, may_be_seen, now)

    @staticmethod
    def _cancel(db: store.Connection, copies: list[Carried], now: float) -> None:
        for state in (State.SENT, State.WAITING):
            ids = [copy.id for copy in copies]
            store.deliveries.change(db, ids, state, State.CANCELLED, now, reason=Reason.RECALLED)

    @staticmethod
    def _send_rest_again(db: store.Connection, send_id: int | None, copies: list[Carried], now: float) -> None:
        if send_id is None:
            return  # forgotten meanwhile
        recalled = store.recalls.recalled_in(db, send_id)
        rest = [copy.id for copy in copies if copy.message_id not in recalled]
        store.deliveries.change(db, rest, State.SENT, State.WAITING, now)
        store.sends.forget(db, send_id)

    @staticmethod
    def _close(db: store.Connection, send: Send, may_be_seen: bool, now: float) -> None:
        """Finish the recall itself, or let it become the line that tells of it."""
        if not may_be_seen or not send.body:
            store.deliveries.change(db, send.deliveries, State.SENDING, State.SENT, now)
            return
        message_id, _ = store.deliveries.message_of(db, send.deliveries[0])
        part = store.parts.append(db, message_id, Part(Kind.TEXT, send.body))
        store.deliveries.change(db, send.deliveries, State.SENDING, State.WAITING, now, part=part, attempts=0)
        store.sends.forget(db, send.id)
