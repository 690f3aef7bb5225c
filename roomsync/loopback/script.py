"""The demo's script: one scene for each thing that the bot does. What is said in the rooms is as it is said there."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from roomsync.language import _
from roomsync.loopback.stage import CHIEF, OUTSIDE, PREFIX, ROOMS, STAFF_ROOM, Stage
from roomsync.model import State
from roomsync.session import Session

# A PNG of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = {"boxType": 1, "base64": PIXEL, "name": "recall-vs-latency.png", "metadata": {}}
ADVERT = {"appid": "wx9", "title": "日结300元 在家就能做 名额有限", "username": "gh_job@app", "pagePath": "pages/job"}
MEETUP = {"appid": "wx1", "title": "Meetup 报名", "username": "gh_demo@app", "pagePath": "pages/index"}
CLAIM = re.compile(r"/(?:claim|认领) (\d+)")  # the log has it in the operator's language
HELD = re.compile(r"^#(\d+) 未转发", re.MULTILINE)
READING = 1.6  # seconds for a person to read a line or two
SHORT_PAUSE = 3.0  # seconds that the demo waits in the place of the bot's first pause


class Counts(Protocol):
    """The bot's outbox."""

    def counts(self) -> Mapping[State, int]:
        """Return how many deliveries are in each state."""


class Bot(Protocol):
    """What the script has to know of the bot."""

    @property
    def outbox(self) -> Counts: ...
    @property
    def session(self) -> Session: ...
    @property
    def clock(self) -> Callable[[], float]: ...


@dataclass(frozen=True)
class Script:
    """The scenes, for somebody who reads along where `is_read`."""

    stage: Stage
    bot: Bot
    is_read: bool

    async def play(self) -> None:
        """Play all scenes. Raises TimeoutError when something does not arrive."""
        rooms = ", ".join(ROOMS)
        told = _("Found by the prefix {prefix}: the rooms {rooms}. {outside} is none of them.")
        self.stage.tell(told.format(prefix=PREFIX, rooms=rooms, outside=OUTSIDE))
        for scene in self.scenes():
            await self._read()
            await scene()

    def scenes(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """Return the scenes; staff has to be there first."""
        talk = self._text_and_picture, self._quote, self._recall
        return (self._staff, *talk, self._throttle, self._moderation, self._announcement)

    async def _read(self, seconds: float | None = None) -> None:
        """Let the person read, for READING seconds where nothing else is said."""
        if self.is_read:
            await asyncio.sleep(READING if seconds is None else seconds)

    async def _tell(self, text: str) -> None:
        self.stage.tell(text)
        await self._read()

    async def _command(self, text: str, answer: str) -> str:
        """Give a command as staff; return the answer that has these words."""
        self.stage.say(STAFF_ROOM, CHIEF, text)
        return (await self.stage.arrives(answer, STAFF_ROOM))[-1].body

    async def _staff(self) -> None:
        await self.stage.until(lambda: bool(CLAIM.search("\n".join(self.stage.logged))))
        await self._tell(_("Who sends the bot the code that its log shows is its staff. Nobody else commands it."))
        code = CLAIM.findall("\n".join(self.stage.logged))[-1]
        await self._command(f"/认领 {code}", "认领成功")

    async def _text_and_picture(self) -> None:
        await self._tell(_("What is said in one room is in all of them, pictures too."))
        self.stage.say("101", "alice", "Hi all, has anyone tried hybrid search on 10M vectors?")
        await self.stage.arrives("has anyone tried", "102", "103")
        await self._read()
        self.stage.say("103", "chen", "用过，召回率比单路高不少 👍")
        await self.stage.arrives("召回率", "101", "102")
        await self._read()
        self.stage.say("103", "chen", PICTURE, kind="image")
        await self.stage.arrives("recall-vs-latency", "101", "102", kind="image")

    async def _quote(self) -> None:
        await self._tell(_("A quote reaches its author in another room by a mention, and shows everywhere."))
        copy = (await self.stage.arrives("召回率", "101"))[0]
        self.stage.say("101", "alice", "Great! Which index do you use?", quote_id=copy.id)
        await self.stage.arrives("Which index", "102", "103")

    async def _recall(self) -> None:
        await self._tell(_("What its author takes back is taken back everywhere."))
        said = self.stage.say("102", "wang", "亲爱的，晚上吃火锅？🍲")
        copies = await self.stage.arrives("火锅", "101", "103")
        await self._read()
        self.stage.take_back("102", "wang", said)
        await self.stage.until(lambda: {one.id for one in copies} <= set(self.stage.gateway.recalled))

    async def _throttle(self) -> None:
        await self._tell(_("WeChat refuses a send as too fast: the account pauses, and what is said waits."))
        session, logged = self.bot.session, len(self.stage.logged)
        self.stage.gateway.throttles = 1
        self.stage.say("103", "li", "周六的 Meetup 几点开始？")
        await self.stage.until(lambda: len(self.stage.logged) > logged)  # which says that it pauses
        self.stage.say("101", "alice", "2pm, I think.")
        others = len(ROOMS) - 1
        await self.stage.until(lambda: self.bot.outbox.counts().get(State.WAITING) == 2 * others)
        length, short = round(session.cooldown.length), round(SHORT_PAUSE)
        await self._read()
        told = _("The pause is {length} s, and longer the next time; the demo ends it after {short} s.")
        self.stage.tell(told.format(length=length, short=short))
        await self._read(SHORT_PAUSE)
        session.throttle(replace(session.cooldown, until=self.bot.clock()))
        await self.stage.arrives("几点开始", "101", "102")
        await self.stage.arrives("2pm", "102", "103")

    async def _moderation(self) -> None:
        await self._tell(_("Mini-programs of newcomers are held. Staff decides with one word, and teaches by it."))
        self.stage.say("102", "job", ADVERT, kind="miniprogram")
        self.stage.say("102", "mei", MEETUP, kind="miniprogram")
        (report, *_others) = await self.stage.arrives("未转发", STAFF_ROOM)
        numbers = HELD.findall(report.body)
        if len(numbers) < 2:  # the report came between the two
            numbers = HELD.findall(await self._command("/待审", "Meetup"))
        advert, meetup = numbers
        await self._read(2 * READING)
        await self._command(f"/广告 {advert}", "学为样本")
        await self._read()
        await self._command(f"/放行 {meetup}", "已放行")
        await self.stage.arrives("Meetup", "101", "103", kind="miniprogram")

    async def _announcement(self) -> None:
        await self._tell(_("An announcement of staff is shown first, and goes to every room once it is confirmed."))
        asked = await self._command("/公告 【Meetup】周六 14:00，杨浦创智天地，欢迎带电脑！", "发出")
        await self._read()
        await self._command("/确认 " + re.findall(r"/确认 (\d+)", asked)[-1], "正在发往")
        await self.stage.arrives("【Meetup】", *ROOMS)
