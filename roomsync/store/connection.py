"""The connection to the state file, which remembers for which rooms something waits that did not before."""

import sqlite3
from collections.abc import Iterable


class Connection(sqlite3.Connection):
    """A connection with news for who picks the next send, so that nobody has to look at all rooms for each.

    `news`: rooms for which something waits since they were taken, by the gateway's id; True where what stands first
    may have changed. None: any room may have news. Of what is rolled back there may be news all the same.
    """

    news: dict[str, bool] | None = None

    def note_waiting(self, room_ids: Iterable[str]) -> None:
        """Note that something waits for these rooms, behind what waits there already."""
        if self.news is not None:
            self.news.update({room_id: False for room_id in room_ids if room_id not in self.news})

    def note_first(self, room_ids: Iterable[str]) -> None:
        """Note that something waits for these rooms, which may stand first there."""
        if self.news is not None:
            self.news.update(dict.fromkeys(room_ids, True))

    def note_all(self) -> None:
        """Note that any room may have news."""
        self.news = None

    def take_news(self) -> dict[str, bool] | None:
        """Return the news, and forget them."""
        news, self.news = self.news, {}
        return news
