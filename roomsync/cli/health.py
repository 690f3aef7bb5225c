"""Whether the bot relays, and if not, why: decided from what its state file says. Pure: the time is in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from roomsync.model import MAX_DELAY
from roomsync.session import Phase
from roomsync.store.pauses import Pause
from roomsync.store.report import RoomReport

MAX_SILENCE = 30.0  # seconds; a bot that runs writes its state file every eight (housekeeper.ROUND_INTERVAL)
MIN_ROOMS = 2  # of a community in which anything can be relayed


class Illness(StrEnum):
    """Why the bot does not relay, the first that is true; the values are what `--json` and `--prometheus` call it."""

    NOT_RUNNING = "not_running"
    SILENT = "silent"  # it, or its disk, hangs
    DISCONNECTED = "disconnected"
    LOGGED_OUT = "logged_out"
    FINDING_ROOMS = "finding_rooms"
    TOO_FEW_ROOMS = "too_few_rooms"
    THROTTLED = "throttled"
    LATE = "late"


@dataclass(frozen=True)
class Status:
    """What `--json` prints: times in seconds since the epoch, `cooldown` in seconds from now.

    `phase`: the one that the session is in, or was in when the bot ended. `silence`: seconds since the bot wrote its
    state file, which it does every few; None when it does not run. `outage`: how many seconds the file could not be
    written, until `outage_ended_at`; None without one in 24 h. `quiet_until`: the end of the quiet hours that it is in.
    `paused`: what staff paused, community (empty: all) -> until when, None without an end. `modes`: topic -> mode of
    the rooms that do not take part as usual. `moderation`: the mode that is in force. `held`: messages for which there
    were reasons, by state: those that wait for staff, and the others of 24 h. `failed_checks`: how many checks failed,
    or were slow. `communities`: prefix -> how many rooms take part. `delay`: how many seconds the oldest delivery waits
    that may go (see `delay`); 0 when none does.
    """

    running: bool
    connected: bool
    logged_in: bool  # and its rooms found
    phase: Phase
    since: float | None
    last_event: float | None
    cooldown: float
    verify_code: bool  # whether WeChat asks for one
    silence: float | None
    outage: float | None
    outage_ended_at: float | None
    unreadable: int
    quiet_until: float | None
    paused: dict[str, float | None]
    modes: dict[str, str]
    moderation: str
    held: dict[str, int]
    failed_checks: int
    communities: dict[str, int]
    delay: float
    rooms: list[RoomReport]

    @property
    def illness(self) -> Illness | None:
        """Why the bot does not relay; None when it does.

        What staff decided is no illness: pauses and quiet hours are told apart from it.
        """
        signs = (
            (not self.running, Illness.NOT_RUNNING),
            ((self.silence or 0.0) >= MAX_SILENCE, Illness.SILENT),
            (self.phase is Phase.DISCONNECTED, Illness.DISCONNECTED),
            (self.phase is Phase.CONNECTED, Illness.LOGGED_OUT),
            (self.phase is Phase.LOGGED_IN, Illness.FINDING_ROOMS),
            (bool(self.too_small()), Illness.TOO_FEW_ROOMS),
            (self.cooldown > 0, Illness.THROTTLED),
            (self.delay >= MAX_DELAY, Illness.LATE),
        )
        return next((illness for is_so, illness in signs if is_so), None)

    @property
    def is_well(self) -> bool:
        """Whether a bot runs, relays, and shows that it does."""
        return self.illness is None

    def too_small(self) -> list[str]:
        """Return the communities in which nothing can be relayed, for too few rooms take part."""
        return [prefix for prefix, rooms in self.communities.items() if rooms < MIN_ROOMS]


def delay(
    rooms: Iterable[RoomReport], communities: Mapping[str, str], pauses: Iterable[Pause], quiet_end: float, now: float
) -> float:
    """Return how many seconds the oldest delivery waits that nothing keeps but the bot; 0 when none does.

    What staff keeps back does not wait: a pause, or the quiet hours, which end, or ended last, at `quiet_end` (0
    without any). After it, time counts from its end: a night's messages are not late at the first minute of the
    morning. `communities`: those of the rooms, by id; a room of none is staff's, to which the bot speaks at any time.
    `pauses`: also those that are over.
    """
    ends = {one.community: now if one.until is None else min(one.until, now) for one in pauses}
    delays = [0.0]
    for room in rooms:
        if room.oldest_waiting is not None:
            community = communities.get(room.id)
            kept = (quiet_end, ends.get("", 0.0), ends.get(community, 0.0)) if community else (0.0,)
            delays.append(min(room.oldest_waiting, now - max(kept)))
    return max(delays)
