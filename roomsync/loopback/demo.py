"""`python bot.py --demo`: the bot at work in rooms full of people, without account, token and network.

The gateway is the embedded one of `loopback`; the bot, its Wechaty client and the gRPC between them are real.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from roomsync.language import _
from roomsync.loopback.gateway import LoopbackGateway
from roomsync.loopback.script import Bot, Script
from roomsync.loopback.stage import LABELS, OUTSIDE, OUTSIDE_ID, PEOPLE, PREFIX, Stage
from roomsync.loopback.visitor import visit


class DemoBot(Bot, Protocol):
    """The bot that the demo shows."""

    async def run(self) -> None:
        """Relay until `stop`."""

    def stop(self) -> None:
        """Let `run` return."""

    def close(self) -> None:
        """Close the state file."""


async def demo(make_bot: Callable[[Mapping[str, str]], DemoBot]) -> int:
    """Play the script, then let a visitor at a terminal join in; return 0 when everything said has arrived.

    `make_bot` makes a bot of settings, given as variable name -> text.
    """
    at_terminal = all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout))  # None: it was closed
    gateway = LoopbackGateway()
    for contact_id, name in PEOPLE.items():
        gateway.add_contact(contact_id, name)
    for room_id, label in LABELS.items():
        gateway.add_room(room_id, PREFIX + label)
    gateway.add_room(OUTSIDE_ID, OUTSIDE)
    values = {
        "WECHATY_PUPPET_SERVICE_TOKEN": gateway.token,
        "WECHATY_PUPPET_SERVICE_ENDPOINT": await gateway.start(),
        "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "true",
        "ADMIN_ROOM": PREFIX + LABELS["room-staff"],
        "MODERATION": "hold",
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
    stage = Stage(gateway, color)
    stage.tell(
        _("The bot is the real one. WeChat is played by a small gateway in the same process, for about a minute.")
    )
    with stage.log_shown():
        running = asyncio.create_task(bot.run(), name="bot of the demo")
        try:
            await stage.until(lambda: bot.session.is_ready)
            await Script(stage, bot, at_terminal).play()
            counts = stage.said, len(gateway.sent), len(gateway.recalled)
            with _next_step(stage):
                if at_terminal:
                    await visit(stage)
        except TimeoutError:
            stage.show("\n" + _("The demo ends: what was said has not arrived after 10 s. Is the machine very busy?"))
            return 1
        finally:
            bot.stop()
            await running
    stray = sum(sent.room_id == OUTSIDE_ID for sent in gateway.sent)
    told = _("All arrived: {said} messages said, {sends} sends, {taken_back} taken back; {stray} in {outside}.")
    said, sends, taken_back = counts
    stage.show("\n" + told.format(said=said, sends=sends, taken_back=taken_back, stray=stray, outside=OUTSIDE))
    return 0 if stray == 0 else 1


@contextlib.contextmanager
def _next_step(stage: Stage) -> Iterator[None]:
    """Say at the end of a block what comes next, also when the visitor ends it by Ctrl-C."""
    try:
        yield
    finally:
        stage.tell(
            _("Next: a gateway for your account, and four lines in .env (README.md). Then: python bot.py --check")
        )
