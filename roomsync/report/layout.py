"""What the page of a report is made of, as the template wants it."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Tile:
    """A number that is seen first, with what it is."""

    value: str
    name: str
    is_bad: bool = False


@dataclass(frozen=True)
class Row:
    """A line of a table: what it is of, the bar under that, and its numbers."""

    name: str
    values: Sequence[str]
    bar: Markup = Markup()


@dataclass(frozen=True)
class Table:
    """Numbers under their names; the first name is that of what the rows are of. `fold`: what is clicked to see it."""

    heads: Sequence[str]
    rows: Sequence[Row]
    fold: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawing, what it shows, and the colours in it: class and meaning."""

    title: str
    drawing: Markup
    legend: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    title: str
    notes: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    is_wide: bool = False
