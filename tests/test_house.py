"""The house: SQL has one home, and the wings import only what they may."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SQL = re.compile(r"\b(SELECT\s|INSERT (OR|INTO)\s|UPDATE \w+ SET|DELETE FROM|PRAGMA\s|CREATE TABLE|BEGIN IMMEDIATE)")
CALLS = ("execute", "executemany", "executescript")


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the bot outside store/."""
    for path in (ROOT / "bot.py", *(ROOT / "roomsync").rglob("*.py")):
        if "store" not in path.relative_to(ROOT).parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_sql_stands_in_store_alone() -> None:
    """Outside store/ there is no SQL, no call of a database's cursor, and no import of sqlite3."""
    found = []
    for path, tree in sources():
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
            imported = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            imported += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            if SQL.search(text) or called in CALLS or "sqlite3" in imported:
                found.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")
    assert found == []


def test_nothing_imports_the_bot() -> None:
    """bot.py composes the wings, and none of them knows it."""
    found = []
    for path, tree in sources():
        for node in ast.walk(tree):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            found += [path.name for name in names if name.partition(".")[0] == "bot"]
    assert found == []


def test_wings_import_only_what_they_may() -> None:
    """The contracts in pyproject.toml, which are the architecture's table of wings, are kept."""
    # As a process: it would set up logging anew, and take the log from the tests that follow.
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout
