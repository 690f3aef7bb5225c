"""The router: what becomes of a message, question by question. Its gateway is made up; state and courier are real."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from roomsync.delivery.attempts import Attempts
from roomsync.delivery.courier import Courier
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.errors import GatewayLost
from roomsync.model import Decision, Kind, Message, Room, State, Verdict
from roomsync.relay.rendering import Style
from roomsync.relay.rooms import Rooms
from roomsync.relay.roster import Roster
from roomsync.relay.router import Filter, Router
from roomsync.session import Session
from roomsync.store import StateFile
from roomsync.text.headers import HeaderTemplate
from tests.conftest import PREFIX


class Desk:
    """A router with three rooms, that knows the gateway only by what it asks."""

    speaks_quotes = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.session = Session()
        self.session.log_in("bot")
        self.asked: list[str] = []
        self.state = StateFile(path)
        self.outbox = Outbox(self.state, 2000)
        self.set_up()

    def set_up(self, *filters: Filter) -> None:
        rooms = Rooms([PREFIX])
        for label in ("101", "102", "103"):
            rooms.place(f"r{label}", PREFIX + label)
        rooms.place("family", "家庭群")
        courier = Courier(Attempts(self.outbox, Pacer(Limits(), self.session), self.session, self, time.time, 8))
        style = Style(HeaderTemplate("[{name}@{room}]:  "))
        roster = Roster(self, rooms, self.outbox, time.time)
        self.router = Router(roster, self, courier, self.session, style, time.time, filters)

    async def say(self, text: str, room_id: str = "r101", talker: str = "alice", kind: Kind = Kind.TEXT) -> None:
        await self.router.handle(Message(f"m{time.monotonic_ns()}", room_id, talker, "", kind, text))

    def waiting(self, room_id: str = "r102") -> str | None:
        send = self.outbox.take(room_id, time.time())
        return send.body if send else None

    # The gateway.

    async def complete(self, message: Message) -> Message:
        self.asked.append(message.text)
        return Message(message.id, message.room_id, message.talker_id, "Alice", message.kind, message.text)

    async def with_quote(self, message: Message) -> Message:
        raise NotImplementedError

    async def topics(self) -> dict[str, str | None]:
        raise NotImplementedError

    async def topic(self, room_id: str) -> str:
        raise NotImplementedError

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        raise NotImplementedError

    async def file(self, message_id: str, kind: Kind) -> str:
        raise NotImplementedError

    async def recall(self, sent_id: str) -> bool:
        raise NotImplementedError


@pytest.fixture
def desk(state_file: Path) -> Iterator[Desk]:
    found = Desk(state_file)
    yield found
    found.state.close()


async def test_what_is_said_elsewhere_costs_no_call(desk: Desk) -> None:
    """Of a private chat, and of a room of no community, neither a name nor a content is asked for."""
    for room_id in ("", "family"):
        await desk.say("none of ours", room_id)
    assert (desk.asked, desk.outbox.counts()) == ([], {})


async def test_nothing_is_decided_before_the_account_is_known(desk: Desk) -> None:
    """While it is not known whose account this is, a message is left for later: it could be the bot's own."""
    desk.session.log_out()
    with pytest.raises(GatewayLost):
        await desk.say("hello")
    assert desk.outbox.counts() == {}


async def test_own_words_cost_no_call(desk: Desk) -> None:
    """What the account itself says is neither asked about nor relayed."""
    await desk.say("by phone", talker="bot")
    assert (desk.asked, desk.outbox.counts()) == ([], {})


def says(decision: Decision, *reasons: str) -> Filter:
    return lambda message, source, now: Verdict(decision, reasons if "spam" in message.text else ())


@pytest.mark.parametrize("decision", [Decision.DROP, Decision.HOLD])
async def test_a_filter_keeps_a_message_back(desk: Desk, decision: Decision, caplog: pytest.LogCaptureFixture) -> None:
    """What a filter drops or holds goes to no room, though another would relay it, and the log has every reason."""
    caplog.set_level("INFO")
    desk.set_up(says(Decision.RELAY, "known member"), says(decision, "an advert"))
    await desk.say("spam")
    assert desk.outbox.counts() == {}
    assert f"{decision} (known member, an advert)" in caplog.text


async def test_a_filter_sees_whose_words_they_are_and_where(desk: Desk) -> None:
    """A filter is given the whole message and its room; what it lets through is relayed."""
    seen: list[tuple[str, str]] = []

    def look(message: Message, source: Room, now: float) -> Verdict:
        seen.append((message.name, source.label))
        return Verdict(Decision.RELAY)

    desk.set_up(look)
    await desk.say("hello")
    assert seen == [("Alice", "101")]
    assert (desk.outbox.counts(), desk.waiting()) == ({State.WAITING: 2}, "[Alice@101]:  hello")
