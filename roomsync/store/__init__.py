"""All SQL of the bot: the state file, its schema, and one module for each table, which alone writes it.

Their functions work on an open transaction (`StateFile.transaction`); those that only read, on `StateFile.connection`.
Rooms are named by the gateway's ids everywhere else; only here do they have keys of our own.
"""

from roomsync.store import (
    actions,
    call_log,
    cursor,
    deliveries,
    drafts,
    health,
    held,
    incoming,
    lately,
    messages,
    moderation,
    mutes,
    parts,
    pauses,
    peers,
    recalls,
    report,
    requests,
    rooms,
    rules,
    samples,
    sends,
    staff,
    trust,
    waiting,
)
from roomsync.store.beside import is_held, read_only, read_write, written
from roomsync.store.connection import Connection
from roomsync.store.database import StateFile
from roomsync.store.opening import set_aside

__all__ = ["Connection", "StateFile", "is_held", "read_only", "read_write", "report", "set_aside", "written"]
__all__ += ["call_log", "cursor", "deliveries", "health", "incoming", "messages", "parts", "peers", "recalls", "rooms"]
__all__ += ["actions", "drafts", "mutes", "pauses", "requests", "sends", "staff", "waiting"]
__all__ += ["held", "lately", "moderation", "rules", "samples", "trust"]
