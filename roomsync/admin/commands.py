"""Commands: which part of this wing carries each out, and what goes on record."""

from collections.abc import Callable

from roomsync import store
from roomsync.admin import announcing, filtering, held, messages, pauses, people, reports, rooms, teaching
from roomsync.admin.office import Office, person
from roomsync.admin.replies import Context, Refused, Reply
from roomsync.admin.syntax import Command, Name, number_of, spaced
from roomsync.store.actions import Undo

Handler = Callable[[Office, Context, str], Reply]


def carry_out(office: Office, context: Context, command: Command) -> tuple[str, bool]:
    """Carry a command out, put it on record; return the answer, and whether it is done: neither refused nor asked back.

    What it changes, its answer and its place on record are of the transaction of `context`.
    """
    if command.name is None:
        near = f"，是不是 /{command.nearest}？" if command.nearest else "。"
        return f"没有「/{command.rest}」这个命令{near}发 /帮助 看全部。", False
    if "\n" in command.rest and command.name is not Name.ANNOUNCE:
        return "一条消息只能有一个命令。", False
    rest = command.rest if command.name is Name.ANNOUNCE else spaced(command.rest).rstrip("。")
    if rest and command.name in PLAIN:
        return f"用法：{command.name.usage}", False
    try:
        reply = HANDLERS[command.name](office, context, rest)
    except Refused as refused:
        return str(refused), False
    return _on_record(context, reply), reply.is_done


def _on_record(context: Context, reply: Reply) -> str:
    if not reply.what:
        return reply.text
    who, db = person(context), context.db
    number = store.actions.add(db, context.contact_id, who, context.place, reply.what, reply.undo, context.now)
    reply.then(number)
    return f"{reply.text}\n（/撤销 {number}）" if reply.undo else reply.text


def undo(office: Office, context: Context, rest: str) -> Reply:
    """Take back the last action that can be taken back, or the one of that number; say what that was."""
    number = number_of(rest)
    if rest and number is None:
        raise Refused(f"用法：{Name.UNDO.usage}。编号见 /记录")
    db = context.db
    action = store.actions.last_to_undo(db) if number is None else store.actions.get(db, number)
    if action is None:
        raise Refused("没有可撤销的操作。" if number is None else f"没有第 {number} 步操作。")
    if action.undone_at is not None:
        raise Refused(f"第 {action.id} 步（{action.what}）已经撤销。")
    if action.undo is None:
        raise Refused(f"第 {action.id} 步（{action.what}）不能撤销。")
    became = UNDOS[str(action.undo["op"])](office, context, {**action.undo, "number": action.id})
    store.actions.note_undone(db, action.id, person(context), context.now)
    return Reply(f"已撤销第 {action.id} 步（{action.what}）：{became}。", f"撤销第 {action.id} 步")


HANDLERS: dict[Name, Handler] = {
    Name.HELP: reports.help_,
    Name.STATUS: reports.status,
    Name.ROOMS: rooms.rooms,
    Name.PAUSE: pauses.pause,
    Name.RESUME: pauses.resume,
    Name.RECENT: messages.recent,
    Name.MUTE: people.mute,
    Name.MUTED: people.muted,
    Name.RECALL: messages.recall,
    Name.ANNOUNCE: announcing.announce,
    Name.DONE: announcing.done,
    Name.CONFIRM: announcing.confirm,
    Name.UNDO: undo,
    Name.LOG: reports.log,
    Name.STAFF: people.staff,
    Name.ACCEPT: rooms.accept,
    Name.REJECT: rooms.reject,
    Name.FILTER: filtering.filter_,
    Name.HELD: held.held,
    Name.RELEASE: held.release,
    Name.ADVERT: teaching.advert,
    Name.SAMPLES: teaching.samples,
    Name.WORD: filtering.word,
    Name.HOST: filtering.host,
    Name.TRUST: filtering.trust,
}
PLAIN = (Name.STATUS, Name.MUTED, Name.DONE, Name.LOG, Name.HELD)  # nothing may follow these
UNDOS: dict[str, Callable[[Office, Context, Undo], str]] = {
    "pauses": pauses.undo_pauses,
    "mode": rooms.undo_mode,
    "mute": people.undo_mute,
    "added": people.undo_added,
    "removed": people.undo_removed,
    "code": people.undo_code,
    "recall": messages.undo_recall,
    "announcement": announcing.undo_announcement,
    "filter": filtering.undo_filter,
    "release": held.undo_release,
    "advert": teaching.undo_advert,
    "sample": teaching.undo_sample,
    "rule": filtering.undo_rule,
    "trust": filtering.undo_trust,
}
