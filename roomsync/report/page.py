"""The page of a report: its sentences, tables and pictures, in the operator's language, handed to the template.

No member's words, name or id is among the figures. Topics of rooms are made harmless, and Jinja2 escapes all texts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from roomsync.language import _, spoken
from roomsync.report import charts, words
from roomsync.report.figures import Figures, Tally
from roomsync.report.layout import Picture, Row, Section, Table, Tile
from roomsync.report.pictures import arrivals, delays
from roomsync.store.held import HeldState
from roomsync.text.characters import plain

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE_TAGS = {"zh": "zh-CN", "en": "en"}  # BCP 47, so that a browser takes a font for it


def page_of(figures: Figures, communities: Sequence[str]) -> str:
    """Return the page, which fetches nothing. `communities`: their prefixes."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    until = figures.until
    return environment.get_template("page.html").render(
        language=LANGUAGE_TAGS[spoken()],
        kind=_("Report of WeChat rooms"),
        title=" · ".join(plain(one) for one in communities),
        period=_("{since} to {until} ({zone})").format(
            since=words.moment(figures.since), until=words.moment(until), zone=words.zone(until)
        ),
        notes=_scope(figures),
        tiles=_tiles(figures) if figures.total.said or figures.total.arrived else [],
        sections=_sections(figures),
        foot=_("Made by the bot from its state file, without anybody's words or names."),
    )


def _scope(figures: Figures) -> list[str]:
    """Return which time the page is of, and whether there is anything in it."""
    notes = []
    if not (figures.total.said or figures.total.arrived):
        notes.append(_("Nothing was said in these rooms in this time, as far as the state file knows."))
    if figures.is_cut:
        days = len(figures.days)
        notes.append(_("The state file keeps more than the {days} days that are shown.").format(days=days))
    else:
        notes.append(_("These are the days that the state file keeps (RETENTION_DAYS), the first perhaps in part."))
    return notes


def _tiles(figures: Figures) -> list[Tile]:
    total = figures.total
    return [
        Tile(words.number(total.said), _("messages were said")),
        Tile(words.number(figures.speakers), _("members spoke")),
        Tile(words.number(total.arrived), _("deliveries arrived")),
        Tile(words.span(total.median), _("was the median delay")),
        Tile(words.span(total.worst), _("was the longest delay")),
        Tile(words.number(total.lost), _("deliveries were lost"), is_bad=total.lost > 0),
    ]


def _sections(figures: Figures) -> list[Section]:
    if not (figures.total.said or figures.total.arrived or figures.ends):
        return [_pauses(figures), _moderation(figures), _staff(figures)]
    return [
        _traffic(figures),
        _delay(figures),
        _by_day(figures),
        _rooms(figures),
        _kinds(figures),
        _failures(figures),
        _pauses(figures),
        _moderation(figures),
        _staff(figures),
    ]


def _traffic(figures: Figures) -> Section:
    title = _("Deliveries, hour by hour")
    legend = [("main", _("arrived")), ("bad", _("lost: failed or expired"))]
    note = _("A delivery is one text, picture, file or card for one room. A picture and the line above it are two.")
    return Section(title, [note], [Picture(title, arrivals(figures, title), legend)], is_wide=True)


def _delay(figures: Figures) -> Section:
    title = _("Delay, hour by hour")
    legend = [("main", _("median")), ("soft", _("up to the longest"))]
    note = _(
        "From when the bot had a message to when WeChat had it for the other room, in the hour in which it arrived. "
        "The scale is not even: each line is several times the one below it."
    )
    return Section(title, [note], [Picture(title, delays(figures, title), legend)], is_wide=True)


def _by_day(figures: Figures) -> Section:
    heads = (_("Day"), *_columns())
    most = max(tally.said for tally in figures.days.values())
    days = [
        Row(words.day(date), _values(tally), charts.share_of(tally.said, most)) for date, tally in figures.days.items()
    ]
    hours = Table((_("Hour"), *_columns()), _hour_rows(figures.hours), _("Every hour in which something happened"))
    return Section(_("Day by day"), tables=[Table(heads, days), hours], is_wide=True)


def _columns() -> tuple[str, ...]:
    return _("said"), _("arrived"), _("lost"), _("median delay"), _("longest delay")


def _values(tally: Tally) -> list[str]:
    counts = [words.number(count) for count in (tally.said, tally.arrived, tally.lost)]
    return [*counts, words.span(tally.median), words.span(tally.worst)]


def _hour_rows(hours: Mapping[int, Tally]) -> list[Row]:
    """Return a row for each hour with something in it; one that comes twice, as clocks are set back, says which."""
    names = {at: words.hour(at) for at in hours}
    given = list(names.values())
    return [
        Row(name if given.count(name) == 1 else f"{name} ({words.zone(at)})", _values(hours[at]))
        for at, name in names.items()
        if hours[at].said or hours[at].arrived or hours[at].lost
    ]


def _rooms(figures: Figures) -> Section:
    most = max((tally.said for tally in figures.rooms.values()), default=0)
    heads = (_("Room"), *_columns()[:4], _("waits now"))
    found = sorted(figures.rooms.items(), key=lambda one: (-one[1].said, figures.topics[one[0]]))
    rows = [
        Row(
            plain(figures.topics[key]) or _("A room without a name"),
            [*_values(tally)[:4], words.number(figures.waiting.get(key, 0))],
            charts.share_of(tally.said, most),
        )
        for key, tally in found
    ]
    note = _("Said in the room, and arrived there from the others.")
    return Section(_("Rooms"), [note], tables=[Table(heads, rows)], is_wide=True)


def _kinds(figures: Figures) -> Section:
    by_name: dict[str, int] = {}
    for kind, count in figures.kinds.items():
        by_name[words.kind(kind)] = by_name.get(words.kind(kind), 0) + count
    most, total = max(by_name.values(), default=0), figures.total.said
    rows = [
        Row(name, [words.number(count), f"{count / total:.0%}"], charts.share_of(count, most))
        for name, count in sorted(by_name.items(), key=lambda one: -one[1])
    ]
    heads = (_("Kind"), _("messages"), _("share"))
    notes = [] if rows else [_("Nothing was said.")]
    return Section(_("Kinds of messages"), notes, tables=[Table(heads, rows)] if rows else [])


def _failures(figures: Figures) -> Section:
    ends = sorted(figures.ends.items(), key=lambda one: -one[1])
    rows = [Row(words.end(*end), [words.number(count)]) for end, count in ends]
    rows += _counted(
        (
            _("Said, but relayed nowhere: a muted member, a room that only listens, or no other room"),
            figures.not_relayed,
        ),
        (_("Could not be read from the gateway"), figures.unreadable),
        (_("Messages taken back by their authors or by staff"), figures.recalls),
    )
    notes = [_("Why a send failed stands in the log of the bot.")] if figures.total.lost else []
    notes += [] if figures.ends else [_("Every delivery arrived that does not wait still.")]
    heads = (_("What became of it"), _("number"))
    return Section(_("What did not arrive, or was taken back"), notes, tables=[Table(heads, rows)] if rows else [])


def _pauses(figures: Figures) -> Section:
    pause, kept = figures.pause, _("The state file keeps the last one only: how many there were is in the bot's log.")
    if not pause.until:
        last = _("It asked for none, as far as the state file knows.")
    elif pause.until > figures.until:
        last = _("It says that the account sends too fast: nothing is sent until {until}.").format(
            until=words.moment(pause.until)
        )
    else:
        last = _("The last one was over at {until}; it took {length}.").format(
            until=words.moment(pause.until), length=words.span(pause.length)
        )
    return Section(_("Pauses that WeChat asked for"), [last, kept])


def _moderation(figures: Figures) -> Section:
    rows = _counted(*((words.held(state), figures.held[state]) for state in HeldState))
    notes = [] if rows else [_("The filter had no reasons against any message, or was off.")]
    heads = (_("Messages with reasons against them"), _("number"))
    return Section(_("What the filter held"), notes, tables=[Table(heads, rows)] if rows else [])


def _staff(figures: Figures) -> Section:
    decided = figures.decided
    rows = _counted(
        (_("Commands that changed something"), decided.commands),
        (_("Of them undone"), decided.undone),
        (_("Announcements"), decided.announcements),
        (_("Adverts taught or imported"), decided.adverts),
    )
    notes = [] if rows else [_("Staff did nothing that is on record.")]
    return Section(_("What staff did"), notes, tables=[Table((_("Done"), _("number")), rows)] if rows else [])


def _counted(*found: tuple[str, int]) -> list[Row]:
    """Return a row for each number that is not zero."""
    return [Row(name, [words.number(count)]) for name, count in found if count]
