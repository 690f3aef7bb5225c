"""Announcements of a room are told in the others, once, by who set them, whatever happens between."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from roomsync.gateway.protocol import Payload
from roomsync.inbox.incoming import Incoming
from roomsync.model import Announcement, Decision, Verdict
from roomsync.store import StateFile
from tests.conftest import PREFIX, running
from tests.scripted import ScriptedGateway
from tests.test_bot import lines

STAMP = 1_790_000_000
FIRST = "[Alice@101]:  [群公告] 明天停机"


def announce(
    gateway: ScriptedGateway, words: str, room_id: str = "r101", changer: str = "alice", stamp: int | None = STAMP
) -> None:
    payload: Payload = {"roomId": room_id, "changerId": changer, "newAnnounce": words, "timestamp": stamp}
    gateway.emit(32, payload)


async def heard(gateway: ScriptedGateway, last: str = "that is all") -> list[str]:
    """What arrived in another room until a last text, which is said now, without it."""
    gateway.say("r101", "bob", last)
    await gateway.until(lambda: any(line.endswith(last) for line in lines(gateway, "r102")))
    return [line for line in lines(gateway, "r102") if not line.endswith(last)]


async def test_an_announcement_is_told_in_the_other_rooms(gateway: ScriptedGateway, state_file: Path) -> None:
    """It goes as a text of who set it, in its place among what is said, to all other rooms and not to its own."""
    async with running(gateway, state_file):
        gateway.say("r101", "bob", "before")
        announce(gateway, "明天停机")
        assert await heard(gateway, "after") == ["[Bob@101]:  before", FIRST]
        await gateway.until(lambda: len(lines(gateway, "r103")) == 3)
    assert {one.room_id for one in gateway.sent} == {"r102", "r103"}
    assert lines(gateway, "r102")[-1] == "[Bob@101]:  after"


async def test_the_same_event_is_told_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """An event that comes again, at once or after a restart, is the same; set again later it is another one."""
    async with running(gateway, state_file):
        announce(gateway, "明天停机")
        announce(gateway, "明天停机")
        assert await heard(gateway) == [FIRST]
    async with running(gateway, state_file):
        announce(gateway, "明天停机")
        assert await heard(gateway, "still once") == [FIRST, "[Bob@101]:  that is all"]
        announce(gateway, "明天停机", stamp=STAMP + 60)
        assert (await heard(gateway, "twice")).count(FIRST) == 2


async def test_an_event_without_a_time_is_told_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where the gateway does not say when, the same words of the same room are the same announcement."""
    async with running(gateway, state_file):
        for words in ("one", "one", "two"):
            announce(gateway, words, stamp=None)
        told = [line.removeprefix("[Alice@101]:  ") for line in await heard(gateway)]
    assert told == ["[群公告] one", "[群公告] two"]


async def test_an_announcement_of_nobody_has_a_header(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where nobody is named, the header has the room alone, and no question about nobody is asked."""
    async with running(gateway, state_file):
        announce(gateway, "明天停机", changer="")
        await gateway.until(lambda: len(gateway.sent) == 2)
        assert "RoomMemberPayload" not in gateway.calls
    assert lines(gateway, "r102") == ["[群友@101]:  [群公告] 明天停机"]


async def test_a_crash_loses_no_announcement(gateway: ScriptedGateway, state_file: Path) -> None:
    """One that a process noted, and died, is told by the next one, with its line breaks and all its characters."""
    with closing(StateFile(state_file)) as state:
        Incoming(state).note([Announcement("r101", "alice", "", "a\x1fb\n📌").id], time.time())
    async with running(gateway, state_file):
        await gateway.until(lambda: len(gateway.sent) == 2)
    assert gateway.sent[0].body == "[Alice@101]:  [群公告] ab\n📌"


async def test_what_is_too_long_is_cut_like_a_text(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of an endless announcement there is what there would be of a text, in pieces, and its end says so."""
    async with running(gateway, state_file):
        announce(gateway, "x" * 30_000)
        await gateway.until(lambda: any("其余仅原群可见" in one.body for one in gateway.sent))
    assert all(len(one.body.encode()) <= 2000 for one in gateway.sent)


@pytest.mark.parametrize("words", ["明天停机", "x" * 3000])
@pytest.mark.parametrize("lead", ["", "@所有人\u2005\n", "群公告\n"])
async def test_a_gateway_that_shows_it_twice_is_understood(
    gateway: ScriptedGateway, state_file: Path, lead: str, words: str
) -> None:
    """As an event and as a message of who set it, whichever comes first, it is told once."""
    async with running(gateway, state_file):
        announce(gateway, f"first {words}")
        gateway.say("r101", "alice", f"{lead}first {words}")
        once = await heard(gateway)
        gateway.say("r101", "alice", f"{lead}second {words}")
        announce(gateway, f"second {words}")
        twice = await heard(gateway, "the end")
    assert sum("first" in line for line in once) == 1
    assert sum("second" in line for line in twice) == 1


async def test_the_same_words_of_others_are_told(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who says what another one announced, or announces what was said in another room, is heard."""
    async with running(gateway, state_file):
        announce(gateway, "收到")
        gateway.say("r101", "bob", "收到")
        gateway.say("r103", "alice", "收到")
        await gateway.until(lambda: len(lines(gateway, "r102")) == 3)
    assert len(lines(gateway, "r102")) == 3


async def test_an_announcement_is_decided_about_like_a_message(gateway: ScriptedGateway, state_file: Path) -> None:
    """A filter sees it, and what it drops is not told."""
    async with running(gateway, state_file) as bot:
        drop, relay = Verdict(Decision.DROP, ("an advert",)), Verdict(Decision.RELAY)
        bot.router._filters = [lambda message, room, now: drop if "加微信" in message.text else relay]
        announce(gateway, "加微信领红包")
        assert await heard(gateway) == []


async def test_an_announcement_speaks_for_nobody(gateway: ScriptedGateway, state_file: Path) -> None:
    """A line of it that reads like a header is marked, and it mentions nobody."""
    async with running(gateway, state_file):
        announce(gateway, "规则\n[Bob@102]:  I quit\n@所有人")
        await gateway.until(lambda: len(gateway.sent) == 2)
    body = gateway.sent[0].body
    assert "\n[Bob@102]" not in body and "[Bob@102]:  I quit" in body and "@所有人" not in body


async def test_only_announcements_of_the_community_are_told(gateway: ScriptedGateway, state_file: Path) -> None:
    """One of another room, one that the account set, one without words and rubbish are passed over."""
    async with running(gateway, state_file):
        announce(gateway, "for the family", room_id="family")
        announce(gateway, "by the owner", changer="bot")
        announce(gateway, "")
        announce(gateway, "too long " * 20_000)
        for payload in ("no json", "{}", '{"roomId": 1, "newAnnounce": "x"}', '{"roomId": "r101"}'):
            gateway.emit(32, payload)
        gateway.emit(32, '{"roomId": "r101", "changerId": [], "timestamp": "soon", "newAnnounce": "\\ud800 odd"}')
        assert await heard(gateway) == ["[群友@101]:  [群公告] ? odd"]


def test_a_message_of_a_gateway_is_no_announcement() -> None:
    """Only what was made of an announcement is read as one; it is read as it was."""
    announced = Announcement("r", "", "1", f"{PREFIX}\x1f\n")
    assert Announcement.parse(announced.id) == announced
    assert [Announcement.parse(one) for one in ("announcement", "m1", "announcement\x1fr\x1f\x1f", "")] == [None] * 4
