"""The bot's own lines in rooms: what it says besides what it relays. Pure.

Those without a header are known again when another relay says them: it is no person, and they are about its own sends.
"""

import re

RECALLED = "撤回了一条消息"  # behind the name of who took a message back
ANNOUNCEMENT_RECALLED = "（管理员撤回了一条公告）"
NOT_RELAYED = "未能转发，仅原群可见"
OVER_DAILY_LIMIT = "今日转发已达上限，仅原群可见"
COUNTED_ONLY = "免打扰时段未逐张转发，仅原群可见"
HELD_WORDS = "（未转发的消息）"  # in the place of words that are quoted, and held
UNSENT_TEXT = f"[文字] {NOT_RELAYED}"  # in the place of a text that the gateway never takes


def cut(characters: int) -> str:
    """Return what stands behind the start of a text that is too long to be relayed."""
    return f"…（全文 {characters} 字，过长，其余仅原群可见）"


def announcement(words: str) -> str:
    """Return the text that says what was set as the announcement of a room."""
    return f"[群公告] {words}"


def missed(messages: int) -> str:
    """Return the line for a room that messages did not reach in time."""
    return f"（有 {messages} 条消息未能及时转发到本群，仅原群可见）"


def introduction(community: str, others: int) -> str:
    """Return the line for a room where somebody mentioned the bot: what it does, and with how many other rooms."""
    if not others:
        return f"我是群消息同步助手：「{community}」目前只有本群，还没有其他群可以同步。"
    return f"我是群消息同步助手：本群与「{community}」的另外 {others} 个群互通，各群的发言都会同步到其他群。"


# Made of the lines themselves, so that they are always known.
HEADERLESS = re.compile(
    "|".join(
        re.escape(line).replace("\0", "[^\n]*").replace("9", "[0-9]+")
        for line in (missed(9), introduction("\0", 0), introduction("\0", 9))
    )
)


def is_headerless(text: str) -> bool:
    """Return whether a text is nothing but such lines of a bot like this one."""
    return all(HEADERLESS.fullmatch(line) for line in text.split("\n"))
