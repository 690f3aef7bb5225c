"""What the bot's state file has noted of the gateway's messages, and which of them the gateway was asked for."""

from pathlib import Path

from roomsync import store
from roomsync.store import read_only
from tests.interop.gateway import RealGateway


def unfinished(path: Path) -> set[str]:
    """The messages that came and may still be asked for."""
    with read_only(path) as db:
        return set(store.incoming.unfinished(db))


def asked_for(gateway: RealGateway) -> set[str]:
    """The messages whose payloads the gateway was asked for."""
    return {str(call.id) for call in gateway.called if call.name == "messagePayload"}
