"""`python bot.py --samples`: adverts as JSON lines, out of one state file and into another, also beside a bot."""

import asyncio
import json
from pathlib import Path

import pytest

from roomsync import store
from roomsync.cli import samples as cli
from roomsync.cli.samples import SamplesError, samples
from roomsync.errors import StateFileError
from roomsync.store import StateFile, read_only
from roomsync.store.samples import MAX_SAMPLE, Sample, SampleKind
from tests.conftest import until
from tests.moderated import ADVERT, REPOST, TALK, heard, last, moderated, reported
from tests.processes import run
from tests.scripted import ScriptedGateway
from tests.staffed import said
from tests.test_command_line import folder as folder

AT = 1_000_000.4
CODE = "https://u.wechat.com/abc"
STRANGE = "第一行是这样的\u2028第二行是那样的\x85第三行「结束」\"'\\"


def write(path: Path, *found: tuple[SampleKind, str]) -> None:
    """A state file in which these samples stand."""
    state = StateFile(path)
    with state.transaction() as db:
        for kind, text in found:
            store.samples.add(db, kind, text, "101 Bob", "张主管", AT)
    state.close()


def read(path: Path) -> list[Sample]:
    with read_only(path) as db:
        return store.samples.all_of(db)


def line(text: object = ADVERT, **more: object) -> str:
    return json.dumps({"text": text, **more}) + "\n"


def test_what_goes_out_comes_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Samples exported from one state file are in another after the import, with where they came from; once."""
    ours, theirs, file = tmp_path / "ours.db", tmp_path / "theirs.db", tmp_path / "adverts.jsonl"
    write(ours, (SampleKind.TEXT, ADVERT), (SampleKind.CODE, CODE), (SampleKind.TEXT, STRANGE))
    write(theirs, (SampleKind.TEXT, ADVERT))
    assert samples(ours, "export", file) == 0
    assert capsys.readouterr().out == f"3 samples are in {file} now.\n"
    assert samples(theirs, "import", file) == samples(theirs, "import", file) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("2 samples were added, 1 were known.")
    assert second.startswith("0 samples were added, 3 were known.")
    found = [(one.kind, one.text, one.origin, one.teacher) for one in read(theirs)]
    assert found == [
        ("text", ADVERT, "101 Bob", "张主管"),
        ("code", CODE, "adverts.jsonl", "import"),
        ("text", STRANGE, "adverts.jsonl", "import"),
    ]


def test_nobodys_name_goes_out(tmp_path: Path) -> None:
    """A line has kind, text and time, and says neither who posted nor who taught it."""
    state_file, file = tmp_path / "s.db", tmp_path / "a.jsonl"
    write(state_file, (SampleKind.TEXT, ADVERT))
    samples(state_file, "export", file)
    text = file.read_text(encoding="utf-8")
    assert json.loads(text) == {"kind": "text", "text": ADVERT, "origin": "", "at": 1_000_000}
    assert ADVERT in text


def test_a_file_written_by_hand_comes_in(state_file: Path, tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, blank lines, blanks around a text, and a line twice are no harm."""
    file = tmp_path / "a.jsonl"
    text = line(f"  {ADVERT}\n") + "\r\n" + line() + line(CODE, kind="code", more=[1])
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert samples(state_file, "import", file) == 0
    assert [(one.kind, one.text) for one in read(state_file)] == [("text", ADVERT), ("code", CODE)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (line() + "\n" + "x\n", "Line 3 is no sample; write"),
        (line() + "[]", "Line 2 is no sample; write"),
        (line() + "{}", "Line 2 is no sample; write"),
        *((line() + line(bad), "Line 2 is no sample; write") for bad in (None, 1, [ADVERT], {"a": 1}, "\ud800" * 20)),
        (line() + line(kind="picture"), "Line 2 is no sample; write"),
        (line() + line(kind=[]), "Line 2 is no sample; write"),
        (line() + "[" * 100_000, "Line 2 is no sample; write"),
        (line() + "1" * 5000, "Line 2 is no sample; write"),
        (line() + line(" \u0001 "), "The text in line 2 is empty, or longer than 1000 characters."),
        (line() + line("长" * (MAX_SAMPLE + 1)), "The text in line 2 is empty, or longer than 1000 characters."),
        (line() + line("扫码进群"), "The text in line 2 has fewer than 12 characters: it would hit too much."),
        (line() + line("👍" * 20), "The text in line 2 has fewer than 12 characters: it would hit too much."),
    ],
)
def test_a_wrong_line_changes_nothing(state_file: Path, tmp_path: Path, content: str, sentence: str) -> None:
    """A file with a wrong line is refused with one sentence that names the line, and nothing of it is taken."""
    write(state_file)
    file = tmp_path / "a.jsonl"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SamplesError) as caught:
        samples(state_file, "import", file)
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)
    assert read(state_file) == []


def test_files_that_cannot_be_read(state_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there, a folder, another encoding and too many lines get a sentence each."""
    write(state_file)
    file = tmp_path / "a.jsonl"
    with pytest.raises(SamplesError, match="cannot be used: No such file"):
        samples(state_file, "import", file)
    for action in ("import", "export"):
        with pytest.raises(SamplesError, match="cannot be used"):
            samples(state_file, action, tmp_path)
    file.write_text(json.dumps({"text": ADVERT}, ensure_ascii=False), encoding="gbk")
    with pytest.raises(SamplesError, match="is not UTF-8, so nothing in it was taken"):
        samples(state_file, "import", file)
    monkeypatch.setattr(cli, "MAX_SAMPLES", 2)
    file.write_text(line() * 3, encoding="utf-8")
    with pytest.raises(SamplesError, match="more than 2; nothing of it was taken"):
        samples(state_file, "import", file)
    assert read(state_file) == []


def test_the_state_file_is_not_overwritten(state_file: Path) -> None:
    """An export into the state file itself is refused, and the state file is as before."""
    write(state_file, (SampleKind.TEXT, ADVERT))
    with pytest.raises(SamplesError, match="is the state file itself"):
        samples(state_file, "export", state_file)
    assert len(read(state_file)) == 1


def test_there_has_to_be_something_to_export(state_file: Path, tmp_path: Path) -> None:
    """Where no bot ever ran there is nothing to export; what is imported there waits for its first start."""
    file = tmp_path / "a.jsonl"
    with pytest.raises(StateFileError, match="has never run"):
        samples(state_file, "export", file)
    assert not file.exists()
    file.write_text(line(), encoding="utf-8")
    assert samples(state_file, "import", file) == 0
    assert len(read(state_file)) == 1


async def test_a_bot_that_runs_learns_at_once(gateway: ScriptedGateway, state_file: Path, tmp_path: Path) -> None:
    """What is imported beside a bot that runs holds a repost without a restart; what the bot learnt can be exported."""
    file = tmp_path / "a.jsonl"
    file.write_text(line(), encoding="utf-8")
    async with moderated(gateway, state_file) as staff:
        await said(staff, "r101", "alice", REPOST)
        assert len(heard(staff, "r103")) == 1
        assert await asyncio.to_thread(samples, state_file, "import", file) == 0
        await until(lambda: staff.bot.decided.moderator._judge._texts)  # type: ignore[union-attr]
        await said(staff, "r102", "bob", REPOST)
        assert "像样本 1（" in (await reported(staff))[0] and len(heard(staff, "r103")) == 1
        await said(staff, "r102", "bob", TALK)
        await staff.ask(f"/广告 {last(staff)}")
        assert await asyncio.to_thread(samples, state_file, "export", file) == 0
    assert [json.loads(one)["text"] for one in file.read_text(encoding="utf-8").splitlines()] == [ADVERT, TALK]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--samples"], "expected 2 arguments"),
        (["--samples", "export"], "expected 2 arguments"),
        (["--samples", "list", "a.jsonl"], "--samples takes export or import, and a file"),
        (["--samples", "export", "a.jsonl", "--status"], "not allowed with argument"),
    ],
)
def test_arguments_that_are_none(folder: Path, arguments: list[str], words: str) -> None:
    """Arguments that are none end with 2 and a sentence."""
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "") and words in done.stderr and "Traceback" not in done.stderr


def test_the_command_needs_no_token(folder: Path) -> None:
    """Samples go in and out, relative to where the command is given, without a token; errors end with 1."""
    (folder.parent / "a.jsonl").write_text(line(), encoding="utf-8")
    for arguments in (("import", "a.jsonl"), ("export", "b.jsonl")):
        done = run(folder, "--samples", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((folder.parent / "b.jsonl").read_text(encoding="utf-8"))["text"] == ADVERT
    done = run(folder, "--samples", "import", "missing.jsonl")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("missing.jsonl cannot be used")
