"""What a message becomes in the other rooms. Pure: no I/O, no clock, no wechaty."""

import json
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
    name = " ".join(name.split()) or NAMELESS
    before, hole, after = form.partition("{name}")
    return before.replace("{room}", room) + (name if hole else "") + after.replace("{room}", room)


def parts(message: Message, source: Room, form: str) -> list[Part]:
    """What every other room gets for `message`, in order; nothing for a notice of WeChat itself."""
    if message.kind in SILENT:
        return []
    head = header(form, message.name, source.label)
    if message.kind is Kind.TEXT:
        return [Part(Kind.TEXT, head + message.text)]
    caption = Part(Kind.TEXT, head + caption_of(message))
    if message.kind in CARDS and message.content:
        return [caption, Part(message.kind, message.content)]
    return [caption]


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
    words = " ".join(title.split()) if isinstance(title, str) else ""
    return words if len(words) <= TITLE_MAX else words[: TITLE_MAX - 1] + "…"
