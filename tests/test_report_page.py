"""The page of `--report`: what is on it and what never is, its hours, its languages, and its file."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from roomsync import language
from roomsync.errors import StateFileError
from roomsync.model import Kind, Reason, State
from roomsync.report import ReportError, hours, write_report
from roomsync.report.figures import Figures, read_figures
from roomsync.store import StateFile, read_only
from tests import weeks
from tests.processes import environment, run
from tests.test_command_line import folder
from tests.test_report import rows, tiles
from tests.test_statefile import old_file
from tests.weeks import Week, topics_of

__all__ = ["folder"]  # a fixture
NOW = datetime(2026, 3, 31, 21, 30, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
needs_zones = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands where clocks go forward on 29 March and back on 25 October 2026."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        hours.hour_of.cache_clear()
        yield
    time.tzset()
    hours.hour_of.cache_clear()


@pytest.fixture
def chinese() -> Iterator[None]:
    language.use("zh")
    yield
    language.use("en")


def figures(state_file: Path, now: float) -> Figures:
    with read_only(state_file) as db:
        return read_figures(db, now)


def written(state_file: Path, now: float = NOW) -> str:
    path = write_report(state_file, state_file.with_name("report.html"), ["Milvus用户交流群"], now)
    return path.read_text(encoding="utf-8")


def say(state_file: Path, *times: datetime, rooms: int = 2) -> None:
    """Somebody says something at each of these times, and it arrives two seconds later."""
    with closing(StateFile(state_file)) as state, state.transaction() as db:
        week = Week(db, topics_of(rooms))
        for at in times:
            week.settle(week.say("r1", at.timestamp(), to=("r2",)), State.SENT, at.timestamp() + 2)


def test_nobodys_words_or_names_are_on_it(state_file: Path) -> None:
    """Of a week in which everybody said a secret, was called by one and had one in the id, the page has none."""
    weeks.fill(state_file, NOW)
    text = written(state_file)
    assert int(tiles(text)["deliveries arrived"].replace(",", "")) > 5000
    for part in ("squeamish", "密语", "ossifrage", "张秘密", "wxid", "said-"):
        assert part not in text


def test_hostile_topics_do_no_harm(state_file: Path) -> None:
    """A topic with a script stands there as text, and one that turns its line does not."""
    weeks.fill(state_file, NOW, days=1)
    text = written(state_file)
    assert "<script" not in text and "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<b>" not in text and "\u202e" not in text
    assert "Milvus用户交流群杭州evil" in rows(text, "Rooms")


def test_it_asks_for_nothing(state_file: Path) -> None:
    """The page has no script and no address but the name of SVG, and forbids itself the network."""
    weeks.fill(state_file, NOW, days=1)
    text = written(state_file).replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//\w|<script|<link|<img|<iframe|@import|url\(|javascript:|\son\w+=", text)


def test_numbers_of_hours_days_and_rooms_agree(state_file: Path) -> None:
    """Hours, days and rooms add up to the same, which is what is in the file."""
    weeks.fill(state_file, NOW)
    found = figures(state_file, NOW)
    with read_only(state_file) as db:
        query = "SELECT count(*) FROM deliveries WHERE state = ?"
        sent, failed = (db.execute(query, (state,)).fetchone()[0] for state in (State.SENT, State.FAILED))
    for parts in (found.hours, found.days, found.rooms):
        assert sum(one.arrived for one in parts.values()) == sent == len(found.total.delays)
        assert sum(one.lost for one in parts.values()) == failed
        assert sum(one.said for one in parts.values()) == found.kinds.total()
    assert found.ends[State.CANCELLED, Reason.RECALLED] % 8 == 0 and found.kinds[Kind.TEXT] > 100


@needs_zones
def test_days_without_messages_are_days(state_file: Path, berlin: None) -> None:
    """Between the first message and now each day has a row, with zeros where nothing was said."""
    say(state_file, datetime(2026, 3, 27, 12), datetime(2026, 3, 30, 12))
    days = [(name, values[0]) for name, values in rows(written(state_file), "Day by day").items() if ":" not in name]
    assert days == [("Fri 3/27", "1"), ("Sat 3/28", "0"), ("Sun 3/29", "0"), ("Mon 3/30", "1"), ("Tue 3/31", "0")]


@needs_zones
def test_hours_are_local_where_clocks_go_forward(state_file: Path, berlin: None) -> None:
    """The day on which clocks go forward has 23 hours, and what was said in the evening is in that hour of it."""
    say(state_file, datetime(2026, 3, 28, 12), datetime(2026, 3, 29, 20, 15))
    found = figures(state_file, NOW)
    assert [len(one) for _, one in hours.days_of(found.hours)] == [24, 23, 24, 22]
    assert "Sun 3/29 20:00" in rows(written(state_file), "Day by day")


@needs_zones
def test_hours_are_local_where_clocks_go_back(state_file: Path, berlin: None) -> None:
    """The hour that comes twice is two rows, which say their distance from UTC."""
    first = datetime(2026, 10, 25, 2, 30)
    say(state_file, first.replace(fold=0), first.replace(fold=1))
    text = written(state_file, datetime(2026, 10, 25, 18).timestamp())
    found = {name: values[0] for name, values in rows(text, "Day by day").items()}
    assert found == {"Sun 10/25": "2", "Sun 10/25 02:00 (UTC+2)": "1", "Sun 10/25 02:00 (UTC+1)": "1"}


@needs_zones
def test_hours_are_local_where_zones_are_no_whole_hours(
    state_file: Path, monkeypatch: pytest.MonkeyPatch, berlin: None
) -> None:
    """In Nepal, which is 5:45 ahead of UTC, hours begin there."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    hours.hour_of.cache_clear()
    say(state_file, datetime(2026, 3, 31, 9, 5), datetime(2026, 3, 31, 9, 55))
    text = written(state_file, datetime(2026, 3, 31, 10).timestamp())
    assert rows(text, "Day by day")["Tue 3/31 09:00"][0] == "2" and "UTC+5:45" in text


def test_more_days_than_a_month_are_cut(state_file: Path) -> None:
    """Of a file that keeps forty days the last 31 are shown, and that is said."""
    say(state_file, datetime.fromtimestamp(NOW - 40 * 86400), datetime.fromtimestamp(NOW - 86400))
    text = written(state_file)
    assert "more than the 31 days that are shown" in text and tiles(text)["messages were said"] == "1"


def test_it_is_in_the_operators_language(state_file: Path, chinese: None) -> None:
    """The page says its language, and each heading is in it as the catalog has it."""
    weeks.fill(state_file, NOW, days=1)
    text = written(state_file)
    assert '<html lang="zh-CN">' in text
    for sentence in ("Deliveries, hour by hour", "Rooms", "What the filter held", "What staff did"):
        assert f"<h2>{language._(sentence)}</h2>" in text


def test_an_empty_state_file_is_a_page(state_file: Path) -> None:
    """Where nothing was said yet, the page says so, and has no pictures."""
    StateFile(state_file).close()
    text = written(state_file)
    assert "Nothing was said in these rooms in this time" in text and "<svg" not in text


def test_no_state_file_is_no_report(state_file: Path) -> None:
    """Where no bot ever ran, that is the answer, and no file is made."""
    with pytest.raises(StateFileError, match="has never run"):
        written(state_file)
    assert list(state_file.parent.iterdir()) == []


def test_a_state_file_of_another_version_is_no_report(state_file: Path) -> None:
    """Of a file of an older version it is said what to do; the file stays as it is."""
    old_file(state_file, 8)
    before = state_file.read_bytes()
    with pytest.raises(StateFileError, match="start this one once"):
        written(state_file)
    assert state_file.read_bytes() == before


def test_an_older_report_is_replaced_and_nothing_else(state_file: Path) -> None:
    """A report takes the place of the last one; a file that is none is kept, as is a folder."""
    StateFile(state_file).close()
    first = written(state_file, NOW)
    assert written(state_file, NOW + 86400) != first
    notes = state_file.with_name("notes.txt")
    notes.write_text("mine", encoding="utf-8")
    for path, why in ((notes, "is no report"), (state_file, "is no report"), (notes.parent, "is a folder")):
        with pytest.raises(ReportError, match=why):
            write_report(state_file, path, ["x"], NOW)
    with pytest.raises(ReportError, match="There is no folder"):
        write_report(state_file, notes.parent / "none" / "report.html", ["x"], NOW)
    assert notes.read_text(encoding="utf-8") == "mine"
    left = {path.name for path in state_file.parent.iterdir()} - {"notes.txt", "report.html"}
    assert all(name.startswith(state_file.name) for name in left)


def test_it_is_a_mode_of_the_command(folder: Path) -> None:
    """`--report` needs no token, writes below the current folder, says where, and ends with 0; others can read it."""
    StateFile(folder / "roomsync.db").close()
    done = run(folder, "--report", BOT_LANGUAGE="en")
    path = folder.parent / "report.html"
    assert (done.returncode, done.stdout) == (0, f"The report is in {path} now; open it in a browser.\n"), done.stderr
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    umask = os.umask(0)
    os.umask(umask)
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert run(folder, "--report", "week.html", BOT_LANGUAGE="en").returncode == 0
    assert (folder.parent / "week.html").exists()


def test_it_costs_nothing_while_it_is_not_asked_for(folder: Path) -> None:
    """Nothing that a report is made of is imported for another mode."""
    script = (
        "import sys; sys.argv = ['bot.py', '--status']\n"
        "try:\n    import runpy; runpy.run_path('home/bot.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('svg', 'jinja2') or 'roomsync.report' in name])"
    )
    StateFile(folder / "roomsync.db").close()
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, 'home')\n{script}"]
    done = subprocess.run(
        command, cwd=folder.parent, env=environment(), capture_output=True, text=True, encoding="utf-8"
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
