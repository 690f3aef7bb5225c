"""Work that is done together: side by side until some of it ends, or one after another within a time."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from typing import Any


async def until_one_ends(works: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Do all of this work, each under its name, until one ends, and stop the others. Raises what that one raises."""
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def one_by_one(limit: float, *works: Coroutine[Any, Any, None]) -> None:
    """Do this work in its order, as far as it goes within `limit` seconds."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for work in works:
                    await work
    finally:
        for work in works:
            work.close()  # what was not begun
