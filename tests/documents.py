"""The documents as the tests read them: their texts, links, headings, and the commands in them.

Above each block of commands (`sh`, `powershell`) stands a mark, which nobody sees who reads the page:
`<!-- command: NAME -->` where `.ci/run` runs it, `<!-- run: NAME, NAME -->` with a name for each command where
`test_documented_commands.py` does, `<!-- not run: REASON -->` where nobody does.
"""

import re
from dataclasses import dataclass
from pathlib import Path

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
    r"(?:^ *<!-- (?P<kind>[a-z ]+): (?P<said>[^>]+) -->\n)?^(?P<indent> *)```(?:sh|powershell)\n(?P<lines>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NO_ANCHOR = re.compile(r"[^\w\- ]")  # what is left out of the anchor of a heading
ACTIVATION = ". .venv/bin/activate"  # which comes before commands, and is none


@dataclass(frozen=True)
class Block:
    """A block of commands: the kind of the mark above it, what that says, and its lines."""

    kind: str
    said: str
    lines: tuple[str, ...]

    def named(self) -> list[tuple[str, str]]:
        """Return the name of each command and the command. Raises ValueError when there are more of one than of the other."""
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
    """Return the anchors of a document's headings, as GitHub makes them: lower case, `-` for a blank, no punctuation."""
    headings = HEADING.findall(FENCE.sub("", text))
    return {NO_ANCHOR.sub("", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


def blocks_of(name: str) -> list[Block]:
    """Return a document's blocks of commands, in their order; the kind is empty where no mark stands above one."""
    found = []
    for match in BLOCK.finditer(text_of(name)):
        lines = tuple(line.strip() for line in match["lines"].splitlines())
        found.append(Block(match["kind"] or "", (match["said"] or "").strip(), lines))
    return found
