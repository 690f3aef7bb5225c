"""The modes of `python bot.py` that need no bot, and so no wechaty; each imports what it needs."""

import argparse
import asyncio
import sys
from pathlib import Path

from roomsync.cli.arguments import parse_arguments
from roomsync.cli.logs import set_up_logs, set_up_output
from roomsync.config.settings import choose_language, read_settings


def parse_or_answer(folder: Path) -> argparse.Namespace:
    """Return the options of this process when they need a bot; else do what they ask for, and end the process.

    The settings are those of the bot in `folder`. Raises `RoomSyncError`.
    """
    choose_language(folder)
    args = parse_arguments()
    set_up_output()
    is_other = args.check or args.set_aside or args.status or args.verify_code or args.samples
    if is_other or args.do is not None or args.report is not None:
        sys.exit(_answer(args, folder))
    return args


def _answer(args: argparse.Namespace, folder: Path) -> int:
    needs_gateway = args.check or args.verify_code
    settings = read_settings(folder, offline=not needs_gateway)
    if args.status:
        from roomsync.cli.status import show_status

        return show_status(settings.state_file, args.json, settings.quiet_hours, settings.moderation)
    if args.do is not None:
        from roomsync.cli.do import do

        return do(settings.state_file, args.do, args.yes)
    if args.report is not None:
        from roomsync.cli.report import report

        return report(settings, Path(args.report))
    if args.samples:
        from roomsync.cli.samples import samples

        return samples(settings.state_file, args.samples[0], Path(args.samples[1]))
    if args.set_aside:
        from roomsync.store import set_aside

        print(f"The state file is {set_aside(settings.state_file)} now; the next start makes a new one.")  # noqa: T201
        return 0
    set_up_logs(settings.log_level, settings.token)
    if args.check:
        from roomsync.cli.check import check

        return asyncio.run(check(settings))
    from roomsync.cli.verify import give_code

    return asyncio.run(give_code(settings, args.verify_code))
