"""The benchmarks still run; what they measure is printed by `python -m tests.bench`."""

import pytest

from tests.bench import cost, growth, start


@pytest.mark.parametrize("benchmark", [cost.run, growth.run, start.run], ids=["cost", "growth", "start"])
async def test_benchmark_runs(benchmark: object, capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of a benchmark ends, with a table."""
    assert callable(benchmark)
    await benchmark(True)
    assert capsys.readouterr().out.count("|") > 10
