"""The modes of `python bot.py` that need no bot, and so no wechaty; each imports what it needs."""

import argparse
import asyncio
import sys
from pathlib import Path

from roomsync.cli.arguments import parse_arguments
from roomsync.cli.logs import set_up_logs, set_up_output
from roomsync.config.settings import Settings, choose_language, read_settings
from roomsync.language import _


def parse_or_answer(folder: Path) -> argparse.Namespace:
    """Return the options of this process when they need a bot; else do what they ask for, and end the process.

    The settings are those of the bot in `folder`. Raises `RoomSyncError`.
    """
    choose_language(folder)
    args = parse_arguments()
    set_up_output()
    code = _answer_offline(args, folder)
    if code is None and (args.check or args.verify_code):
        code = asyncio.run(_answer_online(args, read_settings(folder)))
    if code is not None:
        sys.exit(code)
    return args


def _answer_offline(args: argparse.Namespace, folder: Path) -> int | None:
    """Do what needs no gateway, and so no token; return the exit code, None when something else is asked for."""
    asked = args.backup, args.do, args.report, args.samples
    if not (args.status or args.set_aside or any(one is not None for one in asked)):
        return None
    settings = read_settings(folder, offline=True)
    if args.status:
        from roomsync.cli.status import show_status

        return show_status(settings, as_json=args.json, prometheus=args.prometheus)
    if args.do is not None:
        from roomsync.cli.do import do

        return do(settings.state_file, args.do, args.yes)
    if args.report is not None:
        from roomsync.cli.report import report

        return report(settings, Path(args.report))
    if args.samples is not None:
        from roomsync.cli.samples import samples

        return samples(settings.state_file, args.samples[0], Path(args.samples[1]))
    if args.backup is not None:
        from roomsync.cli.backup import back_up

        return back_up(settings.state_file, Path(args.backup))
    from roomsync.store import set_aside

    told = _("The state file is {path} now; the next start makes a new one.")
    print(told.format(path=set_aside(settings.state_file)))  # noqa: T201
    return 0


async def _answer_online(args: argparse.Namespace, settings: Settings) -> int:
    """Do what asks the gateway; return the exit code."""
    set_up_logs(settings.log_level, *settings.secrets)
    if args.check:
        from roomsync.cli.check import check

        code = await check(settings)
        if args.alert:
            from roomsync.cli.alarms import send_test

            code = max(code, send_test(settings))
        return code
    from roomsync.cli.verify import give_code

    return await give_code(settings, args.verify_code)
