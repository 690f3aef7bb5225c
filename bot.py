#!/usr/bin/env python3
"""Keep a community's WeChat rooms in step: what is said in one of them is said in all.

`python bot.py` runs beside a Wechaty gateway. Settings are in `.env` beside this file; see README.md.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("The bot needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")

from roomsync import language
from roomsync.cli.endings import explained
from roomsync.cli.imports import quick_imports

FOLDER = Path(__file__).resolve().parent

language.use_that_of_environment()  # what is wrong before the settings are read is said in it

with explained():
    from roomsync.cli.modes import parse_or_answer

    if __name__ == "__main__":
        args = parse_or_answer(FOLDER)  # --status and its like end here, before what only a bot needs is imported

with explained(), quick_imports():
    from roomsync.admin.decisions import Decided
    from roomsync.admin.reception import Reception
    from roomsync.cli.alarms import alarm_of, end_is_told
    from roomsync.cli.logs import set_up_logs
    from roomsync.cli.qr_code import QrCodes
    from roomsync.cli.signals import stop_on_signals
    from roomsync.cli.verify import line_of_question, line_of_slide, link_of
    from roomsync.clock import SteadyClock
    from roomsync.config.settings import Settings, read_settings
    from roomsync.delivery.attempts import Attempts, Sender
    from roomsync.delivery.courier import Courier
    from roomsync.delivery.gate import Gate
    from roomsync.delivery.housekeeper import Housekeeper
    from roomsync.delivery.outbox import Outbox
    from roomsync.delivery.pacer import DAY, Limits, Pacer
    from roomsync.delivery.quiet import DailyHours
    from roomsync.gateway.payloads import message_of
    from roomsync.gateway.protocol import (
        CODE_EXPIRED,
        DIRTY_ROOM,
        Payload,
        RawMessage,
        WechatyContact,
        WechatyRoom,
        error_of,
    )
    from roomsync.gateway.puppet import GatewayPuppet, Wechaty, options, prepare
    from roomsync.gateway.supervisor import Supervisor
    from roomsync.inbox.dispatcher import Dispatcher
    from roomsync.inbox.incoming import Incoming
    from roomsync.model import State
    from roomsync.moderation.moderator import Moderator
    from roomsync.moderation.mutes import Mutes
    from roomsync.relay.rendering import Style
    from roomsync.relay.rooms import Rooms
    from roomsync.relay.roster import Roster
    from roomsync.relay.router import Router
    from roomsync.session import Session
    from roomsync.store import StateFile
    from roomsync.tasks import one_by_one, until_one_ends
    from roomsync.text.headers import HeaderTemplate

log = logging.getLogger("bot")
FAREWELL_TIMEOUT = 3.0  # seconds for what is left to write


class RoomSyncBot(Wechaty):
    """Finds the rooms of each community at login, and relays what is said in one of them to all the others."""

    def __init__(self, settings: Settings, sender_of: Callable[[Sender, Rooms], Sender] | None = None) -> None:
        """Open the state file; raises `StateFileError`. `sender_of` gives what sends in a dry run, deaf to staff."""
        self.session, self.clock, self.qr_codes = Session(), SteadyClock(), QrCodes()
        super().__init__(options(GatewayPuppet(settings, self.session)))
        client, max_text = self.puppet.client, settings.max_text_bytes
        self.state = StateFile(settings.state_file)
        self.outbox, self.incoming = Outbox(self.state, max_text), Incoming(self.state)
        pace = settings.send_interval, settings.room_interval, settings.sends_per_minute, settings.daily_limits
        self.pacer = Pacer(Limits(*pace, settings.send_burst), self.session)
        rooms = self.rooms = Rooms(settings.room_prefixes, settings.admin_room)
        mutes, moderator = Mutes(), Moderator(settings, self.session, client.download)
        sender = sender_of(client, self.rooms) if sender_of else client
        attempts = Attempts(self.outbox, self.pacer, self.session, sender, self.clock, settings.max_attempts)
        quiet = DailyHours(settings.quiet_hours) if settings.quiet_hours else None
        gate = Gate(self.session, rooms.community_in, quiet, lambda: rooms.shut, lambda: rooms.changes)
        self.courier = Courier(attempts, gate)
        self.roster = Roster(client, self.rooms, self.outbox, self.clock, asks=settings.new_rooms == "ask")
        style = Style(HeaderTemplate(settings.header), max_text, settings.max_file_bytes, settings.mention_quoted)
        ttl, retention = settings.relay_ttl_hours * 3600, settings.retention_days * DAY
        reader, judges, own = self.puppet.contents, ([mutes.check], moderator), settings.relay_own
        self.router = Router(self.roster, reader, self.courier, self.session, style, self.clock, *judges, ttl, own)
        self.decided = Decided(self.state, rooms, mutes, moderator)
        spared = self.decided.spared
        self.housekeeper = Housekeeper(self.state, self.session, ttl, retention, self.clock, spared)
        self.reception = Reception(self.decided, gate, self.session, self.courier, self.router, max_text, ttl)
        signs = self.session, self.state, gate, self.roster, moderator, self.clock, self.puppet.ping
        self.alarm = None if sender_of else alarm_of(settings, *signs)
        if settings.admin_room and not sender_of:
            self.reception.open_desk(reader, self.puppet.members)

    async def on_login(self, contact: WechatyContact) -> None:
        log.info("WeChat is logged in as %s.", await self.puppet.members.name(contact.contact_id) or contact.contact_id)
        await self.roster.find(settle=True)
        await self.housekeeper.expire()  # what became too old while the bot was away must not go out now
        await self.reception.log_in()

    async def on_ready(self, payload: Payload) -> None:
        # Some gateways know their rooms only some time after the login.
        if self.session.is_logged_in:
            await self.roster.find()

    async def on_message(self, msg: RawMessage) -> None:
        message = message_of(msg)
        if not await self.reception.hear(message):  # what staff says to the bot is relayed nowhere
            await self.router.handle(message)

    async def on_room_join(
        self, room: WechatyRoom, invitees: list[WechatyContact], inviter: WechatyContact, date: datetime
    ) -> None:
        self.rooms.forget(room.room_id)  # whoever sees a room's events is in it, though the gateway may not answer now
        is_new = self.session.account_id in [invitee.contact_id for invitee in invitees]
        await self.roster.refresh(room.room_id, inviter_id=inviter.contact_id if is_new else "")

    async def on_room_leave(
        self, room: WechatyRoom, leavers: list[WechatyContact], remover: WechatyContact, date: datetime
    ) -> None:
        if self.session.account_id in [leaver.contact_id for leaver in leavers]:
            await self.roster.leave(room.room_id)

    async def on_room_topic(
        self, room: WechatyRoom, new_topic: str, old_topic: str, changer: WechatyContact, date: datetime
    ) -> None:
        await self.roster.refresh(room.room_id, reported=new_topic)

    async def on_dirty(self, payload_type: object, payload_id: str) -> None:
        self.puppet.members.forget_dirty(payload_type, payload_id)
        if payload_type == DIRTY_ROOM and self.rooms.knows(payload_id) and not self.rooms.has_left(payload_id):
            await self.roster.refresh(payload_id)

    async def on_scan(self, qr_code: str, status: object, data: object = None) -> None:
        # A gateway repeats its last scan event to every new connection: one that is logged in has no use for it.
        if qr_code and not self.session.is_logged_in:
            self.session.scan_link = link_of(qr_code)
            log.warning("WeChat is not logged in. Scan this with the account's phone: %s", self.session.scan_link)
            self.qr_codes.show(qr_code)

    async def on_verify_code(self, verify_id: str, status: object, message: str) -> None:
        if not self.session.is_logged_in:
            self.session.ask_for_code("" if status == CODE_EXPIRED else verify_id)
            log.warning("%s", line_of_question(status, message))

    async def on_verify_slide(self, url: str) -> None:
        if not self.session.is_logged_in:
            log.warning("%s", line_of_slide(url))

    async def on_logout(self, contact: WechatyContact) -> None:
        log.warning("WeChat is logged out; what is not sent yet waits in the outbox until it is logged in again.")

    async def on_error(self, payload: Payload) -> None:
        log.warning("The gateway reports an error: %s", error_of(payload))

    async def recover(self) -> None:
        """Take up what the last process left: what it had in hand, how fast it was, whether the account pauses."""
        run = self.state.run
        health = await run(self.housekeeper.last_health)
        open_deliveries = (await run(self.outbox.counts)).keys() & {State.WAITING, State.SENDING}
        unfinished = await run(self.incoming.unfinished)
        await run(self.incoming.load_cursor)
        if open_deliveries or unfinished or health.cooldown.until > (health.written_at or 0.0):
            self.clock.go_on(health.clock_ahead)  # else what waits would look a day old, or a day young
        now = self.clock()
        self.session.set_pauses({**self.session.pauses, **await run(self.decided.load, now)})
        await run(self.outbox.recover, now)
        self.pacer.restore(await run(self.outbox.recent, now - DAY))
        self.session.throttle(health.cooldown)
        self.session.ask_for_code(health.verify_id)
        await self.housekeeper.note_health()

    async def run(self) -> None:
        """Relay until `stop`. Raises `GatewayRejected`."""
        works = {"relaying": self._relay()}
        await until_one_ends({**works, "alarm": self.alarm.run()} if self.alarm else works)

    async def _relay(self) -> None:
        await self.recover()
        dispatcher = Dispatcher(self, self.session, await prepare(self), self.incoming, self.clock)
        self.puppet.events = dispatcher
        works = {
            "reception": self.reception.run(),
            "dispatcher": dispatcher.run(),
            "supervisor": Supervisor(self.puppet, self.session).run(),
            "courier": self.courier.run(),
            "housekeeper": self.housekeeper.run(),
        }
        try:
            await until_one_ends(works)
        finally:
            await self.puppet.disconnect()
            rest = dispatcher.note_rest(), self.housekeeper.look_after_file(), self.housekeeper.note_health()
            await one_by_one(FAREWELL_TIMEOUT, *rest)  # a disk that fails must not keep the bot

    def stop(self) -> None:
        """Finish the send in hand, then let `run` return."""
        self.state.hurry()
        self.courier.stop()
        if self.alarm:
            self.alarm.leave()

    def close(self) -> None:
        """Close the state file, let go of what judging uses, and send the last alerts."""
        self.state.close()
        self.decided.moderator.close()
        if self.alarm:
            self.alarm.close()


async def run(settings: Settings) -> None:
    """Run the bot until the first Ctrl-C or SIGTERM; the second stops it at once."""
    bot = RoomSyncBot(settings)
    try:
        stop_on_signals(bot.stop)
        log.info("The bot starts; Ctrl-C stops it.")
        await bot.run()
        log.info("The bot has left, and logged nobody out.")
    finally:
        bot.close()


def main(args: argparse.Namespace) -> int:
    """Run the bot, its demo or its dry run; return the exit code. Raises `RoomSyncError`."""
    if args.demo:
        from roomsync.loopback.demo import demo  # a gateway of its own, which no bot needs

        return asyncio.run(demo(lambda values: RoomSyncBot(Settings.parse(values))))
    settings = read_settings(FOLDER)
    set_up_logs(settings.log_level, *settings.secrets, file=None if args.dry_run else settings.log_file)
    if args.dry_run:
        from roomsync.cli.dry_run import dry_run  # which no other bot needs

        return asyncio.run(dry_run(RoomSyncBot, settings))
    with end_is_told(settings):
        asyncio.run(run(settings))
    return 0


if __name__ == "__main__":
    with explained():
        sys.exit(main(args))
