"""Who is muted, and who is staff: refusals, undo, restarts."""

from pathlib import Path

from tests.scripted import ScriptedGateway
from tests.staffed import number_of, said, staffed


async def test_who_is_muted_is_relayed_nowhere(gateway: ScriptedGateway, state_file: Path) -> None:
    """What a muted member says in any room is relayed nowhere, also after a restart; undone, it is again."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "bob", "spam")
        number = (await staff.ask("/最近 101")).split()[0]
        undo = number_of(await staff.ask(f"/静音 {number}"))
    async with staffed(gateway, state_file) as staff:
        before = len(gateway.sent)
        await said(staff, "r101", "bob", "spam")
        await said(staff, "r102", "bob", "spam")
        await said(staff, "r101", "alice", "hello")
        assert {one.body for one in gateway.sent[before:]} == {"[Alice@101]:  hello"}
        last = (await staff.ask("/最近")).split("\n")[-2]
        assert "Bob" in last and "（未转发）" in last
        assert "没有转发过" in await staff.ask(f"/撤回 {last.split()[0]}")
        assert f"Bob 长期 · /撤销 {undo}" in await staff.ask("/黑名单")
        await staff.ask(f"/撤销 {undo}")
        await said(staff, "r101", "bob", "sorry")
        assert staff.said_in("r102")[-1] == "[Bob@101]:  sorry"
        assert await staff.ask("/muted") == "没有被静音的人。"


async def test_a_mute_of_minutes_ends(gateway: ScriptedGateway, state_file: Path) -> None:
    """A mute by name and for minutes is over after them."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "bob", "hi")
        assert "已静音「Bob」，到" in await staff.ask("/mute bob 60")
        await said(staff, "r101", "bob", "spam")
        staff.bot.clock.go_on(3601)
        await said(staff, "r101", "bob", "again")
        assert [one.rpartition("  ")[2] for one in staff.said_in("r102")] == ["hi", "again"]


async def test_of_two_of_a_name_none_is_muted(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where two people of that name spoke lately the answer lists them with numbers, and mutes nobody."""
    gateway.add_contact("bob2", "Bob")
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "bob", "first")
        await said(staff, "r102", "bob2", "second")
        answer = await staff.ask("/静音 Bob")
        first, second = answer.split("\n")[1:]
        assert "first" in first and "second" in second
        await staff.ask(f"/静音 {second.split()[0]} 10")
        assert await staff.ask("/黑名单") == "Bob 还剩 10 分钟 · /撤销 2"
        await said(staff, "r101", "bob", "third")
        assert staff.said_in("r103")[-1] == "[Bob@101]:  third"


async def test_mutes_are_undone_in_their_order(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of two mutes of one member the first cannot be undone while the second stands: then the first holds again."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "bob", "spam")
        first = number_of(await staff.ask("/静音 Bob"))
        second = number_of(await staff.ask("/静音 Bob 60"))
        assert f"请先 /撤销 {second}" in await staff.ask(f"/撤销 {first}")
        await staff.ask(f"/撤销 {second}")
        assert await staff.ask("/黑名单") == f"Bob 长期 · /撤销 {first}"
        await staff.ask(f"/撤销 {first}")
        assert await staff.ask("/黑名单") == "没有被静音的人。"


async def test_who_left_the_list_cannot_be_taken_off_by_undo(gateway: ScriptedGateway, state_file: Path) -> None:
    """To undo that somebody was added is refused once they are off the list, so that nothing else is undone by it."""
    async with staffed(gateway, state_file) as staff:
        added = number_of(await staff.ask("/管理员 加 @Bob", mentions=["bob"]))
        await staff.ask("/管理员 删 2")
        assert "已经不在名单里" in await staff.ask(f"/撤销 {added}")


async def test_a_mute_that_cannot_be_is_refused(gateway: ScriptedGateway, state_file: Path) -> None:
    """Nobody, an unknown name or number, no length, and somebody of the staff: nobody is muted."""
    async with staffed(gateway, state_file) as staff:
        await said(staff, "r101", "alice", "hello")
        await said(staff, "r101", "chief", "hello")
        for text in ["/静音", "/静音 谁也不是", "/静音 #99999", "/静音 Alice 0", "/静音 张主管"]:
            actions = staff.actions()
            await staff.ask(text)
            assert (staff.actions(), await staff.ask("/黑名单")) == (actions, "没有被静音的人。")


async def test_staff_adds_whom_it_mentions(gateway: ScriptedGateway, state_file: Path) -> None:
    """Who is mentioned is listed by id, not by name; taken off, it is not heard; each is undone."""
    async with staffed(gateway, state_file) as staff:
        await staff.ignores("/状态", who="bob")
        assert "「Bob」现在是管理员" in await staff.ask("/管理员 加 @Bob", mentions=["bob"])
        assert "已连接" in await staff.ask("/状态", who="bob")
        assert await staff.ask("/管理员", who="bob") == "1 张主管\n2 Bob"
        assert "不再是管理员" in await staff.ask("/管理员 删 2")
        await staff.ignores("/状态", who="bob")
        await staff.ask("/撤销")
        assert "已连接" in await staff.ask("/状态", who="bob")
        await staff.ask("/撤销 2")
        await staff.ignores("/状态", who="bob")


async def test_one_is_added_at_a_time(gateway: ScriptedGateway, state_file: Path) -> None:
    """Of two who are mentioned neither is listed, nor is one who is listed already."""
    async with staffed(gateway, state_file) as staff:
        assert "一次只能加一个人" in await staff.ask("/管理员 加 @Bob @Alice", mentions=["bob", "alice"])
        assert "已经是管理员" in await staff.ask("/管理员 添加 @张主管", mentions=["chief"])
        assert await staff.ask("/管理员") == "1 张主管"


async def test_the_last_of_the_staff_stays(gateway: ScriptedGateway, state_file: Path) -> None:
    """The last one cannot be taken off the list, nor who is not on it."""
    async with staffed(gateway, state_file) as staff:
        assert "最后一位" in await staff.ask("/管理员 删 1")
        assert "用法" in await staff.ask("/管理员 删 7")
        assert await staff.ask("/管理员") == "1 张主管"


async def test_where_nobody_is_mentioned_a_code_is_given(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where the gateway names nobody that is mentioned, a code is given in private, for once and half an hour."""
    async with staffed(gateway, state_file) as staff:
        assert "私聊" in await staff.ask("/管理员 加 @Bob")
        assert staff.code() == ""
        answer = await staff.ask("/管理员 加", where="")
        assert f"/认领 {staff.code()}" in answer and len(staff.code()) == 6
        assert "认领成功" in await staff.ask(f"/认领 {staff.code()}", who="bob", where="")
        assert staff.code() == ""
        await staff.ask("/管理员 加", where="")
        assert "认领码作废" in await staff.ask("/撤销")
        assert staff.code() == ""
        await staff.ask("/管理员 加", where="")
        code = staff.code()
        staff.bot.clock.go_on(1801)
        assert staff.code() == ""
        await staff.ignores(f"/认领 {code}", who="alice", where="")
