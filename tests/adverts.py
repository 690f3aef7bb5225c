"""The adverts and ordinary messages that moderation is measured on: adverts.json, unseen_adverts.json."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
FILES = ("adverts", "unseen_adverts")
APART = ("base", "reworded", "paraphrase")  # adverts of one family that are unlike each other


@dataclass(frozen=True)
class Texts:
    """The texts of a file: adverts by family and kind, and ordinary messages by kind."""

    adverts: Sequence[tuple[str, str, str]]
    ordinary: Sequence[tuple[str, str]]

    def taught(self) -> list[str]:
        """The adverts that are unlike each other: one that was only edited is found by the one it comes from."""
        return [text for _, kind, text in self.adverts if kind in APART]

    def of_kind(self, kind: str) -> list[str]:
        """The adverts of a kind, one of each family, all kinds in the same order."""
        return [text for _, other, text in self.adverts if other == kind]

    def said(self) -> list[str]:
        """The ordinary messages."""
        return [text for _, text in self.ordinary]


@cache
def texts(name: str) -> Texts:
    """The texts of `adverts` or `unseen_adverts`."""
    found = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    adverts = [(one["family"], one["kind"], one["text"]) for one in found["adverts"]]
    return Texts(adverts, [(one["kind"], one["text"]) for one in found["ordinary"]])
