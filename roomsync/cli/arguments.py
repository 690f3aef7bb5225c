"""The options of `python bot.py`."""

import argparse
import re

from roomsync.language import words_of_argparse

CODE_FORM = re.compile("[0-9]{4,8}")
COMMAND = "python bot.py --verify-code 123456"


def code_of(text: str) -> str:
    """Return a code as it is given on the command line. Raises `argparse.ArgumentTypeError`."""
    if not CODE_FORM.fullmatch(text):
        raise argparse.ArgumentTypeError("the code is 4 to 8 digits, such as 123456")
    return text


@words_of_argparse()
def parse_arguments() -> argparse.Namespace:
    """Return the options of this process; what is wrong with them, or `--help`, ends it with a message."""
    parser = argparse.ArgumentParser(
        description="Relay what is said in one WeChat room of a community to all its others, until Ctrl-C.",
        epilog="Settings are in .env beside bot.py, a copy of .env.example; see README.md.",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="connect, show account, rooms and state file, and leave")
    mode.add_argument("--demo", action="store_true", help="show the bot at work without account, token and network")
    mode.add_argument("--do", metavar="COMMAND", help="hand a command of staff to the bot that runs, such as /状态")
    mode.add_argument("--dry-run", action="store_true", help="run, but print what would be sent, and send nothing")
    mode.add_argument("--samples", nargs=2, metavar=("ACTION", "FILE"), help="export or import adverts as JSON lines")
    mode.add_argument("--set-aside", action="store_true", help="move a damaged state file out of the way, and leave")
    mode.add_argument("--status", action="store_true", help="show what waits, was sent and failed; 0 if all is well")
    mode.add_argument("--verify-code", metavar="CODE", type=code_of, help="give WeChat the code that it asks for")
    parser.add_argument("--json", action="store_true", help="with --status: for machines")
    parser.add_argument("--yes", action="store_true", help="with --do: agree to what the bot would ask first")
    args = parser.parse_args()
    if args.samples and args.samples[0] not in ("export", "import"):
        parser.error("--samples takes export or import, and a file: --samples export adverts.jsonl")
    if args.json and not args.status:
        parser.error("--json goes with --status")
    if args.yes and args.do is None:
        parser.error("--yes goes with --do")
    return args
