"""A bad clock: the time of day of the bot process can be moved while it runs; its monotonic time stays true."""

from __future__ import annotations

import os
from pathlib import Path

DAY = 86400.0

# Python runs a module of this name when it starts. The offset is read at each call: a step counts at once.
SHIM = """
import os
import time

_time, _localtime, _gmtime, _strftime = time.time, time.localtime, time.gmtime, time.strftime


class _Clock:
    # No plain functions: what is kept in a class, as logging does, would become methods of it.
    def __init__(self, read):
        self._read = read

    def __call__(self, *given):
        return self._read(*given)


def _now():
    with open(os.environ["CHAOS_CLOCK"], encoding="ascii") as file:
        return _time() + float(file.read())


time.time = _Clock(_now)
time.time_ns = _Clock(lambda: int(_now() * 1e9))
time.localtime = _Clock(lambda seconds=None: _localtime(_now() if seconds is None else seconds))
time.gmtime = _Clock(lambda seconds=None: _gmtime(_now() if seconds is None else seconds))
time.strftime = _Clock(lambda form, when=None: _strftime(form, time.localtime() if when is None else when))
"""


class Clock:
    """The clock of a bot process that is started with `env`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offset = folder / "clock-offset"
        modules = folder / "modules"
        modules.mkdir()
        (modules / "sitecustomize.py").write_text(SHIM, encoding="ascii")
        path = os.pathsep.join(filter(None, [str(modules), os.environ.get("PYTHONPATH", "")]))
        self.env = {"PYTHONPATH": path, "CHAOS_CLOCK": str(self._offset)}
        self.step(0.0)

    def step(self, offset: float) -> None:
        """Let the clock be that many seconds away from the true time."""
        # Moved into place: the bot must never read half of it.
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(str(offset), encoding="ascii")
        fresh.replace(self._offset)
