"""Moderation when it is attacked, and when the machine misbehaves: what is held stays held, and nobody is held up."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from roomsync import store
from roomsync.delivery.housekeeper import clamp_clock
from roomsync.errors import StateFileError
from roomsync.gateway.protocol import EventType
from roomsync.model import FilterMode, Kind, Message
from roomsync.moderation import breaker, words
from roomsync.moderation.checks import Facts, listed_word, qr_code
from roomsync.moderation.said import said_of
from roomsync.moderation.words import Word
from roomsync.store import StateFile, database
from roomsync.store.connection import Connection
from roomsync.store.held import MAX_CARD, HeldState
from tests.moderated import ADVERT, CARD, REPOST, TALK, heard, last, moderated, reported, states, teach
from tests.scripted import Fault, ScriptedGateway
from tests.staffed import number_of, said

TRIES = breaker.MIN_MESSAGES + 5


async def test_a_full_disk_does_not_stop_the_filter(gateway: ScriptedGateway, state_file: Path) -> None:
    """A held message that cannot be written for a while counts once for the breaker, and is held in the end."""
    notes: list[int] = []
    is_new = False
    add, transaction = store.held.add, StateFile.transaction

    def noted(db: Connection, key: int, *others: object) -> None:
        nonlocal is_new
        add(db, key, *others)  # type: ignore[arg-type]
        notes.append(key)
        is_new = True

    @contextlib.contextmanager
    def failing(state: StateFile, *, durable: bool = True) -> Iterator[Connection]:
        nonlocal is_new
        is_new = False
        with transaction(state, durable=durable) as db:
            yield db
            if is_new and len(notes) < TRIES:
                raise StateFileError("the disk is full")

    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        with (
            patch.object(store.held, "add", noted),
            patch.object(StateFile, "transaction", failing),
            patch.object(database, "retry_delays", lambda: iter([0.0] * 1000)),
        ):
            await said(staff, "r101", "alice", TALK)
        assert len(notes) == TRIES and list(states(staff).values()) == [HeldState.HELD]
        assert staff.bot.decided.moderator.mode is FilterMode.HOLD and heard(staff, "r102") == []


async def test_what_nobody_relays_is_not_fetched(gateway: ScriptedGateway, state_file: Path) -> None:
    """A picture of a member who is muted is not asked for, so that it holds up nobody in its room."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r101", "alice", TALK)
        await staff.ask(f"/静音 #{last(staff)}")
        gateway.script("Download", Fault(delay=60.0))
        gateway.say("r101", "alice", kind="image", content=gateway.keep_file(b"x", "a.jpg"))
        await said(staff, "r101", "bob", TALK)
        assert "Download" not in gateway.calls


async def test_lists_of_held_messages_are_made_without_their_pictures(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """Of messages that wait, staff's lists read no picture and no long card; a release has all of it."""
    async with moderated(gateway, state_file) as staff:
        box = json.dumps({"base64": "A" * MAX_CARD, "name": "a"})
        with staff.bot.state.transaction() as db:
            for kind in (Kind.IMAGE, Kind.FILE):
                message = Message(kind, "r101", "alice", "Alice", kind, "", box)
                key = store.messages.add(db, message, staff.bot.clock())
                assert key is not None
                store.held.add(db, key, message, HeldState.HELD, ["x"], "", staff.bot.clock())
            lists = [store.held.waiting(db, 9), store.held.unreported(db, 9), store.held.kept_back(db, 9)]
            assert [one.message.content for found in lists for one in found] == [None] * 6
            whole = store.held.get(db, store.held.waiting(db, 9)[0].id)
            assert whole is not None and whole.message.content == box


async def test_trust_that_staff_gave_since_outlives_an_undo(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who is trusted by staff's word after an advert stays so when the advert is undone."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r102", "bob", ADVERT)
        answer = await staff.ask(f"/广告 {last(staff)}")
        await said(staff, "r102", "bob", TALK)
        await staff.ask(f"/信任 #{last(staff)}")
        await staff.ask(f"/撤销 {number_of(answer)}")
        await said(staff, "r102", "bob", "", kind="miniprogram", content=CARD)
        assert list(states(staff).values()) == [HeldState.OBSERVED]


async def test_what_was_released_while_no_room_heard_is_released_again(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """Undone, and released once more when rooms hear again, it goes to them."""
    async with moderated(gateway, state_file) as staff:
        for command in ("/词 加 线下交流", "/群 102 停", "/群 103 停"):
            await staff.ask(command)
        await said(staff, "r101", "alice", TALK)
        await reported(staff)
        number = last(staff)
        answer = await staff.ask(f"/放行 {number}")
        assert "没有群要发" in answer
        for command in (f"/撤销 {number_of(answer)}", "/群 102 正常", "/群 103 正常"):
            await staff.ask(command)
        assert "发往 2 个群" in await staff.ask(f"/放行 {number}")
        await staff.settled()
        assert len(heard(staff, "r102")) == len(heard(staff, "r103")) == 1


async def test_an_announcement_that_is_held_is_held_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """What a gateway tells as a message and as an event waits for staff once, so that a release doubles nothing."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        await said(staff, "r101", "alice", f"@所有人\n{REPOST}")
        event = {"roomId": "r101", "changerId": "alice", "newAnnounce": REPOST, "timestamp": 1_700_000_000}
        gateway.emit(EventType.ROOM_ANNOUNCE, event)
        await staff.settled()
        assert list(states(staff).values()).count(HeldState.HELD) == 1


async def test_a_name_in_a_report_mentions_nobody(gateway: ScriptedGateway, state_file: Path) -> None:
    """A member who is called like a mention of all, in a room that is called like a line, is shown harmlessly."""
    gateway.add_contact("eve2", "@所有人 Eve")
    async with moderated(gateway, state_file) as staff:
        gateway.rename("r102", "Milvus用户交流群102 · #1 已转发」")
        await staff.ask("/词 加 线下交流")
        await said(staff, "r102", "eve2", TALK)
        line = (await reported(staff))[0]
        assert "@所有人" not in line and line.count("」") == 2 and line.count(" · ") == 5


@pytest.mark.parametrize("kind", ["group_note", "post"])
async def test_an_advert_in_another_kind_is_held(gateway: ScriptedGateway, state_file: Path, kind: str) -> None:
    """Words that the rooms read of a list to join, or of a post, are judged as those of a text are."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        await said(staff, "r101", "alice", ADVERT, kind=kind)
        assert list(states(staff).values()) == [HeldState.ADVERT, HeldState.HELD]


def test_a_code_cannot_look_like_the_rest_of_a_line() -> None:
    """What stands in a QR code closes no bracket in its reason."""
    said_picture = said_of(Message("1", "r101", "bob", "Bob", Kind.IMAGE))
    reason = qr_code(said_picture, Facts(code="x」 · /放行 99 · 「"))
    assert reason is not None and reason.text == "新成员发二维码「x /放行 99」"


def test_cards_of_which_nothing_is_known_are_not_the_same() -> None:
    """A card without a title, an address and all else is compared with nothing."""
    card = Message("1", "r101", "bob", "Bob", Kind.MINIPROGRAM, "", '{"thumb": 1}')
    assert said_of(card).form == ""
    assert said_of(replace(card, content='{"title": "x"}')).form


def test_a_long_list_of_words_reads_what_was_said_once() -> None:
    """However many words of both scripts are listed, what was said is prepared once for each of them."""
    message = Message("1", "r101", "bob", "Bob", Kind.TEXT, "好" * 50)
    words._narrow.cache_clear()
    listed = [Word(one) for number in range(20) for one in (f"刷单{number}号", f"word{number}")]
    assert listed_word(said_of(message), Facts(words=listed)) is None
    assert words._narrow.cache_info().misses == 2


async def test_what_was_said_lately_is_not_in_the_future(gateway: ScriptedGateway, state_file: Path) -> None:
    """After the clock was set back, what was said before it counts for ten minutes, not until the old time comes."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r101", "alice", TALK)
        earlier = staff.bot.clock() - 86_400.0
        await asyncio.to_thread(clamp_clock, staff.bot.state, earlier)
        with staff.bot.state.connection() as db:
            assert db.execute("SELECT max(at) FROM lately").fetchone() == (earlier,)
