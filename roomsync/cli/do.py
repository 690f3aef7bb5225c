"""`python bot.py --do "/公告 ..."`: hand a command to the bot that runs, through its state file."""

import time
from collections.abc import Callable
from pathlib import Path

from roomsync import store
from roomsync.language import _
from roomsync.store import is_held, read_write
from roomsync.text.characters import clean

POLL_INTERVAL = 0.1  # seconds between two looks for the answer
ANSWER_TIMEOUT = 30.0  # seconds until the command is taken back; the bot carries none out that is older


def do(path: Path, command: str, confirmed: bool, sleep: Callable[[float], None] = time.sleep) -> int:
    """Print the bot's answer; return 0 when the command was carried out, else 1. Raises `StateFileError`.

    `confirmed`: what the bot would ask before it does it is agreed to. A command that is not answered is taken back.
    """
    command = clean(command.encode("utf-8", "replace").decode())
    if not is_held(path):
        return _say(_("No bot runs on the state file {path}; start it first.").format(path=path), 1)
    with read_write(path) as db:
        number = store.requests.add(db, command, confirmed, time.time() + ANSWER_TIMEOUT)
        try:
            for _look in range(int(ANSWER_TIMEOUT / POLL_INTERVAL)):
                if answer := store.requests.answer_to(db, number):
                    break
                sleep(POLL_INTERVAL)
        finally:
            is_taken = not store.requests.withdraw(db, number)
        answer = store.requests.answer_to(db, number) if is_taken else None
    if answer is None:
        return _say(_("The bot did not answer within {limit:.0f} s; nothing was done.").format(limit=ANSWER_TIMEOUT), 1)
    return _say(answer[0], 0 if answer[1] else 1)


def _say(text: str, exit_code: int) -> int:
    print(text)  # noqa: T201 - this is the answer to the user
    return exit_code
