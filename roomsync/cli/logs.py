"""What the bot shows to the person who runs it."""

import logging
import sys


class _Safe(logging.Formatter):
    """A formatter that never lets the token through, whatever a library puts into its message."""

    def __init__(self, token: str) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace(self._token, "***")


def set_up_logs(level: str, token: str) -> None:
    """Log to standard error from `level` on, with `***` for `token`."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Safe(token))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Their debug lines are about bytes, not about messages.
    for name in ("urllib3", "hpack", "asyncio", "grpclib"):
        logging.getLogger(name).setLevel(logging.WARNING)


def set_up_output() -> None:
    """Show `?` for a character that the terminal (an old Windows console) cannot show, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
