"""Teaching: what is an advert, by one message that was one; and the samples that were taught."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from roomsync import store
from roomsync.admin import people
from roomsync.admin.messages import spoken
from roomsync.admin.office import Office, person
from roomsync.admin.replies import Context, Refused, Reply, clock
from roomsync.admin.syntax import Name, number_of
from roomsync.delivery.recalls import Recalls
from roomsync.model import FilterMode, Kind, Message
from roomsync.moderation import standing
from roomsync.moderation.grams import MIN_UNITS, units
from roomsync.moderation.said import form_of, is_same, said_of, words_of
from roomsync.store.actions import Undo
from roomsync.store.held import HeldState
from roomsync.store.messages import Spoken
from roomsync.store.samples import MAX_SAMPLE, Sample, SampleKind
from roomsync.text.characters import shorten

BY_STAFF = "管理员判为广告"  # the reason of what was relayed without one
MAX_COMPARED = 500  # messages that wait for staff, among which others of the same are looked for
MAX_LISTED = 20
MAX_WORDS = 40  # characters of a sample in the list
MUTE = re.compile(r"\s*(?:静音|mute)\s*$", re.IGNORECASE)
REMOVE = re.compile(r"(?:删|删除|del)\s*(.*)", re.IGNORECASE)
PIECE = re.compile(r"\A\([0-9]{1,5}/[0-9]{1,5}\) ")
QUOTED_BELOW = re.compile(r"\n「[^\n]*」\Z")


class Lesson(NamedTuple):
    """What can be learnt of a message; `text` is empty where that is nothing, and `why` says so."""

    kind: SampleKind
    text: str
    why: str = ""


def advert(office: Office, context: Context, rest: str) -> Reply:
    """Learn that a message is an advert, and keep it back or take its copies back; `12 静音` mutes its author, too."""
    mutes = MUTE.search(rest)
    number = rest[: mutes.start()] if mutes else rest
    if not number.strip():
        raise Refused(f"用法：{Name.ADVERT.usage}。编号见 /待审 或 /最近")
    one, db = spoken(context, number), context.db
    if one.talker_id in [member.contact_id for member in store.staff.members(db, office.session.account_id)]:
        raise Refused(f"「{one.name}」是管理员，不按广告处理。")
    if one.held == HeldState.ADVERT:
        hint = f"要静音作者，发 /静音 #{one.id}" if mutes else ""
        raise Refused(f"#{one.id} 已经按广告处理。{hint}")
    undo: dict[str, object] = {"op": "advert", "message": one.id, "at": one.accepted_at}
    learnt, undo["sample"] = _learn(office, context, one)
    kept_back, undo["held"], undo["recall"] = _keep_back(context, one)
    undo["also"] = others = _keep_back_the_same(context, one)
    kept_back += f"此人另外 {len(others)} 条相同的也不转发。" if others else ""
    undo["trust"] = standing.take_away(db, office.session.account_id, one.talker_id)
    undo["contact"] = one.talker_id
    muted = people.mute(office, context, f"#{one.id}") if mutes else None
    undo["mute"] = muted.undo if muted else None
    is_off = office.decided.moderator.mode is FilterMode.OFF
    hint = "过滤现在是关的，发 /过滤 观察 或 /过滤 拦截 打开。" if is_off else ""
    told = "\n".join(filter(None, [f"#{one.id}（{one.name}）{kept_back}", learnt, muted.text if muted else "", hint]))
    what = f"广告 #{one.id} {one.name}" + ("，静音" if muted else "")
    return Reply(told, what, undo, muted.then if muted else lambda number: None)


def _learn(office: Office, context: Context, one: Spoken) -> tuple[str, int | None]:
    """Learn what a message says; return what to say of that, and the number of the new sample."""
    lesson = lesson_of(context, one)
    if not lesson.text:
        return f"没有学习：{lesson.why}。", None
    db, origin = context.db, _origin(office, one)
    number = store.samples.add(db, lesson.kind, lesson.text, origin, person(context), context.now)
    if number is None:
        known = store.samples.find(db, lesson.kind, lesson.text)
        return f"样本 {known.id if known else ''} 已经是这段文字。", None
    what = "二维码" if lesson.kind is SampleKind.CODE else ""
    return f"学为样本 {number}：{what}「{lesson.text}」", number


def _origin(office: Office, one: Spoken) -> str:
    room = office.rooms.get(one.room_id)
    return f"{office.label(room) if room else '?'} {one.name}"


def lesson_of(context: Context, one: Spoken) -> Lesson:
    """Return what can be learnt of a message."""
    found = store.held.get(context.db, one.id)
    if found and found.code:
        return Lesson(SampleKind.CODE, found.code)
    words = (words_of(found.message) if found else "") or _words_relayed(context, one)
    words = words.strip()[:MAX_SAMPLE]
    if not words:
        return Lesson(SampleKind.TEXT, "", "这条没有文字，也没有认出二维码")
    if (count := len(units(words))) < MIN_UNITS:
        why = f"「{shorten(words, MAX_WORDS)}」太短（{count} 个字），会误伤；可以用 /词 加"
        return Lesson(SampleKind.TEXT, "", why)
    return Lesson(SampleKind.TEXT, words)


def _words_relayed(context: Context, one: Spoken) -> str:
    """Return what was typed of a message that was relayed, without what the bot added, and without what it quotes."""
    found = store.parts.words_of(context.db, one.id)
    return QUOTED_BELOW.sub("", "".join(PIECE.sub("", body) for body in found))


def _keep_back(context: Context, one: Spoken) -> tuple[str, str, int | None]:
    """Keep a message back, or take its copies back; return what to say, its state before, and the recall."""
    db, now = context.db, context.now
    if one.held:
        store.held.set_state(db, one.id, HeldState.ADVERT, now)
    else:  # so that nobody quotes it into other rooms
        said = Message("", one.room_id, one.talker_id, one.name, Kind.TEXT, _words_relayed(context, one))
        store.held.add(db, one.id, said, HeldState.ADVERT, [BY_STAFF], "", now)
        store.held.note_reported(db, one.id)
    if one.held == HeldState.HELD:
        return "不转发。", one.held, None
    if not one.body or store.recalls.is_known(db, one.id):
        return "没有可以撤回的转发。", one.held, None
    recall, copies = Recalls.take_back(db, one.id, one.room_id, now)
    late = "；发出超过两分钟的，微信不允许撤回"
    return (f"正在从 {copies} 处撤回{late}。" if copies else "还没有发出，已取消。"), one.held, recall


def _keep_back_the_same(context: Context, one: Spoken) -> list[int]:
    """Keep back what else the same member said that waits for staff and is the same; return the numbers."""
    db, first = context.db, store.held.get(context.db, one.id)
    form = said_of(first.message).form if first else form_of(units(_words_relayed(context, one)))
    found = []
    for other in store.held.waiting(db, MAX_COMPARED):
        if other.message.talker_id != one.talker_id:
            continue
        is_code = first is not None and first.code != "" and other.code == first.code
        other_form = said_of(other.message).form
        if is_code or (form and other_form and is_same(other_form, form)):
            store.held.set_state(db, other.id, HeldState.ADVERT, context.now)
            found.append(other.id)
    return found


def undo_advert(office: Office, context: Context, undo: Undo) -> str:
    """Forget what was learnt of a message, and let it be as it was before."""
    db, key = context.db, int(str(undo["message"]))
    told = ["样本已删"] if undo["sample"] is not None else []
    if isinstance(undo["mute"], Mapping):  # first, because it may be refused, and then nothing is undone
        told.append(people.undo_mute(office, context, {**undo["mute"], "number": undo["number"]}))
    if undo["sample"] is not None:
        store.samples.remove(db, int(str(undo["sample"])))
    standing.restore(db, undo["trust"], office.session.account_id, str(undo["contact"]))
    found = store.held.get(db, key)
    if found and not undo["held"]:
        store.held.remove(db, key)
    elif found and found.state is HeldState.ADVERT:
        store.held.set_state(db, key, HeldState(str(undo["held"])), context.now)
    others = undo.get("also")
    for other in others if isinstance(others, list) else ():
        one = store.held.get(db, other)
        if one and one.state is HeldState.ADVERT:
            store.held.set_state(db, other, HeldState.HELD, context.now)
    if undo["recall"] is not None and store.messages.is_kept(db, key, float(str(undo["at"]))):
        again = Recalls.undo(db, int(str(undo["recall"])), key, context.now)
        told.append(f"重新发往 {again} 处" if again else "没有要重发的")
    elif found and undo["held"] == HeldState.HELD:
        told.append(f"#{key} 回到待审" if found.state is HeldState.ADVERT else f"#{key} 作者已撤回")
    return "，".join(told) or "没有样本要删"


def samples(office: Office, context: Context, rest: str) -> Reply:
    """List the samples, the newest last, or forget one: `删 3`."""
    if not rest:
        found = store.samples.all_of(context.db)
        lines = [_line_of(one, context.now, shorten(one.text, MAX_WORDS)) for one in found[-MAX_LISTED:]]
        more = f"共 {len(found)} 个，最近 {MAX_LISTED} 个：\n" if len(found) > MAX_LISTED else ""
        return Reply(more + "\n".join(lines) if lines else "还没有样本。在 /待审 里用 /广告 编号 来学。")
    removed = REMOVE.fullmatch(rest)
    number = number_of(removed[1] if removed else rest)
    one = store.samples.get(context.db, number) if number is not None else None
    if one is None:
        raise Refused(f"没有这个样本。用法：{Name.SAMPLES.usage}")
    if not removed:
        return Reply(_line_of(one, context.now, one.text))
    store.samples.remove(context.db, one.id)
    undo = {"op": "sample", "sample": list(one)}
    return Reply(f"样本 {one.id} 已删：「{shorten(one.text, MAX_WORDS)}」", f"删样本 {one.id}", undo)


def _line_of(one: Sample, now: float, words: str) -> str:
    code = "二维码" if one.kind is SampleKind.CODE else ""
    at = clock(one.at, now)
    how = f"{at} 导入" if one.teacher == store.samples.IMPORTED else f"{one.teacher} {at} 教"
    return f"{one.id} {code}「{words}」（{'，'.join(filter(None, [one.origin, how]))}）"


def undo_sample(office: Office, context: Context, undo: Undo) -> str:
    """Learn a sample again that was removed."""
    row = undo["sample"]
    assert isinstance(row, list)
    number, kind, *others = row
    one = Sample(number, SampleKind(kind), *others)
    if not store.samples.put_back(context.db, one):
        raise Refused("这段文字已经又学过了。")
    return f"样本 {one.id} 恢复"
