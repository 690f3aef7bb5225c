"""The benchmarks still run; what they measure is printed by `python -m tests.bench`."""

import os

import pytest

from tests.bench import budget, cost, growth, image, start
from tests.interop.gateway import missing


@pytest.mark.parametrize("benchmark", [cost.run, growth.run, start.run], ids=["cost", "growth", "start"])
async def test_benchmark_runs(benchmark: object, capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of a benchmark ends, with a table."""
    assert callable(benchmark)
    await benchmark(True)
    assert capsys.readouterr().out.count("|") > 10


@pytest.mark.skipif(bool(missing()) and not os.environ.get("CI"), reason=str(missing()))
@pytest.mark.parametrize("benchmark", [budget.run, image.run], ids=["budget", "image"])
async def test_benchmark_with_the_real_gateway_runs(benchmark: object, capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of a benchmark that needs the real gateway ends, with a row for our bot."""
    assert callable(benchmark)
    await benchmark(True)
    assert "| ours" in capsys.readouterr().out
