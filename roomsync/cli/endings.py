"""How the process ends when something is wrong: one sentence and an exit code, no traceback."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from roomsync.errors import RoomSyncError, SettingsError


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """End the process with a sentence for what a block raises and a person can mend, and quietly after Ctrl-C."""
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(
            f"The package {error.name} is missing. If there is a folder .venv, run the Python in it; "
            "else install all with: pip install -r requirements.txt"
        )
    except SettingsError as error:
        print("The settings cannot be used:", *error.problems, sep="\n- ", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except RoomSyncError as error:
        sys.exit(str(error))
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:  # the exit code is as shells count it; one more ends at once, without a traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.exit(130)
