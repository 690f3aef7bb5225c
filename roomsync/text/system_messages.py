"""What WeChat itself says through a gateway: recalls, and that the account sends too fast. Pure."""

import html
import re

from roomsync.model import Kind

THROTTLE_SENTENCE = "操作过于频繁"
THROTTLE_NOTICES = (THROTTLE_SENTENCE, f"{THROTTLE_SENTENCE}，可稍后再试", f"{THROTTLE_SENTENCE}，请稍后再试")
# Of wechat4u, of WorkPro, and of others, which give WeChat's own sentence.
THROTTLE_ERRORS = ("1204 == 0", "1205 == 0", "WorkproErrorCode: 20001", THROTTLE_SENTENCE)
REVOKE = re.compile(r"""<sysmsg[^>]{0,200}\btype\s*=\s*["']revokemsg["']""")
MAX_XML = 20_000  # characters that are looked at: no notice is longer, and a search must not take long
MESSAGE_ID = re.compile(r"<(newmsgid|msgid|oldmsgid)>\s*(\d+)\s*</\1>")


def is_throttle_error(text: str) -> bool:
    """Return whether a gateway's error says that the account sends too fast."""
    return any(words in text for words in THROTTLE_ERRORS)


def is_throttle_notice(kind: Kind, text: str, own: bool) -> bool:
    """Return whether a message is WeChat's notice that the last send in its room was refused (padlocal shows it so).

    It is of an unknown kind, or from the account itself (`own`): the same words of a member are ordinary text.
    """
    return (kind is Kind.UNKNOWN or own) and text.strip().rstrip("。.") in THROTTLE_NOTICES


def recalled_ids(text: str) -> tuple[str, ...]:
    """Return the ids that a message of the kind RECALLED may mean; none when it is no recall.

    padlocal sends the bare id, older gateways the XML `<sysmsg type="revokemsg">` (wechaty/puppet-padlocal#34,
    wechaty-puppet-padplus#263), some with its characters escaped and `<br/>` in it (wechaty/puppet-wechat#85); pats and
    to-dos come as other XML under the same kind.
    """
    text = text[:MAX_XML].strip()
    if "<" in text or "&lt;" in text:
        xml = re.sub(r"<br\s*/?>", "", html.unescape(text))
        if not REVOKE.search(xml):
            return ()
        found = dict(MESSAGE_ID.findall(xml))
        return tuple(found[tag] for tag in ("newmsgid", "msgid", "oldmsgid") if tag in found)
    return (text,) if text and not re.search(r"\s", text) else ()
