"""What the bot must remember besides its deliveries: events not finished, topics of rooms, how it is doing."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping

from roomsync.model import Cooldown
from roomsync.statefile import StateFile


class Journal:
    """Remembers in the state file. Every method raises `StateFileError` when the file cannot be used."""

    def __init__(self, state: StateFile) -> None:
        self._state = state
        self._finished: list[str] = []

    def note(self, gateway_ids: Iterable[str], now: float) -> list[str]:
        """Commit that these message events came, before anything is asked about them; those of them that are new."""
        with self._state.transaction() as db:
            self._write_finished(db)
            new = []
            for gateway_id in gateway_ids:
                known = db.execute("SELECT 1 FROM messages WHERE gateway_id = ?", (gateway_id,)).fetchone()
                row = known or db.execute(
                    "INSERT INTO incoming (gateway_id, seen) VALUES (?, ?) ON CONFLICT DO NOTHING", (gateway_id, now)
                )
                if not known and row.rowcount:
                    new.append(gateway_id)
            return new

    def unfinished(self) -> list[str]:
        """The events that came and were not finished, in their order: those that a crash or an outage cut off."""
        with self._state.reading() as db:
            finished = set(self._finished)
            rows = db.execute("SELECT gateway_id FROM incoming WHERE failed = 0 ORDER BY id")
            return [gateway_id for (gateway_id,) in rows if gateway_id not in finished]

    def finish(self, gateway_id: str) -> None:
        """The event needs nothing more. Written with the next event: a crash before that only asks again."""
        self._finished.append(gateway_id)

    def fail(self, gateway_id: str) -> None:
        """The event is given up; it is counted in `--status`."""
        with self._state.transaction() as db:
            db.execute("UPDATE incoming SET failed = 1 WHERE gateway_id = ?", (gateway_id,))

    def _write_finished(self, db: sqlite3.Connection) -> None:
        """Inside a transaction."""
        db.executemany("DELETE FROM incoming WHERE gateway_id = ?", [(gateway_id,) for gateway_id in self._finished])
        self._finished.clear()

    def moved(self, topics: Mapping[str, str]) -> dict[str, str]:
        """Take note of all rooms with their topics as they are now; what waits follows a room to its new id.

        Some gateways give every room a new id at each login. A room that is gone and one that is new are the same
        when they alone have their topic; returns old id -> new id.
        """
        with self._state.transaction() as db:
            known = dict(db.execute("SELECT room_id, topic FROM rooms").fetchall())
            gone = Counter(topic for room_id, topic in known.items() if room_id not in topics)
            held = Counter(topics.values())
            new = {topic: room_id for room_id, topic in topics.items() if room_id not in known and held[topic] == 1}
            moves = {
                old: new[topic]
                for old, topic in known.items()
                if old not in topics and topic in new and gone[topic] == 1
            }
            for old, to in moves.items():
                # All of it: recalls and quotes of what was said before find their rooms, too.
                for table in ("deliveries", "sends", "spent", "messages"):
                    db.execute(f"UPDATE {table} SET room_id = ? WHERE room_id = ?", (to, old))
            forgotten = [(room_id,) for room_id in known if room_id not in topics]
            db.executemany(
                "DELETE FROM rooms WHERE room_id = ? AND room_id NOT IN (SELECT room_id FROM deliveries)", forgotten
            )
            db.executemany("INSERT OR REPLACE INTO rooms (room_id, topic) VALUES (?, ?)", topics.items())
            return moves

    def topics(self) -> dict[str, str]:
        """The rooms with the topics that were noted last."""
        with self._state.reading() as db:
            return dict(db.execute("SELECT room_id, topic FROM rooms").fetchall())

    def topic(self, room_id: str, topic: str) -> None:
        """Take note of one room's topic."""
        with self._state.transaction() as db:
            db.execute("INSERT OR REPLACE INTO rooms (room_id, topic) VALUES (?, ?)", (room_id, topic))

    def cool_down(self, cooldown: Cooldown) -> None:
        """Remember a pause of the account over a restart."""
        self.status(cooldown_until=str(cooldown.until), cooldown_length=str(cooldown.length))

    def cooldown(self) -> Cooldown:
        """The last pause of the account; one of length 0 when there was none."""
        with self._state.reading() as db:
            kept = dict(db.execute("SELECT key, value FROM status WHERE key LIKE 'cooldown_%'"))
        return Cooldown(float(kept.get("cooldown_until", 0)), float(kept.get("cooldown_length", 0)))

    def answered(self, room_id: str) -> float:
        """When the bot last said in that room what it is for; 0 when never."""
        with self._state.reading() as db:
            row = db.execute("SELECT value FROM status WHERE key = ?", (f"answered:{room_id}",)).fetchone()
            return float(row[0]) if row else 0.0

    def status(self, **values: str) -> None:
        """Take note of how the bot is doing, for `--status`."""
        with self._state.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO status (key, value) VALUES (?, ?)", values.items())
