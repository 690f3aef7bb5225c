"""These tests stand at the real gateway too, and are left out, or fail, where it cannot run: one rule for both."""

from pathlib import Path

import pytest

from tests.interop.conftest import real_gateway_is_there
from tests.together import Together

__all__ = ["real_gateway_is_there"]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all tests of this folder run together."""
    together = Together()
    for item in items:
        if HERE in item.path.parents and isinstance(item, pytest.Function):
            together.take(item)
