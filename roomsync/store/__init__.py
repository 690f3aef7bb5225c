"""All SQL of the bot: the state file, its schema, and one module for each table, which alone writes it.

Their functions work on an open transaction (`StateFile.transaction`); those that only read, on `StateFile.connection`.
Rooms are named by the gateway's ids everywhere else; only here do they have keys of our own.
"""

from roomsync.store import (
    call_log as call_log,
)
from roomsync.store import (
    deliveries as deliveries,
)
from roomsync.store import (
    health as health,
)
from roomsync.store import (
    incoming as incoming,
)
from roomsync.store import (
    messages as messages,
)
from roomsync.store import (
    parts as parts,
)
from roomsync.store import (
    peers as peers,
)
from roomsync.store import (
    recalls as recalls,
)
from roomsync.store import (
    report as report,
)
from roomsync.store import (
    rooms as rooms,
)
from roomsync.store import (
    sends as sends,
)
from roomsync.store.database import Connection as Connection
from roomsync.store.database import StateFile as StateFile
from roomsync.store.database import is_held as is_held
from roomsync.store.database import read_only as read_only
