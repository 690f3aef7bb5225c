"""Which room is staff's. Pure."""

from collections.abc import Collection
from typing import NamedTuple

from roomsync.language import _


class Found(NamedTuple):
    """The room where staff is heard, empty for none; and what is wrong, empty for nothing."""

    room_id: str
    problem: str


def choose_room(name: str, named: Collection[str], noted: str, *, is_gone: bool) -> Found:
    """Return which room is staff's.

    `named`: the rooms of the account that are called `name`; `noted`: the one that was staff's before, empty for none;
    `is_gone`: a login listed all rooms without it. Anybody can give a room that name: another one is not believed while
    the old one may be there, and of several none is.
    """
    others = set(named) - {noted}
    if noted and (not is_gone or not others):
        more = _(
            "Another room is called {name!r}, too; it is not the staff's, and nothing in it is obeyed. To "
            "move staff there give it another name, and set ADMIN_ROOM to that."
        ).format(name=name)
        return Found(noted, more if others else "")
    if len(others) > 1:
        return Found(
            "",
            _("{count} rooms are called {name!r}: staff is heard in none; rename all but one.").format(
                count=len(others), name=name
            ),
        )
    if not others:
        return Found(
            "", _("No room of the account is called {name!r}; staff is heard in private chats alone.").format(name=name)
        )
    return Found(next(iter(others)), "")
