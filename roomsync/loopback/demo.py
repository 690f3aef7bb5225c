"""`python bot.py --demo`: the bot at work in three rooms full of people, without account, token and network.

The gateway is the embedded one of `loopback`; the bot, its Wechaty client and the gRPC between them are real.
"""

import asyncio
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
from roomsync.text.kinds import WORDS

PREFIX = "Milvus用户交流群"
ROOMS = ("101", "102", "103")
PEOPLE = {"alice": "Alice", "wang": "小王", "li": "李雷", "mei": "梅梅", "bob": "Bob", "chen": "陈工"}
VISITOR = "you"
OUTSIDE = "room-family"  # a room of the account that is none of the community's
# A picture of one pixel, 1x1 PNG.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = {"boxType": 1, "base64": PIXEL, "name": "recall-vs-latency.png", "metadata": {}}
LINK = {
    "url": "https://milvus.io/docs/multi-vector-search.md",
    "title": "Hybrid Search",
    "description": "Search two vector fields and rank the results together.",
    "thumbnailUrl": "https://milvus.io/favicon-32x32.png",
}
PROGRAM = {"appid": "wx0123456789abcdef", "title": "Meetup 报名", "username": "gh_demo@app", "pagePath": "pages/index"}
# Room, who, kind, what.
Content = str | Mapping[str, object]
TALK: tuple[tuple[str, str, str, Content], ...] = (
    ("101", "alice", "text", "Hi all, has anyone tried hybrid search on 10M vectors?"),
    ("103", "chen", "text", "用过，召回率比单路高不少 👍"),
    ("103", "chen", "image", PICTURE),
    ("102", "wang", "text", "这图太及时了，参数怎么设的？"),
    ("101", "bob", "url", LINK),
    ("102", "mei", "miniprogram", PROGRAM),
    ("103", "li", "text", "报名了！周六见"),
)
PACE = 0.9  # seconds between two messages, for a person to read


class DemoBot(Protocol):
    """The bot that the demo shows."""

    async def run(self) -> None:
        """Relay until `stop`."""

    def stop(self) -> None:
        """Let `run` return."""

    def close(self) -> None:
        """Close the state file."""


class _Screen:
    """The chat as a person reads it: who says what where, and what arrives in the other rooms."""

    def __init__(self, gateway: LoopbackGateway, color: bool) -> None:
        self._color = color
        self._labels = {f"room-{label}": label for label in ROOMS}
        gateway.on_sent = self.arrives

    def _paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._color else text

    def says(self, label: str, name: str, kind: str, content: Content) -> None:
        words = content
        if not isinstance(content, str):
            words = f"[{WORDS[Kind(kind)]}] {content.get('title') or content.get('name')}"
        pad = " " * max(1, 8 - sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in name))
        print(f"\n{self._paint('1;32', label)}  {self._paint('1', name)}{pad}{words}", flush=True)

    def arrives(self, sent: Sent) -> None:
        if sent.kind == "text":
            words = sent.body
        else:
            card = json.loads(sent.body)
            words = f"<{sent.kind}: {card.get('title') or card.get('name')}>"
        print(f"  {self._paint('2', '→')} {self._paint('36', self._labels[sent.room_id])}   {words}", flush=True)


async def demo(make_bot: Callable[[Mapping[str, str]], DemoBot]) -> int:
    """Run the scripted talk, then let a visitor at a terminal join in; 0 when everything said has arrived.

    `make_bot` makes a bot of settings, given as variable name -> text.
    """
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    gateway = LoopbackGateway()
    for contact_id, name in {**PEOPLE, VISITOR: "You"}.items():
        gateway.add_contact(contact_id, name)
    for label in ROOMS:
        gateway.add_room(f"room-{label}", PREFIX + label)
    gateway.add_room(OUTSIDE, "家庭群")
    values = {
        "WECHATY_PUPPET_SERVICE_TOKEN": gateway.token,
        "WECHATY_PUPPET_SERVICE_ENDPOINT": await gateway.start(),
        "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "true",
        "SEND_INTERVAL": "0.15" if at_terminal else "0",
        "ROOM_INTERVAL": "0",
        "SENDS_PER_MINUTE": "0",
    }
    try:
        with tempfile.TemporaryDirectory(prefix="roomsync-demo-") as folder:
            bot = make_bot({**values, "STATE_FILE": str(Path(folder) / "roomsync.db")})
            try:
                return await _play(bot, gateway, at_terminal)
            finally:
                bot.close()
    finally:
        await gateway.close()


async def _play(bot: DemoBot, gateway: LoopbackGateway, at_terminal: bool) -> int:
    screen = _Screen(
        gateway, at_terminal and "NO_COLOR" not in os.environ and (os.name != "nt" or "WT_SESSION" in os.environ)
    )
    running = asyncio.create_task(bot.run(), name="bot of the demo")
    try:
        # Every room of the account is asked for its topic at login; what is said then is in order behind that.
        await gateway.until(lambda: gateway.calls.count("RoomPayload") > len(ROOMS))
        print(f"{len(ROOMS)} rooms found by the prefix {PREFIX}: {', '.join(ROOMS)}. (家庭群 is none of them.)")
        arrived = 0
        for label, talker, kind, content in TALK:
            arrived += await _say(gateway, screen, label, talker, kind, content)
            await asyncio.sleep(PACE if at_terminal else 0)
        stray = sum(sent.room_id == OUTSIDE for sent in gateway.sent)
        print(f"\n{len(TALK)} messages said, all in the other rooms after {arrived} sends; {stray} in 家庭群.")
        if at_terminal:
            await _visit(gateway, screen)
    finally:
        bot.stop()
        await running
    return 0 if stray == 0 else 1


async def _say(gateway: LoopbackGateway, screen: _Screen, label: str, talker: str, kind: str, content: Content) -> int:
    """Say it, and wait until it is in the other rooms; how many sends that took. Raises TimeoutError."""
    screen.says(label, PEOPLE.get(talker, "You"), kind, content)
    before, sends = len(gateway.sent), (len(ROOMS) - 1) * (1 if kind == "text" else 2)
    if isinstance(content, str):
        gateway.say(f"room-{label}", talker, content)
    else:
        gateway.say(f"room-{label}", talker, kind=kind, content=json.dumps(content, ensure_ascii=False))
    await gateway.until(lambda: len(gateway.sent) >= before + sends)
    return sends


async def _visit(gateway: LoopbackGateway, screen: _Screen) -> None:
    """Let the person at the terminal talk, until an empty line."""
    print('\nYour turn: a room and what you say there, such as "102 hello". An empty line ends the demo.')
    while line := await _ask("> "):
        label, _, text = line.partition(" ")
        if label not in ROOMS or not text.strip():
            print(f"Start with one of the rooms {', '.join(ROOMS)}, then a blank, then what you say.")
            continue
        await _say(gateway, screen, label, VISITOR, "text", text.strip())


async def _ask(prompt: str) -> str:
    """A line from the terminal; empty at its end. A daemon thread reads, so that Ctrl-C need not wait for Enter."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        try:
            line = input(prompt).strip()
        except EOFError:
            line = ""
        loop.call_soon_threadsafe(answer.set_result, line)

    threading.Thread(target=read, daemon=True).start()
    return await answer
