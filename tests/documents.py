"""The documents as the tests read them: their texts, links, headings, and the commands in them.

Above each block of commands (`sh`, `powershell`) stands a mark, which nobody sees who reads the page:
`<!-- command: NAME -->` where `.ci/run` runs it, `<!-- run: NAME, NAME -->` with a name for each command where
`test_documented_commands.py` does, `<!-- not run: REASON -->` where nobody does.
"""

import ast
import gettext
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from roomsync.language import DOMAIN, FOLDER

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")
PAIRS = [
    READMES,
    *(
        (f"docs/{path.name}", f"docs/{path.stem}.zh-CN.md")
        for path in sorted((ROOT / "docs").glob("*.md"))
        if not path.stem.endswith(".zh-CN")
    ),
]
DOCUMENTS = (*READMES, "CHANGELOG.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))

FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(
    r"(?:^ *<!-- (?P<kind>[a-z ]+): (?P<said>[^>]+) -->\n)?"
    r"^(?P<indent> *)```(?:sh|powershell)\n(?P<lines>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NO_ANCHOR = re.compile(r"[^\w\- ]")  # what is left out of the anchor of a heading
INLINE_CODE = re.compile(r"`([^`\n]+)`")
SEEN = ("You see", "First line", "看到", "第一行")  # the heads of columns with lines of the log and of `--status`
PLACEHOLDER = re.compile(r"%[-.\d]*[a-z]|\{[^{}]*\}")
MIN_SENTENCE = 10  # bytes of its own: ten letters, or four Chinese characters
ACTIVATION = ". .venv/bin/activate"  # which comes before commands, and is none


@dataclass(frozen=True)
class Block:
    """A block of commands: the kind of the mark above it, what that says, and its lines."""

    kind: str
    said: str
    lines: tuple[str, ...]

    def named(self) -> list[tuple[str, str]]:
        """Return each command with its name. Raises ValueError when there are more of one than of the other."""
        names = [name.strip() for name in self.said.split(",")]
        return list(zip(names, [line for line in self.lines if line != ACTIVATION], strict=True))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose_of(name: str) -> str:
    """Return a document without its code blocks."""
    return FENCE.sub("", text_of(name))


def links_of(name: str) -> list[str]:
    """Return where its links and pictures lead."""
    return LINK.findall(prose_of(name))


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them: lower case, `-` for a blank."""
    headings = HEADING.findall(FENCE.sub("", text))
    return {NO_ANCHOR.sub("", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


def blocks_of(name: str) -> list[Block]:
    """Return a document's blocks of commands, in their order; the kind is empty where no mark stands above one."""
    found = []
    for match in BLOCK.finditer(text_of(name)):
        lines = tuple(line.strip() for line in match["lines"].splitlines())
        found.append(Block(match["kind"] or "", (match["said"] or "").strip(), lines))
    return found


def seen_in(name: str) -> list[str]:
    """Return what a reader sees in the log or the terminal, as the first cells of the tables that begin so have it."""
    found: list[str] = []
    is_such = False
    for line in text_of(name).splitlines():
        cell = line.split(" | ")[0].removeprefix("| ")
        is_such = line.startswith("|") and (is_such or cell in SEEN)
        found += INLINE_CODE.findall(cell) if is_such else []
    return found


@cache
def sentences(language: str) -> list[tuple[str, ...]]:
    """Return the sentences in the code as an operator reads them, each in the parts between what is put into it."""
    files = [ROOT / "bot.py", *(ROOT / "roomsync").rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    catalog = gettext.translation(DOMAIN, FOLDER, [language], fallback=language == "en")
    return parts_of(catalog.gettext(text) for text in texts if text)


def parts_of(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """Return those of some texts that are sentences, in the parts between what is put into them."""
    split = [tuple(PLACEHOLDER.split(text)) for text in texts]
    return [parts for parts in split if len("".join(parts).encode(errors="replace")) >= MIN_SENTENCE]


def is_written(line: str, sentences: Sequence[tuple[str, ...]]) -> bool:
    """Return whether a line is a piece of one of the sentences, or has one of them with something put in."""
    return any(any(line in part for part in parts) or _is_filled(line, parts) for parts in sentences)


def _is_filled(line: str, parts: Sequence[str]) -> bool:
    return all(part in line for part in parts) and bool(re.search(".+".join(map(re.escape, parts)), line))
