"""`python bot.py --check`: is everything there that the bot needs? Sends nothing and disturbs nobody."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterable
from importlib.util import find_spec

from roomsync import store
from roomsync.backoff import backoff
from roomsync.cli.qr_code import drawing
from roomsync.cli.verify import link_of
from roomsync.config.settings import Settings
from roomsync.errors import GatewayBusy, GatewayError, GatewayLost, StateFileBusy, StateFileError
from roomsync.gateway.connection import Connection
from roomsync.gateway.protocol import EventType
from roomsync.inbox.event_handlers import payload_of, qrcode_of, text_of
from roomsync.language import _
from roomsync.model import Cursor, FilterMode
from roomsync.moderation import qr
from roomsync.relay.rooms import Rooms
from roomsync.session import Phase
from roomsync.store import StateFile, is_held, read_only
from roomsync.text.characters import columns, harmless

MAX_TOPICS = 10
MAX_LINE = 4000  # characters
CHECK_TIMEOUT = 10.0  # seconds until the check gives up


class _Login:
    """Takes events until it is known who is logged in; `account` is then set."""

    def __init__(self) -> None:
        self.account: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.qrcode = ""
        self.is_reported = False  # that nobody is logged in
        self.cursor = Cursor()  # none: what was said meanwhile is the bot's

    async def has_room(self) -> None:
        """Take every event."""

    def feed(self, event_type: int, text: str, seq: int = 0) -> None:
        """Take an event."""
        with contextlib.suppress(ValueError, RecursionError):  # an event that cannot be read is none of those
            if event_type == EventType.LOGIN and not self.account.done():
                self.account.set_result(text_of(payload_of(event_type, text), "contactId"))
            elif event_type == EventType.SCAN:
                self.qrcode = qrcode_of(payload_of(event_type, text))


async def check(settings: Settings, limit: float = CHECK_TIMEOUT) -> int:
    """Print what is found within `limit` seconds; return 0 when the bot could run, else 1."""
    link, login = Connection(settings), _Login()
    link.events = login
    connected = False
    try:
        async with asyncio.timeout(limit):
            if not await _connect(link):
                await _account(link, login)
                connected = True
            else:
                connected = _is_logged_in(settings)
            if connected:
                await _communities(link, Rooms(settings.room_prefixes, settings.admin_room))
    except GatewayError as error:
        _line(_("gateway"), str(error))
    except TimeoutError:
        if not login.is_reported:
            _line(_("gateway"), _("gave up after {limit:.0f} s").format(limit=limit))
    finally:
        await link.disconnect()
    if connected:
        _claim(settings)
    _moderation(settings)
    return 0 if _state_file(settings) and connected else 1


def _line(what: str, text: str) -> None:
    blanks = " " * (12 - columns(what))
    print(f"{what}{blanks}{harmless(text, MAX_LINE)}")  # noqa: T201 - this is the answer to the user


async def _connect(link: Connection) -> bool:
    """Connect; return whether a bot is connected already, so that only calls can be made, and no events seen."""
    shown = ""
    for delay in backoff():
        try:
            await link.connect()
        except GatewayBusy as error:
            _line(_("gateway"), _("{error}; it is not disturbed").format(error=error))
            return True
        except GatewayLost as error:
            if str(error) != shown:
                _line(_("gateway"), shown := str(error))
            await link.disconnect()
            await asyncio.sleep(delay)
        else:
            break
    _line(
        _("gateway"),
        _("{endpoint} ({how}) is connected").format(
            endpoint=link.endpoint, how=_("plain") if link.settings.no_tls else "TLS"
        ),
    )
    return False


def _is_logged_in(settings: Settings) -> bool:
    """Return whether nothing says that WeChat is logged out for the bot that holds the gateway; else say so."""
    if is_held(settings.state_file):
        with contextlib.suppress(StateFileError), read_only(settings.state_file) as db:
            if store.health.read(db).phase == Phase.CONNECTED:
                _line(_("account"), _("WeChat is not logged in, as the bot that runs has it; --status says more"))
                return False
    return True


async def _account(link: Connection, login: _Login) -> None:
    listening = asyncio.create_task(link.listen(), name="check listens")
    try:
        either: set[asyncio.Future[None] | asyncio.Future[str]] = {listening, login.account}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not login.account.done():
            await listening
            raise GatewayLost(_("the gateway ended the event stream"))
        contact_id = login.account.result()
        name = await link.members.name(contact_id) or _("logged in")
        _line(_("account"), f"{name} ({contact_id})")
    except asyncio.CancelledError:
        hint = _("; scan {link}").format(link=link_of(login.qrcode)) if login.qrcode else _("; log in there")
        _line(_("account"), _("WeChat is not logged in at this gateway") + hint)
        if login.qrcode and (drawn := drawing(login.qrcode, sys.stdout)):
            print(drawn)  # noqa: T201 - likewise
        login.is_reported = True
        raise
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _communities(link: Connection, rooms: Rooms) -> None:
    topics = {room_id: topic or "?" for room_id, topic in (await link.client.topics()).items()}
    for room_id, topic in topics.items():
        rooms.place(room_id, topic)
    for prefix in rooms.prefixes:
        found = rooms.community(prefix)
        few = _("; with fewer than two there is nothing to relay") if len(found) < 2 else ""
        _line(_("community"), f"{prefix}: {_rooms(len(found))}{few}")
        for room in found:
            _line("", f"{room.label}  ({room.topic})")
        if not found and topics:
            _line(
                "",
                _("the account is in {count} rooms: {topics}").format(count=len(topics), topics=_some(topics.values())),
            )
    if rooms.staff_topic:
        named = len(rooms.named_for_staff())
        told = {0: _("no room has that name; staff is heard in private chats alone"), 1: _("is there")}
        many = _("{count} rooms have that name; rename all but one").format(count=named)
        _line(_("staff"), f"{rooms.staff_topic}: {told.get(named, many)}")


def _moderation(settings: Settings) -> None:
    """Show what messages are judged by, and which packages for that are missing."""
    if not settings.admin_room or (settings.moderation is FilterMode.OFF and not settings.milvus_uri):
        return
    where = (
        _("in Milvus, {address}").format(address=settings.milvus_uri)
        if settings.milvus_uri
        else _("in the bot's process")
    )
    _line(
        _("moderation"),
        _("{mode}, unless staff chose another mode; samples are compared {where}").format(
            mode=settings.moderation, where=where
        ),
    )
    packages = ["pymilvus", *([] if "://" in settings.milvus_uri else ["milvus_lite"])]
    if settings.milvus_uri and not all(map(find_spec, packages)):
        _line("", _("Milvus is not installed, so no text would be compared: pip install -r requirements-milvus.txt"))
    if not qr.is_available():
        _line("", _("QR codes are not read; they would be after: pip install -r requirements-qr.txt"))


def _claim(settings: Settings) -> None:
    """Show the code with which somebody becomes staff, while there is one."""
    if not settings.admin_room or not is_held(settings.state_file):
        return  # each start makes another code
    with contextlib.suppress(StateFileError), read_only(settings.state_file) as db:
        if code := store.staff.claim_code(db, time.time()):
            _line(
                "",
                _("who sends the bot this, there or in private, is staff from then on: /claim {code}").format(
                    code=code
                ),
            )


def _rooms(count: int) -> str:
    return _("1 room") if count == 1 else _("{count} rooms").format(count=count)


def _some(topics: Iterable[str]) -> str:
    first, more = sorted(topics)[:MAX_TOPICS], sorted(topics)[MAX_TOPICS:]
    return ", ".join([*first, "..."] if more else first)


def _state_file(settings: Settings) -> bool:
    try:
        StateFile(settings.state_file).close()
    except StateFileBusy:
        _line(_("state file"), _("{path} is in use by a bot that is running").format(path=settings.state_file))
        return True
    except StateFileError as error:
        start, path, rest = str(error).partition(str(settings.state_file))
        _line(_("state file"), path + rest or start)
        return False
    _line(_("state file"), _("{path} is usable").format(path=settings.state_file))
    return True
