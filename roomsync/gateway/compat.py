"""The patches that let wechaty 0.10.7 be imported today, each with the fault that it answers.

A release that imports with today's pyee, urllib3 and Python lets us delete them
(https://github.com/wechaty/python-wechaty):
- pyee 12 took away `from pyee import AsyncIOEventEmitter`.
- urllib3 2 took away `from urllib3 import get_host`.
- Python 3.11 refuses `PuppetOptions()` as the default of a dataclass field, because it has no hash.
- Importing makes a folder `.wechaty` in the working directory, raises for a WECHATY_LOG that it does not know, and
  gives its loggers handlers of their own, which print tokens and payloads.
Python 3.13 took away `telnetlib`; the package standard-telnetlib in requirements.txt brings it back.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import pyee
import pyee.asyncio
import urllib3
from urllib3.util import parse_url


@contextlib.contextmanager
def patched_import() -> Iterator[None]:
    """Let a block import wechaty; nothing of it is left behind but what wechaty itself needs later."""
    makedirs, known = os.makedirs, set(logging.root.manager.loggerDict)
    environ = {name: os.environ.pop(name, None) for name in ("WECHATY_LOG", "WECHATY_LOG_FILE", "CACHE_DIR")}

    def makedirs_but_wechaty(path: Any, *args: Any, **kwargs: Any) -> None:
        if path != ".wechaty":
            makedirs(path, *args, **kwargs)

    pyee.AsyncIOEventEmitter = pyee.asyncio.AsyncIOEventEmitter  # type: ignore[attr-defined]
    urllib3.get_host = lambda url: (  # type: ignore[attr-defined]
        (parts := parse_url(url)).scheme or "http",
        parts.host,
        parts.port,
    )
    os.makedirs = makedirs_but_wechaty  # type: ignore[assignment]
    try:
        yield
    finally:
        os.makedirs = makedirs
        os.environ.update({name: value for name, value in environ.items() if value is not None})
        for name in set(logging.root.manager.loggerDict) - known:
            logging.getLogger(name).disabled = True
