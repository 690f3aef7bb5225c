"""What a message becomes in the other rooms. Pure: no I/O, no clock, no wechaty."""

import json
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from roomsync.rooms import Room


class Kind(StrEnum):
    """What was said; the values name the kinds in the state file."""

    TEXT = "text"
    IMAGE = "image"
    URL = "url"
    MINIPROGRAM = "miniprogram"
    FILE = "file"
    VIDEO = "video"
    EMOTICON = "emoticon"
    AUDIO = "audio"
    CONTACT = "contact"
    CHAT_HISTORY = "chat_history"
    LOCATION = "location"
    GROUP_NOTE = "group_note"
    TRANSFER = "transfer"
    RED_ENVELOPE = "red_envelope"
    RECALLED = "recalled"
    POST = "post"
    SYSTEM = "system"
    UNKNOWN = "unknown"


# The words WeChat itself shows for a kind in the list of chats.
WORDS = {
    Kind.IMAGE: "图片",
    Kind.URL: "链接",
    Kind.MINIPROGRAM: "小程序",
    Kind.FILE: "文件",
    Kind.VIDEO: "视频",
    Kind.EMOTICON: "表情",
    Kind.AUDIO: "语音",
    Kind.CONTACT: "名片",
    Kind.CHAT_HISTORY: "聊天记录",
    Kind.LOCATION: "位置",
    Kind.GROUP_NOTE: "群公告",
    Kind.TRANSFER: "转账",
    Kind.RED_ENVELOPE: "红包",
    Kind.POST: "动态",
    Kind.UNKNOWN: "未知消息",
}
CARDS = (Kind.IMAGE, Kind.URL, Kind.MINIPROGRAM)
# WeChat's own notices (someone joined, someone patted someone) and recalls are about their room, not said in it.
SILENT = (Kind.SYSTEM, Kind.RECALLED)
NAMELESS = "群友"
TITLE_MAX = 60
NAME_MAX = 40  # signs of a name or label in a header
JOINER = "\u200d"
THROTTLE_SENTENCE = "操作过于频繁"
THROTTLE_NOTICES = (THROTTLE_SENTENCE, f"{THROTTLE_SENTENCE}，可稍后再试", f"{THROTTLE_SENTENCE}，请稍后再试")


@dataclass(frozen=True)
class Message:
    """One thing said in a source room.

    `content` is what a card or a file is made of, as the gateway's own JSON text; None for text and when the
    gateway did not give it.
    """

    id: str
    room_id: str
    talker_id: str
    name: str
    kind: Kind
    text: str = ""
    content: str | None = None


@dataclass(frozen=True)
class Part:
    """One thing to send: `body` is text for the kind TEXT, else the gateway's JSON."""

    kind: Kind
    body: str


def header(form: str, name: str, room: str) -> str:
    """Who speaks, in the form of the setting HEADER: `[Alice@101]:  `."""
    before, _, after = form.partition("{name}")
    name = shortened(name, NAME_MAX) or NAMELESS
    return (
        before.replace("{room}", shortened(room, NAME_MAX)) + name + after.replace("{room}", shortened(room, NAME_MAX))
    )


def shortened(text: str, most: int) -> str:
    """`text` on one line, with `…` for what is over `most` signs, and with nothing in it that UTF-8 cannot say."""
    words = " ".join(text.encode("utf-8", "replace").decode().split())
    return words if len(words) <= most else words[: most - 1] + "…"


def parts(message: Message, source: Room, form: str, max_bytes: int = 2000) -> list[Part]:
    """What every other room gets for `message`, in order; nothing for a notice of WeChat itself.

    A text over `max_bytes` bytes of UTF-8 goes in numbered pieces.
    """
    if message.kind in SILENT:
        return []
    head = header(form, message.name, source.label)
    if message.kind is Kind.TEXT:
        text = message.text.encode("utf-8", "replace").decode()
        return [Part(Kind.TEXT, head + piece) for piece in pieces(text, max_bytes - len(head.encode()))]
    caption = Part(Kind.TEXT, head + caption_of(message))
    if message.kind in CARDS and message.content:
        return [caption, Part(message.kind, message.content)]
    return [caption]


def pieces(text: str, most: int) -> list[str]:
    """`text` whole if it has at most `most` bytes of UTF-8, else cut between characters and numbered `(1/3) `."""
    if len(text.encode()) <= most:
        return [text]
    room = most - len("(999/999) ")
    cut, start, size = [], 0, 0
    for position, sign in enumerate(text):
        size += len(sign.encode())
        if size > room:
            end = position
            while end > start + 1 and _joined(text[end - 1], text[end]):
                end -= 1
            if end == start + 1:  # one endless character: nothing is right, so it is cut where it must be
                end = position
            cut.append(text[start:end])
            start, size = end, len(text[end : position + 1].encode())
    cut.append(text[start:])
    return [f"({number}/{len(cut)}) {piece}" for number, piece in enumerate(cut, 1)]


def _joined(before: str, after: str) -> bool:
    """Whether two signs are shown as one character: marks, skin tones, joined emoji, flags."""
    return (
        unicodedata.combining(after) != 0
        or unicodedata.category(after) in ("Mn", "Me", "Mc")
        or JOINER in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )


def is_throttle_error(text: str) -> bool:
    """Whether a gateway's error says that the account sends too fast.

    wechat4u says `1204 == 0` or `1205 == 0`, WorkPro `WorkproErrorCode: 20001`, others WeChat's own sentence.
    """
    return any(sign in text for sign in ("1204 == 0", "1205 == 0", "WorkproErrorCode: 20001", THROTTLE_SENTENCE))


def is_throttle_notice(kind: Kind, text: str, own: bool) -> bool:
    """Whether a message is WeChat's notice that the last send in its room was refused (padlocal shows it so).

    It is of an unknown kind, or from the account itself (`own`): the same words of a member are ordinary text.
    """
    return (kind is Kind.UNKNOWN or own) and text.strip().rstrip("。.") in THROTTLE_NOTICES


def kind_of_echo(kind: Kind, text: str) -> Kind:
    """What a message of the bot's own is: padlocal shows its pictures as the text `<nick>: [图片]`."""
    return Kind.IMAGE if kind is Kind.TEXT and text.endswith(f": [{WORDS[Kind.IMAGE]}]") else kind


def caption_of(message: Message) -> str:
    """The line that stands for a card or a file: `[图片]`, `[链接] title`."""
    words = f"[{WORDS[message.kind]}]"
    title = _title(message.content) if message.kind in (Kind.URL, Kind.MINIPROGRAM) else ""
    if message.kind in CARDS and not message.content:
        return f"{words} 未能转发，请到原群查看"
    return f"{words} {title}".rstrip()


def _title(content: str | None) -> str:
    try:
        card = json.loads(content or "{}")
    except ValueError:
        return ""
    title = card.get("title") if isinstance(card, dict) else None
    return shortened(title, TITLE_MAX) if isinstance(title, str) else ""
