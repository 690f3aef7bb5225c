"""The operator's language: whole catalogs, the choice of the language, and what processes say in both."""

import ast
import functools
import gettext
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from roomsync import language
from roomsync.alerts.hooks import Service, problem_of
from roomsync.config.settings import choose_language
from roomsync.errors import StateFileError
from roomsync.language import N_, _
from roomsync.store import StateFile
from roomsync.store.backup import back_up
from tests import catalog
from tests.processes import ROOT, output, run, start, write_env
from tests.scripted import ScriptedGateway
from tests.test_command_line import folder

assert folder  # a fixture
LOG_CALLS = ("debug", "info", "warning", "error", "exception", "critical")
PERCENT = re.compile(r"%(?:\([a-z_]+\))?[-.\d]*[a-z]")
BRACES = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
HAN = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile(r"\b[A-Za-z']+(?: [a-z']+){2,}")  # three words in a row
WRONG = {
    "WECHATY_PUPPET_SERVICE_TOKEN": "with a blank",
    "WECHATY_PUPPET_SERVICE_ENDPOINT": "nowhere",
    "HEADER": "{name}",
    "SEND_INTERVAL": "soon",
    "SEND_BURST": "0",
    "RELAY_OWN": "maybe",
    "QUIET_HOURS": "at night",
    "MODERATION": "strict",
    "LOG_LEVEL": "loud",
    "MILVUS_URI": "ftp://x",
    "DAILY_LIMITS": "text:1",
}


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    """What a test chooses is over after it."""
    yield
    language.use("en")


def messages() -> list[Message]:
    return [one for one in catalog.read() if one.id]


@functools.cache
def trees() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in catalog.sources()]


def test_every_message_has_its_chinese() -> None:
    """The catalog has all texts that are in the code and no others, each with a translation that is no guess."""
    kept = catalog.PO.read_bytes()
    assert catalog.po_of(catalog.updated()) == kept, "run: python -m tests.catalog"
    assert [one.id for one in catalog.untranslated(catalog.read())] == []
    assert not catalog.read().obsolete


def test_compiled_catalog_is_the_one_that_is_read() -> None:
    """The `.mo` is what the `.po` is compiled to."""
    assert catalog.PO.with_suffix(".mo").read_bytes() == catalog.mo_of(catalog.PO.read_bytes())


@pytest.mark.parametrize("message", messages(), ids=lambda message: str(message.id)[:40])
def test_placeholders_agree(message: Message) -> None:
    """A translation has the placeholders of its text: `{x}` in any order, `%s` and its like in the same one."""
    text, chinese = message.id, message.string
    if not isinstance(text, str) or not isinstance(chinese, str):
        text, chinese = text[0], str(chinese and chinese[0])
    assert Counter(BRACES.findall(text)) == Counter(BRACES.findall(chinese))
    assert PERCENT.findall(text) == PERCENT.findall(chinese)
    assert text.endswith("\n") == chinese.endswith("\n")


def is_call_of_log(func: ast.expr) -> bool:
    if not isinstance(func, ast.Attribute) or func.attr not in LOG_CALLS:
        return False
    return isinstance(func.value, ast.Name) and func.value.id == "log"


def test_log_calls_have_their_text_where_it_is_found() -> None:
    """Each call of a log has a literal, or a constant that is marked by `N_`, as its first argument."""
    wrong = []
    for path, tree in trees():
        marked = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name) and node.value.func.id == "N_"
            for target in node.targets if isinstance(target, ast.Name)
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and is_call_of_log(node.func):
                first = node.args[0]
                is_text = isinstance(first, ast.Constant) or (isinstance(first, ast.Name) and first.id in marked)
                wrong += [] if is_text else [f"{path.name}:{node.lineno}"]
    assert wrong == []


def test_texts_are_put_together_after_their_translation() -> None:
    """Nothing is put into a text before it is looked up: no f-string and no `format` stands inside `_()`."""
    wrong = []
    for path, tree in trees():
        for node in ast.walk(tree):
            is_marked = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "N_")
            if is_marked and isinstance(node, ast.Call):
                text = node.args[0]
                is_made = isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute)
                is_made = is_made and text.func.attr == "format"  # type: ignore[attr-defined]
                wrong += [f"{path.name}:{node.lineno}"] if isinstance(text, ast.JoinedStr) or is_made else []
    assert wrong == []


def is_marked(call: ast.Call) -> bool:
    is_literal = bool(call.args) and isinstance(call.args[0], ast.Constant)
    return is_literal and isinstance(call.func, ast.Name) and call.func.id in ("_", "N_")


def test_no_text_stands_in_an_f_string() -> None:
    """No text is looked up inside of an f-string: before Python 3.12 the catalog's extractor does not look into one."""
    found = []
    for path, tree in trees():
        for made in [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]:
            calls = [node for node in ast.walk(made) if isinstance(node, ast.Call)]
            found += [f"{path.name}:{one.lineno}" for one in calls if is_marked(one)]
    assert found == []


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "zh-Hans-CN"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:zh_CN:en"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "fr"}, "zh"),
        ({"LANG": "C", "LANGUAGE": "zh_CN"}, "en"),
        ({"LANG": "zhuang"}, "en"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows says its language itself where the environment does not")
def test_locale_says_the_language(environ: dict[str, str], expected: str) -> None:
    """LANGUAGE is a list, and wins over LC_ALL, LC_MESSAGES and LANG, unless those ask for the C locale: gettext(3)."""
    assert language.language_of(environ) == expected


@pytest.mark.parametrize(
    ("line", "environ", "expected"),
    [
        ("BOT_LANGUAGE=zh", {"LANG": "en_US.UTF-8"}, "中"),
        ("BOT_LANGUAGE= EN ", {"LANG": "zh_CN.UTF-8"}, "x"),
        ("BOT_LANGUAGE=zh", {"BOT_LANGUAGE": "en"}, "x"),
        ("BOT_LANGUAGE=en", {"BOT_LANGUAGE": "zh"}, "中"),
        ("BOT_LANGUAGE=en", {"BOT_LANGUAGE": "", "LANG": "zh_CN.UTF-8"}, "中"),
        ("BOT_LANGUAGE=klingon", {"LANG": "zh_CN.UTF-8"}, "中"),
        ("", {"LANG": "zh_CN.UTF-8"}, "中"),
    ],
)
def test_setting_wins_over_the_locale(
    line: str, environ: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BOT_LANGUAGE of the environment wins, then the one of `.env`, then the locale."""
    (tmp_path / ".env").write_text(line, encoding="utf-8")
    choose_language(tmp_path, environ)
    assert ("x" if _("somebody") == "somebody" else "中") == expected


def test_enum_words_and_constants_are_translated_late() -> None:
    """What `N_` marks stays English until it is looked up, so that the language may be chosen after the import."""
    text = N_("somebody")
    language.use("zh")
    assert text == "somebody" and _(text) == "有人"


def test_words_of_argparse_leave_the_process_as_it_was() -> None:
    """Only while the options are read does the environment say the language, for gettext's default domain."""
    before = gettext.textdomain(), os.environ.get("LANGUAGE")
    language.use("zh")
    with language.words_of_argparse():
        assert gettext.gettext("unrecognized arguments: %s") == "没有这样的选项：%s"
    assert (gettext.textdomain(), os.environ.get("LANGUAGE")) == before
    language.use("en")
    with language.words_of_argparse():
        assert gettext.gettext("options") == "options"


def problems_of(said: str, spoken: str, names: tuple[str, ...] = ()) -> list[str]:
    """Return the lines of an output that are not in that language; `names` are of rooms, people and commands."""
    lines = said.splitlines()
    for name in names:
        lines = [line.replace(name, "") for line in lines]
    wrong = HAN if spoken == "en" else ENGLISH
    return [line for line in lines if wrong.search(line)]


@pytest.mark.parametrize("spoken", ["zh", "en"])
def test_wrong_settings_are_explained(spoken: str, folder: Path) -> None:
    """Each of eleven wrong settings has its sentence in the operator's language, and the code is 2."""
    done = run(folder, "--check", BOT_LANGUAGE=spoken, **WRONG)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == len(WRONG) + 2  # the heading, and that there is no .env
    for name in WRONG:
        (line,) = [one for one in lines if one.startswith(f"- {name} ")]
        assert bool(HAN.search(line)) == (spoken == "zh")
    assert problems_of(done.stderr, spoken, ("with a blank", "at night", str(folder))) == []


@pytest.mark.parametrize("spoken", ["zh", "en"])
@pytest.mark.parametrize("asked", [["--help"], ["--frob"], ["--samples", "x"], ["--json"], ["--check", "--demo"]])
def test_options_are_explained(asked: list[str], spoken: str, folder: Path) -> None:
    """The help, and what is wrong with options, is in the operator's language: also argparse's own words."""
    done = run(folder, *asked, BOT_LANGUAGE=spoken)
    assert done.returncode == (0 if asked == ["--help"] else 2)
    said = done.stdout + done.stderr
    assert ("用法：" in said) == (spoken == "zh") and ("usage: " in said) == (spoken == "en")
    assert problems_of(said, spoken, ("/状态",)) == []


@pytest.mark.parametrize("spoken", ["zh", "en"])
async def test_check_and_status_speak_the_language(spoken: str, folder: Path, gateway: ScriptedGateway) -> None:
    """`--check` and `--status` are in the operator's language, by the locale alone; the JSON is the same in both."""
    write_env(folder, gateway)
    StateFile(folder / "roomsync.db").close()
    locale = {"BOT_LANGUAGE": "", "LANGUAGE": "", "LC_ALL": "zh_CN.UTF-8" if spoken == "zh" else "C.UTF-8"}
    process = await start(folder, "--check", **locale)
    said = await output(process)
    assert process.returncode == 0
    assert ("可以使用" in said) == (spoken == "zh") and ("is usable" in said) == (spoken == "en")
    assert problems_of(said, spoken, ("Milvus用户交流群", "小助手", str(folder))) == []
    said = run(folder, "--status", **locale).stdout
    assert ("没有运行" in said) == (spoken == "zh") and problems_of(said, spoken) == []
    shown = run(folder, "--status", "--json", **locale).stdout
    assert '"running": false' in shown and not HAN.search(shown.replace("Milvus用户交流群", ""))


def test_wrong_language_is_refused(folder: Path) -> None:
    """A BOT_LANGUAGE that is none is refused with the two that there are, in the language of the locale."""
    done = run(folder, "--check", BOT_LANGUAGE="fr", LANGUAGE="", LC_ALL="zh_CN.UTF-8")
    assert done.returncode == 2
    assert "BOT_LANGUAGE 的值是 'fr'；应为以下之一：zh, en。" in done.stderr


def test_missing_package_is_explained_before_the_settings(folder: Path) -> None:
    """What is wrong before any setting can be read is said in the language of the environment."""
    (folder / "dotenv").mkdir()
    (folder / "dotenv" / "__init__.py").write_text("raise ModuleNotFoundError(name='dotenv')", encoding="utf-8")
    done = run(folder, "--status", BOT_LANGUAGE="zh")
    assert done.returncode == 1 and "缺少程序包 dotenv" in done.stderr


def test_clone_needs_no_step_to_speak_chinese() -> None:
    """The compiled catalog is in the repository."""
    path = catalog.PO.with_suffix(".mo").relative_to(ROOT)
    done = subprocess.run(["git", "ls-files", str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == path.as_posix()


def test_what_a_service_of_alerts_says_is_explained_in_the_language() -> None:
    """Why an alert was not sent is told in the operator's language, also where the service's number is explained."""
    language.use("zh")
    wrong_key = problem_of(Service.WECOM, 200, b'{"errcode": 93000, "errmsg": "invalid webhook url"}')
    assert wrong_key == "errcode 93000: key 不对，或机器人被移出了群"
    assert problem_of(Service.FEISHU, 502, b"<html>") == "HTTP 502，不是 Feishu 的回答"


def test_why_a_file_cannot_be_written_is_said_in_the_language(tmp_path: Path) -> None:
    """A back-up and a report that cannot be written say so in the same words, the operating system's among them."""
    language.use("zh")
    missing = tmp_path / "missing" / "copy.db"
    with closing(StateFile(tmp_path / "roomsync.db")), pytest.raises(StateFileError) as caught:
        back_up(tmp_path / "roomsync.db", missing)
    assert str(caught.value) == f"{missing} 写不进去：没有这个文件或文件夹。"


@pytest.mark.parametrize("spoken", ["zh", "en"])
def test_demo_is_told_in_the_language(spoken: str, folder: Path) -> None:
    """What the demo tells, the bot's log and its last line are in the operator's language, and it ends with 0."""
    done = run(folder, "--demo", BOT_LANGUAGE=spoken)
    told = [line for line in done.stdout.splitlines() if line.startswith(("── ", "  ▪ "))]
    told.append(done.stdout.splitlines()[-1])
    names = (
        "Milvus用户交流群管理",
        "Milvus用户交流群",
        "家庭群",
        "张主管",
        "操作过于频繁，请稍后再试",
        "新成员发[小程序]",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(told) > 15
    assert problems_of("\n".join(told), spoken, names) == []
