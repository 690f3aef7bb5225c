"""Write state files of the schema versions 1 to 11 with the code of their time, and dump each as SQL text.

Run it anywhere inside a clone of the repository: `python make.py`. Beside it come version_1.sql to version_11.sql.
"""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

OUT = Path(__file__).resolve().parent
# The last commit at which the schema had that version. Version 1 is from before roomsync/statefile.py and MIGRATIONS:
# it is SCHEMA in roomsync/outbox.py. For version 4 it is the last that held pictures for another relay (`urgent` -1):
# the commits after it write less into the same schema.
COMMITS = {
    1: "6954e4f1dce184c66bbaf7357d0a4426236714f2",
    2: "7c38796f211596db7dc258be40aa74c6740ceb62",
    3: "97cc8dedc63838a31adbff76c6600f6385f1532e",
    4: "825c24549256d8027afb0871f3a8f7a8d9777ea4",
    5: "5d8fe01f8dda760e39a0f5fb53cdfe1f9f8d8407",
    6: "52c3d5db6e579655d62256e25ce092067816e183",
    7: "56b7f6b025037cac00eaabbb7569750a22e874bc",
    8: "ca1f6d16defa732d79253465d3fcd22b2ae4cee8",
    9: "80776b34aa95b97a1bcba1e8566c5f5f1b0d0820",
    10: "fa855fe49fb3c6d53b42afc146855ed00e455dcb",
    11: "6b51caada53c29e5c4bd1656e66fb169b9ce51aa",
}
# Runs in the commit's own tree, with its own classes; the arguments are the version and the path of the new state file.
WRITER = '''
import sys
from pathlib import Path

VERSION, PATH = int(sys.argv[1]), Path(sys.argv[2])

from roomsync.outbox import Outbox
from roomsync.relay import Kind, Message, parts
from roomsync.rooms import Room

if VERSION >= 2:
    from roomsync.housekeeper import expire
    from roomsync.journal import Journal
    from roomsync.pacer import Cooldown
    from roomsync.statefile import StateFile
if VERSION >= 3:
    from roomsync.headers import HeaderForm
    from roomsync.recalls import Recalls
    from roomsync.relay import Part, Style
    from roomsync.relays import Relays

NOW = 1_000_000.0
LABELS = ("101", "102", "103")
PREFIX = "Milvus用户交流群"
TOPICS = {f"r{label}": PREFIX + label for label in LABELS}
FORM = "[{name}@{room}]:  "
STYLE = FORM if VERSION < 3 else Style(HeaderForm(FORM))
PICTURE = '{"boxType": 7, "uuid": "%s", "name": "%s.png"}'


def hear(message_id, room_id, name, to, at, text="", content=None):
    """Accept what a member said, as the bot does when it hears it."""
    kind = Kind.IMAGE if content else Kind.TEXT
    message = Message(message_id, room_id, name.lower(), name, kind, text, content)
    source = Room(room_id, TOPICS[room_id], PREFIX, room_id[1:])
    assert outbox.accept(message, parts(message, source, STYLE), to, at)


def brought(message_id, text, at):
    """Note what the other relay said in r103, as the switchboard does."""
    form = STYLE.header
    spoken = [(form.render(one.name, one.label), one) for one in form.parse_batch(text, LABELS)]
    relays.brought(*([message_id] if VERSION >= 4 else []), "bot2", "r103", spoken, at)


state = None if VERSION == 1 else StateFile(PATH)
outbox = Outbox(PATH) if state is None else Outbox(state, 2000)
if VERSION >= 2:
    journal = Journal(state)
    journal.moved(TOPICS, *([NOW - 90_000] if VERSION == 2 else []))
    # A message of yesterday, when r102 was not there yet; r103 missed it.
    hear("old", "r101", "Alice", ["r103"], NOW - 90_000, "昨天的话")
    assert expire(state, NOW - 86_400, NOW) == 1
    journal.status(connected="1", logged_in="1", since=str(NOW), last_event=str(NOW + 112))
hear("sent", "r101", "Alice", ["r102", "r103"], NOW + 1, "大家好")
if VERSION >= 2:
    # WeChat says once that this is too fast.
    outbox.put_back(outbox.take("r102", NOW + 1), NOW + 1, NOW + 1, uncertain=False)
    journal.cool_down(Cooldown(NOW + 61, 60.0))
outbox.sent(outbox.take("r102", NOW + 102), "s1", NOW + 102)
if VERSION >= 2:
    journal.note(["unfinished", "given-up"], NOW + 103)
    journal.fail("given-up")
if VERSION >= 3:
    hear("recalled", "r101", "Alice", ["r102", "r103"], NOW + 103, "说错了")
    outbox.sent(outbox.take("r102", NOW + 104), "s2", NOW + 104)
    journal.status(**{"answered:r101": str(NOW + 104)})
    answer = Message("answer:question", "r101", "", "", Kind.SYSTEM)
    outbox.accept(answer, [Part(Kind.TEXT, "我是群消息同步助手")], ["r101"], NOW + 104)
    outbox.sent(outbox.take("r101", NOW + 105), "s3", NOW + 105)
hear("refused", "r101", "Carol", ["r102", "r103"], NOW + 106, "有人吗")
outbox.retry(outbox.take("r102", NOW + 107), NOW + 700, "the gateway refused it", NOW + 107)
if VERSION >= 3:
    hear("brought", "r101", "Alice", ["r102", "r103"], NOW + 108, "明天见")
hear("picture", "r101", "Alice", ["r102", "r103"], NOW + 108, content=PICTURE % (1, "a"))
if VERSION >= 3:
    hear("held", "r101", "Dave", ["r102", "r103"], NOW + 109, content=PICTURE % (2, "d"))
hear("in-hand", "r102", "Bob", ["r101", "r103"], NOW + 109, "收到")
if VERSION >= 3:
    recalls, relays = Recalls(state), Relays(state)
    assert recalls.accept(["recalled"], "r101", NOW + 110) == 1
    assert recalls.accept(["never-seen"], "r101", NOW + 110) is None
    brought("b1", "[Zoe@101]:  你们好", NOW + 111)
    brought("b2", "[Alice@101]:  明天见", NOW + 111)
    brought("b3", "[Dave@101]:  [图片]", NOW + 112)
outbox.take("r101", NOW + 112)  # in hand when the bot was killed
(state or outbox).close()
'''

# The same from version 5 on, the first in which rooms have keys of our own, after all wings had moved.
WRITER_5 = '''
import sys
from pathlib import Path

from roomsync import store
from roomsync.delivery.housekeeper import expire
from roomsync.delivery.outbox import Outbox, add_line
from roomsync.delivery.recalls import Recalls
from roomsync.inbox.incoming import Incoming
from roomsync.model import Kind, Message, Room
from roomsync.relay.rendering import Style, parts
from roomsync.session import Cooldown, Phase
from roomsync.store import StateFile
from roomsync.text.headers import HeaderTemplate

NOW = 1_000_000.0
PREFIX = "Milvus用户交流群"
TOPICS = {f"r{label}": PREFIX + label for label in ("101", "102", "103")}
STYLE = Style(HeaderTemplate("[{name}@{room}]:  "))
PICTURE = '{"boxType": 7, "uuid": "%s", "name": "%s.png"}'


def hear(message_id, room_id, name, to, at, text="", content=None):
    """Accept what a member said, as the router does when it hears it."""
    kind = Kind.IMAGE if content else Kind.TEXT
    message = Message(message_id, room_id, name.lower(), name, kind, text, content)
    source = Room(room_id, TOPICS[room_id], PREFIX, room_id[1:])
    assert outbox.accept(message, parts(message, source, STYLE), to, at)


state = StateFile(Path(sys.argv[2]))
outbox, incoming, recalls = Outbox(state, 2000), Incoming(state), Recalls(state)
with state.transaction() as db:
    store.rooms.replace_all(db, TOPICS)
hear("old", "r101", "Alice", ["r103"], NOW - 90_000, "昨天的话")
assert expire(state, NOW - 86_400, NOW) == 1
hear("sent", "r101", "Alice", ["r102", "r103"], NOW + 1, "大家好")
outbox.put_back(outbox.take("r102", NOW + 1), NOW + 1, NOW + 1, uncertain=False)
outbox.sent(outbox.take("r102", NOW + 102), "s1", NOW + 102)
incoming.note(["unfinished", "given-up"], NOW + 103)
incoming.give_up("given-up")
hear("recalled", "r101", "Alice", ["r102", "r103"], NOW + 103, "说错了")
outbox.sent(outbox.take("r102", NOW + 104), "s2", NOW + 104)
with state.transaction() as db:
    store.health.note_phase(db, Phase.READY, NOW)
    store.health.note_last_event(db, NOW + 112)
    store.health.note_cooldown(db, Cooldown(NOW + 61, 60.0))
    store.rooms.note_introduction(db, "r101", NOW + 104)
    add_line(db, "r101", "我是群消息同步助手", NOW + 104)
    store.peers.mark_relayed(db, "bot2", "r103", NOW + 112)
outbox.sent(outbox.take("r101", NOW + 105), "s3", NOW + 105)
hear("refused", "r101", "Carol", ["r102", "r103"], NOW + 106, "有人吗")
outbox.retry(outbox.take("r102", NOW + 107), NOW + 700, "the gateway refused it", NOW + 107)
hear("brought", "r101", "Alice", ["r102"], NOW + 108, "明天见")
hear("picture", "r101", "Alice", ["r102", "r103"], NOW + 108, content=PICTURE % (1, "a"))
hear("held", "r101", "Dave", ["r102", "r103"], NOW + 109, content=PICTURE % (2, "d"))
hear("in-hand", "r102", "Bob", ["r101", "r103"], NOW + 109, "收到")
assert recalls.accept(["recalled"], "r101", NOW + 110) == 1
assert recalls.accept(["never-seen"], "r101", NOW + 110) is None
outbox.take("r101", NOW + 112)  # in hand when the bot was killed
state.close()
'''


def write(version: int, path: Path) -> None:
    """Write the state file `path` with the code of the commit of that version."""
    writer = WRITER if version < 5 else WRITER_5
    git = ["git", "-C", str(OUT), "worktree"]
    with TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), COMMITS[version]], check=True)
        try:
            # With -c, the folder in which Python starts comes first on its path: that commit's roomsync is imported.
            subprocess.run([sys.executable, "-B", "-c", writer, str(version), str(path)], cwd=tree, check=True)
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def dump(path: Path) -> str:
    """Return the state file as SQL text, with its marks, and with a fixed text for the two ids drawn at random."""
    with closing(sqlite3.connect(path)) as db:
        (vacuum,) = db.execute("PRAGMA auto_vacuum").fetchone()
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        lines = ["PRAGMA auto_vacuum = INCREMENTAL;"] if vacuum == 2 else []
        lines += db.iterdump()
    lines += [f"PRAGMA application_id = {application};", f"PRAGMA user_version = {version};", ""]
    text = re.sub("notice:[0-9A-F]{16}", "notice:1", "\n".join(lines))
    return re.sub("(INTO \"moderation\" .*)'[0-9a-f]{16}'", r"\1'0123456789abcdef'", text)


def main() -> None:
    """Make the files again."""
    for version in COMMITS:
        with TemporaryDirectory() as folder:
            path = Path(folder, "state.sqlite3")
            write(version, path)
            (OUT / f"version_{version}.sql").write_text(dump(path), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
