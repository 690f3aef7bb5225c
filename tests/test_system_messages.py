"""What WeChat itself says, in the exact forms of the gateways."""

import pytest

from roomsync.model import Kind
from roomsync.text.system_messages import is_throttle_error, is_throttle_notice, recalled_ids

REVOKE = (
    '<sysmsg type="revokemsg"><revokemsg><session>1@chatroom</session><msgid>1692528799</msgid>'
    '<newmsgid>5007192124798729796</newmsgid><replacemsg><![CDATA["a" recalled]]></replacemsg></revokemsg></sysmsg>'
)
OLD = (
    "&lt;sysmsg type='revokemsg'&gt;<br/>&lt;revokemsg&gt;&lt;oldmsgid&gt;1056815127&lt;/oldmsgid&gt;"
    "&lt;msgid&gt;6991717488370193149&lt;/msgid&gt;&lt;/revokemsg&gt;&lt;/sysmsg&gt;"
)
PAT = '<sysmsg type="pat"><pat><fromusername>a</fromusername><newmsgid>5</newmsgid></pat></sysmsg>'
TODO = '<sysmsg type="roomtoolstips"><todo><op>0</op><msgid>7</msgid></todo></sysmsg>'


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("5007192124798729796", ("5007192124798729796",)),  # padlocal 1.11.19 and later
        (" 3eb0-aa_1 \n", ("3eb0-aa_1",)),
        (REVOKE, ("5007192124798729796", "1692528799")),  # padlocal before it, padplus
        (OLD, ("6991717488370193149", "1056815127")),  # web WeChat
        (PAT, ()),
        (TODO, ()),
        ("", ()),
        ("Alice recalled a message", ()),
        ("<sysmsg", ()),
    ],
)
def test_recall_is_told_from_pats_and_todos(text: str, ids: tuple[str, ...]) -> None:
    """The ids that may be meant are found, the newest form first; a pat or a to-do is no recall."""
    assert recalled_ids(text) == ids


@pytest.mark.parametrize(
    ("text", "throttled"),
    [
        ("Error: 1204 == 0\n    at Function.assert", True),  # wechat4u
        ("1205 == 0", True),
        ("WorkproErrorCode: 20001, message: ...", True),  # WorkPro
        ("操作过于频繁，请稍后再试", True),
        ("room not found", False),
        ("", False),
    ],
)
def test_throttle_error_is_known(text: str, throttled: bool) -> None:
    """Each gateway's way to say that the account sends too fast is known among its errors."""
    assert is_throttle_error(text) is throttled


@pytest.mark.parametrize(
    ("kind", "text", "own", "notice"),
    [
        (Kind.UNKNOWN, "操作过于频繁，可稍后再试。", True, True),  # padlocal
        (Kind.UNKNOWN, "操作过于频繁，可稍后再试。", False, True),
        (Kind.TEXT, "操作过于频繁，可稍后再试。", True, True),
        (Kind.TEXT, "操作过于频繁，可稍后再试。", False, False),
        (Kind.TEXT, "[Alice@101]:  操作过于频繁，可稍后再试。", True, False),
        (Kind.UNKNOWN, "操作", True, False),
    ],
)
def test_throttle_notice_is_trusted_only_from_wechat(kind: Kind, text: str, own: bool, notice: bool) -> None:
    """The sentence is WeChat's when its kind is unknown or it comes from the account; a member may say it freely."""
    assert is_throttle_notice(kind, text, own) is notice
