"""An outbox on a real file, for the tests of what goes in and out of it."""

from pathlib import Path

from roomsync.delivery.outbox import Outbox
from roomsync.model import Kind, Message, Part, Send, Shown
from roomsync.store import StateFile

NOW = 1_000_000.0
BOX_BYTES = 100  # of UTF-8 in one send
PICTURE = Part(Kind.IMAGE, "{}")
CAPTION = Part(Kind.TEXT, "[图片]", "[Alice@101]:  ", caption=True)


class Box:
    """An outbox on a real file, which can be opened again; and short ways to say things in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.open()

    def open(self) -> None:
        self.state = StateFile(self.path)
        self.outbox = Outbox(self.state, BOX_BYTES)
        self.outbox.recover(NOW)

    def crash(self) -> None:
        """What was in hand is left as it is in the file, and another process opens it."""
        self.state.close()
        self.open()

    def say(
        self,
        *parts: Part | str,
        to: tuple[str, ...] = ("r102",),
        talker: str = "alice",
        where: str = "r101",
        at: float = NOW,
    ) -> None:
        """A message of these parts, said in the room `where`; a string is a text without a header."""
        self.count += 1
        made = [part if isinstance(part, Part) else Part(Kind.TEXT, part) for part in parts]
        message = Message(f"m{self.count}", where, talker, "Alice", Kind.TEXT)
        assert self.outbox.accept(message, made, to, at)

    def take(self, room_id: str = "r102", now: float = NOW, alone: bool = False, shown: Shown | None = None) -> Send:
        """The next send; `alone`: a text goes with no other, as if none fitted."""
        self.outbox._max_bytes = 1 if alone else BOX_BYTES
        send = self.outbox.take(room_id, now, shown=shown)
        self.outbox._max_bytes = BOX_BYTES
        assert send
        return send

    def bodies(self, room_id: str = "r102", now: float = NOW) -> list[str]:
        """What goes to a room from now on, each send made and answered."""
        found = []
        while send := self.outbox.take(room_id, now):
            found.append(send.body)
            self.outbox.sent(send, None, now)
        return found

    def deliveries(self) -> list[tuple[str, int, float, str | None]]:
        with self.state.connection() as db:
            return db.execute("SELECT state, attempts, next_try, error FROM deliveries ORDER BY id").fetchall()
