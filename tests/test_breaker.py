"""The circuit breaker: at which share of held messages it stops the filter, and at which it does not yet."""

import pytest

from roomsync.moderation.breaker import WINDOW, Breaker

NOW = 1_000_000.0


def of(number: int) -> str:
    """Whose a held message is: one of three members."""
    return f"member {number % 3}"


def judged(breaker: Breaker, held: int, passed: int, now: float = NOW) -> list[bool]:
    """What it answers to so many messages, those that are held last."""
    return [breaker.note(of(number) if number >= passed else None, now) for number in range(held + passed)]


@pytest.mark.parametrize(
    ("held", "passed", "stops"),
    [(29, 0, False), (30, 0, True), (10, 20, False), (11, 19, True), (9, 20, False), (11, 22, False), (12, 22, True)],
)
def test_more_than_a_third_of_thirty(held: int, passed: int, stops: bool) -> None:
    """It stops the filter at thirty messages or more of which more than a third were held, and never before."""
    assert judged(Breaker(), held, passed) == [False] * (held + passed - 1) + [stops]


def test_just_a_third_is_not_too_much() -> None:
    """A third of any number of messages is not more than a third; one message more is."""
    breaker = Breaker()
    assert not any(breaker.note(of(number // 3) if number % 3 == 2 else None, NOW) for number in range(1500))
    assert breaker.note(of(0), NOW)


def test_what_is_ten_minutes_old_is_forgotten() -> None:
    """Messages count for ten minutes, held ones and others."""
    breaker = Breaker()
    judged(breaker, 20, 9)
    assert not breaker.note(of(0), NOW + WINDOW)
    breaker = Breaker()
    judged(breaker, 20, 9)
    assert breaker.note(of(0), NOW + WINDOW - 0.001)


def test_it_begins_anew() -> None:
    """After a reset nothing is known of what was before."""
    breaker = Breaker()
    assert judged(breaker, 30, 0)[-1]
    breaker.reset()
    assert not any(judged(breaker, 29, 0))
    assert breaker.note(of(0), NOW)


def test_few_members_do_not_stop_the_filter() -> None:
    """What is held of two members alone stops nothing, however much it is; the third one does."""
    breaker = Breaker()
    assert not any(breaker.note(f"member {number % 2}", NOW) for number in range(500))
    assert breaker.note("another", NOW)
