"""What makes the imports of the bot quick leaves nothing behind."""

import gc
import inspect
from dataclasses import dataclass

import pytest

from roomsync.cli.imports import quick_imports


def test_quick_imports_leave_nothing_behind() -> None:
    """After the block, also one that fails, all is as before: signatures are made, and garbage is looked for."""
    signature = inspect.signature
    with pytest.raises(ImportError), quick_imports():
        assert not gc.isenabled()
        raise ImportError
    assert inspect.signature is signature
    assert gc.isenabled()


def test_a_dataclass_that_is_imported_gets_no_parameters_for_a_docstring() -> None:
    """In the block a dataclass without a docstring gets one without parameters; a function's are there."""
    with quick_imports():

        @dataclass
        class Plain:
            number: int = 0

        found = str(inspect.signature(lambda one, two=2: one, follow_wrapped=False))
    assert (Plain.__doc__, Plain(3), found) == ("Plain()", Plain(number=3), "(one, two=2)")


def test_what_was_imported_is_not_looked_through_for_garbage() -> None:
    """What there is at the end of the block is left alone by every later look for garbage."""
    gc.unfreeze()
    with quick_imports():
        assert gc.get_freeze_count() == 0
    assert gc.get_freeze_count() > 1000
