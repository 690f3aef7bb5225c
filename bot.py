#!/usr/bin/env python3
"""Keep a community's WeChat rooms in step: what is said in one of them is said in all.

`python bot.py` runs beside a Wechaty gateway. Settings are in `.env` beside this file; see README.md.
"""

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

if sys.version_info < (3, 11):
    sys.exit("The bot needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")
try:
    from roomsync import store
    from roomsync.cli.check import check
    from roomsync.cli.logs import set_up_logs, set_up_output
    from roomsync.cli.signals import leave_on_signals
    from roomsync.cli.status import show_status
    from roomsync.config.settings import Settings, read_settings
    from roomsync.delivery.courier import Courier
    from roomsync.delivery.housekeeper import Housekeeper
    from roomsync.delivery.outbox import Outbox
    from roomsync.delivery.pacer import DAY, Pacer
    from roomsync.errors import GatewayLost, RoomSyncError, SettingsError
    from roomsync.gateway.puppet import GatewayPuppet, Wechaty, options, prepare
    from roomsync.gateway.supervisor import Supervisor
    from roomsync.inbox.incoming import Incoming
    from roomsync.loopback.demo import demo
    from roomsync.model import Kind
    from roomsync.relay.rooms import Rooms
    from roomsync.relay.roster import Roster
    from roomsync.relay.router import Switchboard
    from roomsync.session import Session
    from roomsync.store import StateFile
    from roomsync.text.system_messages import is_throttle_notice
except ModuleNotFoundError as error:
    sys.exit(
        f"The package {error.name} is missing. If there is a folder .venv, run the Python in it; "
        "else install all with: pip install -r requirements.txt"
    )
except KeyboardInterrupt:
    sys.exit(130)

log = logging.getLogger("bot")
FOLDER = Path(__file__).resolve().parent


class RoomSyncBot(Wechaty):
    """Finds the rooms of each community at login, and relays what is said in one of them to all the others."""

    def __init__(self, settings: Settings, state: StateFile) -> None:
        self.session = Session()
        super().__init__(options(GatewayPuppet(settings, self.session)))
        self.settings, self.state = settings, state
        self.rooms = Rooms(settings.room_prefixes)
        self.outbox = Outbox(state, settings.max_text_bytes)
        self.pacer = Pacer(settings.limits, self.session)
        self.roster = Roster(self.puppet, self.rooms, state, self.outbox)
        self.switchboard = Switchboard(settings, self.rooms, state, self.outbox)
        self.courier = Courier(
            self.outbox,
            self.switchboard.recalls,
            self.pacer,
            self.session,
            self.puppet,
            time.time,
            settings.max_attempts,
        )
        ttl, retention = settings.relay_ttl_hours * 3600, settings.retention_days * DAY
        self.housekeeper = Housekeeper(state, self.session, ttl, retention, time.time)

    async def on_login(self, contact: Any) -> None:
        log.info("WeChat is logged in as %s.", await self.puppet.contact_name(contact.contact_id) or contact.contact_id)
        await self.roster.find(settle=True)
        self.housekeeper.run_once()  # what became too old while the bot was away must not go out now

    async def on_ready(self, payload: Any) -> None:
        # Some gateways know their rooms only some time after the login.
        if self.puppet.login_user_id:
            await self.roster.find()

    async def on_message(self, msg: Any) -> None:
        payload = msg.payload
        source = await self.roster.room(payload.room_id) if payload.room_id else None
        if source is None:
            return
        if not self.puppet.login_user_id:
            raise GatewayLost("it is not known yet whose account this is")
        own = payload.from_id == self.puppet.login_user_id
        if is_throttle_notice(payload.kind, payload.text, own):
            if self.switchboard.first_time(msg.message_id, source, time.time()):
                self.courier.throttled(source.id)
            return
        if own:
            self._own(payload, source.id, msg.message_id)
            return
        self.courier.heard(source.id)
        if payload.kind is Kind.RECALLED:
            news = self.switchboard.take_back(payload.text, source, time.time())
        else:
            news = self.switchboard.hear(await self.puppet.read(msg), source, time.time())
        if self.puppet.login_user_id in payload.mention_ids:
            news = self.switchboard.answer(source, time.time()) or news
        if news:
            self.courier.wake()

    def _own(self, payload: Any, room_id: str, message_id: str) -> None:
        if payload.kind is Kind.RECALLED:
            return  # the echo of a recall of our own
        if self.outbox.echo(room_id, payload.kind, payload.text, message_id, time.time()) is None:
            self.courier.heard(room_id)  # the account's owner, on the phone

    async def on_room_join(self, room: Any, invitees: Any, inviter: Any, date: Any) -> None:
        self.rooms.forget(room.room_id)  # whoever sees a room's events is in it, though the gateway may not answer now
        await self.roster.look_at(room.room_id)

    async def on_room_leave(self, room: Any, leavers: Any, remover: Any, date: Any) -> None:
        if self.puppet.login_user_id not in [leaver.contact_id for leaver in leavers]:
            return
        gone = self.rooms.remove(room.room_id)
        cancelled = self.outbox.cancel_room(room.room_id, time.time())
        if gone:
            log.warning("The bot is no longer in %s; %d waiting deliveries to it are cancelled.", gone.topic, cancelled)

    async def on_room_topic(self, room: Any, new_topic: str, old_topic: str, changer: Any, date: Any) -> None:
        await self.roster.look_at(room.room_id, told=new_topic)

    async def on_room_dirty(self, room: Any) -> None:
        """The gateway says that what is known of a room is out of date."""
        if self.rooms.knows(room.room_id) and not self.rooms.has_left(room.room_id):
            await self.roster.look_at(room.room_id)

    async def on_scan(self, qr_code: str, status: Any, data: Any = None) -> None:
        # A gateway repeats its last scan event to every new connection: one that is logged in has no use for it.
        if qr_code and not self.session.is_logged_in:
            link = f"https://wechaty.js.org/qrcode/{quote(qr_code, safe='')}"
            log.warning("WeChat is not logged in. Scan this with the account's phone: %s", link)

    async def on_logout(self, contact: Any) -> None:
        log.warning("WeChat is logged out; what is said waits in the outbox until it is logged in again.")

    async def on_error(self, payload: Any) -> None:
        log.warning("The gateway reports an error: %.500s", payload)

    def recover(self) -> None:
        """Take up what the last process left: what it had in hand, how fast it was, whether the account pauses."""
        now = time.time()
        self.outbox.recover(now)
        self.pacer.restore(self.outbox.recent(now - DAY))
        with self.state.connection() as db:
            self.session.throttle(store.health.read(db).cooldown)
        self.session.listen(self.housekeeper.note_health)
        self.housekeeper.note_health()

    async def run(self) -> None:
        """Relay until `courier.stop()`. Raises `GatewayRejected`, or `StateFileError`."""
        self.recover()
        events = await prepare(self, Incoming(self.state))
        works = {
            "events": events.run(),
            "supervisor": Supervisor(self.puppet, self.session).run(),
            "courier": self.courier.run(),
            "housekeeper": self.housekeeper.run(),
        }
        tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.puppet.disconnect()


async def run(settings: Settings) -> None:
    """Run the bot until the first Ctrl-C or SIGTERM; the second leaves at once."""
    state = StateFile(settings.state_file)
    try:
        bot = RoomSyncBot(settings, state)
        leave_on_signals(bot.courier.stop)
        log.info("The bot starts; Ctrl-C stops it.")
        await bot.run()
        log.info("The bot has left, and logged nobody out.")
    finally:
        state.close()


def main() -> int:
    """The command line; its exit code."""
    parser = argparse.ArgumentParser(
        description="Relay what is said in one WeChat room of a community to all its others, until Ctrl-C.",
        epilog="Settings are in .env beside bot.py; copy .env.example to start with. README.md explains them.",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="connect, show account, rooms and state file, and leave")
    mode.add_argument("--demo", action="store_true", help="show the bot at work without account, token and network")
    mode.add_argument("--status", action="store_true", help="show what waits, was sent and failed; 0 if all is well")
    parser.add_argument("--json", action="store_true", help="with --status: for machines")
    args = parser.parse_args()
    if args.json and not args.status:
        parser.error("--json goes with --status")
    set_up_output()
    try:
        if args.demo:
            return asyncio.run(demo(RoomSyncBot))
        settings = read_settings(FOLDER, offline=args.status)
        if args.status:
            return show_status(settings.state_file, args.json)
        set_up_logs(settings.log_level, settings.token)
        if args.check:
            return asyncio.run(check(settings))
        asyncio.run(run(settings))
        return 0
    except SettingsError as error:
        print("The settings cannot be used:", *error.problems, sep="\n- ", file=sys.stderr)  # noqa: T201
        return 2
    except RoomSyncError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130  # Ctrl-C in --check or --demo, as shells count it


if __name__ == "__main__":
    sys.exit(main())
