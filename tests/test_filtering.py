"""What staff sets of the filter is undone with one line; what nobody decides on is given up, and not before."""

from pathlib import Path

import pytest

from roomsync import store
from roomsync.delivery.housekeeper import expire, prune
from roomsync.store.held import HeldState
from tests.moderated import ADVERT, REPOST, TALK, heard, last, moderated, reported, states, teach
from tests.scripted import ScriptedGateway
from tests.staffed import number_of, said

DAY = 86400.0


async def test_a_mode_is_undone(gateway: ScriptedGateway, state_file: Path) -> None:
    """The undo of a switch sets the filter as it was, at once; not when it was switched once more since."""
    async with moderated(gateway, state_file) as staff:
        first = number_of(await staff.ask("/过滤 观察"))
        second = number_of(await staff.ask("/过滤 关"))
        assert "之后又改过" in await staff.ask(f"/撤销 {first}")
        assert "恢复为「观察」" in await staff.ask(f"/撤销 {second}")
        assert "恢复为「拦截」" in await staff.ask(f"/撤销 {first}")
        assert (await staff.ask("/过滤")).startswith("过滤：拦截")


@pytest.mark.parametrize(
    ("command", "one"),
    [("/词", "线下交流"), ("/词", "/线下.{2}/"), ("/域名", "zilliz.com")],
    ids=["word", "regex", "host"],
)
async def test_a_rule_is_undone(gateway: ScriptedGateway, state_file: Path, command: str, one: str) -> None:
    """The undo of what was added removes it, that of what was removed adds it, and the list says so."""
    async with moderated(gateway, state_file) as staff:
        added = number_of(await staff.ask(f"{command} 加 {one}"))
        assert await staff.ask(command) == one
        removed = number_of(await staff.ask(f"{command} 删 {one}"))
        assert one not in await staff.ask(command)
        await staff.ask(f"/撤销 {removed}")
        assert await staff.ask(command) == one
        await staff.ask(f"/撤销 {added}")
        assert one not in await staff.ask(command)


async def test_a_removed_sample_comes_back(gateway: ScriptedGateway, state_file: Path) -> None:
    """A sample that is removed is known no more; the undo brings it back under its number."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        answer = await staff.ask("/样本 删 1")
        await said(staff, "r101", "alice", REPOST)
        assert [one for one in heard(staff, "r103") if "xyz98765" in one]
        await staff.ask(f"/撤销 {number_of(answer)}")
        assert (await staff.ask("/样本")).startswith("1 「")
        await said(staff, "r101", "carol", REPOST)
        assert "像样本 1（" in (await reported(staff))[-1]


async def test_a_sample_that_was_taught_again_does_not_come_back_twice(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """A sample whose words were learnt again since it was removed is not there twice: its undo is refused."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        removed = number_of(await staff.ask("/样本 删 1"))
        await said(staff, "r103", "carol", ADVERT)
        await staff.ask(f"/广告 {last(staff)}")
        assert "又学过了" in await staff.ask(f"/撤销 {removed}")
        assert (await staff.ask("/样本")).count("「") == 1


async def test_nobody_decided(gateway: ScriptedGateway, state_file: Path) -> None:
    """What waits for staff is given up by the housekeeper after RELAY_TTL_HOURS, no room reads of it, it is counted."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK)
        await reported(staff)
        state, now = staff.bot.state, staff.bot.clock()
        expire(state, now - DAY, now)
        assert list(states(staff).values()) == [HeldState.HELD]
        expire(state, now + 1, now)
        await staff.settled()
        assert list(states(staff).values()) == [HeldState.EXPIRED] and heard(staff, "r102") == []
        assert "过期 1" in await staff.ask("/过滤")
        assert "已经过期" in await staff.ask(f"/放行 {last(staff)}")


async def test_what_waits_for_staff_is_not_forgotten(gateway: ScriptedGateway, state_file: Path) -> None:
    """A message that is held longer than messages are kept stays; one that expired is forgotten."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK)
        await reported(staff)
        state, later = staff.bot.state, staff.bot.clock() + 10
        prune(state, later)
        assert list(states(staff).values()) == [HeldState.HELD]
        with state.transaction() as db:
            store.held.expire(db, later, later - 5)
        prune(state, later)
        assert states(staff) == {}
