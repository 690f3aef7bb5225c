"""The patches that let wechaty 0.10.7 be imported today, each with the fault that it answers.

A release that imports with today's pyee, urllib3 and Python lets us delete them
(https://github.com/wechaty/python-wechaty):
- pyee 12 took away `from pyee import AsyncIOEventEmitter`.
- Python 3.11 refuses `PuppetOptions()` as the default of a dataclass field, because it has no hash.
- Importing makes a folder `.wechaty` in the working directory, raises for a WECHATY_LOG that it does not know, and
  gives its loggers handlers of their own, which print tokens and payloads.
- What the bot never calls costs two thirds of the start and of the memory: a scheduler, a web server, a client of
  GitHub. UNUSED have stand-ins while wechaty is imported. (So nobody misses `urllib3.get_host`, which urllib3 2 took
  away, nor `telnetlib`, which Python 3.13 did.)
- Every Wechaty makes that web server and that scheduler for its plugins: `NoPlugins` in puppet.py stands there.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import pyee
import pyee.asyncio

from roomsync.gateway.stand_ins import standing_in

# What wechaty and its parts import at their top, and what none of the bot's paths calls.
UNUSED = ("apscheduler", "github", "opengraph_py3", "qrcode", "quart", "quart_cors", "requests", "telnetlib", "urllib3")


@contextlib.contextmanager
def patched_import() -> Iterator[None]:
    """Let a block import wechaty, with stand-ins; nothing is left behind but what wechaty itself needs later."""
    makedirs, known = os.makedirs, set(logging.root.manager.loggerDict)
    environ = {name: os.environ.pop(name, None) for name in ("WECHATY_LOG", "WECHATY_LOG_FILE", "CACHE_DIR")}

    def makedirs_but_wechaty(path: Any, *args: Any, **kwargs: Any) -> None:
        if path != ".wechaty":
            makedirs(path, *args, **kwargs)

    pyee.AsyncIOEventEmitter = pyee.asyncio.AsyncIOEventEmitter  # type: ignore[attr-defined]
    os.makedirs = makedirs_but_wechaty  # type: ignore[assignment]
    try:
        with standing_in(UNUSED):
            yield
    finally:
        os.makedirs = makedirs
        os.environ.update({name: value for name, value in environ.items() if value is not None})
        for name in set(logging.root.manager.loggerDict) - known:
            logging.getLogger(name).disabled = True
