"""Hostile characters and messages, and what the tests ask of them."""

from types import SimpleNamespace
from typing import Any

from roomsync.model import Kind

# By their numbers, not by the pattern that finds them: C0, DEL and C1, line ends, and what turns a line's direction.
TURNING = [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
HARMFUL = [chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, *TURNING)]
ALL = "a".join(["", *HARMFUL, ""])
MEGABYTE = 1_000_000


def assert_harmless(text: str, lines: int = 1) -> None:
    assert not [ascii(one) for one in HARMFUL if one != "\n" and one in text]
    assert len(text.strip("\n").split("\n")) == lines, ascii(text)


def raw(text: str = "hi", **fields: object) -> Any:
    """A message as wechaty has it."""
    payload = {
        "room_id": "r101",
        "from_id": "alice",
        "kind": Kind.TEXT,
        "text": text,
        "mention_ids": [],
        "quote_id": "",
        "said_at": 0.0,
    }
    return SimpleNamespace(message_id="m1", payload=SimpleNamespace(**payload | fields))


class Counted:
    """A pattern, or a function, that notes how long the longest text was that it was given."""

    def __init__(self, real: Any) -> None:
        self.real, self.longest = real, 0

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self._noted(getattr(self.real, name), given)

    def __call__(self, *given: Any) -> Any:
        return self._noted(self.real, given)

    def _noted(self, real: Any, given: tuple[Any, ...]) -> Any:
        self.longest = max([self.longest, *(len(one) for one in given if isinstance(one, str))])
        return real(*given)
