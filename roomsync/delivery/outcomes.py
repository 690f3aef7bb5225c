"""What became of a send: how the states of its deliveries change."""

import math
from collections import deque

from roomsync import store
from roomsync.model import Kind, Part, Reason, Send, State
from roomsync.store import StateFile
from roomsync.text.kinds import kind_of_echo

ECHO_TTL = 600.0  # seconds after a send in which its echo is waited for
# Seconds after a failed send of a picture or card. It is known by its kind alone, and the account's phone sends, too.
MEDIA_ECHO_TTL = 2.0
KNOWN_ECHO_TTL = 60.0  # seconds around a send in which it may be shown once more, under another id than its answer's
MAX_ANSWERED = 500  # sends; more than any account makes in ECHO_TTL


class Outcomes:
    """The half of the outbox that marks what became of a send. `now` is in seconds since the epoch."""

    def __init__(self, state: StateFile) -> None:
        self.state = state
        self._answered: deque[int] = deque(maxlen=MAX_ANSWERED)  # used in the state file's thread alone

    def sent(self, send: Send, sent_id: str | None, now: float) -> None:
        """Mark a send as one that the gateway has; `sent_id` is the id that it gave, if it gives any.

        It does not wait for the disk: the next send does, before it is made. So when the power fails a send is made
        again that was marked since, which promise 3 allows.
        """
        with self.state.transaction(durable=False) as db:
            if sent_id:
                store.sends.note_sent_id(db, send.id, sent_id)
                self._answered.append(send.id)
            store.deliveries.change(db, send.deliveries, State.SENDING, State.SENT, now, error=None)

    def echo(self, room_id: str, kind: Kind, body: str, sent_id: str, now: float) -> int | None:
        """Settle the send that the gateway showed as a message of the bot's own: its answer is lost, or not here yet.

        Echoes come in the order of the sends, so this one is of the oldest send that has had none, or fewer than it was
        tried. Return how many deliveries were waiting for this to be known; None when it is not of the bot, but said by
        phone. It does not wait for the disk, as `sent`.
        """
        with self.state.transaction(durable=False) as db:
            if store.sends.is_ours(db, sent_id):
                return 0
            for shown in dict.fromkeys((kind, kind_of_echo(kind, body))):
                since, media_since = now - ECHO_TTL, now - MEDIA_ECHO_TTL
                send_id = store.sends.awaiting_echo(db, room_id, shown, body, since, media_since)
                if send_id is not None:
                    store.sends.note_echo(db, send_id, sent_id)
                    unsettled = (State.WAITING, State.SENDING)
                    return store.deliveries.change_carried(db, send_id, unsettled, State.SENT, now)
            return None

    def may_show(self, room_id: str, said_at: float, now: float) -> bool:
        """Return whether a picture, file or card of the account, that no send awaits, may be a send to that room.

        By the time at which it came, and that at which the gateway says that it was said (0: nothing). Where answers
        give the ids of sends only what was sent a moment before may be: of a second echo, under another id.
        """
        windows = [(now, math.inf), *([(said_at, said_at)] if said_at else [])]
        with self.state.connection() as db:
            return any(
                store.sends.may_show(
                    db,
                    room_id,
                    (first - ECHO_TTL, last + ECHO_TTL),
                    (first - KNOWN_ECHO_TTL, last + KNOWN_ECHO_TTL),
                    self._answered,
                )
                for first, last in windows
            )

    def has_sent(self, room_id: str, words: str, first_line: str) -> bool:
        """Return whether the bot sent these words to that room, or anywhere a text under the header that they have."""
        with self.state.connection() as db:
            is_said = store.sends.has_words(db, room_id, words) or store.parts.has_own_words(db, room_id, words)
            return is_said or store.parts.has_header(db, first_line)

    def put_back(self, send: Send, next_try: float, now: float, *, uncertain: bool) -> None:
        """Let a send that failed by no fault of its own wait; `uncertain`: it may have been made all the same."""
        with self.state.transaction() as db:
            store.deliveries.change(db, send.deliveries, State.SENDING, State.WAITING, now, next_try=next_try)
            if not (uncertain or send.repeated):
                store.sends.forget(db, send.id)

    def retry(
        self, send: Send, next_try: float, error: str, now: float, *, apart: bool = False, passed: bool = False
    ) -> None:
        """Count a failed attempt, and let the send wait: some gateways send and answer with an error.

        `apart`: its deliveries go one by one from now on. `passed`: what else waits for the room goes meanwhile.
        """
        values: dict[str, str | float | None] = {"attempts": send.attempts + 1, "next_try": next_try, "error": error}
        if passed:
            values["priority"] = store.waiting.PASSED
        with self.state.transaction() as db:
            store.deliveries.change(db, send.deliveries, State.SENDING, State.WAITING, now, **values)
            if apart:
                store.sends.forget(db, send.id)

    def bring_forward(self, now: float) -> float:
        """Let what others passed go next in its room, if it is due; return when the next is."""
        with self.state.connection() as db:
            passed = store.waiting.passed(db)
        due = [one for one in passed if one.due_at <= now]
        if due:
            with self.state.transaction() as db:
                for one in due:
                    store.deliveries.bring_forward(db, one.id)
        return min((one.due_at for one in passed if one.due_at > now), default=math.inf)

    def fail(self, send: Send, error: str, now: float) -> None:
        """Give a send up; the room goes on with the next."""
        with self.state.transaction() as db:
            attempts = send.attempts + 1
            store.deliveries.change(
                db, send.deliveries, State.SENDING, State.FAILED, now, attempts=attempts, error=error
            )

    def replace(self, send: Send, line: str, error: str, now: float, *, made: bool) -> None:
        """Let a line of text wait in the place of the send's one delivery; `made`: the send was tried."""
        with self.state.transaction() as db:
            (delivery,) = send.deliveries
            message_id, header = store.deliveries.message_of(db, delivery)
            part = store.parts.append(db, message_id, Part(Kind.TEXT, line, header))
            store.deliveries.change(
                db, [delivery], State.SENDING, State.WAITING, now, part=part, attempts=0, error=error
            )
            store.sends.forget(db, send.id, made=made)

    def send_again(self, room_id: str, since: float, now: float) -> int:
        """Let the last send to a room wait again if it was made since then: it did not arrive. Return how many wait."""
        with self.state.transaction() as db:
            send_id = store.sends.last_in(db, room_id, since)
            if send_id is None:
                return 0
            # The notice may come before the answer.
            made = (State.SENT, State.SENDING)
            count = store.deliveries.change_carried(db, send_id, made, State.WAITING, now)
            store.sends.forget(db, send_id)
            return count

    def recent(self, since: float) -> list[tuple[float, str, Kind]]:
        """Return the calls since then, oldest first, whatever became of them: when, to which room, of which kind."""
        with self.state.connection() as db:
            return store.call_log.recent(db, since)

    def is_ours(self, message_id: str) -> bool:
        """Return whether that id is of something that the bot sent."""
        with self.state.connection() as db:
            return store.sends.is_ours(db, message_id)

    def name_of(self, room_id: str) -> str:
        """Return a room's topic, for people; its id when it is not known."""
        with self.state.connection() as db:
            return store.rooms.topic_of(db, room_id) or room_id

    def cancel_room(self, room_id: str, now: float) -> int:
        """Cancel what waits for a room that left its community, or that the bot left; return how many deliveries."""
        with self.state.transaction() as db:
            return store.deliveries.cancel_room(db, room_id, Reason.ROOM_LEFT, now)

    def counts(self) -> dict[State, int]:
        """Return how many deliveries are in each state."""
        with self.state.connection() as db:
            return store.deliveries.counts(db)
