"""`python -m tests.bench [--short] [NAME ...]`: all benchmarks, or those named."""

import argparse
import asyncio
import logging
import platform
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.bench import budget, cost, disk, growth, image, latency, mixed, moderation, start

BENCHMARKS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "budget": budget.run,
    "mixed": mixed.run,
    "latency": latency.run,
    "disk": disk.run,
    "cost": cost.run,
    "image": image.run,
    "growth": growth.run,
    "start": start.run,
    "moderation": moderation.run,
}
WITHOUT_BEFORE = ("budget", "image", "moderation")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Print what was measured, side by side.")
    parser.add_argument("--short", action="store_true", help="a few seconds each, only to see that they still run")
    told = f"also the bot of this other checkout (all but {', '.join(WITHOUT_BEFORE)})"
    parser.add_argument("--before", type=Path, metavar="FOLDER", help=told)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    args = parser.parse_args()
    if unknown := set(args.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in args.names or BENCHMARKS:
        before = {} if name in WITHOUT_BEFORE else {"before": args.before}
        asyncio.run(BENCHMARKS[name](args.short, **before))


if __name__ == "__main__":
    main()
