"""Files that are there as a whole, or not at all."""

import os
from pathlib import Path


def write_at_once(path: Path, text: str) -> None:
    """Write a text: who reads the file sees the one of before or this one, whole. Raises OSError.

    It is as open to others as its folder says, which a temporary file would not be.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
