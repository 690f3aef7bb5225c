"""Imports, which are most of what the start of the bot takes."""

import contextlib
import dataclasses
import gc
import inspect
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Let a block import without what only costs time.

    Nobody looks for garbage: imports make none, and what they make is never looked through again. It takes all three
    calls of `gc`: without `freeze` the first look after the block costs what was saved. And a dataclass without a
    docstring gets none that shows its parameters: of wechaty-grpc's 200 such classes that is a third of the time.
    """
    signature = inspect.signature

    def signature_unless_dataclass(of: Callable[..., object], **options: object) -> inspect.Signature:
        return inspect.Signature() if dataclasses.is_dataclass(of) else signature(of, **options)  # type: ignore[arg-type]

    gc.disable()
    inspect.signature = signature_unless_dataclass  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.signature = signature
        gc.freeze()
        gc.enable()
