"""How a report writes times, numbers and kinds, in the operator's language."""

import time

from roomsync.language import _
from roomsync.model import Kind, Reason, State
from roomsync.report.hours import Date, date_of
from roomsync.store.held import HeldState

NOTHING = "–"


def span(seconds: float | None) -> str:
    """Return a length of time in short: `0.4 s`, `12 s`, `3 min`, `1.5 h`, `2.0 d`."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return _("{number} s").format(number=f"{seconds:.1f}")
    if seconds < 59.5:
        return _("{number} s").format(number=f"{seconds:.0f}")
    if seconds < 3570:
        return _("{number} min").format(number=f"{seconds / 60:.0f}")
    if seconds < 86400:
        return _("{number} h").format(number=f"{seconds / 3600:.1f}")
    return _("{number} d").format(number=f"{seconds / 86400:.1f}")


def length(seconds: float) -> str:
    """Return a round length of time: `1 s`, `10 min`."""
    for size, unit in ((86400, _("{number} d")), (3600, _("{number} h")), (60, _("{number} min"))):
        if seconds >= size:
            return unit.format(number=f"{seconds / size:.0f}")
    return _("{number} s").format(number=f"{seconds:.0f}")


def number(count: int) -> str:
    """Return a number with its thousands apart."""
    return f"{count:,}"


def weekday(date: Date) -> str:
    """Return the day of the week in short."""
    days = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    return days[time.strptime("{}-{}-{}".format(*date), "%Y-%m-%d").tm_wday]


def short_date(date: Date) -> str:
    """Return a date without its year, as short as it stands under a picture in any language: `11/24`."""
    return f"{date[1]}/{date[2]}"


def day(date: Date) -> str:
    """Return a date with its day of the week."""
    return _("{weekday} {month}/{day}").format(weekday=weekday(date), month=date[1], day=date[2])


def hour(at: float) -> str:
    """Return a local day and hour."""
    return _("{day} {clock}").format(day=day(date_of(at)), clock=time.strftime("%H:%M", time.localtime(at)))


def moment(at: float) -> str:
    """Return a local date and time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def zone(at: float) -> str:
    """Return the local distance from UTC."""
    sign, minutes = ("-", -1) if time.localtime(at).tm_gmtoff < 0 else ("+", 1)
    hours, rest = divmod(minutes * time.localtime(at).tm_gmtoff // 60, 60)
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def kind(name: str) -> str:
    """Return what a kind of message is called."""
    names = {
        Kind.TEXT: _("Text"),
        Kind.IMAGE: _("Picture"),
        Kind.URL: _("Link"),
        Kind.MINIPROGRAM: _("Mini-program"),
        Kind.FILE: _("File"),
        Kind.VIDEO: _("Video"),
        Kind.EMOTICON: _("Sticker"),
        Kind.AUDIO: _("Voice message"),
        Kind.CONTACT: _("Contact card"),
        Kind.CHAT_HISTORY: _("Chat history"),
        Kind.LOCATION: _("Place"),
        Kind.GROUP_NOTE: _("Group note"),
        Kind.TRANSFER: _("Transfer"),
        Kind.RED_ENVELOPE: _("Red envelope"),
        Kind.POST: _("Post"),
        Kind.CHANNEL: _("Channel"),
        Kind.CALL: _("Call"),
        Kind.NOTE: _("Note"),
        Kind.PRODUCT: _("Product"),
        Kind.ORDER: _("Order"),
    }
    return names.get(name, _("Other"))  # type: ignore[call-overload, no-any-return]


def end(state: State, reason: Reason | None) -> str:
    """Return how a delivery ended that was not sent."""
    if state is State.FAILED:
        return _("Failed: WeChat or the gateway refused it each time")
    if state is State.EXPIRED:
        return _("Expired: it had waited too long (RELAY_TTL_HOURS)")
    reasons = {
        Reason.RECALLED: _("Taken back: before it was sent, or out of the room again"),
        Reason.ROOM_LEFT: _("Cancelled: its room left the community, or the bot left the room"),
        Reason.ROOM_SHUT: _("Cancelled: staff let its room hear nothing"),
        Reason.UNDONE: _("Cancelled: staff undid it"),
        Reason.COUNTED: _("Counted: pictures of the quiet hours, told in one line"),
    }
    return reasons[reason] if reason else _("Cancelled")


def held(state: HeldState) -> str:
    """Return what became of a message for which the filter had reasons."""
    return {
        HeldState.HELD: _("Waits for staff"),
        HeldState.OBSERVED: _("Relayed, staff was told"),
        HeldState.RELEASED: _("Released by staff"),
        HeldState.ADVERT: _("Kept back by staff as an advert"),
        HeldState.EXPIRED: _("Expired: nobody decided in time"),
        HeldState.RECALLED: _("Taken back by its author"),
    }[state]
