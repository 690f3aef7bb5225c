"""`python bot.py --status`: how the bot is doing, read from its state file, also while it runs."""

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

from roomsync.statefile import is_held, read_only

DAY = 86400.0
ROOMS = """
SELECT d.room_id, coalesce(r.topic, d.room_id),
    sum(d.state IN ('waiting', 'sending')),
    sum(d.state = 'sent' AND d.changed >= :since),
    sum(d.state = 'failed' AND d.changed >= :since),
    sum(d.state = 'expired' AND d.changed >= :since),
    sum(d.state = 'cancelled' AND d.changed >= :since),
    min(CASE WHEN d.state IN ('waiting', 'sending') THEN m.accepted END)
FROM deliveries AS d JOIN messages AS m ON m.id = d.message_id LEFT JOIN rooms AS r ON r.room_id = d.room_id
WHERE d.changed >= :since OR d.state IN ('waiting', 'sending') GROUP BY d.room_id ORDER BY 2
"""
LAST_ERROR = """
SELECT error FROM deliveries WHERE room_id = ? AND changed >= ? AND error IS NOT NULL AND state <> 'cancelled'
ORDER BY changed DESC LIMIT 1
"""


def read_status(path: Path, now: float) -> dict[str, Any]:
    """The status as plain values; times in seconds since the epoch, ages in seconds. Raises `StateFileError`."""
    running = path.exists() and is_held(path)
    with read_only(path) as db:
        kept: dict[str, str] = dict(db.execute("SELECT key, value FROM status"))
        (unreadable,) = db.execute(
            "SELECT count(*) FROM incoming WHERE failed = 1 AND seen >= ?", (now - DAY,)
        ).fetchone()
        return {
            "running": running,
            "connected": running and kept.get("connected") == "1",
            "logged_in": running and kept.get("connected") == "1" and kept.get("logged_in") == "1",
            "since": float(kept["since"]) if "since" in kept else None,
            "last_event": float(kept["last_event"]) if "last_event" in kept else None,
            "cooldown": max(0.0, float(kept.get("cooldown_until", 0)) - now),
            "unreadable": unreadable,
            "rooms": _rooms(db, now),
        }


def _rooms(db: sqlite3.Connection, now: float) -> list[dict[str, Any]]:
    names = ("id", "topic", "waiting", "sent", "failed", "expired", "cancelled")
    rooms = []
    for *values, oldest in db.execute(ROOMS, {"since": now - DAY}).fetchall():
        error = db.execute(LAST_ERROR, (values[0], now - DAY)).fetchone()
        room = dict(zip(names, values, strict=True))
        rooms.append({**room, "oldest_waiting": oldest and now - oldest, "last_error": error and error[0]})
    return rooms


def show_status(path: Path, as_json: bool) -> int:
    """Print the status; 0 when a bot is running on that file, connected and logged in, else 1."""
    now = time.time()
    found = read_status(path, now)
    print(json.dumps(found, ensure_ascii=False, indent=2) if as_json else "\n".join(_lines(found, now)))  # noqa: T201
    return 0 if found["logged_in"] else 1


def _lines(found: dict[str, Any], now: float) -> list[str]:
    if not found["running"]:
        state = "not running"
    elif not found["connected"]:
        state = "running, not connected to the gateway"
    else:
        state = "connected" if found["logged_in"] else "connected to the gateway, but WeChat is not logged in"
    if found["running"] and found["since"]:
        state += f" for {_age(now - found['since'])}"
    last = f"last event {_age(now - found['last_event'])} ago" if found["last_event"] else "no event yet"
    lines = [f"{state}; {last}"]
    if found["cooldown"]:
        lines.append(f"WeChat says that the account sends too fast: nothing is sent for {_age(found['cooldown'])}")
    if found["unreadable"]:
        lines.append(f"{found['unreadable']} messages of the last 24 h could not be read from the gateway")
    if found["rooms"]:
        lines.append(f"{'waiting':>8}{'sent':>8}{'failed':>8}{'expired':>8}{'cancelled':>11}  room (last 24 h)")
    for room in found["rooms"]:
        numbers = f"{room['waiting']:>8}{room['sent']:>8}{room['failed']:>8}{room['expired']:>8}{room['cancelled']:>11}"
        oldest = f"; oldest waits for {_age(room['oldest_waiting'])}" if room["oldest_waiting"] else ""
        error = f"; last error: {room['last_error'].splitlines()[0][:80]}" if room["last_error"] else ""
        lines.append(f"{numbers}  {room['topic']}{oldest}{error}")
    return lines


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0.0, seconds))} s"
