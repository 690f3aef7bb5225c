"""A router that relays what a person types with the bot's account, on a real file; its gateway is made up."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from roomsync.delivery.attempts import Attempts
from roomsync.delivery.courier import Courier
from roomsync.delivery.outbox import Outbox
from roomsync.delivery.pacer import Limits, Pacer
from roomsync.model import Kind, Message, Quote
from roomsync.relay.own_account import SENT_KINDS
from roomsync.relay.rendering import Style
from roomsync.relay.rooms import Rooms
from roomsync.relay.roster import Roster
from roomsync.relay.router import Router
from roomsync.session import Session
from roomsync.store import StateFile
from roomsync.text.headers import HeaderTemplate
from tests.conftest import PREFIX, Clock

NAMES = {"bot": "小助手", "alice": "Alice"}
RELAYED = """
SELECT m.gateway_id, r.gateway_id, p.header || p.body FROM messages AS m JOIN deliveries AS d ON d.message_id = m.id
JOIN parts AS p ON p.message_id = m.id AND p.part = d.part JOIN rooms AS r ON r.id = d.room
WHERE m.talker_id = 'bot' AND NOT p.caption ORDER BY d.id
"""


class OwnDesk:
    """Three rooms; `send_id` is what the next send is answered with, and `sends` what the gateway took."""

    speaks_quotes = False

    def __init__(self, path: Path, clock: Clock, relay_own: bool = True) -> None:
        self.path, self.clock, self.relay_own = path, clock, relay_own
        self.labels = {f"r{label}": label for label in ("101", "102", "103")}
        self.header = "[{name}@{room}]:  "
        self.send_id: str | None = None
        self.sends: list[tuple[str, Kind, str]] = []
        self.count = 0
        self.open()

    def open(self) -> None:
        """Begin a process: on the file as it is."""
        self.state = StateFile(self.path)
        self.outbox = Outbox(self.state, 2000)
        self.outbox.recover(self.clock())
        session = Session()
        session.log_in("bot")
        self.rooms = Rooms([PREFIX])
        for room_id, label in self.labels.items():
            self.rooms.place(room_id, PREFIX + label)
        pacer = Pacer(Limits(), session, lambda at: "today")
        self.courier = Courier(Attempts(self.outbox, pacer, session, self, self.clock, 8))
        style, roster = Style(HeaderTemplate(self.header)), Roster(self, self.rooms, self.outbox, self.clock)
        self.router = Router(
            roster, self, self.courier, session, style, self.clock, ttl=86400, relay_own=self.relay_own
        )

    def restart(self) -> None:
        """Kill the process, and begin another one."""
        self.state.close()
        self.open()

    async def hear(
        self,
        text: str = "",
        room_id: str = "r101",
        talker: str = "bot",
        kind: Kind = Kind.TEXT,
        id: str = "",
        said_at: float = 0.0,
        quote: Quote | None = None,
        mentions: tuple[str, ...] = (),
    ) -> str:
        """The gateway tells that somebody said something; return the id of that."""
        self.count += 1
        message_id = id or f"m{self.count}"
        message = Message(
            message_id, room_id, talker, "", kind, text, quote=quote, said_at=said_at, mention_ids=mentions
        )
        await self.router.handle(message)
        return message_id

    async def send_all(self) -> None:
        """Make every send that waits."""
        while (wait := await self.courier.step()) is not None:
            self.clock.now += wait

    def relayed(self) -> list[tuple[str, str, str]]:
        """What of the account's messages goes to other rooms: its id, the room, the words."""
        with self.state.connection() as db:
            return db.execute(RELAYED).fetchall()

    def ids(self) -> list[str]:
        """Which of the account's messages are relayed."""
        return list(dict.fromkeys(message_id for message_id, _, _ in self.relayed()))

    # The gateway.

    async def complete(self, message: Message) -> Message:
        content = "{}" if message.kind in SENT_KINDS else None
        return replace(message, name=NAMES[message.talker_id], content=content)

    async def with_quote(self, message: Message) -> Message:
        raise NotImplementedError

    async def topics(self) -> dict[str, str | None]:
        raise NotImplementedError

    async def topic(self, room_id: str) -> str:
        raise NotImplementedError

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        self.sends.append((room_id, kind, body))
        return self.send_id and f"{self.send_id}{len(self.sends)}"

    async def file(self, message_id: str, kind: Kind) -> str:
        raise NotImplementedError

    async def recall(self, sent_id: str) -> bool:
        return True
