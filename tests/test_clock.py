"""The clock of the bot: no step of the machine's clock moves it."""

import pytest

from roomsync.clock import SteadyClock

DAY = 86400.0


class Machine:
    """A machine whose clock can be set, and time that passes on it."""

    def __init__(self) -> None:
        self.wall, self.since_boot = 1_000_000.0, 500.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.since_boot += seconds

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.since_boot)


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_step_of_the_machines_clock_is_none(step: float) -> None:
    """However the machine's clock is set, only what elapses counts; how far apart the two are is known."""
    machine = Machine()
    clock = machine.clock()
    machine.passes(10)
    machine.wall += step
    machine.passes(5)
    assert clock() == 1_000_015.0
    assert clock.ahead == -step


def test_a_small_difference_is_none() -> None:
    """What NTP moves bit by bit is no step."""
    machine = Machine()
    clock = machine.clock()
    machine.wall += 0.9
    assert clock.ahead == 0.0


def test_the_next_process_goes_on_where_the_last_was() -> None:
    """After a step and a restart the clock can go on from the time that the last process had."""
    machine = Machine()
    before = machine.clock()
    machine.wall -= DAY
    after = machine.clock()
    assert after() == before() - DAY
    after.go_on(before.ahead)
    assert after() == before()
