"""The status as Prometheus reads it: for the textfile collector of the node exporter.

The format is https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4. Written by hand: the package
prometheus-client keeps numbers in a process that is asked for them; here they are read once, and it would be one more
package to run the bot. The tests read what is written with its parser.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from roomsync.cli.health import Illness, Status
from roomsync.store.report import RoomReport
from roomsync.text.characters import harmless

Sample = tuple[Mapping[str, str], float]
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})  # in the value of a label


def text_of(status: Status | None) -> str:
    """Return the status in Prometheus' text format; None: there is no state file that can be read."""
    reason = status.illness if status else Illness.NOT_RUNNING
    text = _metric("well", "Whether the bot runs, relays, and keeps up.", [({}, reason is None)])
    text += _metric(
        "reason",
        "Why it does not: 1 for the first reason.",
        [({"reason": str(one)}, one is reason) for one in Illness],
    )
    if status is None:
        return text + _metric("running", "Whether a bot runs on the state file.", [({}, 0)])
    return text + _of_connection(status) + _of_moderation(status) + _of_rooms(status)


def _of_connection(status: Status) -> str:
    metrics = [
        _metric("running", "Whether a bot runs on the state file.", [({}, status.running)]),
        _metric("connected", "Whether it is connected to the gateway.", [({}, status.connected)]),
        _metric("logged_in", "Whether WeChat is logged in and the rooms are found.", [({}, status.logged_in)]),
        _metric("throttled_seconds", "How long nothing is sent, for WeChat says too fast.", [({}, status.cooldown)]),
        _metric("oldest_waiting_seconds", "How long the oldest delivery waits that may go.", [({}, status.delay)]),
        _metric("verify_code_wanted", "Whether WeChat asks for a verify code.", [({}, status.verify_code)]),
        _metric("quiet", "Whether it is in its quiet hours.", [({}, status.quiet_until is not None)]),
        _metric(
            "paused",
            "Communities that staff paused; the empty one stands for all.",
            [({"community": one}, 1) for one in status.paused],
        ),
        _metric("unreadable_messages", "Messages of 24 h that the gateway never gave.", [({}, status.unreadable)]),
    ]
    if status.silence is not None:
        metrics.append(_metric("silence_seconds", "Since it wrote its state file.", [({}, status.silence)]))
    if status.last_event is not None:
        told = "When the last event came, since the epoch."
        metrics.append(_metric("last_event_timestamp_seconds", told, [({}, status.last_event)]))
    return "".join(metrics)


def _of_moderation(status: Status) -> str:
    held = [({"state": state}, count) for state, count in status.held.items()]
    return _metric("held_messages", "Messages with reasons: held ones, and the others of 24 h.", held) + _metric(
        "failed_checks_total", "Checks that failed or were slow.", [({}, status.failed_checks)], "counter"
    )


def _of_rooms(status: Status) -> str:
    names = _names(status.rooms)
    sizes = [({"community": prefix}, count) for prefix, count in status.communities.items()]
    left = [({"room": names[room.id]}, room.left) for room in status.rooms]
    waiting = [({"room": names[room.id]}, room.waiting) for room in status.rooms]
    settled = [
        ({"room": names[room.id], "state": state}, float(getattr(room, state)))
        for room in status.rooms
        for state in ("sent", "failed", "expired", "cancelled")
    ]
    return (
        _metric("community_rooms", "Rooms that take part in the community.", sizes)
        + _metric("room_left", "Whether the bot is no longer in the room.", left)
        + _metric("room_waiting", "Deliveries that wait for the room.", waiting)
        + _metric("room_deliveries_24h", "What became of the deliveries to the room in 24 h.", settled)
    )


def _names(rooms: Iterable[RoomReport]) -> dict[str, str]:
    """Return what each room is called, by its id: its topic, which stays; with the id where several have that."""
    topics = {room.id: harmless(room.topic) for room in rooms}
    counts = Counter(topics.values())
    return {one: topic if counts[topic] == 1 else f"{topic} ({harmless(one)})" for one, topic in topics.items()}


def _metric(name: str, meaning: str, samples: Iterable[Sample], kind: str = "gauge") -> str:
    """Return a metric with its samples; without any it is left out."""
    name = f"roomsync_{name}"
    lines = [f"{name}{_labels(labels)} {float(value)!r}\n" for labels, value in samples]
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n{''.join(lines)}" if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    shown = ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())
    return f"{{{shown}}}" if shown else ""
