"""`python bot.py --dry-run`: the bot at work at its gateway, but what it would send is printed and goes nowhere."""

import asyncio
import contextlib
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from roomsync.cli.signals import stop_on_signals
from roomsync.config.settings import Settings
from roomsync.delivery.attempts import Sender
from roomsync.errors import StateFileError
from roomsync.language import _
from roomsync.model import Kind
from roomsync.relay.rooms import Rooms
from roomsync.text.characters import LINE_BREAKS, MAX_TEXT, harmless
from roomsync.text.kinds import line_of

log = logging.getLogger(__name__)

LEAVE_TIMEOUT = 0.5  # seconds for what is left to do when the process has to end at once


class Bot(Protocol):
    """The bot that runs."""

    async def run(self) -> None:
        """Relay until `stop`."""

    def stop(self) -> None:
        """Let `run` return."""

    def close(self) -> None:
        """Close the state file."""


MakeBot = Callable[[Settings, Callable[[Sender, Rooms], Sender]], Bot]


class DrySender:
    """Prints what the bot sends, in the place of the gateway: a `Sender`, which the gateway never hears of.

    `lost` is called when nobody takes what is printed. `clock` gives seconds since the epoch.
    """

    def __init__(
        self, gateway: Sender, rooms: Rooms, lost: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._gateway = gateway
        self._rooms = rooms
        self._lost = lost
        self._clock = clock
        self._made: dict[str, tuple[int, str]] = {}  # made-up id -> number and room of the send
        self._turn = asyncio.Lock()

    @property
    def count(self) -> int:
        """How many sends there were."""
        return len(self._made)

    @property
    def speaks_quotes(self) -> bool:
        """Whether the gateway has shown that it speaks quote ids."""
        return self._gateway.speaks_quotes

    async def file(self, message_id: str, kind: Kind) -> str | None:
        """Return the file box of a message, which the gateway is asked for. Raises `GatewayError`."""
        return await self._gateway.file(message_id, kind)

    async def send(
        self, room_id: str, kind: Kind, body: str, mentions: Sequence[str] = (), quote_id: str = ""
    ) -> str | None:
        """Print a send; return an id that is made up, by which it can be quoted and taken back."""
        notes = [_("quotes {number}").format(number=self._name_of(quote_id))] if quote_id else []
        notes += [_("mentions {member}").format(member=harmless(contact_id)) for contact_id in mentions]
        words = body if kind is Kind.TEXT else line_of(kind, "", body)
        return await self._print(room_id, f"({', '.join(notes)}) {words}" if notes else words)

    async def recall(self, sent_id: str) -> bool:
        """Print that a send would be taken back; return that it was."""
        room_id = self._made.get(sent_id, (0, "?"))[1]
        await self._print(room_id, _("(takes back {number})").format(number=self._name_of(sent_id)))
        return True

    def _name_of(self, message_id: str) -> str:
        return f"#{self._made[message_id][0]}" if message_id in self._made else harmless(message_id)

    async def _print(self, room_id: str, words: str) -> str:
        number = self.count + 1
        made_up = f"dry-run-{number}"
        self._made[made_up] = number, room_id
        room = self._rooms.get(room_id)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._clock()))
        # Lines after the first are indented, so that nobody can make one that looks like a send.
        text = "\n    ".join(harmless(line, MAX_TEXT) for line in LINE_BREAKS.split(words))
        try:
            async with self._turn:  # in a thread: a terminal in which somebody selects text must not stop the bot
                await asyncio.to_thread(_say, f"{when}  #{number}  {room.topic if room else harmless(room_id)}  {text}")
        except BrokenPipeError:
            self._lost()
        return made_up


class DryRun:
    """A run of a bot that sends nothing, on a state file of its own in a temporary folder, which is removed."""

    def __init__(self, make_bot: MakeBot, settings: Settings) -> None:
        """`make_bot` makes a bot of settings, and of what gives its sender in the place of the gateway."""
        self._make_bot = make_bot
        self._settings = settings
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._sender: DrySender | None = None
        self._bot: Bot | None = None
        self._is_printed = True

    async def run(self) -> None:
        """Run until `stop`. Raises `RoomSyncError`, and `BrokenPipeError` when nobody takes what is printed."""
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="roomsync-dry-run-", ignore_cleanup_errors=True)
        except OSError as error:
            raise StateFileError(
                _("A dry run needs a temporary folder for a state file of its own: {error}").format(error=error)
            ) from error
        try:
            _say(
                _(
                    "This is a dry run: nothing is sent. Each send that would be made is printed here, when it would "
                    "be. The state file of this run is in {name} and is removed at the end; Ctrl-C ends it."
                ).format(name=self._folder.name)
            )
            state_file = Path(self._folder.name) / "roomsync.db"
            settings = replace(self._settings, state_file=state_file)
            with contextlib.closing(self._make_bot(settings, self._sender_of)) as self._bot:
                await self._bot.run()
        finally:
            self._end()
        if not self._is_printed:
            raise BrokenPipeError

    def stop(self) -> None:
        """Let `run` return."""
        if self._bot:
            self._bot.stop()

    def leave(self, code: int) -> None:
        """End the process, without waiting for the bot or for long."""
        # In a thread: neither a disk nor a terminal that hangs may keep the process.
        last = threading.Thread(target=self._end, daemon=True)
        last.start()
        last.join(LEAVE_TIMEOUT)
        os._exit(code)

    def _sender_of(self, gateway: Sender, rooms: Rooms) -> Sender:
        self._sender = DrySender(gateway, rooms, self._lost)
        return self._sender

    def _lost(self) -> None:
        self._is_printed = False
        self.stop()

    def _end(self) -> None:
        """Remove the folder, and say so."""
        if not self._folder:
            return
        self._folder.cleanup()
        name = self._folder.name
        is_gone = not Path(name).exists()
        count = self._sender.count if self._sender else 0
        with contextlib.suppress(BrokenPipeError):  # what went wrong before says more
            text = _("The dry run is over: {count} sends would have been made, and none was.").format(count=count)
            ending = _("The state file of this run was in {name} and is removed.")
            if not is_gone:
                ending = _("The state file of this run could not be removed: remove {name} yourself.")
            _say(f"{text} {ending.format(name=name)}")


async def dry_run(make_bot: MakeBot, settings: Settings) -> int:
    """Run a bot that prints what it would send until the first Ctrl-C or SIGTERM; return the exit code.

    Raises `RoomSyncError`.
    """
    one = DryRun(make_bot, settings)
    # A terminal that is closed ends it, too; `nohup` has that ignored.
    hangs_up = getattr(signal, "SIGHUP", None)
    more = ["SIGHUP"] if hangs_up and signal.getsignal(hangs_up) is signal.SIG_DFL else []
    stop_on_signals(one.stop, one.leave, more)  # before there is a folder, so that it is always removed
    await one.run()
    return 0


def _say(line: str) -> None:
    """Print a line. Raises `BrokenPipeError` when it cannot be; the log says why, unless its reader has seen enough."""
    try:
        print(line, flush=True)  # noqa: T201 - this is the answer to the user
    except BrokenPipeError:
        raise
    except OSError as error:
        log.warning("The dry run cannot go on, for what it prints cannot be written: %s", error)
        raise BrokenPipeError from error
