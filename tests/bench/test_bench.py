"""The benchmarks still run; what they measure is printed by `python -m tests.bench`."""

import asyncio
import os
import time

import pytest

from tests.bench import budget, cost, disk, growth, image, latency, mixed, moderation, start
from tests.bench.virtual import VirtualLoop
from tests.interop.gateway import missing


@pytest.mark.parametrize(
    "benchmark",
    [latency.run, disk.run, cost.run, growth.run, start.run, mixed.run, moderation.run],
    ids=["latency", "disk", "cost", "growth", "start", "mixed", "moderation"],
)
async def test_benchmark_runs(benchmark: object, capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of a benchmark ends, with a table that says what it leaves out."""
    assert callable(benchmark)
    await benchmark(True)
    printed = capsys.readouterr().out
    assert "left out, it needs" in printed or (printed.count("|") > 10 and "\nLeft out: " in printed)


@pytest.mark.skipif(bool(missing()) and not os.environ.get("CI"), reason=str(missing()))
@pytest.mark.parametrize("benchmark", [budget.run, image.run], ids=["budget", "image"])
async def test_benchmark_with_the_real_gateway_runs(benchmark: object, capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of a benchmark that needs the real gateway ends, with a row for our bot."""
    assert callable(benchmark)
    await benchmark(True)
    assert "| ours" in capsys.readouterr().out


def test_virtual_time_waits_for_threads_and_no_timer() -> None:
    """A timer of an hour is over at once, but not before what a thread had in hand."""
    done: list[str] = []

    def work() -> None:
        time.sleep(0.05)
        done.append("work")

    async def both() -> float:
        working = asyncio.create_task(asyncio.to_thread(work))
        await asyncio.sleep(3600)
        done.append("timer")
        await working
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(both()) == 3600
    assert done == ["work", "timer"]
