"""Ids: keys that are never changed, so that those that nothing can be done with are refused, each once."""

import asyncio
import json
from pathlib import Path

import pytest

from roomsync import errors, store
from roomsync.gateway.payloads import message_of
from roomsync.gateway.protocol import MAX_ID, EventType, fault_of_id
from roomsync.inbox.event_handlers import payload_of
from tests.conftest import running, until
from tests.hostile import MEGABYTE, assert_harmless, raw
from tests.scripted import ScriptedGateway


@pytest.mark.parametrize("bad", ["a\x1bb", "a\nb", "a\u202eb", "a\ud800", "x" * (MAX_ID + 1), "x" * MEGABYTE], ids=len)
def test_bad_id_is_refused_in_a_short_sentence(bad: str) -> None:
    """An id with a character that does harm, or without end, is refused with a sentence that shows its start."""
    for payload in ({"roomId": bad}, {"inviteeIdList": ["alice", bad]}):
        with pytest.raises(ValueError, match=r"its roomId|its inviteeIdList|it has") as caught:
            payload_of(EventType.ROOM_JOIN, json.dumps(payload))
        assert_harmless(str(caught.value))
        assert len(str(caught.value)) < 200
    for fields in ({"room_id": bad}, {"from_id": bad}):
        with pytest.raises(errors.Unreadable, match=r"id (is longer|has a character)"):
            message_of(raw(**fields))


def test_real_ids_are_taken() -> None:
    """Ids of today's gateways are good ids."""
    real = ["wxid_a1b2c3d4e5f6", "19876543210@chatroom", "filehelper", "@@" + "f" * 64, "R:10696051234", "张三"]
    assert [fault_of_id(one) for one in real] == [""] * len(real)


def test_logout_is_one_whoever_it_names() -> None:
    """A logout with a bad id is a logout: nothing may be sent after it."""
    assert payload_of(EventType.LOGOUT, '{"contactId": "a\\u001b"}') == {"contactId": None}


async def test_message_with_a_bad_id_is_refused_once(
    gateway: ScriptedGateway, state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A message whose talker has an id that cannot be used is given up at once in one line, and the next goes."""
    async with running(gateway, state_file) as bot:
        gateway.say("r101", "al\x1bice", "lost")
        gateway.say("r101", "x" * MEGABYTE, "lost")
        gateway.say("r\n101", "alice", "lost")
        gateway.emit(EventType.MESSAGE, {"messageId": "m\x1b1"})
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: len(gateway.sent) == 2)
        await until(lambda: len(refusals(caplog)) == 4)
        with bot.state.connection() as db:
            assert store.incoming.given_up(db, 0.0) == 3
    assert [one.body for one in gateway.sent] == ["[Alice@101]:  hello"] * 2
    await asyncio.sleep(0)
    assert len(refusals(caplog)) == 4 and "Traceback" not in caplog.text and len(caplog.text) < 5000


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if " id " in one.getMessage() or "messageId" in one.getMessage()]
