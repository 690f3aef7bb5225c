"""The stand-ins for what wechaty imports and the bot never calls: gone after the import, never touched, light."""

import asyncio
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from roomsync.gateway.compat import UNUSED
from roomsync.gateway.stand_ins import StandInUsed, standing_in
from tests.processes import LEAVE, environment, output, run, start, write_env
from tests.scripted import ScriptedGateway
from tests.test_bot import IMAGE
from tests.test_command_line import folder

__all__ = ["folder"]  # a fixture

ROOT = Path(__file__).parent.parent
# What wechaty imports without need and what that pulls in; requests is needed by discovery alone.
HEAVY = {
    "apscheduler", "bs4", "cryptography", "flask", "github", "hypercorn", "jinja2", "jwt", "lxml", "nacl",
    "opengraph_py3", "ping3", "qrcode", "quart", "quart_cors", "requests", "sqlalchemy", "telnetlib", "urllib3",
    "werkzeug",
}  # fmt: skip
MODULE = """
from some_package.deep.inside import Base, Sort, decorate
import some_package.other

default = some_package.other.DEFAULT

class Ours(Base): ...

@decorate
def ours(sort: Sort | None, more: "list[Sort]" = default, *, box: Sort["x"]) -> Sort: ...

@decorate.route("/")
def route(): ...

def use(): some_package.other.get("x")
"""
# Runs bot.py as a process does, and writes at its end which stand-ins were touched, even if nobody was told of it, and
# what is imported.
SPY = """
import atexit, json, pathlib, runpy, sys
home, report = sys.argv.pop(1), sys.argv.pop(1)
sys.path.insert(0, home)
from roomsync.gateway import stand_ins
touched, made = [], stand_ins.StandInUsed.__init__
stand_ins.StandInUsed.__init__ = lambda error, what: (touched.append(what), made(error, what))[1]
atexit.register(lambda: pathlib.Path(report).write_text(json.dumps([touched, sorted(sys.modules)])))
runpy.run_path(home + "/bot.py", run_name="__main__")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that uses an unused package, which is not installed, as modules do while they are imported."""
    (tmp_path / "uses_package.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "uses_package", raising=False)
    with standing_in(["some_package"]):
        return importlib.import_module("uses_package")


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("use()", "some_package.other.get"),
        ("Ours()", "uses_package.Ours"),
        ("Ours.made", "uses_package.Ours.made"),
        ("Base.made", "some_package.deep.inside.Base.made"),
        ("Sort(1)", "some_package.deep.inside.Sort"),
        ("Sort[int]", "some_package.deep.inside.Sort"),
        ("ours(None)", "some_package.deep.inside.decorate"),
        ("route()", "some_package.deep.inside.decorate.route"),
        ("default.x", "some_package.other.DEFAULT.x"),
    ],
)
def test_stand_in_that_is_used_says_so(module: ModuleType, use: str, name: str, touched: list[str]) -> None:
    """What imports well with stand-ins, raises one sentence that names what was used when it is used."""
    with pytest.raises(
        StandInUsed, match=rf"^{name.replace('.', '[.]')} was used, but this bot imports wechaty without"
    ):
        eval(use, vars(module))
    assert touched.pop() == name


def test_nothing_of_the_stand_ins_is_left() -> None:
    """After the import there is no finder and no stand-in, and what was imported before is what it was."""
    script = (
        "import sys, {first}; finders = list(sys.meta_path); was = {{n: m for n, m in sys.modules.items()}}\n"
        "import roomsync.gateway.puppet\n"
        "assert sys.meta_path == finders, sys.meta_path\n"
        "assert all(sys.modules.get(name) is module for name, module in was.items())\n"
        "left = [n for n in sys.modules if n.partition('.')[0] in {unused} and n not in was]\n"
        "assert not left, left\n"
        "import apscheduler.schedulers.asyncio, quart, requests\n"
        "apscheduler.schedulers.asyncio.AsyncIOScheduler(); quart.Quart('real'); requests.Request('GET', 'http://a')"
    )
    for first in ("os", "requests.exceptions, apscheduler.schedulers.base"):
        command = [sys.executable, "-c", script.format(first=first, unused=UNUSED)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


async def spied(folder: Path, gateway: ScriptedGateway, *arguments: str) -> asyncio.subprocess.Process:
    """Start bot.py with SPY, which writes to the file `report` in its folder."""
    write_env(folder, gateway, "LOG_LEVEL=debug")
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", SPY, str(folder), str(folder / "report"), *arguments, cwd=folder.parent,
        env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def ending(process: asyncio.subprocess.Process, folder: Path) -> tuple[str, list[str], set[str]]:
    """What it has printed, which stand-ins were touched, and what it has imported."""
    shown, _ = await asyncio.wait_for(process.communicate(), 30)
    touched, modules = json.loads((folder / "report").read_text())
    return shown.decode(), touched, set(modules)


@pytest.mark.skipif(sys.platform == "win32", reason="the process is asked to leave by SIGTERM")
async def test_no_path_of_the_bot_touches_a_stand_in(folder: Path, gateway: ScriptedGateway) -> None:
    """A bot relays texts, a picture and a recall over a login and a reconnect, and needs nothing that is not there."""
    gateway.logged_in = False
    process = await spied(folder, gateway)
    await gateway.until(lambda: gateway.streams, limit=30)
    gateway.login()
    await gateway.until(lambda: gateway.calls.count("RoomPayload") == 4)
    gateway.say("r101", "alice", "hello", id="m1")
    await gateway.until(lambda: len(gateway.sent) == 2)
    gateway.say("r102", "bob", kind="image", content=IMAGE)
    await gateway.until(lambda: len(gateway.sent) == 6)
    gateway.say("r101", "alice", "m1", kind="recalled")
    await gateway.until(lambda: len(gateway.recalled) == 2)
    gateway.invite("r104", "Milvus用户交流群104")
    gateway.rename("r103", "Milvus用户交流群109")
    gateway.end_stream()
    await gateway.until(lambda: gateway.calls.count("Start") == 2, limit=30)
    gateway.say("r101", "alice", "again")
    await gateway.until(lambda: len(gateway.sent) == 9)
    gateway.logout()
    process.send_signal(LEAVE[-1])
    shown, touched, modules = await ending(process, folder)
    assert process.returncode == 0 and touched == [] and "was used, but" not in shown, shown
    assert "wechaty.wechaty" in modules
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()


@pytest.mark.parametrize(
    ("mode", "needless"),
    [
        ("--status", ("wechaty", "wechaty_puppet", "grpclib", "betterproto")),
        ("--set-aside", ("wechaty", "wechaty_puppet", "grpclib", "betterproto")),
        ("--check", ("wechaty", "wechaty_puppet")),
        ("--verify-code=123456", ("wechaty", "wechaty_puppet")),
    ],
)
async def test_modes_that_need_no_bot_import_no_wechaty(
    folder: Path, gateway: ScriptedGateway, mode: str, needless: tuple[str, ...]
) -> None:
    """Each mode beside the bot answers without wechaty, those that ask no gateway without gRPC."""
    shown, _, modules = await ending(await spied(folder, gateway, mode), folder)
    assert "Traceback" not in shown
    imported = {name.partition(".")[0] for name in modules}
    assert imported & {*needless, *HEAVY} == set(), shown
    assert "roomsync" in imported


def test_wechaty_is_the_one_that_the_stand_ins_fit() -> None:
    """wechaty is pinned to the release that was looked through for what it imports, and compat names it."""
    pinned = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()]
    assert "wechaty==0.10.7" in pinned
    assert "wechaty 0.10.7" in (ROOT / "roomsync" / "gateway" / "compat.py").read_text("utf-8")


@pytest.mark.parametrize("package", ["dotenv", "grpclib", "pyee", "requests"])
async def test_missing_package_is_told_whenever_it_is_missed(
    folder: Path, gateway: ScriptedGateway, package: str
) -> None:
    """Without a package, be it requests, which only a bot without an endpoint imports, one sentence says what to do."""
    write_env(folder, gateway)
    env = folder / ".env"
    env.write_text("\n".join(line for line in env.read_text("utf-8").splitlines() if "ENDPOINT" not in line), "utf-8")
    (folder / f"{package}.py").write_text(f"raise ModuleNotFoundError(name={package!r})")
    process = await start(folder)
    shown = await output(process)
    assert process.returncode == 1 and f"The package {package} is missing" in shown and "Traceback" not in shown, shown


@pytest.mark.parametrize("package", ["dotenv", "pyee"])
def test_ctrl_c_while_it_imports_ends_quietly(folder: Path, package: str) -> None:
    """Ctrl-C among the imports, of the options as of the bot, ends it with the code of an interrupt, and no words."""
    (folder / f"{package}.py").write_text("raise KeyboardInterrupt")
    done = run(folder, WECHATY_PUPPET_SERVICE_TOKEN="insecure_x")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_garbage_is_looked_for_again_after_the_imports() -> None:
    """What the imports made is left out of every later look for garbage, and there are such looks again."""
    script = "import gc, bot; assert gc.isenabled() and gc.get_freeze_count() > 10_000, gc.get_freeze_count()"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
