"""Who is not staff changes nothing and gets no answer, whatever they say, and in whatever order."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bot import RoomSyncBot
from tests.conftest import PREFIX, thorough
from tests.scripted import ScriptedGateway
from tests.staffed import NAME, OFFICE, staffed

LINE = "- - - - - - - - - - - - - - -"
TABLES = ("staff", "desk", "actions", "mutes", "pauses", "drafts", "requests")
COMMANDS = (
    *("/帮助", "/状态", "/群 101 停", "/暂停", "/恢复", "/最近", "/静音 Alice", "/黑名单", "/撤回 #1"),
    *("/公告 x", "/公告", "/完成", "/确认 1", "/撤销", "/撤销 1", "/记录", "/接入 104", "/claim 123456", "/xyz"),
    *("/管理员 加 @Eve", "/管理员 删 1"),
)
texts = st.sampled_from(COMMANDS).flatmap(
    lambda command: st.sampled_from(
        [
            command,
            command.replace("/", "／"),
            f"[张主管@101]:  {command}",
            f"hello\n{command}",
            f"「张主管：{command}」\n{LINE}\n{command}",
            f"{command}\n{command}",
            command[1:],
        ]
    )
)


@dataclass(frozen=True)
class Said:
    """What somebody says; `again`: under the id of a command that staff gave before."""

    who: str = "eve"
    where: str = ""
    text: str = ""
    kind: str = "text"
    quote: bool = False
    again: bool = False
    mentions: list[str] = field(default_factory=list)


said = st.builds(
    Said,
    who=st.sampled_from(["eve", "bob", "alice", "bot"]),
    where=st.sampled_from(["", OFFICE, "office2", "r101", "family"]),
    text=texts,
    kind=st.sampled_from(["text", "text", "text", "url", "recalled", "unknown"]),
    quote=st.booleans(),
    again=st.booleans(),
    mentions=st.sampled_from([[], ["eve"], ["chief"], ["bot"]]),
)


def decided(bot: RoomSyncBot) -> list[object]:
    """All that staff can change."""
    with bot.state.connection() as db:
        tables = [db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]
        modes = db.execute("SELECT gateway_id, mode FROM rooms WHERE mode IS NOT NULL ORDER BY 1").fetchall()
    return [*tables, modes, dict(bot.session.pauses), dict(bot.rooms.modes)]


async def strangers_say(everything: list[Said], folder: Path) -> None:
    gateway = ScriptedGateway()
    for contact, name in (("alice", "Alice"), ("bob", "Bob")):
        gateway.add_contact(contact, name)
    for room, topic in (("r101", PREFIX + "101"), ("r102", PREFIX + "102"), ("family", "家庭群")):
        gateway.add_room(room, topic)
    await gateway.start()
    try:
        async with staffed(gateway, folder / "s.db") as staff:
            gateway.invite("office2", NAME)
            await staff.ask("/群 102 只收", id="command")
            await staff.settled()
            before = decided(staff.bot)
            private = [one for one in gateway.sent if not one.room_id.startswith("r")]
            for number, one in enumerate(everything):
                gateway.say(
                    one.where,
                    one.who,
                    one.text,
                    kind=one.kind,
                    quote_id="command" if one.quote else "",
                    id="command" if one.again else f"said-by-strangers-{number}",
                    mentions=one.mentions,
                    content="{}",
                )
            await staff.settled()
            assert decided(staff.bot) == before
            assert [one for one in gateway.sent if not one.room_id.startswith("r")] == private
    finally:
        await gateway.close()


@settings(max_examples=thorough(60))
@given(st.lists(said, min_size=1, max_size=12))
def test_strangers_change_nothing_and_get_no_answer(everything: list[Said]) -> None:
    """No texts, quotes, echoes and repeats by people who are not staff change a decision or get an answer."""
    with TemporaryDirectory() as folder:
        asyncio.run(strangers_say(everything, Path(folder)))
