"""python-wechaty on a gateway, made fit for a relay: the one module that imports wechaty."""

from typing import Any

from roomsync import errors
from roomsync.config.settings import Settings
from roomsync.gateway.compat import patched_import
from roomsync.gateway.connection import Connection
from roomsync.gateway.payloads import Contents, payload_of, said_at
from roomsync.gateway.protocol import KINDS, Fetch, RawMessage
from roomsync.language import _
from roomsync.model import Announcement, Kind
from roomsync.session import Session

with patched_import():
    from wechaty_puppet import Puppet, PuppetOptions

    PuppetOptions.__hash__ = object.__hash__
    import wechaty.wechaty
    from wechaty import Wechaty, WechatyOptions
    from wechaty_grpc.wechaty.puppet import MessageType
    from wechaty_puppet_service import PuppetService

__all__ = ["GatewayPuppet", "Wechaty", "options", "prepare"]

# What python-wechaty calls the kinds. It has no word for some, and another one for two.
RENAMED = {Kind.FILE: "ATTACHMENT", Kind.MINIPROGRAM: "MINI_PROGRAM"}
MESSAGE_TYPES = {
    kind: getattr(MessageType, f"MESSAGE_TYPE_{RENAMED.get(kind, kind.name)}", MessageType.MESSAGE_TYPE_UNSPECIFIED)
    for kind in Kind
}


class NoPlugins:
    """In place of wechaty's manager of plugins, which makes a web server and a scheduler: the bot has no plugins."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Take what `Wechaty` gives its manager."""


wechaty.wechaty.WechatyPluginManager = NoPlugins


class GatewayPuppet(Connection, PuppetService):
    """python-wechaty's client of a gateway, on a connection that logs nobody out.

    `PuppetService.start` stops the account and logs it in again, `stop` logs it out, neither knows TLS, and reading
    events dies of the first one that it cannot parse: `Connection` does all that. Its methods raise
    `errors.GatewayError`; those that are inherited from `PuppetService` raise as before.
    """

    def __init__(self, settings: Settings, session: Session) -> None:
        # Not PuppetService.__init__: it takes a token from the variables TOKEN and token, and logs it.
        Puppet.__init__(self, PuppetOptions(), "puppet_service")
        Connection.__init__(self, settings)
        self.session = session
        self.contents = Contents(self.client, self.members)

    @property
    def login_user_id(self) -> str | None:  # type: ignore[override]  # set in an __init__ that is not run
        """The account's contact id, which wechaty asks for; None when nobody is logged in."""
        return self.session.account_id or None

    @property
    def puppet_stub(self) -> Any:
        """The stub that inherited methods call. Raises `GatewayLost` while there is none."""
        return self.client.stub

    start, stop = Connection.connect, Connection.disconnect

    async def logout(self) -> None:
        """Refuse: this bot never logs WeChat out."""
        raise errors.GatewayError(_("the bot never logs WeChat out"))

    async def message_payload(self, message_id: str) -> Any:
        """Return a message's payload; `kind` and `said_at` are added to it. Unknown types no longer raise IndexError.

        An announcement says all by its id: no gateway is asked. When it was said is looked at only where events are
        numbered, and may be told long after: elsewhere a machine's clock that is wrong by a day must not keep anything
        back.
        """
        announced = Announcement.parse(message_id)
        payload: Any = payload_of(announced) if announced else await self.client.message_payload(message_id)
        payload.kind = KINDS.get(payload.type, Kind.UNKNOWN)
        payload.type = MESSAGE_TYPES[payload.kind]
        payload.said_at = said_at(payload) if self._numbers_events else 0.0
        return payload


def options(puppet: GatewayPuppet) -> Any:
    """Return what to make a Wechaty of that stands on `puppet`."""
    return WechatyOptions(puppet=puppet)


async def prepare(bot: Any) -> Fetch:
    """Do for `bot`, a Wechaty on a GatewayPuppet, what `Wechaty.start` does before it connects; return its `Fetch`.

    `Wechaty.start` itself swallows every error, restarts by itself and starts a web server and a scheduler.
    """
    await bot.init_puppet()
    puppet: GatewayPuppet = bot.puppet

    async def fetch(message_id: str) -> RawMessage:
        message: RawMessage = bot.Message.load(message_id)
        message.payload = await puppet.message_payload(message_id)
        return message

    return fetch
