"""`python docs/picture.py`: makes docs/demo.svg and docs/demo.zh-CN.svg from a run of the demo, for the READMEs."""

import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).parent.parent
LANGUAGES = {"demo.svg": "en", "demo.zh-CN.svg": "zh"}
SCENES = (4, 5, 8)  # quote, recall, adverts: of the demo, by the lines in which it says what comes
COMMAND = "python bot.py --demo"
AGE = re.compile(r"（\d+ 秒前）")  # of what is released: it differs from run to run
TOLD = re.compile("── (?P<told>.*)")
EVENT = re.compile(r"  (?P<mark>[→✗▪]) (?P<label>\S+) +(?P<words>.*)")
TALK = re.compile(r"(?P<label>\S+) +(?P<name>\S+) +(?P<words>.*)")
BELOW = re.compile(r" {8,}(?P<words>.*)")

WIDTH, MARGIN, LINE, GAP, SIZE = 900, 22, 19, 9, 13  # pixels; GAP is an empty line
MAX_COLUMNS = 96  # of words in a line
BAR = 40  # pixels above the first line
LABEL_X, NAME_X, TALK_X, EVENT_LABEL_X, EVENT_X = 22, 64, 130, 56, 98
MARKS = {"→": "sent", "✗": "gone", "▪": "log"}
STYLE = """
  .back { fill: #ffffff; stroke: #d0d7de }
  text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono",
    "PingFang SC", "Microsoft YaHei", "Noto Sans Mono CJK SC", "Noto Sans CJK SC", "WenQuanYi Micro Hei", monospace;
    font-size: 13px; fill: #1f2328; white-space: pre }
  .told { fill: #8a5a00; font-weight: 600 }
  .label { fill: #116329; font-weight: 600 }
  .name { font-weight: 600 }
  .sent { fill: #0550ae }
  .gone { fill: #b3151f }
  .dim, .log { fill: #59636e }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117; stroke: #3d444d }
    text { fill: #e6edf3 }
    .told { fill: #e3b341 }
    .label { fill: #56d364 }
    .sent { fill: #79c0ff }
    .gone { fill: #ff7b72 }
    .dim, .log { fill: #9198a1 }
  }
"""


class Piece(NamedTuple):
    """Words at a place in a line, and their class in STYLE."""

    x: int
    kind: str
    words: str


def run(language: str) -> str:
    """Return what the demo prints where nobody waits for it."""
    environ = {**os.environ, "BOT_LANGUAGE": language, "PYTHONUTF8": "1"}
    command = [sys.executable, str(ROOT / "bot.py"), "--demo"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environ, check=True)
    return AGE.sub("（1 秒前）", done.stdout.decode()).replace("\r\n", "\n")


def picture(printed: str) -> str:
    """Return the picture of what the demo printed, as SVG."""
    scenes = re.split(r"^(?=── )", printed, flags=re.MULTILINE)[1:]
    lines = "\n\n".join(scenes[number].strip() for number in SCENES).split("\n")
    texts, y = [], BAR
    for row in _rows(lines):
        texts += [_text(row, y + SIZE)] if row else []
        y += LINE if row else GAP
    height = y + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{COMMAND}">',
            f"<title>{COMMAND}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="back" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
            *(
                f'<circle cx="{MARGIN + 5 + 18 * number}" cy="19" r="5.5" fill="{color}"/>'
                for number, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
            ),
            f'<text class="dim" x="{WIDTH / 2:.0f}" y="23" text-anchor="middle">{COMMAND}</text>',
            *texts,
            "</svg>",
            "",
        ]
    )


def _rows(lines: Iterable[str]) -> Iterator[list[Piece]]:
    x = TALK_X
    for line in lines:
        if found := TOLD.fullmatch(line):
            first, x, words = [], LABEL_X, line
        elif found := EVENT.fullmatch(line):
            kind = MARKS[found["mark"]]
            first = [Piece(EVENT_LABEL_X - 20, kind, found["mark"]), Piece(EVENT_LABEL_X, kind, found["label"])]
            x, words = EVENT_X, found["words"]
        elif found := BELOW.fullmatch(line):
            first, words = [], found["words"]
        elif found := TALK.fullmatch(line):
            first = [Piece(LABEL_X, "label", found["label"]), Piece(NAME_X, "name", found["name"])]
            x, words = TALK_X, found["words"]
        else:
            yield []
            continue
        kind = _kind_of(line, words)
        for piece in _wrapped(words):
            yield [*first, Piece(x, kind, piece)]
            first = []


def _kind_of(line: str, words: str) -> str:
    if TOLD.fullmatch(line):
        return "told"
    return "dim" if line.startswith(("  ▪", "  ✗")) or words.startswith(("┃", "(")) else ""


def _wrapped(words: str) -> Iterator[str]:
    """Cut words behind a blank where a line of the picture has no room for them."""
    line, width = "", 0
    for word in re.findall(r"\S*\s*", words)[:-1] or [words]:
        columns = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in word)
        if line and width + columns > MAX_COLUMNS:
            yield line.rstrip()
            line, width = "", 0
        line, width = line + word, width + columns
    yield line


def _text(row: list[Piece], y: int) -> str:
    return f'<text y="{y}" xml:space="preserve">' + "".join(map(_span, row)) + "</text>"


def _span(piece: Piece) -> str:
    kind = f' class="{piece.kind}"' if piece.kind else ""
    return f'<tspan x="{piece.x}"{kind}>{escape(piece.words)}</tspan>'


def main() -> None:
    """Write the pictures."""
    for name, language in LANGUAGES.items():
        (ROOT / "docs" / name).write_text(picture(run(language)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
