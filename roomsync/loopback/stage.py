"""The stage of the demo: who says what where, what arrives elsewhere, and what the bot logs, as a person reads it."""

import asyncio
import contextlib
import json
import logging
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from roomsync.language import _
from roomsync.loopback.account import Sent
from roomsync.loopback.gateway import LoopbackGateway
from roomsync.model import Kind
from roomsync.text.characters import harmless
from roomsync.text.kinds import WORDS

PREFIX = "Milvus用户交流群"
ROOMS = ("101", "102", "103")
STAFF_ROOM = "管理"
LABELS = {**{f"room-{label}": label for label in ROOMS}, "room-staff": STAFF_ROOM}
IDS = {label: room_id for room_id, label in LABELS.items()}
OUTSIDE_ID, OUTSIDE = "room-family", "家庭群"  # a room of the account that is none of the community's
CHIEF, VISITOR = "chief", "you"
PEOPLE = {
    **{"alice": "Alice", "wang": "小王", "li": "李雷", "mei": "梅梅", "chen": "陈工", "job": "小美"},
    **{CHIEF: "张主管", VISITOR: "You"},
}
ARRIVAL_TIMEOUT = 10.0  # seconds for what was said to arrive
LOOK_INTERVAL = 0.02  # seconds
MAX_LINE, MAX_LINES = 200, 40  # characters of a line, and lines of a text, that are shown
LABEL_WIDTH, NAME_WIDTH = 5, 8  # columns
DIM, BOLD, CYAN, GREEN, YELLOW, RED = "2", "1", "36", "1;32", "1;33", "31"  # as terminals number them
Content = str | Mapping[str, object]


class Stage:
    """Lets people talk at the gateway, and shows what comes of it, in colours where `color`."""

    def __init__(self, gateway: LoopbackGateway, color: bool) -> None:
        self.gateway = gateway
        self.said = 0  # how many messages
        self.shown = 0  # how many of the bot's sends, recalls and lines of the log
        self.logged: list[str] = []  # the oldest first
        self.prompt = ""  # what stands in the line in which somebody types
        self._color = color
        gateway.on_sent, gateway.on_recalled = self._show_sent, self._show_recalled

    def show(self, line: str) -> None:
        """Print a line, above the one in which somebody types. Raises `BrokenPipeError`."""
        print(f"\r{line}\n{self.prompt}" if self.prompt else f"{line}\n", end="", flush=True)

    def tell(self, text: str) -> None:
        """Print what the demo itself says."""
        self.show(f"\n{self._paint(YELLOW, f'── {text}')}")

    def say(self, label: str, talker: str, content: Content, kind: str = "text", quote_id: str = "") -> str:
        """Let somebody say something; return the id of the message."""
        self.said += 1
        quoted = [self._quoted(quote_id)] if quote_id else []
        if isinstance(content, str):
            self._show_talk(label, talker, [*_lines(content), *quoted])
            return self.gateway.say(IDS[label], talker, content, kind=kind, quote_id=quote_id)
        card = json.dumps(content, ensure_ascii=False)
        self._show_talk(label, talker, [_line_of_card(kind, card)])
        return self.gateway.say(IDS[label], talker, kind=kind, content=card)

    def take_back(self, label: str, talker: str, message_id: str) -> None:
        """Let somebody take back what they said."""
        self._show_talk(label, talker, [self._paint(DIM, _("takes that back"))])
        self.gateway.say(IDS[label], talker, message_id, kind="recalled")

    async def arrives(self, words: str, *labels: str, kind: str = "text") -> list[Sent]:
        """Wait until something with these words is in those rooms; return it. Raises TimeoutError."""
        rooms = [IDS[label] for label in labels]

        def found() -> list[Sent]:
            sent = self.gateway.sent
            return [one for one in sent if one.room_id in rooms and one.kind == kind and words in one.body]

        await self.until(lambda: {one.room_id for one in found()} == set(rooms))
        return found()

    async def until(self, condition: Callable[[], bool], limit: float | None = None) -> None:
        """Wait until `condition()`. Raises TimeoutError after `limit` seconds, ARRIVAL_TIMEOUT where none is given."""
        async with asyncio.timeout(ARRIVAL_TIMEOUT if limit is None else limit):
            while not condition():  # noqa: ASYNC110 - not all of it is told of
                await asyncio.sleep(LOOK_INTERVAL)

    @contextlib.contextmanager
    def log_shown(self) -> Iterator[None]:
        """Show within a block what the bot logs."""
        handler, bot = _Shown(self), logging.getLogger("roomsync")
        router = logging.getLogger("roomsync.relay.router")  # it says only at this level what it leaves alone
        before = bot.propagate, bot.level, router.level
        bot.addHandler(handler)
        bot.propagate = False
        bot.setLevel(logging.INFO)
        router.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            bot.removeHandler(handler)
            bot.propagate = before[0]
            bot.setLevel(before[1])
            router.setLevel(before[2])

    def show_log(self, words: str) -> None:
        """Show a line of the bot's log."""
        self.logged.append(words)
        self._show_event(self._paint(DIM, "▪"), self._paint(DIM, _("log")), [self._paint(DIM, words)])

    def _show_sent(self, sent: Sent) -> None:
        lines = _lines(sent.body) if sent.kind == "text" else [_line_of_card(sent.kind, sent.body)]
        lines += [self._quoted(sent.quote_id)] if sent.quote_id else []
        for name in (PEOPLE.get(one, one) for one in sent.mentions):
            lines.append(self._paint(DIM, _("(WeChat notifies {name})").format(name=name)))
        label = LABELS.get(sent.room_id, OUTSIDE)
        self._show_event(self._paint(CYAN, "→"), self._paint(CYAN, _padded(label, LABEL_WIDTH)), lines)

    def _show_recalled(self, message_id: str) -> None:
        sent = next(one for one in self.gateway.sent if one.id == message_id)
        words = _lines(sent.body)[0] + "  " + _("(taken back)")
        label = self._paint(CYAN, _padded(LABELS[sent.room_id], LABEL_WIDTH))
        self._show_event(self._paint(RED, "✗"), label, [self._paint(DIM, words)])

    def _show_event(self, mark: str, label: str, lines: Sequence[str]) -> None:
        self.shown += 1
        with contextlib.suppress(BrokenPipeError):  # nobody reads on, which who talks hears of
            self.show(f"  {mark} {label} " + f"\n{'':{LABEL_WIDTH + 5}}".join(lines))

    def _show_talk(self, label: str, talker: str, lines: Sequence[str]) -> None:
        who = self._paint(GREEN, _padded(label, LABEL_WIDTH)) + self._paint(BOLD, _padded(PEOPLE[talker], NAME_WIDTH))
        self.show(f"\n{who}" + f"\n{'':{LABEL_WIDTH + NAME_WIDTH}}".join(lines))

    def _quoted(self, message_id: str) -> str:
        name, words = self.gateway.words_of(message_id)
        return self._paint(DIM, f"┃ {name}：{harmless(words, 60)}")

    def _paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._color else text


class _Shown(logging.Handler):
    """Shows what the bot logs, in the operator's language."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record without its traceback."""
        words = _(str(record.msg))
        self._stage.show_log(harmless(words % record.args if record.args else words))


def _lines(text: str) -> list[str]:
    """Return a text as lines that a terminal can show."""
    lines = text.split("\n")
    more = [f"… {len(lines) - MAX_LINES}"] if len(lines) > MAX_LINES else []
    return [harmless(line, MAX_LINE) for line in lines[:MAX_LINES]] + more


def _line_of_card(kind: str, card: str) -> str:
    fields = json.loads(card)
    return f"[{WORDS[Kind(kind)]}] {harmless(str(fields.get('title') or fields.get('name') or ''))}"


def _padded(text: str, width: int) -> str:
    """Return a text that is `width` columns wide, or one blank longer than it is."""
    wide = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
    return text + " " * max(1, width - wide)
