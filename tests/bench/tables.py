"""Printing what was measured."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

PROC = Path("/proc")
NOT_MEASURED = "–"


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], left_out: str) -> None:
    """Print rows under heads, as a Markdown table, so that it can stand in a document as it was printed.

    `left_out`: what the figures leave out, which is printed under it.
    """
    print(f"\n### {title}\n")
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    print(line(heads))
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for row in rows:
        print(line(row))
    print(f"\nLeft out: {left_out}")
    if not PROC.is_dir() and any(NOT_MEASURED in row for row in rows):
        print("Memory and CPU of a process, too: they are read in /proc, which this system does not have.")
    sys.stdout.flush()


def figure(value: float, form: str, unit: str = "") -> str:
    """A figure as a table has it; a dash where it could not be measured (not a number)."""
    return NOT_MEASURED if math.isnan(value) else f"{value:{form}}{unit}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed; not a number when there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
