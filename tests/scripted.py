"""The loopback gateway, told to misbehave: calls that fail or are slow, and what befalls rooms, login and stream."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass

import betterproto
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from roomsync.gateway.protocol import EventType, RawEvent
from roomsync.loopback.account import Answer, Fields
from roomsync.loopback.gateway import LoopbackGateway


@dataclass(frozen=True)
class Fault:
    """What a call does instead of being answered: wait, then (perhaps after its work is done) fail."""

    error: GRPCError | None = None
    delay: float = 0.0
    after: bool = False


def refused(text: str, status: Status = Status.UNKNOWN) -> GRPCError:
    """An error as a gateway answers it."""
    return GRPCError(status, text)


@dataclass
class ScriptedGateway(LoopbackGateway):
    """A loopback gateway that tests can let fail."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)

    def script(self, method: str, *faults: Fault) -> None:
        """The next calls of `method` (`MessageSendText`), one by one, do that; those after them work."""
        self._faults[method].extend(faults)

    async def answer(self, name: str, answer: Answer, request: betterproto.Message) -> Fields:
        fault = self._faults[name].popleft() if self._faults[name] else Fault()
        await asyncio.sleep(fault.delay)
        if fault.error and not fault.after:
            raise fault.error
        response = await super().answer(name, answer, request)
        if fault.error:
            await self._notify()
            raise fault.error
        return response

    def emit_bytes(self, event_type: int, payload: bytes) -> None:
        """An event whose payload need not be UTF-8."""
        if self._stream:
            self._stream.put_nowait(RawEvent(type=event_type, payload=payload))

    def rename(self, room_id: str, topic: str) -> None:
        """The topic of a room is changed."""
        old, self._rooms[room_id].topic = self._rooms[room_id].topic, topic
        payload = {"changerId": self.bot_id, "newTopic": topic, "oldTopic": old, "roomId": room_id, "timestamp": 1}
        self.emit(EventType.ROOM_TOPIC, payload)

    def invite(self, room_id: str, topic: str) -> None:
        """The account is added to a room, which is new unless it is there already."""
        if room_id not in self._rooms:
            self.add_room(room_id, topic)
        payload = {"inviteeIdList": [self.bot_id], "inviterId": "alice", "roomId": room_id, "timestamp": 1}
        self.emit(EventType.ROOM_JOIN, payload)

    def remove(self, room_id: str) -> None:
        """The account is removed from a room."""
        del self._rooms[room_id]
        payload = {"removeeIdList": [self.bot_id], "removerId": "alice", "roomId": room_id, "timestamp": 1}
        self.emit(EventType.ROOM_LEAVE, payload)

    def login(self) -> None:
        """The account is logged in."""
        self.logged_in = True
        self.emit(EventType.LOGIN, {"contactId": self.bot_id})

    def logout(self) -> None:
        """The account is logged out, as WeChat does to it."""
        self.logged_in = False
        self.emit(EventType.LOGOUT, {"contactId": self.bot_id, "data": "kicked"})

    @property
    def streams(self) -> bool:
        """Whether a bot hears the events."""
        return self._stream is not None

    def end_stream(self) -> None:
        """End the event stream cleanly."""
        if self._stream:
            self._stream.put_nowait(None)
