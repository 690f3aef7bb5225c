"""The numbers of `--report`: what was said and sent, counted by a bot that runs."""

import re
from html import unescape
from pathlib import Path

from roomsync import store
from roomsync.model import State
from roomsync.report import write_report
from roomsync.session import Cooldown
from tests.conftest import PREFIX, running, until
from tests.moderated import ADVERT, moderated, reported, teach
from tests.scripted import Fault, ScriptedGateway, refused
from tests.staffed import Staff, said

ROW = re.compile(r'<tr><th scope="row"><bdi>(.*?)</bdi>.*?</th>(.*?)</tr>')
CELL = re.compile(r"<td>(.*?)</td>")
TILE = re.compile(r"<dt>(.*?)</dt><dd>(.*?)</dd>")
IMAGE = '{"boxType": 6, "name": "a.png", "base64": "aGVsbG8="}'


def page(bot_file: Path, folder: Path, now: float) -> str:
    return write_report(bot_file, folder / "report.html", [PREFIX], now).read_text(encoding="utf-8")


def rows(text: str, title: str) -> dict[str, list[str]]:
    """The rows of a section's tables, by their names."""
    section = text.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]
    return {unescape(name): CELL.findall(cells) for name, cells in ROW.findall(section)}


def tiles(text: str) -> dict[str, str]:
    return dict(TILE.findall(text))


async def test_what_was_said_and_sent_is_counted(gateway: ScriptedGateway, state_file: Path, tmp_path: Path) -> None:
    """Rooms, kinds, days and totals have the messages and deliveries that there were, also while the bot runs."""
    async with running(gateway, state_file) as bot:
        for number in range(3):
            gateway.say("r101", "alice", f"text {number}")
        gateway.say("r102", "bob", "text")
        gateway.say("r102", "bob", kind="image", content=IMAGE)
        gateway.say("family", "bob", "not for the community")
        await until(lambda: bot.outbox.counts().get(State.SENT, 0) + bot.outbox.counts().get(State.OMITTED, 0) >= 12)
        text, arrived = page(state_file, tmp_path, bot.clock()), bot.outbox.counts()[State.SENT]
    found = tiles(text)
    assert (found["messages were said"], found["members spoke"]) == ("5", "2")
    assert (found["deliveries arrived"], found["deliveries were lost"]) == (str(arrived), "0")
    by_room = {name: values[:3] for name, values in rows(text, "Rooms").items()}
    assert {name: said for name, (said, _, _) in by_room.items()} == {
        f"{PREFIX}101": "3",
        f"{PREFIX}102": "2",
        f"{PREFIX}103": "0",
    }
    assert sum(int(one) for _, one, _ in by_room.values()) == arrived
    assert by_room[f"{PREFIX}102"] == ["2", "3", "0"]
    kinds = {name: values[0] for name, values in rows(text, "Kinds of messages").items()}
    assert kinds == {"Text": "4", "Picture": "1"}
    days = [values for name, values in rows(text, "Day by day").items() if ":" not in name]
    assert sum(int(said) for said, *_ in days) == 5
    assert rows(text, "What did not arrive, or was taken back") == {}


async def test_what_was_lost_and_taken_back_is_counted(
    gateway: ScriptedGateway, state_file: Path, tmp_path: Path
) -> None:
    """What was refused is lost; what was taken back has not arrived, and its message stays one that was said."""
    async with running(gateway, state_file, MAX_ATTEMPTS="1") as bot:
        gateway.script("MessageSendText", Fault(refused("no")))
        gateway.say("r101", "alice", "one")
        await until(lambda: bot.outbox.counts().get(State.FAILED) == 1 and bot.outbox.counts().get(State.SENT) == 1)
        two = gateway.say("r101", "alice", "two")
        await until(lambda: bot.outbox.counts().get(State.SENT) == 3)
        gateway.say("r101", "alice", two, kind="recalled")
        await until(lambda: bot.outbox.counts().get(State.CANCELLED) == 2)
        await until(lambda: not bot.outbox.counts().get(State.SENDING))
        text = page(state_file, tmp_path, bot.clock())
    found = tiles(text)
    assert (found["messages were said"], found["deliveries arrived"], found["deliveries were lost"]) == ("2", "1", "1")
    ends = rows(text, "What did not arrive, or was taken back")
    assert ends["Taken back: before it was sent, or out of the room again"] == ["2"]
    assert ends["Failed: WeChat or the gateway refused it each time"] == ["1"]
    assert ends["Messages taken back by their authors or by staff"] == ["1"]
    assert sum(int(values[2]) for values in rows(text, "Rooms").values()) == 1


async def test_what_the_filter_held_and_staff_decided_is_counted(
    gateway: ScriptedGateway, state_file: Path, tmp_path: Path
) -> None:
    """Adverts, what waits, what was released and what staff did are counted; staff's own talk is not."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        for room in ("r101", "r103"):
            await said(staff, room, "alice", ADVERT)
        first = int((await reported(staff))[0].split()[0].lstrip("#"))
        await staff.ask(f"/放行 {_held(staff)[0]}")
        await staff.settled()
        held, done = _held(staff), len(staff.actions())
        text = page(state_file, tmp_path, staff.bot.clock())
    assert first and len(held) == 1
    found = rows(text, "What the filter held")
    assert (found["Waits for staff"], found["Released by staff"]) == (["1"], ["1"])
    assert rows(text, "What staff did")["Commands that changed something"] == [str(done)]
    assert rows(text, "What staff did")["Adverts taught or imported"] == ["1"]
    assert tiles(text)["messages were said"] == "3"
    assert "/放行" not in text and "张主管" not in text and "Alice" not in text


def _held(staff: Staff) -> list[int]:
    with staff.bot.state.connection() as db:
        return [one.id for one in store.held.waiting(db, 10)]


async def test_a_pause_of_wechat_is_told(gateway: ScriptedGateway, state_file: Path, tmp_path: Path) -> None:
    """While the account is throttled the page says until when; that earlier pauses are not kept is said, too."""
    async with running(gateway, state_file) as bot:
        text = page(state_file, tmp_path, bot.clock())
        assert "It asked for none, as far as the state file knows." in text
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.outbox.counts().get(State.SENT) == 2)
        bot.session.throttle(Cooldown(bot.clock() + 600, 600.0))
        await bot.housekeeper.note_health()
        text = page(state_file, tmp_path, bot.clock())
    assert "nothing is sent until" in text and "keeps the last one only" in text


async def test_one_message_is_a_report(gateway: ScriptedGateway, state_file: Path, tmp_path: Path) -> None:
    """Of one message alone there are numbers and both pictures."""
    async with running(gateway, state_file) as bot:
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.outbox.counts().get(State.SENT) == 2)
        text = page(state_file, tmp_path, bot.clock())
    assert tiles(text)["messages were said"] == "1"
    assert len(re.findall('<svg [^>]*class="plot"', text)) == 2
