"""The visitor of the demo: somebody at a terminal, who talks in the rooms, and to the bot as staff."""

import asyncio
import contextlib
import threading

from roomsync.language import _
from roomsync.loopback.stage import CHIEF, ROOMS, STAFF_ROOM, VISITOR, Stage

PROMPT = "> "
STAFF = (STAFF_ROOM, "staff")  # what the room of the staff is called here
SLASHES = ("/", "／")
FIRST_TIMEOUT = 3.0  # seconds until something comes of what the visitor says
QUIET = 0.6  # seconds without anything more after which all came
MAX_TURNS = 50


async def visit(stage: Stage) -> None:
    """Let the person at the terminal talk, until an empty line."""
    stage.tell(
        _('Your turn. As You in a room: "102 hello". As staff: "管理 /状态", "管理 /帮助". An empty line ends it.')
    )
    while line := await ask(stage):
        label, text = _parsed(line)
        if not text:
            told = _("Start with a room, {rooms} or {staff}, then a blank, then what you say there.")
            stage.show(told.format(rooms=", ".join(ROOMS), staff=STAFF_ROOM))
        else:
            await _say(stage, label, text)


def _parsed(line: str) -> tuple[str, str]:
    """Return the room, and what is said there; empty where the line is none of that."""
    if line.startswith(SLASHES):  # only staff has commands
        return STAFF_ROOM, line
    label, text = (*line.split(None, 1), "")[:2]
    if label.lower() in STAFF:
        return STAFF_ROOM, text
    return (label, text) if label in ROOMS else ("", "")


async def _say(stage: Stage, label: str, text: str) -> None:
    is_staff, before = label == STAFF_ROOM, stage.shown
    stage.say(label, CHIEF if is_staff else VISITOR, text.encode("utf-8", "replace").decode())
    if not await _comes(stage, before, FIRST_TIMEOUT):
        if is_staff:
            told = _(
                "No answer: the bot answers commands, which begin with /. For an announcement it collects the rest."
            )
            stage.show(told)
        else:
            stage.show(_("Nothing is sent: it waits, is held, or the bot leaves it alone. 管理 /状态 says more."))
        return
    for _turn in range(MAX_TURNS):  # a long text goes in many pieces
        if not await _comes(stage, stage.shown, QUIET):
            break


async def _comes(stage: Stage, before: int, limit: float) -> bool:
    """Return whether more than that is shown within `limit` seconds."""
    with contextlib.suppress(TimeoutError):
        await stage.until(lambda: stage.shown > before, limit)
    return stage.shown > before


async def ask(stage: Stage) -> str:
    """Return a line from the terminal, empty at its end; a daemon thread reads, so Ctrl-C need not wait for Enter."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        try:
            line = input().strip()
        except (EOFError, OSError, ValueError, RuntimeError):  # the last three: somebody closed it
            line = ""
        with contextlib.suppress(RuntimeError):  # the demo is over
            loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(line))

    stage.prompt = PROMPT
    stage.show("")
    threading.Thread(target=read, daemon=True).start()
    try:
        return await answer
    finally:
        stage.prompt = ""
