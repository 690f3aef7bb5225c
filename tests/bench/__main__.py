"""`python -m tests.bench [--short] [budget mixed cost image growth start]`: all benchmarks, or those named."""

import argparse
import asyncio
import logging
import platform
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

from tests.bench import budget, cost, growth, image, mixed, start

BENCHMARKS: dict[str, Callable[[bool], Coroutine[None, None, None]]] = {
    "budget": budget.run,
    "mixed": mixed.run,
    "cost": cost.run,
    "image": image.run,
    "growth": growth.run,
    "start": start.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Print what was measured, side by side.")
    parser.add_argument("--short", action="store_true", help="a few seconds each, only to see that they still run")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="mixed: also the bot of this other checkout")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    args = parser.parse_args()
    if unknown := set(args.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in args.names or BENCHMARKS:
        benchmark = partial(mixed.run, before=args.before) if name == "mixed" else BENCHMARKS[name]
        asyncio.run(benchmark(args.short))


if __name__ == "__main__":
    main()
