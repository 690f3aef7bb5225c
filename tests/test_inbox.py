"""Messages on their way in: in order on any line, none given up while nobody could be asked, none without end."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from roomsync.errors import GatewayLost
from roomsync.inbox.dispatcher import Dispatcher
from roomsync.inbox.incoming import Incoming
from roomsync.model import State
from roomsync.session import Phase
from roomsync.store import StateFile
from tests.conftest import running, until
from tests.scripted import Fault, ScriptedGateway, refused

QUEUES = "roomsync.inbox.room_queues"


def heard(gateway: ScriptedGateway, room_id: str = "r102") -> list[str]:
    """The texts that arrived in a room, without headers, in order."""
    bodies = [one.body for one in gateway.sent if one.room_id == room_id]
    return [line.removeprefix("[Alice@101]:  ") for body in bodies for line in body.split("\n")]


def say(gateway: ScriptedGateway, count: int) -> list[str]:
    said = [str(number) for number in range(count)]
    for text in said:
        gateway.say("r101", "alice", text)
    return said


async def test_many_messages_over_a_slow_line_keep_their_order(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that waits for its turn to be asked for is not late: patience begins when it is asked for."""
    monkeypatch.setattr(f"{QUEUES}.MAX_FETCHES", 2)
    monkeypatch.setattr(f"{QUEUES}.PAYLOAD_TIMEOUT", 0.1)
    monkeypatch.setattr(f"{QUEUES}.MAX_PAYLOAD_WAIT", 0.1)
    async with running(gateway, state_file):
        gateway.script("MessagePayload", *[Fault(delay=0.02)] * 40)
        said = say(gateway, 40)
        await gateway.until(lambda: len(heard(gateway)) == 40)
    assert heard(gateway) == said


async def test_a_round_trip_longer_than_the_patience_keeps_the_order(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing that was asked for later is there, nobody is late, however long it takes."""
    monkeypatch.setattr(f"{QUEUES}.PAYLOAD_TIMEOUT", 0.1)
    async with running(gateway, state_file):
        gateway.script("MessagePayload", Fault(delay=0.45), *[Fault(delay=0.4)] * 9)
        said = say(gateway, 10)
        await gateway.until(lambda: len(heard(gateway)) == 10)
    assert heard(gateway) == said


async def test_a_payload_that_does_not_come_lets_the_others_pass(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message without a payload, where later ones have theirs, holds them up for its patience alone."""
    monkeypatch.setattr(f"{QUEUES}.PAYLOAD_TIMEOUT", 0.02)
    async with running(gateway, state_file):
        gateway.script("MessagePayload", Fault(delay=0.5))
        said = say(gateway, 3)
        await gateway.until(lambda: len(heard(gateway)) == 3)
    assert heard(gateway) == [*said[1:], said[0]]


async def test_a_message_is_not_given_up_while_nothing_is_connected(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has one try left when the connection goes still has it at the next login."""
    monkeypatch.setattr(f"{QUEUES}.QUICK_RETRY_DELAYS", ())
    monkeypatch.setattr(f"{QUEUES}.RETRY_DELAYS", (0.05,))
    monkeypatch.setattr(f"{QUEUES}.GONE_DELAY", 0.01)
    monkeypatch.setattr(f"{QUEUES}.MAX_DISCONNECTS", 0)
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    async with running(gateway, state_file) as bot:
        gateway.script("MessagePayload", Fault(refused("not now")))
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: "MessagePayload" in gateway.calls)
        gateway.logged_in = False
        gateway.end_stream()
        await until(lambda: bot.session.phase is Phase.CONNECTED)
        await asyncio.sleep(0.3)
        assert gateway.calls.count("MessagePayload") == 1  # nobody would answer
        gateway.login()
        await gateway.until(lambda: heard(gateway) == ["hello"])


async def test_a_call_that_was_not_made_uses_up_no_try(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a connection is gone and the session does not know it yet, no try of a message is used up."""
    for name, value in (("RETRY_DELAYS", (0.01,)), ("GONE_DELAY", 0.01), ("MAX_DISCONNECTS", 0)):
        monkeypatch.setattr(f"{QUEUES}.{name}", value)
    async with running(gateway, state_file) as bot:
        fetch, gone = bot.puppet.message_payload, 5

        async def unsteady(message_id: str) -> Any:
            nonlocal gone
            if gone:
                gone -= 1
                raise GatewayLost("not connected to the gateway")
            return await fetch(message_id)

        monkeypatch.setattr(bot.puppet, "message_payload", unsteady)
        gateway.say("r101", "alice", "hello")
        await gateway.until(lambda: heard(gateway) == ["hello"])


async def test_of_messages_over_which_the_line_breaks_one_is_asked_at_a_time(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some breaks over the same messages each is asked for alone, so that the others get their answers."""
    monkeypatch.setattr(f"{QUEUES}.SUSPECT_AFTER", 1)
    monkeypatch.setattr("roomsync.backoff.FIRST_DELAY", 0.01)
    async with running(gateway, state_file):
        gateway.script("MessagePayload", *[Fault(delay=0.2)] * 3)
        said = say(gateway, 3)
        await gateway.until(lambda: gateway.calls.count("MessagePayload") == 3)
        gateway.script("MessagePayload", *[Fault(delay=0.1)] * 3)
        gateway.end_stream()
        await gateway.until(lambda: gateway.calls.count("MessagePayload") == 4)
        await asyncio.sleep(0.05)
        assert gateway.calls.count("MessagePayload") == 4
        await gateway.until(lambda: len(heard(gateway)) == 3)
    assert heard(gateway) == said


def locked(path: Path) -> closing[sqlite3.Connection]:
    """Another program that has the state file locked, until the end of the block."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return closing(other)


async def test_a_bot_whose_state_file_is_locked_reads_no_more_than_it_may(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing can be written, only so many events are read; the others wait, and all arrive in order after."""
    monkeypatch.setattr("roomsync.store.opening.BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr("roomsync.store.outages.MAX_DELAY", 0.05)
    monkeypatch.setattr("roomsync.inbox.dispatcher.MAX_EVENTS", 5)
    async with running(gateway, state_file) as bot:
        assert isinstance(bot.puppet.events, Dispatcher)
        events = bot.puppet.events.backlog
        with locked(state_file):
            said = say(gateway, 30)
            await until(lambda: bot.state.outages.is_on)
            await asyncio.sleep(0.1)
            assert events.is_full and len(events.first()) == 5
        await gateway.until(lambda: len(heard(gateway)) == 30)
    assert heard(gateway) == said


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody remove an open file")
async def test_a_file_that_is_removed_just_before_the_bot_leaves_is_there(
    gateway: ScriptedGateway, state_file: Path
) -> None:
    """What waits is not lost when somebody removes the state file and the bot leaves before it looked."""
    async with running(gateway, state_file, paused=True) as bot:
        say(gateway, 1)
        await until(lambda: bot.outbox.counts() == {State.WAITING: 2})
        for file in state_file.parent.glob("roomsync.db*"):
            file.unlink()
    async with running(gateway, state_file):
        await gateway.until(lambda: heard(gateway) == ["0"])


async def test_what_came_last_is_noted_when_the_bot_leaves(
    gateway: ScriptedGateway, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that was read and could not be taken in until the bot left is asked for by the next one."""
    monkeypatch.setattr("roomsync.store.opening.BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr("roomsync.store.outages.MAX_DELAY", 0.05)
    async with running(gateway, state_file) as bot:
        with locked(state_file):
            bot.puppet.events.feed(2, '{"messageId": "last"}')
            await until(lambda: bot.state.outages.is_on)
            bot.stop()
            await asyncio.sleep(0.1)
    with closing(StateFile(state_file)) as state:
        assert Incoming(state).unfinished() == ["last"]
