"""How the process ends when something is wrong: one sentence and an exit code, no traceback."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

from roomsync.errors import GatewayRejected, RoomSyncError, SettingsError, StateFileBusy
from roomsync.language import _

# Starting again does not mend these: `deploy/` tells them apart, and so may who starts the bot. Others end with 1.
EXIT_CODES = {SettingsError: 2, GatewayRejected: 3, StateFileBusy: 4}


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """End the process with a sentence for what a block raises and a person can mend, and quietly after Ctrl-C."""
    try:
        yield
    except ModuleNotFoundError as error:
        told = _(
            "The package {name} is missing. If there is a folder .venv, run the Python in it; "
            "else install all with: pip install -r requirements.txt"
        )
        sys.exit(told.format(name=error.name))
    except SettingsError as error:
        _end(error, _("The settings cannot be used:"), *(f"- {problem}" for problem in error.problems))
    except RoomSyncError as error:
        _end(error, str(error))
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:  # the exit code is as shells count it; one more ends at once, without a traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.exit(130)


def _end(error: RoomSyncError, *lines: str) -> NoReturn:
    print(*lines, sep="\n", file=sys.stderr)  # noqa: T201
    sys.exit(EXIT_CODES.get(type(error), 1))
