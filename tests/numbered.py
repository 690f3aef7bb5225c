"""A loopback gateway that numbers its events, and tells a client again what it has missed."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from roomsync.gateway.protocol import EventRequest, EventType, RawEvent
from roomsync.model import Cursor
from tests.scripted import ScriptedGateway

UNNUMBERED = (EventType.HEARTBEAT, EventType.LOGIN, EventType.LOGOUT)


@dataclass
class NumberedGateway(ScriptedGateway):
    """Numbers what happens, also while nobody listens, and replays to a client what is behind its cursor.

    `said_at`: the time of what is said, seconds since the epoch; 0 for now.
    """

    said_at: float = 0.0
    last: int = 0  # the number that was given last

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cursors: list[Cursor] = []  # that clients came with
        self._told: list[RawEvent] = []

    def emit(self, event_type: int, payload: Mapping[str, object] | str) -> None:
        if event_type in UNNUMBERED:
            super().emit(event_type, payload)
        else:
            self.tell(event_type, payload)

    def tell(self, event_type: int, payload: Mapping[str, object] | str) -> None:
        """Give an event of any type its number."""
        self.last += 1
        text = payload if isinstance(payload, str) else json.dumps(payload)
        event = RawEvent(type=event_type, payload=text.encode(), seq=self.last)
        self._told.append(event)
        self._give(event)

    def tell_again(self, count: int) -> None:
        """Give the last events once more, with their numbers."""
        for event in self._told[-count:]:
            self._give(event)

    def count_anew(self) -> None:
        """Forget what happened, and let the next number be 1."""
        self._told, self.last = [], 0

    def greet(self, request: EventRequest) -> None:
        self.cursors.append(Cursor(request.account_id, request.seq))
        super().greet(request)
        for event in self._told:
            if request.account_id == self.bot_id and event.seq > request.seq:
                self._give(event)

    def _give(self, event: RawEvent) -> None:
        if self._stream:
            self._stream.put_nowait(event)

    def _keep(self, message_id: str, content: str, **fields: object) -> None:
        if "timestamp" in fields:
            fields["timestamp"] = int(self.said_at or time.time())
        super()._keep(message_id, content, **fields)
