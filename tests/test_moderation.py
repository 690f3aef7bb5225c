"""Moderation, from end to end: what is held, what staff reads of it, and what comes of what it decides."""

from pathlib import Path
from unittest.mock import patch

from roomsync import store
from roomsync.admin import held, watch
from roomsync.store.held import HeldState
from roomsync.store.samples import SampleKind
from tests.moderated import ADVERT, CARD, REPOST, TALK, heard, last, moderated, reported, states, teach
from tests.scripted import ScriptedGateway
from tests.staffed import OFFICE, number_of, said, staffed


async def test_the_same_advert_in_several_rooms_is_relayed_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """What one member says in three rooms is relayed from the first alone; of the others staff is told why."""
    async with moderated(gateway, state_file) as staff:
        for room in ("r101", "r102", "r103"):
            await said(staff, room, "alice", ADVERT)
        lines = await reported(staff, 2)
        assert [len(heard(staff, room)) for room in ("r101", "r102", "r103")] == [0, 1, 1]
        assert "两个群都发了" in lines[0] and "3 个群都发了" in lines[1]
        number = lines[0][1:].partition(" ")[0]
        assert lines[0].startswith(f"#{number} 未转发 · 102 Alice：「【限时免费】")
        assert lines[0].endswith(f"· /放行 {number} · /广告 {number} · /静音 #{number}")


async def test_a_disguised_repost_of_a_taught_advert_is_held(gateway: ScriptedGateway, state_file: Path) -> None:
    """What another member says in another room that is like the sample is held, with the sample's number."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        await said(staff, "r101", "alice", REPOST)
        assert "像样本 1（" in (await reported(staff))[-1]
        assert not [one for one in heard(staff, "r103") if "xyz98765" in one]


async def test_a_release_relays_it_with_its_age(gateway: ScriptedGateway, state_file: Path) -> None:
    """What staff releases goes to the others under its author's header, with how long ago it was said, once."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK)
        assert "有「线下交流」" in (await reported(staff))[0]
        assert "发往 2 个群" in await staff.ask(f"/放行 {last(staff)}")
        await staff.settled()
        assert heard(staff, "r102") == heard(staff, "r103") == [f"[Alice@101]:  （1 秒前）{TALK}"]
        assert "已经放行" in await staff.ask(f"/放行 {last(staff)}")


async def test_a_release_is_undone(gateway: ScriptedGateway, state_file: Path) -> None:
    """Undone, a release is taken back in all rooms, and the message waits again; released again, it goes again."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK)
        await reported(staff)
        answer = await staff.ask(f"/放行 {last(staff)}")
        await staff.settled()
        assert "回到待审" in await staff.ask(f"/撤销 {number_of(answer)}")
        await staff.settled()
        assert len(gateway.recalled) == 2 and list(states(staff).values()) == [HeldState.HELD]
        await staff.ask(f"/放行 {last(staff)}")
        await staff.settled()
        assert len(heard(staff, "r102")) == 2


async def test_observing_relays_and_tells_staff(gateway: ScriptedGateway, state_file: Path) -> None:
    """With observe everything is relayed, staff reads what would have been held, and can teach it."""
    async with moderated(gateway, state_file, "observe") as staff:
        await teach(staff)
        await said(staff, "r101", "alice", REPOST)
        line = (await reported(staff))[-1]
        assert "已转发，仅提示" in line and "像样本 1（" in line and "/放行" not in line
        assert [one for one in heard(staff, "r103") if "xyz98765" in one]


async def test_an_advert_that_slipped_through_is_taught_and_taken_back(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """`/广告` on a relayed message learns just its words, and takes its copies back; undone, both are."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r102", "bob", ADVERT)
        answer = await staff.ask(f"/广告 {last(staff)}")
        assert f"学为样本 1：「{ADVERT}」" in answer and "正在从 2 处撤回" in answer
        await staff.settled()
        assert len(gateway.recalled) == 2
        assert "样本已删" in await staff.ask(f"/撤销 {number_of(answer)}")
        await staff.settled()
        assert await staff.ask("/样本") == "还没有样本。在 /待审 里用 /广告 编号 来学。"
        await said(staff, "r101", "alice", REPOST)
        assert [one for one in heard(staff, "r103") if "xyz98765" in one]


async def test_an_advert_mutes_its_author(gateway: ScriptedGateway, state_file: Path) -> None:
    """`/广告 1 静音` mutes the author in one action, and its undo lets the author be heard again."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r102", "bob", ADVERT)
        answer = await staff.ask(f"/广告 {last(staff)} 静音")
        assert "已静音「Bob」" in answer
        await said(staff, "r102", "bob", TALK)
        assert not [one for one in heard(staff, "r101") if TALK in one]
        await staff.ask(f"/撤销 {number_of(answer)}")
        await said(staff, "r102", "bob", TALK)
        assert [one for one in heard(staff, "r101") if TALK in one]


async def test_its_copies_in_other_rooms_are_kept_back_with_an_advert(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """What its author said in several rooms waits no more once one of them is an advert; the undo lets all wait."""
    async with moderated(gateway, state_file) as staff:
        for room in ("r101", "r102", "r103"):
            await said(staff, room, "alice", ADVERT)
        await reported(staff, 2)
        answer = await staff.ask(f"/广告 {last(staff)}")
        assert "此人另外 1 条相同的也不转发" in answer
        assert await staff.ask("/待审") == "没有待审的消息。"
        await staff.ask(f"/撤销 {number_of(answer)}")
        assert list(states(staff).values()) == [HeldState.HELD, HeldState.HELD]


async def test_its_held_copies_are_kept_back_with_one_that_was_relayed(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """An advert that went out from its first room, taught by `/最近`, settles those that are held in other rooms."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r101", "alice", ADVERT)
        first = last(staff)
        await said(staff, "r102", "alice", ADVERT)
        await reported(staff)
        assert "此人另外 1 条相同的也不转发" in await staff.ask(f"/广告 {first}")
        assert await staff.ask("/待审") == "没有待审的消息。"


async def test_what_is_held_outlives_a_restart(gateway: ScriptedGateway, state_file: Path) -> None:
    """Samples, words and what is held are there after a restart, and a release then goes to all rooms."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        await said(staff, "r101", "alice", REPOST)
    async with moderated(gateway, state_file) as staff:
        answer = await staff.ask("/待审")
        number = answer[1:].partition(" ")[0]
        assert "像样本 1" in answer
        await staff.ask(f"/放行 {number}")
        await said(staff, "r103", "carol", ADVERT)
        assert list(states(staff).values()).count(HeldState.HELD) == 1
        await staff.settled()
        assert [one for one in heard(staff, "r102") if "xyz98765" in one]


async def test_a_recall_of_a_held_message_removes_it(gateway: ScriptedGateway, state_file: Path) -> None:
    """What its author takes back is not held any more, and cannot be released."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK, id="m1")
        number = last(staff)
        await said(staff, "r101", "alice", "m1", kind="recalled")
        assert await staff.ask("/待审") == "没有待审的消息。"
        assert "作者自己撤回了" in await staff.ask(f"/放行 {number}")


async def test_a_card_of_a_newcomer_is_held_and_released(gateway: ScriptedGateway, state_file: Path) -> None:
    """A mini-program of a member who is not trusted yet is held; released, it goes as one, with its caption."""
    async with moderated(gateway, state_file) as staff:
        gateway.say("r101", "alice", kind="miniprogram", content=CARD)
        await staff.settled()
        assert "新成员发[小程序]" in (await reported(staff))[0]
        await staff.ask(f"/放行 {last(staff)}")
        await staff.settled()
        assert heard(staff, "r102") == ["[Alice@101]:  （1 秒前）[小程序] 砍一刀", CARD]


async def test_staff_trusts_a_member(gateway: ScriptedGateway, state_file: Path) -> None:
    """A member whom staff trusts sends mini-programs, of which staff is only told."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r101", "alice", TALK)
        assert "现在受信任" in await staff.ask(f"/信任 #{last(staff)}")
        gateway.say("r101", "alice", kind="miniprogram", content=CARD)
        await staff.settled()
        assert "已信任，仅提示" in (await reported(staff))[0]
        assert CARD in heard(staff, "r102")
        assert "已经转发，仅提示" in await staff.ask(f"/放行 {last(staff)}")


async def test_what_staff_says_is_not_judged(gateway: ScriptedGateway, state_file: Path) -> None:
    """Staff may say in a room of the community what is held of others."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        await said(staff, "r101", "chief", ADVERT)
        assert f"[张主管@101]:  {ADVERT}" in heard(staff, "r103")


async def test_a_filter_that_holds_too_much_is_stopped(gateway: ScriptedGateway, state_file: Path) -> None:
    """More than a third of thirty messages held switches to observe, tells staff, and lets the next one go."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 大家")
        for number in range(19):
            gateway.say("r101", "alice", f"今天的第 {number} 个问题是怎么建索引")
        for number in range(11):
            gateway.say("r102", ("bob", "carol", "dave")[number % 3], f"大家好，{number}")
        await staff.settled()
        await gateway.until(lambda: any("已自动改为「观察」" in one for one in staff.said_in("office")))
        await said(staff, "r102", "bob", "大家晚安")
        assert [one for one in heard(staff, "r101") if "大家晚安" in one]
        assert "过滤：观察" in await staff.ask("/状态")
        assert "观察 → 拦截" in await staff.ask("/过滤 拦截")


async def test_the_mode_is_switched_live_and_kept(gateway: ScriptedGateway, state_file: Path) -> None:
    """What staff switches to holds at once and over a restart, until MODERATION says something new."""
    async with moderated(gateway, state_file, "off") as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK)
        assert len(heard(staff, "r102")) == 1
        assert "关 → 拦截" in await staff.ask("/filter hold")
        await said(staff, "r101", "alice", TALK + "！")
        await reported(staff)
        assert len(heard(staff, "r102")) == 1
    async with moderated(gateway, state_file, "off") as staff:
        assert "过滤：拦截" in await staff.ask("/过滤")
    async with moderated(gateway, state_file, "observe") as staff:
        assert "过滤：观察" in await staff.ask("/过滤")


async def test_the_report_is_made_at_most_every_thirty_seconds(gateway: ScriptedGateway, state_file: Path) -> None:
    """What is held soon after a report waits for the next one."""
    async with staffed(gateway, state_file, MODERATION="hold") as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK)
        await reported(staff)
        await said(staff, "r101", "alice", "又说线下交流")
        await staff.ask("/状态")
        assert len(await reported(staff)) == 1


async def test_what_staff_decided_is_not_reported(gateway: ScriptedGateway, state_file: Path) -> None:
    """What was released before the report of it is due is no part of that."""
    async with staffed(gateway, state_file, MODERATION="hold") as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK)
        await reported(staff)
        await said(staff, "r101", "alice", "又说线下交流")
        await staff.ask(f"/放行 {last(staff)}")
        await said(staff, "r101", "alice", "第三次说线下交流")
        with patch.object(watch, "REPORT_INTERVAL", 0.0):
            assert "第三次说" in (await reported(staff, 2))[1]


async def test_recent_shows_what_a_held_card_is(gateway: ScriptedGateway, state_file: Path) -> None:
    """/最近 and the report show of a card that is held its kind and its title."""
    async with moderated(gateway, state_file) as staff:
        gateway.say("r101", "alice", kind="miniprogram", content=CARD)
        await staff.settled()
        assert "：「[小程序] 砍一刀」 · " in (await reported(staff))[0]
        assert (await staff.ask("/最近")).endswith("（未转发）[小程序] 砍一刀")


async def test_what_a_long_report_leaves_out_is_where_it_says(gateway: ScriptedGateway, state_file: Path) -> None:
    """Observing, the messages that a report has no room for are looked for in the list of the last ones."""
    async with moderated(gateway, state_file, "observe") as staff:
        await staff.ask("/词 加 兼职刷单")
        with patch.object(held, "MAX_REPORTED", 0):
            await said(staff, "r101", "alice", "兼职刷单，日结")
            await gateway.until(lambda: "另有 1 条，都已转发，编号见 /最近" in staff.said_in(OFFICE))


async def test_recent_shows_what_is_held_again(gateway: ScriptedGateway, state_file: Path) -> None:
    """A message whose release was undone is listed as not relayed, not as recalled by its author."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 兼职刷单")
        await said(staff, "r101", "alice", "兼职刷单，日结")
        await reported(staff)  # so that it does not come between a question and its answer
        await staff.ask(f"/放行 {last(staff)}")
        await gateway.until(lambda: any("兼职刷单" in text for text in heard(staff, "r102")))
        await staff.ask("/撤销")
        assert (await staff.ask("/最近 101")).endswith("（未转发）兼职刷单，日结")


async def test_a_list_says_where_a_sample_is_from(gateway: ScriptedGateway, state_file: Path) -> None:
    """A sample is listed with who said it and who taught it; an imported one with its file."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        with staff.bot.state.transaction() as db:
            store.samples.add(db, SampleKind.TEXT, REPOST, "theirs.jsonl", store.samples.IMPORTED, 0.0)
        taught, imported = (await staff.ask("/样本")).split("\n")
        assert "（102 Bob，" in taught and taught.endswith(" 教）")
        assert "（theirs.jsonl，" in imported and imported.endswith(" 导入）")
        assert ADVERT in await staff.ask("/样本 1")


async def test_rules_are_said_in_plain_words(gateway: ScriptedGateway, state_file: Path) -> None:
    """What was done to a word, a host or a member, and what could not be, is a sentence that staff understands."""
    async with moderated(gateway, state_file) as staff:
        assert (await staff.ask("/词 加 刷单")).startswith("已加词「刷单」。")
        assert (await staff.ask("/词 删 刷单")).startswith("已删词「刷单」。")
        assert await staff.ask("/词 删 刷单") == "「刷单」本来就不在。"
        assert (await staff.ask("/域名 放 milvus.io")).startswith("已放行域名「milvus.io」。")
        assert (await staff.ask("/域名 删 milvus.io")).startswith("已取消放行域名「milvus.io」。")
        await said(staff, "r101", "alice", TALK)
        await staff.ask(f"/信任 {last(staff)}")
        assert "「Alice」又是新成员了" in await staff.ask("/撤销")
        await said(staff, "r102", "bob", ADVERT)
        await staff.ask(f"/广告 {last(staff)}")
        assert (await staff.ask(f"/广告 {last(staff)}")).endswith("已经按广告处理。")


async def test_an_advert_is_taught_once(gateway: ScriptedGateway, state_file: Path) -> None:
    """`/广告` for what was learnt and taken back already does nothing that could be undone."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff)
        number = last(staff)
        actions = staff.actions()
        assert await staff.ask(f"/广告 {number}") == f"#{number} 已经按广告处理。"
        assert staff.actions() == actions
        assert f"/静音 #{number}" in await staff.ask(f"/广告 {number} 静音")


async def test_a_quote_without_an_id_does_not_show_what_is_held(gateway: ScriptedGateway, state_file: Path) -> None:
    """Where a quote is told by its words alone, those of a held message are not shown in the other rooms."""
    async with moderated(gateway, state_file) as staff:
        await staff.ask("/词 加 线下交流")
        await said(staff, "r101", "alice", TALK)
        await said(staff, "r101", "bob", f"「Alice：{TALK}」\n{'- ' * 14}-\n这是广告吧")
        assert heard(staff, "r102") == ["[Bob@101]:  这是广告吧\n「群友：（未转发的消息）」"]


async def test_an_undo_that_is_refused_undoes_nothing(gateway: ScriptedGateway, state_file: Path) -> None:
    """An advert whose author was muted once more since then stays one, with its sample, until that is undone."""
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r102", "bob", ADVERT)
        number = last(staff)
        taught = number_of(await staff.ask(f"/广告 {number} 静音"))
        again = number_of(await staff.ask(f"/静音 #{number} 60"))
        assert f"请先 /撤销 {again}" in await staff.ask(f"/撤销 {taught}")
        assert (await staff.ask("/样本")).startswith("1 「")
        await staff.ask(f"/撤销 {again}")
        assert "样本已删" in await staff.ask(f"/撤销 {taught}")


async def test_a_taught_advert_is_not_quoted_into_other_rooms(gateway: ScriptedGateway, state_file: Path) -> None:
    """A reply that quotes an advert which was relayed before it was taught does not show its words again."""
    async with moderated(gateway, state_file) as staff:
        await teach(staff, "bob", "r102")
        quoted = f"「Bob：{ADVERT}」\n{'- ' * 14}-\n这是什么"
        await said(staff, "r102", "alice", quoted)
        copied = f"「小助手：[Bob@102]:  {ADVERT}」\n{'- ' * 14}-\n这又是什么"
        await said(staff, "r103", "alice", copied)
        assert [one for one in heard(staff, "r101") if "abc12345" in one] == [f"[Bob@102]:  {ADVERT}"]
        assert heard(staff, "r101")[-1].startswith("[Alice@103]:  这又是什么\n「群友：（未转发的消息）」")


async def test_a_quote_of_another_is_not_taken_for_what_is_held(gateway: ScriptedGateway, state_file: Path) -> None:
    """A held picture, or a few held words, hide no quote of another member's picture, or of the same words."""
    async with moderated(gateway, state_file, HOLD_KINDS="image") as staff:
        await said(staff, "r101", "alice", kind="image", content='{"boxType": 2, "url": "x", "name": "a.png"}', text="")
        await staff.ask("/词 加 收到")
        await said(staff, "r101", "alice", "收到")
        for words in ("[图片]", "收到"):
            await said(staff, "r102", "bob", f"「Carol：{words}」\n{'- ' * 14}-\n好看")
            assert heard(staff, "r103")[-1] == f"[Bob@102]:  好看\n「Carol：{words}」"
        await said(staff, "r101", "bob", f"「Alice：收到」\n{'- ' * 14}-\n好的")
        assert heard(staff, "r103")[-1] == "[Bob@101]:  好的\n「群友：（未转发的消息）」"
