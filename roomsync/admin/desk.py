"""The desk: where staff is heard. Nobody else gets an answer there, and nothing from there is relayed."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from roomsync import store
from roomsync.admin import announcing, notices, pauses
from roomsync.admin.claims import Claims
from roomsync.admin.commands import carry_out
from roomsync.admin.notices import Directory
from roomsync.admin.office import Office
from roomsync.admin.replies import Context, Reply, span
from roomsync.admin.staff_room import Found, choose_room
from roomsync.admin.syntax import Command, Name, claimed_code, parse
from roomsync.admin.watch import Watch
from roomsync.delivery.courier import Courier
from roomsync.delivery.outbox import add_line
from roomsync.errors import GatewayLost
from roomsync.language import _
from roomsync.model import Kind, Message, Reason, Room
from roomsync.relay.router import Reader
from roomsync.text.characters import split_lines
from roomsync.text.system_messages import is_throttle_notice

log = logging.getLogger(__name__)

CODE = re.compile("[0-9]{6}")
MENTION = re.compile(r"\A\s*@\S{1,64}\s+(?=[/／])")  # of the bot, before a command
MAX_AGE = 300.0  # seconds after which a command that a gateway tells late is not carried out


class Desk:
    """Hears staff in private chats and in the room whose topic is `rooms.staff_topic`, and answers there."""

    def __init__(
        self,
        office: Office,
        reader: Reader,
        directory: Directory,
        courier: Courier,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`wall`: the machine's clock, by which gateways say when something was said."""
        self._office, self._state = office, office.decided.state
        self._rooms, self._session = office.rooms, office.session
        self._reader = reader
        self._directory = directory
        self._courier = courier
        self._wall = wall
        self._new: list[tuple[Room, str]] = []  # rooms that staff has to be told of, and who added the bot to them
        self._room_id = ""  # of the room of the staff, as it was found last
        self._problem = ""  # why no room is staff's
        self._left: list[Room] = []  # likewise rooms that the bot was taken out of
        self._claims = Claims(office)
        self._watch = Watch(office)

    def is_for(self, message: Message) -> bool:
        """Return whether a message was said where staff speaks: in private, or in its room."""
        return not message.room_id or message.room_id == self._rooms.staff_room_id

    def is_secret(self, message: Message) -> bool:
        """Return whether a message that was said elsewhere is a code: it must not be told to all."""
        code = claimed_code(message.text) if message.kind is Kind.TEXT else None
        return code is not None and CODE.fullmatch(code) is not None

    # --- who, and where ---

    async def open(self) -> None:
        """After a login: while nobody is listed for that account, make a code that lists the first one."""
        if not await self._state.run(self._staff_ids):
            await self._claims.open()

    def _staff_ids(self) -> list[str]:
        with self._state.connection() as db:
            return [one.contact_id for one in store.staff.members(db, self._session.account_id)]

    async def rooms_changed(self, *, settled: bool) -> None:
        """Find the room of the staff again."""
        found = await self._state.run(self._find_room, settled)
        if found.problem != self._problem:
            self._problem = found.problem
            if found.problem:
                log.warning("%s", found.problem)
        if found.room_id != self._room_id:
            self._room_id = found.room_id
            if found.room_id:
                log.info("Staff is heard in the room %r.", self._rooms.staff_topic)

    def _find_room(self, settled: bool) -> Found:
        """Return which room is staff's; it is noted, is in no community, and what waited for it is not sent."""
        rooms, now = self._rooms, self._office.clock()
        noted = rooms.staff_room_id
        is_gone = settled and (not rooms.knows(noted) or rooms.has_left(noted))
        # A room of a community that is given the name while the bot runs is not believed: any member can do that.
        named = [one for one in rooms.named_for_staff() if settled or one not in rooms.modes]
        found = choose_room(rooms.staff_topic, named, noted, is_gone=is_gone)
        if found.room_id != noted:
            with self._state.transaction() as db:
                store.staff.note_room(db, rooms.staff_topic, found.room_id)
                store.rooms.note_topics(db, {found.room_id: rooms.staff_topic} if found.room_id else {})
                store.deliveries.cancel_room(db, found.room_id, Reason.ROOM_LEFT, now)
                store.rooms.forget_mode(db, found.room_id)
                self._office.decided.load_from(db, now)
        return found

    async def rooms_are_new(self, rooms: Sequence[Room], inviter_id: str) -> None:
        """Take note of rooms that were not there at the last login; what is said of them has to be asked for, later."""
        self._new += [(room, inviter_id) for room in rooms]

    async def room_left(self, room: Room) -> None:
        """Take note that the bot was taken out of a room."""
        self._left.append(room)

    async def do_chores(self) -> None:
        """Tell staff of new rooms, and remind it of what it left without an end."""
        new, self._new = self._new, []
        left, self._left = self._left, []
        lines = [f"机器人已不在「{room.topic}」，那里收不到转发了。" for room in left]
        lines += await notices.of_new_rooms(self._office, self._directory, new) if new else []
        if await self._state.run(self._tell, lines):
            self._courier.wake()

    def _tell(self, lines: list[str]) -> bool:
        """Say these lines, and what staff has to be reminded of, to staff; return whether there is something."""
        now = self._office.clock()
        with self._state.connection() as db:
            is_open = any(one.until is None for one in store.pauses.all_of(db, now))
            has_report = self._watch.is_due(db, now) and bool(self._places(db))
        if not lines and not is_open and not has_report:
            return False
        with self._state.transaction() as db:
            lines = [*lines, *pauses.reminders(self._office, db, now)]
            lines += self._watch.report(db, now) if has_report else []
            for place in self._places(db) if lines else ():
                self._add(db, place, "\n".join(lines), now)
        return bool(lines)

    def _places(self, db: store.Connection) -> list[str]:
        """Return where staff is told something unasked: in its room, or in private while it has none."""
        room_id = self._rooms.staff_room_id
        if room_id and not self._rooms.has_left(room_id):
            return [room_id]
        return [one.contact_id for one in store.staff.members(db, self._session.account_id)]

    def _add(self, db: store.Connection, place: str, text: str, now: float) -> None:
        for piece in split_lines(text, self._office.max_text) if text else ():
            add_line(db, place, piece, now, is_answer=True)

    # --- what is said there ---

    async def handle(self, message: Message) -> None:
        """Do what a message asks for that was said where staff speaks. Raises `GatewayError`, to be asked again."""
        account, place = self._session.account_id, message.room_id or message.talker_id
        if not account:
            raise GatewayLost(_("it is not known yet whose account this is"))
        if message.talker_id == account or message.kind is Kind.UNKNOWN:
            await self._hear_of_sends(message, own=message.talker_id == account)
        elif message.talker_id in await self._state.run(self._staff_ids):
            await self._hear_staff(message, place)
        elif message.kind is Kind.TEXT and (code := claimed_code(message.text)) and not _is_reply(message):
            name = await self._directory.name_in(message.room_id, message.talker_id)
            if await self._claims.hear(replace(message, room_id=place, name=name), code):
                self._courier.wake()

    async def _hear_of_sends(self, message: Message, *, own: bool) -> None:
        """Take an own message for the echo of an answer, and WeChat's notice for that one was too much."""
        room_id, now = message.room_id, self._office.clock()
        if not room_id or message.kind is Kind.RECALLED:
            return
        if is_throttle_notice(message.kind, message.text, own):
            notice = Message(message.id, room_id, "", "", Kind.SYSTEM)
            if await self._state.run(self._courier.outbox.accept, notice, [], [], now):
                await self._courier.throttled(room_id)
        elif own:
            echo = self._courier.outbox.echo
            await self._state.run(echo, room_id, message.kind, message.text, message.id, now)

    async def _hear_staff(self, message: Message, place: str) -> None:
        said = message.quote.reply if message.quote else message.text
        if self._session.account_id in message.mention_ids:
            said = MENTION.sub("", said)
        command = parse(said) if message.kind is Kind.TEXT else None
        if command and claimed_code(said) is not None:
            command = Command(Name.STAFF)  # who is on the list, and so who asks
        if command is None and not await self._state.run(self._collects, message.talker_id, place):
            return
        whole = await self._reader.complete(replace(message, text=said))
        account = self._session.account_id
        mentioned = [one for one in message.mention_ids if one != account] if command else []
        names = [await self._directory.name_in(message.room_id, one) for one in mentioned]
        whole = replace(whole, room_id=place, mention_ids=tuple(mentioned))
        ends = await self._state.run(self._answer, whole, command, names)
        if ends is not None:
            self._session.set_pauses(ends)
            self._courier.wake()

    def _collects(self, contact_id: str, place: str) -> bool:
        since = self._office.clock() - announcing.COLLECT_TTL
        with self._state.connection() as db:
            return store.drafts.collecting(db, contact_id, place, since) is not None

    def _answer(self, message: Message, command: Command | None, names: Sequence[str]) -> dict[str, float] | None:
        """Carry out what a message asks for, once, and answer; return the pauses then, None when it was known."""
        office, now = self._office, self._office.clock()
        with self._state.transaction() as db:
            age = self._age(db, message, now)
            store.incoming.finish(db, [message.id])
            if store.messages.add(db, message, now) is None:
                return None
            context = Context(
                db, message.talker_id, message.name, message.room_id, now, message.mention_ids, tuple(names)
            )
            self._add(db, message.room_id, self._reply(context, message, command, age), now)
            return dict(office.decided.load_from(db, now))

    def _age(self, db: store.Connection, message: Message, now: float) -> float:
        """Return how many seconds ago something was said, as far as that is known: it may have waited in the file."""
        seen = store.incoming.seen_at(db, message.id)
        since_said = min(now, self._wall()) - message.said_at if message.said_at else 0.0
        return max(since_said, now - seen if seen else 0.0)

    def _reply(self, context: Context, message: Message, command: Command | None, age: float) -> str:
        if command is None:
            collected: Reply | None = announcing.collect(self._office, context, message)
            return collected.text if collected else ""
        if _is_reply(message):
            return "回复（引用）里的命令不会执行，请单独发一条。"
        if age > MAX_AGE:
            return f"这条命令是 {span(age)}前发的，没有执行；需要的话请重发。"
        text, _ = carry_out(self._office, context, command)
        return text


def _is_reply(message: Message) -> bool:
    return bool(message.quote or message.quote_id)
