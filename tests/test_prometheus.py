"""What is written for Prometheus, read with its own parser."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from roomsync.cli.health import Status
from roomsync.cli.prometheus import text_of
from roomsync.files import write_at_once
from roomsync.session import Phase
from roomsync.store.report import RoomReport

WELL = {
    "running": True, "connected": True, "logged_in": True, "phase": Phase.READY, "since": 1.0, "last_event": 2.5,
    "cooldown": 0.0, "verify_code": False, "silence": 3.0, "outage": None, "outage_ended_at": None, "unreadable": 4,
    "quiet_until": None, "paused": {"": None}, "modes": {}, "moderation": "hold", "held": {"held": 5},
    "failed_checks": 6, "communities": {}, "delay": 7.0, "rooms": [],
}  # fmt: skip


def room(id: str, topic: str) -> RoomReport:
    return RoomReport(id, topic, 1, 2, 3, 4, 5, None, None)


def samples(text: str) -> dict[tuple[str, ...], float]:
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type in ("gauge", "counter") for family in families)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_all_numbers_are_there() -> None:
    """Each number of the status has its metric, with what it means and its type; what is not known is left out."""
    found = samples(text_of(Status(**{**WELL, "rooms": [room("r1", "群1")]})))  # type: ignore[arg-type]
    assert {key: value for key, value in found.items() if key[0] != "roomsync_reason"} == {
        ("roomsync_well",): 1,
        ("roomsync_running",): 1,
        ("roomsync_connected",): 1,
        ("roomsync_logged_in",): 1,
        ("roomsync_throttled_seconds",): 0,
        ("roomsync_oldest_waiting_seconds",): 7,
        ("roomsync_verify_code_wanted",): 0,
        ("roomsync_quiet",): 0,
        ("roomsync_paused", ""): 1,
        ("roomsync_unreadable_messages",): 4,
        ("roomsync_silence_seconds",): 3,
        ("roomsync_last_event_timestamp_seconds",): 2.5,
        ("roomsync_held_messages", "held"): 5,
        ("roomsync_failed_checks_total",): 6,
        ("roomsync_room_left", "群1"): 0,
        ("roomsync_room_waiting", "群1"): 1,
        ("roomsync_room_deliveries_24h", "群1", "sent"): 2,
        ("roomsync_room_deliveries_24h", "群1", "failed"): 3,
        ("roomsync_room_deliveries_24h", "群1", "expired"): 4,
        ("roomsync_room_deliveries_24h", "群1", "cancelled"): 5,
    }


@pytest.mark.parametrize("topic", ['a"b', "a\\b", "a\\nb", 'x"} 1', "群 🎉", "a,b={c}"])
def test_any_topic_can_be_a_label(topic: str) -> None:
    """Whatever a room is called, its name comes back as it is, and breaks nothing."""
    found = samples(text_of(Status(**{**WELL, "rooms": [room("r1", topic)]})))  # type: ignore[arg-type]
    assert found["roomsync_room_waiting", topic] == 1


def test_rooms_of_one_name_are_told_apart() -> None:
    """Two rooms of one topic have their ids in their names: the exporter refuses a file that says a thing twice."""
    rooms = [room("r1", "群"), room("r2", "群"), room("r3", "群3")]
    lines = text_of(Status(**{**WELL, "rooms": rooms})).splitlines()  # type: ignore[arg-type]
    names = [line.rpartition(" ")[0] for line in lines]
    assert len(names) == len(set(names))
    assert 'roomsync_room_waiting{room="群 (r1)"}' in names and 'roomsync_room_waiting{room="群3"}' in names


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    """Where a folder has the name, the file of before and the folder stay, and no part lies about."""
    (tmp_path / "a.prom").mkdir()
    with pytest.raises(OSError):
        write_at_once(tmp_path / "a.prom", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]
