"""`python -m tests.bench [--short] [budget cost image growth start]`: all benchmarks, or those named."""

import argparse
import asyncio
import logging
import platform

from tests.bench import budget, cost, growth, image, start

BENCHMARKS = {"budget": budget.run, "cost": cost.run, "image": image.run, "growth": growth.run, "start": start.run}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Print what was measured, side by side.")
    parser.add_argument("--short", action="store_true", help="a few seconds each, only to see that they still run")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    args = parser.parse_args()
    if unknown := set(args.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in args.names or BENCHMARKS:
        asyncio.run(BENCHMARKS[name](args.short))


if __name__ == "__main__":
    main()
