"""`python bot.py --verify-code 123456`: give WeChat the code that it asks for at a first login."""

import asyncio
import contextlib
from urllib.parse import quote

from roomsync import store
from roomsync.cli.arguments import COMMAND
from roomsync.config.settings import Settings
from roomsync.errors import GatewayBusy, GatewayError, GatewayLost
from roomsync.gateway.connection import Connection
from roomsync.gateway.protocol import CODE_EXPIRED, CODE_WRONG, EventType
from roomsync.inbox.event_handlers import payload_of, verify_id_of
from roomsync.language import _
from roomsync.model import Cursor
from roomsync.store import is_held, read_only
from roomsync.text.characters import harmless

QUESTION_TIMEOUT = 5.0  # seconds in which a gateway repeats to a new connection what WeChat asks
VERIFY_TIMEOUT = 30.0  # seconds until the command gives up


def link_of(qr_code: str) -> str:
    """Return an address that shows the QR code of a scan event."""
    return f"https://wechaty.js.org/qrcode/{quote(qr_code, safe='')}"


def line_of_question(status: object, message: str) -> str:
    """Return what to do about WeChat's question: its `status` is the gateway's number, `message` its own words."""
    if status == CODE_EXPIRED:
        return _("The time for WeChat's verify code is over: begin the login at the gateway again.")
    start = _("That verify code was wrong. ") if status == CODE_WRONG else ""
    words = _(" (WeChat says: {message})").format(message=message) if message else ""
    return (
        start
        + _("WeChat asks for the verify code that it gives the account's owner: {command}").format(command=COMMAND)
        + words
    )


def line_of_slide(url: str) -> str:
    """Return what to do when WeChat asks for a slider to be moved; `url`: what the gateway names for that, if any."""
    tool = _(", with what it names for that: {url}").format(url=url) if url else ""
    return _("WeChat asks for a slider to be moved. The bot cannot do that: do it at the gateway") + tool


class _Question:
    """Takes events until WeChat asks for a code, or is logged in: `verify_id` is then set, empty for a login."""

    def __init__(self) -> None:
        self.verify_id: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.cursor = Cursor()  # none: what was said meanwhile is the bot's

    async def has_room(self) -> None:
        """Take every event."""

    def feed(self, event_type: int, text: str, seq: int = 0) -> None:
        """Take an event."""
        if event_type not in (EventType.LOGIN, EventType.VERIFY_CODE) or self.verify_id.done():
            return
        with contextlib.suppress(ValueError, RecursionError):  # an event that cannot be read asks for nothing
            payload = payload_of(event_type, text)
            self.verify_id.set_result(verify_id_of(payload) if event_type == EventType.VERIFY_CODE else "")


async def give_code(settings: Settings, code: str) -> int:
    """Give WeChat the code, beside a bot that runs or without one, and print what came of it; return 0 when it has it.

    Raises `StateFileError`.
    """
    link, question = Connection(settings), _Question()
    link.events = question
    try:
        async with asyncio.timeout(VERIFY_TIMEOUT):
            verify_id = await _ask(link, question)
            if verify_id:
                await link.client.enter_verify_code(verify_id, code)
    except GatewayError as error:
        return _say(_("The code was not taken: {error}").format(error=harmless(str(error).replace(code, "***"))), 1)
    except TimeoutError:
        return _say(_("The gateway did not answer within {limit:.0f} s.").format(limit=VERIFY_TIMEOUT), 1)
    finally:
        await link.disconnect()
    if not verify_id:
        return _say(_("WeChat asks for no verify code now."), 1)
    return _say(_("WeChat has the code. Whether it logs in now is shown by the bot's log and by --status."), 0)


def _say(text: str, exit_code: int) -> int:
    print(text)  # noqa: T201 - this is the answer to the user
    return exit_code


async def _ask(link: Connection, question: _Question) -> str:
    """Connect; return what WeChat's question is called, empty when it asks for nothing.

    There is one event stream, and a bot that runs needs it: what it heard stands in the state file.
    """
    path = link.settings.state_file
    noted = ""
    if path.exists():
        with read_only(path) as db:
            noted = store.health.read(db).verify_id
    if is_held(path):
        await link.open()
        return noted
    try:
        await link.connect()
    except GatewayBusy:
        return noted
    listening = asyncio.create_task(link.listen(), name="verify listens")
    try:
        either: set[asyncio.Future[None] | asyncio.Future[str]] = {listening, question.verify_id}
        await asyncio.wait(either, timeout=QUESTION_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        if question.verify_id.done():
            return question.verify_id.result()
        if listening.done():
            await listening
            raise GatewayLost(_("the gateway ended the event stream"))
        return noted
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
