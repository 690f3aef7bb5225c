"""Which alerts are due: the conditions, one of a kind in ten minutes, and one "recovered" after each."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomsync.alerts.conditions import AWAY_TIME, OUTAGE_TIME, SETTLE_TIME, Facts, conditions
from roomsync.alerts.watch import HAPPENINGS, INTERVAL, MAX_DETAILS, AlertKind, Due, Watch
from roomsync.alerts.wording import alert_of
from roomsync.model import MAX_DELAY
from roomsync.session import Phase

STANDING = [kind for kind in AlertKind if kind not in (*HAPPENINGS, AlertKind.TEST)]
KINDS = st.sampled_from(STANDING)
SEEN = st.dictionaries(KINDS, st.sampled_from([None, "text"]))
STEPS = st.lists(st.tuples(st.floats(0.0, 900.0), SEEN, st.sampled_from(HAPPENINGS) | st.none()), max_size=60)


def run(steps: list[tuple[float, dict[AlertKind, str | None], AlertKind | None]]) -> list[tuple[float, Due]]:
    """What becomes due, and when; each step has the seconds since the one before, what stands and what happened."""
    watch, now, found = Watch(), 1000.0, list[tuple[float, Due]]()
    for seconds, seen, happened in steps:
        now += seconds
        if happened:
            watch.happened(happened, "room")
        found += [(now, due) for due in watch.see(seen, now)]
    return found


@given(steps=STEPS)
def test_never_more_than_one_alert_of_a_kind_in_ten_minutes(
    steps: list[tuple[float, dict[AlertKind, str | None], AlertKind | None]],
) -> None:
    """Whatever stands and happens when: between two alerts of a kind are ten minutes."""
    for kind in AlertKind:
        times = [now for now, due in run(steps) if due.kind is kind and not due.recovered]
        assert all(later - earlier >= INTERVAL - 1e-6 for earlier, later in pairwise(times))


@given(steps=STEPS)
def test_each_alert_of_what_stands_gets_exactly_one_recovered(
    steps: list[tuple[float, dict[AlertKind, str | None], AlertKind | None]],
) -> None:
    """When all is over at the end, alert and recovered take turns, and there are as many; happenings get none."""
    over: dict[AlertKind, str | None] = dict.fromkeys(STANDING)
    due = [one for _, one in run([*steps, (0.0, over, None)])]
    for kind in STANDING:
        turns = [one.recovered for one in due if one.kind is kind]
        assert turns == [False, True] * (len(turns) // 2)
    assert not any(one.recovered for one in due if one.kind in HAPPENINGS)


@given(steps=STEPS)
def test_nothing_that_happens_is_lost(
    steps: list[tuple[float, dict[AlertKind, str | None], AlertKind | None]],
) -> None:
    """Ten minutes later every happening was counted by exactly one alert."""
    due = [one for _, one in run([*steps, (INTERVAL, {}, None)])]
    for kind in HAPPENINGS:
        counted = sum(one.count for one in due if one.kind is kind)
        assert counted == sum(happened is kind for _, _, happened in steps)


def test_what_came_again_is_counted_in_the_next_alert() -> None:
    """A gateway that was away three times in ten minutes is one alert, then one that says three times."""
    watch, away, back = Watch(), {AlertKind.GATEWAY: "away"}, {AlertKind.GATEWAY: None}
    assert watch.see(away, 0.0) == [Due(AlertKind.GATEWAY, "away", 1)]
    assert watch.see(back, 10.0) == [Due(AlertKind.GATEWAY, recovered=True)]
    for now in (20.0, 40.0):
        assert watch.see(away, now) == watch.see(back, now + 10.0) == []
    assert watch.see(away, 599.0) == []
    (due,) = watch.see(away, 600.0)
    assert due == Due(AlertKind.GATEWAY, "away", 3)
    assert alert_of(due, 0.0, "Milvus").text == "away\n3 times since the last alert of this kind."


def test_what_stands_on_is_told_once() -> None:
    """A night without login is one alert, not one in ten minutes."""
    watch = Watch()
    due = [one for now in range(0, 30_000, 10) for one in watch.see({AlertKind.LOGIN: "logged out"}, float(now))]
    assert due == [Due(AlertKind.LOGIN, "logged out", 1)]


def test_many_rooms_are_one_alert() -> None:
    """Of the rooms that it was taken out of some are named, and all counted."""
    watch = Watch()
    for number in range(MAX_DETAILS + 5):
        watch.happened(AlertKind.ROOM_LEFT, f"Milvus{number}")
    (due,) = watch.see({}, 0.0)
    text = alert_of(due, 0.0, "Milvus").text
    assert text.startswith("The bot is no longer in Milvus0, Milvus1, ") and " and 5 more; " in text


def of(facts: Facts) -> dict[AlertKind, str | None]:
    return conditions(facts)


@pytest.mark.parametrize("phase", [Phase.CONNECTED, Phase.LOGGED_IN])
def test_logged_out_stands_after_two_minutes(phase: Phase) -> None:
    """Who is not ready for two minutes, and connected for some seconds, is logged out, or its rooms are not found."""
    assert of(Facts(phase, AWAY_TIME, SETTLE_TIME))[AlertKind.LOGIN]
    assert AlertKind.LOGIN not in of(Facts(phase, AWAY_TIME - 1, SETTLE_TIME))
    assert AlertKind.LOGIN not in of(Facts(phase, AWAY_TIME, SETTLE_TIME - 1))
    assert of(Facts(Phase.READY))[AlertKind.LOGIN] is None


def test_the_link_of_the_qr_code_stands_in_the_alert() -> None:
    """Who is logged out and has a code to scan, reads where."""
    text = of(Facts(Phase.CONNECTED, 150.0, 60.0, "https://wechaty.js.org/qrcode/abc"))[AlertKind.LOGIN]
    assert text == (
        "The bot has not been able to relay for 2 min: WeChat is logged out.\n"
        "Scan this with the account's phone: https://wechaty.js.org/qrcode/abc"
    )


def test_a_gateway_that_comes_and_goes_is_away() -> None:
    """A gateway that never lets the bot be ready is away, also when no absence lasts two minutes."""
    assert of(Facts(Phase.DISCONNECTED, AWAY_TIME, 1.0))[AlertKind.GATEWAY]
    assert AlertKind.GATEWAY not in of(Facts(Phase.DISCONNECTED, AWAY_TIME - 1, AWAY_TIME - 1))
    assert of(Facts(Phase.CONNECTED, AWAY_TIME, 1.0))[AlertKind.GATEWAY] is None


def test_a_gateway_that_is_away_says_nothing_of_the_login() -> None:
    """A login that was missing is not recovered by a gateway that goes away, nor are late messages in time."""
    found = of(Facts(Phase.DISCONNECTED, 1.0, 1.0, delay=0.0))
    assert AlertKind.LOGIN not in found and AlertKind.DELAY not in found


@pytest.mark.parametrize(
    ("kind", "facts", "stands"),
    [
        (AlertKind.DELAY, Facts(Phase.READY, delay=MAX_DELAY + 1), True),
        (AlertKind.DELAY, Facts(Phase.READY, delay=MAX_DELAY), False),
        (AlertKind.THROTTLED, Facts(Phase.READY, cooldown=1.0), True),
        (AlertKind.THROTTLED, Facts(Phase.READY, cooldown=0.0), False),
        (AlertKind.VERIFY_CODE, Facts(Phase.CONNECTED, asks_code=True), True),
        (AlertKind.VERIFY_CODE, Facts(Phase.CONNECTED), False),
        (AlertKind.STATE_FILE, Facts(Phase.READY, outage=OUTAGE_TIME), True),
        (AlertKind.STATE_FILE, Facts(Phase.READY, outage=OUTAGE_TIME - 1), False),
    ],
)
def test_conditions_have_their_limits(kind: AlertKind, facts: Facts, stands: bool) -> None:
    """Each condition stands from its limit on, and not before."""
    assert bool(of(facts)[kind]) is stands


@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_has_its_words(kind: AlertKind) -> None:
    """Every kind has a title, and every one that can be over has one for that."""
    assert alert_of(Due(kind, "text"), 0.0, "Milvus").title.startswith("WeChat bot Milvus: ")
    if kind in STANDING:
        over = alert_of(Due(kind, recovered=True), 0.0, "Milvus")
        assert "recovered" in over.title and over.kind == f"{kind}_recovered"
