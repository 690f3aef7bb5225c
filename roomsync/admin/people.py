"""People: who is muted, and who is staff."""

import math
import re
import secrets

from roomsync import store
from roomsync.admin.messages import line_of, spoken
from roomsync.admin.office import Office
from roomsync.admin.replies import Context, Refused, Reply, clock, span
from roomsync.admin.syntax import Name, number_of, split_number
from roomsync.store.actions import Undo
from roomsync.store.messages import Spoken
from roomsync.store.mutes import Mute
from roomsync.text.characters import fold

LATELY = 24 * 3600.0  # seconds in which somebody spoke who can be named by name
MAX_MINUTES = 365 * 24 * 60
MAX_CANDIDATES = 10
STAFF_WORDS = re.compile(r"(加|添加|删|删除|add|del)(?![A-Za-z加除])(.*)", re.IGNORECASE | re.DOTALL)
CODE_TTL = 1800.0  # seconds in which a code that staff gave can be used


def mute(office: Office, context: Context, rest: str) -> Reply:
    """Let what a member says be relayed nowhere, for minutes or for good: `#12 60`, or a name."""
    if not rest:
        raise Refused(f"用法：{Name.MUTE.usage}。编号见 /最近")
    rest = rest.strip("@「」 ").removesuffix("分钟")
    whole, (name, minutes) = rest.strip(), split_number(rest)
    if number_of(whole) is not None:
        said, minutes = spoken(context, whole), None
    elif number_of(name) is not None:
        said = spoken(context, name)
    else:
        found = _named(context, whole)
        minutes = None if found else minutes
        said = _only(office, context, found or _named(context, name), whole if found else name)
    if minutes is not None and not 1 <= minutes <= MAX_MINUTES:
        raise Refused(f"分钟数要在 1 到 {MAX_MINUTES} 之间。")
    if said.talker_id in [one.contact_id for one in store.staff.members(context.db, office.session.account_id)]:
        raise Refused(f"「{said.name}」是管理员，不能静音。")
    before = store.mutes.get(context.db, said.talker_id)
    until = None if minutes is None else context.now + 60 * minutes
    store.mutes.put(context.db, Mute(said.talker_id, office.session.account_id, said.name, until, None))
    what = f"静音 {said.name}" + (f" {minutes} 分钟" if minutes else "")
    ends = f"到 {clock(until, context.now)}" if until else "直到撤销"
    undo = {"op": "mute", "contact": said.talker_id, "name": said.name, "was": list(before) if before else None}

    def then(number: int) -> None:
        store.mutes.note_action(context.db, said.talker_id, number)

    return Reply(f"已静音「{said.name}」，{ends}；此人的发言不再转发到任何群。", what, undo, then)


def _named(context: Context, name: str) -> list[Spoken]:
    """Return the last message of each member of that name who spoke lately."""
    lately = store.messages.speakers(context.db, context.now - LATELY)
    found = {one.talker_id: one for one in reversed(lately) if fold(one.name) == fold(name)}
    return list(found.values())


def _only(office: Office, context: Context, found: list[Spoken], name: str) -> Spoken:
    if not found:
        raise Refused(f"最近一天没有叫「{name}」的人发言。发 /最近 看编号。")
    if len(found) > 1:
        lines = "\n".join(line_of(office, context.db, one, context.now) for one in found[:MAX_CANDIDATES])
        raise Refused(f"有 {len(found)} 人叫「{name}」，请用编号：\n{lines}")
    return found[0]


def undo_mute(office: Office, context: Context, undo: Undo) -> str:
    """Let a member be what it was before it was muted."""
    contact_id, was = str(undo["contact"]), undo["was"]
    now = store.mutes.get(context.db, contact_id)
    if now and now.action_id != undo["number"]:
        raise Refused(f"「{undo['name']}」之后又被静音，请先 /撤销 {now.action_id}")
    store.mutes.remove(context.db, contact_id)
    if isinstance(was, list):
        store.mutes.put(context.db, Mute(*was))
    return f"「{undo['name']}」" + ("恢复为之前的静音" if was else "的发言恢复转发")


def muted(office: Office, context: Context, rest: str) -> Reply:
    """List who is muted."""
    found, lines = store.mutes.all_of(context.db, context.now), []
    void = sum(one.account_id != office.session.account_id for one in found)
    for one in [one for one in found if one.account_id == office.session.account_id]:
        ends = f"还剩 {span(60 * math.ceil((one.until - context.now) / 60))}" if one.until else "长期"
        lines.append(f"{one.name} {ends} · /撤销 {one.action_id}")
    if void:
        lines.append(f"换号或重新登录之前静音的 {void} 人已失效，需要的话请重新静音。")
    return Reply("\n".join(lines) or "没有被静音的人。")


def staff(office: Office, context: Context, rest: str) -> Reply:
    """List the staff, add somebody who is mentioned, or take somebody off the list."""
    if not office.session.account_id:
        raise Refused("微信还没登录，名单暂时查不到。")
    found = STAFF_WORDS.match(rest)
    word, argument = (found[1][:1].casefold(), found[2].strip()) if found else ("?", "")
    if not rest:
        listed = store.staff.members(context.db, office.session.account_id)
        return Reply("\n".join(f"{one.id} {one.name}" for one in listed) or "还没有管理员。")
    if word in "加添a":
        return _add(office, context)
    if word in "删d":
        return _remove(office, context, argument)
    raise Refused(f"用法：{Name.STAFF.usage}")


def _add(office: Office, context: Context) -> Reply:
    account, names = office.session.account_id, dict(zip(context.mention_ids, context.mention_names, strict=True))
    new = [one for one in names if one != account]
    if not new and context.place == office.rooms.staff_room_id:
        raise Refused("没有认出 @ 的人。请和我私聊发 /管理员 加，取一个认领码转给对方。")
    if not new:
        void = "，之前的认领码作废" if store.staff.claim_code(context.db, context.now) else ""
        code = new_code(context.db, context.now + CODE_TTL)
        said = f"把这个认领码转给对方，让对方私聊我：/认领 {code}（{span(CODE_TTL)}内有效，只能用一次{void}）"
        return Reply(said, "发放认领码", {"op": "code", "code": code})
    if len(new) > 1:
        raise Refused("一次只能加一个人。")
    name = names[new[0]] or new[0]
    if not store.staff.add(context.db, account, new[0], name, context.now):
        raise Refused(f"「{name}」已经是管理员。")
    return Reply(f"「{name}」现在是管理员。", f"加管理员 {name}", staff_undo("added", account, new[0], name))


def _remove(office: Office, context: Context, argument: str) -> Reply:
    account, number = office.session.account_id, number_of(argument)
    found = store.staff.members(context.db, account)
    one = next((member for member in found if member.id == number), None)
    if one is None:
        raise Refused(f"用法：/管理员 删 编号。现有：{'、'.join(f'{one.id} {one.name}' for one in found)}")
    if len(found) == 1:
        raise Refused("不能删除最后一位管理员。")
    store.staff.remove(context.db, account, one.contact_id)
    undo = staff_undo("removed", account, one.contact_id, one.name)
    return Reply(f"「{one.name}」不再是管理员。", f"删管理员 {one.name}", undo)


def staff_undo(op: str, account: str, contact_id: str, name: str) -> Undo:
    """Return what takes back that somebody was "added" to the staff of an account, or "removed"."""
    return {"op": op, "account": account, "contact": contact_id, "name": name}


def _account(office: Office, undo: Undo) -> str:
    """Return the account of an action. Raises `Refused` when another one is logged in: its ids are others."""
    if undo["account"] != office.session.account_id:
        raise Refused("那一步之后机器人换了号或重新登录过，无法撤销。")
    return str(undo["account"])


def undo_added(office: Office, context: Context, undo: Undo) -> str:
    """Take somebody off the list who was added."""
    account = _account(office, undo)
    listed = [one.contact_id for one in store.staff.members(context.db, account)]
    if undo["contact"] not in listed:
        raise Refused(f"「{undo['name']}」已经不在名单里。")
    if len(listed) == 1:
        raise Refused("不能删除最后一位管理员。")
    store.staff.remove(context.db, account, str(undo["contact"]))
    return f"「{undo['name']}」不再是管理员"


def undo_removed(office: Office, context: Context, undo: Undo) -> str:
    """List somebody again."""
    store.staff.add(context.db, _account(office, undo), str(undo["contact"]), str(undo["name"]), context.now)
    return f"「{undo['name']}」又是管理员"


def undo_code(office: Office, context: Context, undo: Undo) -> str:
    """Let a code list nobody."""
    if store.staff.claim_code(context.db, context.now) != undo["code"]:
        raise Refused("那个认领码已经用过或失效。")
    store.staff.set_claim_code(context.db, "")
    return "认领码作废"


def new_code(db: store.Connection, until: float | None = None) -> str:
    """Return a new code that lists who sends it, once, until then."""
    code = f"{secrets.randbelow(1_000_000):06}"
    store.staff.set_claim_code(db, code, until)
    return code
