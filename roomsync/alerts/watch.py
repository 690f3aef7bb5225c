"""Which alerts are due: one of a kind in ten minutes, and one "recovered" after it. Pure; the time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

INTERVAL = 600.0  # seconds between two alerts of a kind
MAX_DETAILS = 10  # names that one alert has


class AlertKind(StrEnum):
    """What an alert is about; the values are what its JSON calls it."""

    GATEWAY = "gateway"  # there is no connection to it
    LOGIN = "login"  # WeChat is logged out, or its rooms are not found
    VERIFY_CODE = "verify_code"
    THROTTLED = "throttled"
    DELAY = "delay"
    STATE_FILE = "state_file"
    ROOM_LEFT = "room_left"
    GIVEN_UP = "given_up"
    BREAKER = "breaker"
    TEST = "test"


HAPPENINGS = (AlertKind.ROOM_LEFT, AlertKind.GIVEN_UP, AlertKind.BREAKER)


@dataclass(frozen=True)
class Due:
    """An alert that is to be sent now. `count`: how often it was so since the last one of its kind.

    `text` says what stands, `details` what happened; `recovered`: what the last alert of the kind told of is over.
    """

    kind: AlertKind
    text: str = ""
    count: int = 1
    details: tuple[str, ...] = ()
    recovered: bool = False


@dataclass
class _Record:
    """What is known of a kind: when it was told last, whether it stands, and whether that was told."""

    told_at: float = float("-inf")
    stands: bool = False
    is_told: bool = False
    count: int = 0  # how often it came to stand, or happened, since it was told
    details: list[str] = field(default_factory=list)


class Watch:
    """Says which alerts are due. `now` is in seconds that never step."""

    def __init__(self) -> None:
        self._records: dict[AlertKind, _Record] = {kind: _Record() for kind in AlertKind}

    def happened(self, kind: AlertKind, detail: str = "", count: int = 1) -> None:
        """Note what is over as soon as it is so, and has no end that could be told."""
        record = self._records[kind]
        record.count += count
        if detail and len(record.details) < MAX_DETAILS:
            record.details.append(detail)

    def see(self, conditions: Mapping[AlertKind, str | None], now: float) -> list[Due]:
        """Return what is due now. `conditions`: what stands, with a text, and (None) what does not.

        A kind that is not there stays as it is: nobody can say now whether it stands.
        """
        due = []
        for kind, record in self._records.items():
            found = None
            if kind in HAPPENINGS:
                found = self._happenings(kind, record, now)
            elif kind in conditions:
                text = conditions[kind]
                found = self._end(kind, record) if text is None else self._stand(kind, record, text, now)
            due += [found] if found else []
        return due

    @staticmethod
    def _happenings(kind: AlertKind, record: _Record, now: float) -> Due | None:
        if not record.count or now < record.told_at + INTERVAL:
            return None
        found = Due(kind, count=record.count, details=tuple(record.details))
        record.told_at, record.count, record.details = now, 0, []
        return found

    @staticmethod
    def _stand(kind: AlertKind, record: _Record, text: str, now: float) -> Due | None:
        record.count += not record.stands
        record.stands = True
        if record.is_told or now < record.told_at + INTERVAL:
            return None
        found = Due(kind, text, record.count)
        record.told_at, record.is_told, record.count = now, True, 0
        return found

    @staticmethod
    def _end(kind: AlertKind, record: _Record) -> Due | None:
        was_told, record.stands, record.is_told = record.is_told, False, False
        return Due(kind, recovered=True) if was_told else None
