"""The real gateway is there in every CI run; elsewhere its tests are left out where Node or its packages are not."""

import inspect
import os
from pathlib import Path

import pytest

from tests.interop.gateway import BOTH, Which, missing
from tests.together import Together

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all tests of this folder that wait run together."""
    together = Together()
    for item in items:
        if HERE in item.path.parents and isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            together.take(item)


@pytest.fixture(params=BOTH)
def which(request: pytest.FixtureRequest) -> Which:
    """Which gateway the test stands at."""
    found: Which = request.param
    return found


@pytest.fixture(autouse=True)
def real_gateway_is_there() -> None:
    if reason := missing():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
