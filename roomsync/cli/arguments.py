"""The options of `python bot.py`."""

import argparse
import platform
import re
from functools import partial

from roomsync import __version__
from roomsync.language import _, words_of_argparse

CODE_FORM = re.compile("[0-9]{4,8}")
COMMAND = "python bot.py --verify-code 123456"
HELP_COLUMN = 28  # where what an option does begins: the longest option fits before it, so that each has one line


def code_of(text: str) -> str:
    """Return a code as it is given on the command line. Raises `argparse.ArgumentTypeError`."""
    if not CODE_FORM.fullmatch(text):
        raise argparse.ArgumentTypeError(_("the code is 4 to 8 digits, such as 123456"))
    return text


@words_of_argparse()
def parse_arguments() -> argparse.Namespace:
    """Return the options of this process; what is wrong with them, or `--help`, ends it with a message."""
    parser = argparse.ArgumentParser(
        usage="python bot.py [OPTION]",
        description=_("Relay what is said in one WeChat room to the others, until Ctrl-C."),
        epilog=_("Settings are in .env beside bot.py, a copy of .env.example; see README.md."),
        formatter_class=partial(argparse.HelpFormatter, max_help_position=HELP_COLUMN),
    )
    _add_modes(parser)
    _add_refinements(parser)
    args = parser.parse_args()
    if problem := _problem(args):
        parser.error(problem)
    return args


def _add_modes(parser: argparse.ArgumentParser) -> None:
    """Add what the process does in the place of running the bot, by the alphabet."""
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--backup", metavar="FILE", help=_("copy the state file, also while the bot runs"))
    mode.add_argument("--check", action="store_true", help=_("connect, show account, rooms, state file, leave"))
    mode.add_argument("--demo", action="store_true", help=_("show the bot at work, without account and network"))
    mode.add_argument("--do", metavar="COMMAND", help=_("hand the bot that runs a command, such as /状态"))
    mode.add_argument("--dry-run", action="store_true", help=_("run, print what would be sent, and send nothing"))
    report = _("write the last days as a page (report.html)")
    mode.add_argument("--report", nargs="?", const="report.html", metavar="FILE", help=report)
    mode.add_argument("--samples", nargs=2, metavar=("ACTION", "FILE"), help=_("export or import adverts"))
    mode.add_argument("--set-aside", action="store_true", help=_("move a damaged state file out of the way"))
    mode.add_argument("--status", action="store_true", help=_("show how the bot is; 0 when it relays, else 1"))
    mode.add_argument("--verify-code", metavar="CODE", type=code_of, help=_("give WeChat the code it asks for"))
    version = f"roomsync {__version__} (Python {platform.python_version()})"
    mode.add_argument("--version", action="version", version=version, help=_("show the version"))


def _add_refinements(parser: argparse.ArgumentParser) -> None:
    """Add what goes with one of the modes."""
    parser.add_argument("--alert", action="store_true", help=_("with --check: send a test alert"))
    parser.add_argument("--json", action="store_true", help=_("with --status: for machines"))
    told = _("with --status: for Prometheus")
    parser.add_argument("--prometheus", nargs="?", const="", metavar="FILE", help=told)
    parser.add_argument("--yes", action="store_true", help=_("with --do: agree to what would be asked first"))


def _problem(args: argparse.Namespace) -> str:
    """Return what is wrong with options that do not go together; empty when they do."""
    if args.samples and args.samples[0] not in ("export", "import"):
        return _("--samples takes export or import, and a file: --samples export adverts.jsonl")
    if args.alert and not args.check:
        return _("--alert goes with --check")
    if args.json and not args.status:
        return _("--json goes with --status")
    if args.prometheus is not None and (not args.status or args.json):
        return _("--prometheus goes with --status, without --json")
    if args.yes and args.do is None:
        return _("--yes goes with --do")
    return ""
