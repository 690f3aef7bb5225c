"""`python bot.py --demo`: the bot at work in three rooms full of people, without account, token and network.

The gateway is the embedded one of `loopback`; the bot, its Wechaty client and the gRPC between them are real.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from roomsync.loopback.account import Sent
from roomsync.loopback.gateway import LoopbackGateway
from roomsync.model import Kind
from roomsync.text.headers import HeaderTemplate
from roomsync.text.kinds import WORDS

PREFIX = "Milvus用户交流群"
ROOMS = ("101", "102", "103")
LABELS = {f"room-{label}": label for label in ROOMS}
PEOPLE = {"alice": "Alice", "wang": "小王", "li": "李雷", "mei": "梅梅", "bob": "Bob", "chen": "陈工", "you": "You"}
VISITOR = "you"
OUTSIDE = "room-family"  # a room of the account that is none of the community's
# A PNG of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = {"boxType": 1, "base64": PIXEL, "name": "recall-vs-latency.png", "metadata": {}}
LINK = {
    "url": "https://milvus.io/docs/multi-vector-search.md",
    "title": "Hybrid Search",
    "description": "Search two vector fields and rank the results together.",
    "thumbnailUrl": "https://milvus.io/favicon-32x32.png",
}
PROGRAM = {"appid": "wx0123456789abcdef", "title": "Meetup 报名", "username": "gh_demo@app", "pagePath": "pages/index"}
Content = str | Mapping[str, object]
TALK: tuple[tuple[str, str, str, Content], ...] = (  # room, who, kind, what
    ("101", "alice", "text", "Hi all, has anyone tried hybrid search on 10M vectors?"),
    ("103", "chen", "text", "用过，召回率比单路高不少 👍"),
    ("103", "chen", "image", PICTURE),
    ("102", "wang", "text", "这图太及时了，参数怎么设的？"),
    ("101", "bob", "url", LINK),
    ("102", "mei", "miniprogram", PROGRAM),
    ("103", "li", "text", "报名了！周六见"),
)
HEADER = "[{name}@{room}]:  "
MESSAGE_INTERVAL = 0.9  # seconds between two messages, for a person to read


class DemoBot(Protocol):
    """The bot that the demo shows."""

    async def run(self) -> None:
        """Relay until `stop`."""

    def stop(self) -> None:
        """Let `run` return."""

    def close(self) -> None:
        """Close the state file."""


class _Stage:
    """The chat as a person reads it: who says what where, and what arrives in the other rooms."""

    def __init__(self, gateway: LoopbackGateway, color: bool) -> None:
        self._gateway = gateway
        self._color = color
        gateway.on_sent = self._show

    def _paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._color else text

    def _show(self, sent: Sent) -> None:
        words = sent.body if sent.kind == "text" else f"<{sent.kind}: {_title(json.loads(sent.body))}>"
        with contextlib.suppress(BrokenPipeError):  # nobody reads on, which who talks hears of
            print(f"  {self._paint('2', '→')} {self._paint('36', LABELS[sent.room_id])}   {words}", flush=True)

    async def say(self, label: str, talker: str, kind: str, content: Content) -> int:
        """Say it, and wait until it is in the other rooms; return how many sends that took. Raises TimeoutError."""
        if isinstance(content, str):
            words, text, card = content, content, ""
        else:
            words, text, card = f"[{WORDS[Kind(kind)]}] {_title(content)}", "", json.dumps(content, ensure_ascii=False)
        name = PEOPLE[talker]
        pad = " " * max(1, 8 - sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in name))
        print(f"\n{self._paint('1;32', label)}  {self._paint('1', name)}{pad}{words}", flush=True)
        before, sends = len(self._gateway.sent), (len(ROOMS) - 1) * (1 if kind == "text" else 2)
        self._gateway.say(f"room-{label}", talker, text, kind=kind, content=card)
        await self._gateway.until(lambda: len(self._gateway.sent) >= before + sends)
        return sends

    async def visit(self) -> None:
        """Let the person at the terminal talk, until an empty line."""
        print('\nYour turn: a room and what you say there, such as "102 hello". An empty line ends the demo.')
        while line := await _ask("> "):
            label, _, text = line.partition(" ")
            if label not in ROOMS or not text.strip():
                print(f"Start with one of the rooms {', '.join(ROOMS)}, then a blank, then what you say.")
            elif HeaderTemplate(HEADER).parse(text.strip(), ROOMS):
                print("That starts as what a relay says, and no relay may answer another: the bot leaves it alone.")
            else:
                await self._say_or_tell(label, text.strip())

    async def _say_or_tell(self, label: str, text: str) -> None:
        try:
            await self.say(label, VISITOR, "text", text)
        except TimeoutError:
            print("That is not in the other rooms after 10 s: the bot left it alone, or the machine is very busy.")


def _title(card: Mapping[str, object]) -> object:
    return card.get("title") or card.get("name")


async def demo(make_bot: Callable[[Mapping[str, str]], DemoBot]) -> int:
    """Run the scripted talk, then let a visitor at a terminal join in; return 0 when everything said has arrived.

    `make_bot` makes a bot of settings, given as variable name -> text.
    """
    at_terminal = all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout))  # None: it was closed
    gateway = LoopbackGateway()
    for contact_id, name in PEOPLE.items():
        gateway.add_contact(contact_id, name)
    for room_id, label in LABELS.items():
        gateway.add_room(room_id, PREFIX + label)
    gateway.add_room(OUTSIDE, "家庭群")
    values = {
        "WECHATY_PUPPET_SERVICE_TOKEN": gateway.token,
        "WECHATY_PUPPET_SERVICE_ENDPOINT": await gateway.start(),
        "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "true",
        "HEADER": HEADER,
        "SEND_INTERVAL": "0.15" if at_terminal else "0",
        "ROOM_INTERVAL": "0",
        "SENDS_PER_MINUTE": "0",
    }
    try:
        with (
            tempfile.TemporaryDirectory(prefix="roomsync-demo-") as folder,
            contextlib.closing(make_bot({**values, "STATE_FILE": str(Path(folder) / "roomsync.db")})) as bot,
        ):
            return await _play(bot, gateway, at_terminal)
    finally:
        await gateway.close()


async def _play(bot: DemoBot, gateway: LoopbackGateway, at_terminal: bool) -> int:
    color = at_terminal and "NO_COLOR" not in os.environ and (os.name != "nt" or "WT_SESSION" in os.environ)
    stage = _Stage(gateway, color)
    running = asyncio.create_task(bot.run(), name="bot of the demo")
    try:
        # Every room of the account is asked for its topic at login; what is said then is in order behind that.
        await gateway.until(lambda: gateway.calls.count("RoomPayload") > len(ROOMS))
        print(f"{len(ROOMS)} rooms found by the prefix {PREFIX}: {', '.join(ROOMS)}. (家庭群 is none of them.)")
        arrived = 0
        for said in TALK:
            arrived += await stage.say(*said)
            await asyncio.sleep(MESSAGE_INTERVAL if at_terminal else 0)
        stray = sum(sent.room_id == OUTSIDE for sent in gateway.sent)
        print(f"\n{len(TALK)} messages said, all in the other rooms after {arrived} sends; {stray} in 家庭群.")
        if at_terminal:
            await stage.visit()
    except TimeoutError:
        print("\nThe demo ends: what was said is not in the other rooms after 10 s. Is the machine very busy?")
        return 1
    finally:
        bot.stop()
        await running
    return 0 if stray == 0 else 1


async def _ask(prompt: str) -> str:
    """Return a line from the terminal, empty at its end; a daemon thread reads, so Ctrl-C need not wait for Enter."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        try:
            line = input(prompt).strip()
        except (EOFError, OSError, ValueError, RuntimeError):  # the last three: somebody closed it
            line = ""
        with contextlib.suppress(RuntimeError):  # the demo is over
            loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(line))

    threading.Thread(target=read, daemon=True).start()
    return await answer
