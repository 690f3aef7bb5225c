"""What waits for the disk: each message noted, each accepted, each send; and that no kill loses what does not."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from roomsync.model import State
from roomsync.store import StateFile
from tests.boxes import NOW, Box
from tests.conftest import running, until
from tests.scripted import ScriptedGateway

ROOT = Path(__file__).parents[1]
MARKED_AND_KILLED = """
import os, sys
from pathlib import Path
from roomsync.model import Kind
from tests.boxes import NOW, Box

box = Box(Path(sys.argv[1]))
box.say("a", to=("r102", "r103"))
box.outbox.sent(box.take("r102"), "s1", NOW)
box.take("r103")
box.outbox.echo("r103", Kind.TEXT, "a", "s2", NOW)
print("marked", flush=True)
os.kill(os.getpid(), getattr(__import__("signal"), "SIGKILL", __import__("signal").SIGTERM))
"""


def commits(statements: list[str]) -> list[tuple[bool, str]]:
    """Of each commit that wrote something: whether it waited for the disk, and what it wrote."""
    found, waits, wrote = [], True, ""
    for statement in map(str.strip, statements):
        if statement.startswith("PRAGMA synchronous"):
            waits = "FULL" in statement
        elif statement.startswith(("INSERT", "UPDATE", "DELETE")):
            wrote += f"{statement}\n"
        elif statement == "COMMIT":
            found += [(waits, wrote)] if wrote else []
            wrote = ""
    return found


@pytest.mark.parametrize("echoes", [False, True], ids=["no echoes", "echoes"])
async def test_one_wait_for_the_disk_for_each_send(gateway: ScriptedGateway, state_file: Path, echoes: bool) -> None:
    """A message to nine rooms waits for the disk eleven times: noted, accepted, and once for each send.

    Echoes that come behind the answers add nothing, and the gateway is not asked for them.
    """
    for number in range(104, 111):
        gateway.add_room(f"r{number}", f"Milvus用户交流群{number}")
    async with running(gateway, state_file) as bot:
        statements: list[str] = []
        with bot.state.connection() as db:
            db.set_trace_callback(statements.append)
        gateway.say("r101", "alice", "hello")
        await until(lambda: bot.outbox.counts().get(State.SENT) == 9)
        if echoes:
            for sent in list(gateway.sent):
                gateway.say(sent.room_id, gateway.bot_id, sent.body, id=sent.id)
            gateway.say("r101", gateway.bot_id, "said by phone", id="phone")
            await until(lambda: "phone" in bot.incoming._finished)
        with bot.state.connection() as db:
            db.set_trace_callback(None)
    waited = [wrote for waits, wrote in commits(statements) if waits and "health" not in wrote]
    assert len(waited) == 1 + 1 + 9 + echoes  # what was said by phone is noted, too
    assert gateway.calls.count("MessagePayload") == 1 + echoes
    assert any("UPDATE sends" in wrote for waits, wrote in commits(statements) if not waits)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_kill_loses_no_mark(state_file: Path) -> None:
    """What was marked as sent, and what an echo settled, is so after kill -9 right behind it: nothing goes twice."""
    command = [sys.executable, "-c", MARKED_AND_KILLED, str(state_file)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (ended.stdout, ended.returncode) == ("marked\n", -signal.SIGKILL)
    box = Box(state_file)
    assert box.outbox.counts() == {State.SENT: 2}
    box.state.close()


def test_a_durable_commit_brings_those_before_it_to_the_disk(state_file: Path) -> None:
    """Only a commit that says so does not wait, and the next one does again, also on a file that is opened anew."""
    state = StateFile(state_file)

    def how() -> int:
        with state.connection() as db:
            return int(db.execute("PRAGMA synchronous").fetchone()[0])

    found = []
    for durable in (False, True, False):
        with state.transaction(durable=durable) as db:
            db.execute("UPDATE health SET since = ?", (NOW,))
        found.append(how())
    state.close()
    assert found == [1, 2, 1]  # NORMAL, FULL, NORMAL
