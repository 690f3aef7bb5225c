"""Pictures under moderation: QR codes of newcomers, codes that were taught, and the same picture in several rooms."""

from pathlib import Path

import pytest

from roomsync.moderation import qr
from roomsync.store.held import HeldState
from tests.moderated import TALK, heard, last, moderated, reported, states
from tests.scripted import ScriptedGateway
from tests.staffed import Staff, number_of, said
from tests.test_qr import LINK, encoded, poster


@pytest.fixture(autouse=True)
def a_machine_that_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is late because something else is running."""
    monkeypatch.setattr(qr, "READ_TIMEOUT", 30.0)


async def posted(staff: Staff, room: str, who: str, size: int, seed: int = 0) -> str:
    """Somebody posts a poster with a code of that size, and it is decided; its file box."""
    box = staff.gateway.keep_file(encoded(poster(size), "JPEG", quality=90 - seed), "a.jpg")
    await said(staff, room, who, "", kind="image", content=box)
    return box


async def test_a_code_of_a_newcomer_is_held_and_released(gateway: ScriptedGateway, state_file: Path) -> None:
    """A picture with a QR code is held with what stands in the code; released, it goes as the picture."""
    async with moderated(gateway, state_file) as staff:
        box = await posted(staff, "r101", "alice", 300)
        assert f"新成员发二维码「{LINK[:30]}" in (await reported(staff))[0]
        assert heard(staff, "r102") == []
        await staff.ask(f"/放行 {last(staff)}")
        await staff.settled()
        assert [one for one in heard(staff, "r102") if box in one or "[图片]" in one] == heard(staff, "r102")
        assert len(heard(staff, "r102")) == 2


async def test_a_picture_without_a_code_is_relayed(gateway: ScriptedGateway, state_file: Path) -> None:
    """A picture that has no QR code goes to all rooms, and staff hears nothing."""
    async with moderated(gateway, state_file) as staff:
        await posted(staff, "r101", "alice", 0)
        assert len(heard(staff, "r102")) == 2 and states(staff) == {}


async def test_a_code_that_was_taught_is_known_in_another_picture(gateway: ScriptedGateway, state_file: Path) -> None:
    """What stands in a code is learnt, and held also of a member who is trusted; the undo forgets it."""
    async with moderated(gateway, state_file) as staff:
        await posted(staff, "r101", "alice", 300)
        await reported(staff)
        answer = await staff.ask(f"/广告 {last(staff)}")
        assert f"学为样本 1：二维码「{LINK}」" in answer
        await said(staff, "r102", "bob", TALK)
        await staff.ask(f"/信任 #{last(staff)}")
        await posted(staff, "r102", "bob", 400, seed=5)
        assert "二维码与样本 1 相同" in (await reported(staff, 2))[1]
        await staff.ask(f"/撤销 {number_of(answer)}")
        await posted(staff, "r103", "bob", 350, seed=9)
        assert list(states(staff).values()) == [HeldState.HELD, HeldState.HELD, HeldState.OBSERVED]


async def test_the_same_picture_in_two_rooms_is_relayed_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """A picture that its author posts in a second room, under another handle, is held there."""
    async with moderated(gateway, state_file) as staff:
        data = encoded(poster(0), "JPEG")
        for room in ("r101", "r102"):
            await said(staff, room, "alice", "", kind="image", content=gateway.keep_file(data))
        assert "两个群都发了" in (await reported(staff))[0]
        assert len(heard(staff, "r103")) == 2


async def test_a_picture_that_cannot_be_had_is_relayed(gateway: ScriptedGateway, state_file: Path) -> None:
    """When the gateway does not give the picture, it goes to all rooms, and the failure is counted."""
    async with moderated(gateway, state_file) as staff:
        box = gateway.keep_file(encoded(poster(300), "JPEG"))
        gateway.drop_files()
        await said(staff, "r101", "alice", "", kind="image", content=box)
        assert len(heard(staff, "r102")) == 2
        assert "有检查出错或太慢" in await staff.ask("/过滤")


async def test_a_released_picture_says_how_old_it_is(gateway: ScriptedGateway, state_file: Path) -> None:
    """Under another picture of its author, a released one has a caption of its own, with its age."""
    async with moderated(gateway, state_file) as staff:
        await posted(staff, "r101", "alice", 0)
        await posted(staff, "r101", "alice", 300)
        await staff.ask(f"/放行 {last(staff)}")
        await staff.settled()
        assert "[Alice@101]:  （1 秒前）[图片]" in heard(staff, "r102")
