"""How somebody becomes staff without anybody of the staff: by a code that the log shows, once."""

import hmac
import logging

from roomsync import store
from roomsync.admin.office import Office
from roomsync.admin.people import new_code, staff_undo
from roomsync.delivery.outbox import add_line
from roomsync.language import _
from roomsync.model import Message

log = logging.getLogger(__name__)

MAX_TRIES = 5  # wrong codes after which there is none until the next start
WELCOME = "认领成功，你现在是管理员。发 /帮助 看能做什么。"


class Claims:
    """Makes the code, and lists who sends it. Nobody else gets an answer."""

    def __init__(self, office: Office) -> None:
        self._office, self._state = office, office.decided.state
        self._session = office.session
        self._wrong = 0  # codes that were sent while that one was right; counted in the state file's thread
        self._code = ""
        self._account_id = ""  # for which this process made a code

    async def open(self) -> None:
        """Make a code for the account that is logged in, while nobody is listed for it; one for each start."""
        account, topic = self._session.account_id, self._office.rooms.staff_topic
        if account == self._account_id:
            return
        self._account_id = account
        code = await self._state.run(self._new_code)
        where = _("in the room {topic!r} or in private").format(topic=topic)
        log.warning("Nobody may command the bot yet. Send it this %s to be the first: /claim %s", where, code)

    def _new_code(self) -> str:
        with self._state.transaction() as db:
            return new_code(db)

    async def hear(self, message: Message, code: str) -> bool:
        """List who sent the code in `message`, whose room is where the answer goes; return whether it was right."""
        is_right = await self._state.run(self._claim, message, code)
        who = message.name or _("somebody")
        if is_right:
            log.warning("%s (%s) is staff now, by the code.", who, message.talker_id)
        elif is_right is False:
            log.warning("A wrong code was sent by %s (%s).", who, message.talker_id)
            if self._wrong >= MAX_TRIES:
                log.warning("After %d wrong codes there is none until the bot starts again.", self._wrong)
        return bool(is_right)

    def _claim(self, message: Message, code: str) -> bool | None:
        """List who sends the code; return whether it is the right one, None when there is none or this was known."""
        now = self._office.clock()
        with self._state.transaction() as db:
            store.incoming.finish(db, [message.id])
            wanted = store.staff.claim_code(db, now)
            if not wanted or store.messages.add(db, message, now) is None:
                return None
            if wanted != self._code:
                self._code, self._wrong = wanted, 0
            if not hmac.compare_digest(wanted.encode(), code.encode()):
                self._wrong += 1
                if self._wrong >= MAX_TRIES:
                    store.staff.set_claim_code(db, "")
                return False
            store.staff.set_claim_code(db, "")
            account, name = self._session.account_id, message.name or message.talker_id
            store.staff.add(db, account, message.talker_id, name, now)
            undo = staff_undo("added", account, message.talker_id, name)
            number = store.actions.add(db, message.talker_id, name, message.room_id, f"认领：{name}", undo, now)
            add_line(db, message.room_id, WELCOME, now, is_answer=True)
            office = self._office.rooms.staff_room_id
            if office and office != message.room_id:
                add_line(db, office, f"「{name}」用认领码成为管理员（/撤销 {number}）", now, is_answer=True)
            return True
