"""The supervisor: which failures are tried again, when, and what is called. The link is scripted by attempt."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from roomsync import errors
from roomsync.backoff import MAX_DELAY, backoff
from roomsync.gateway.supervisor import PING_INTERVAL, Supervisor
from roomsync.session import Session

ABSENCE = 60.0
RETRIED = [
    errors.GatewayError,
    errors.GatewayBusy,
    errors.GatewayLost,
    errors.AnswerLost,
    errors.AnswerLate,
    errors.GatewayRefused,
    errors.Throttled,
    errors.Unsendable,
]


class Script:
    """A link whose attempt number n does what `attempts[n]` says, and the sleep that its supervisor is given.

    An error: connecting raises it. A number: it connects, and answers so many pings, then raises GatewayLost.
    "end": it connects and the stream ends. Behind the last attempt the run is over.
    """

    endpoint = "127.0.0.1:8788"

    def __init__(self, *attempts: errors.GatewayError | int | str) -> None:
        self._attempts: Iterator[errors.GatewayError | int | str] = iter(attempts)
        self._now: errors.GatewayError | int | str = ""
        self.ping_error: errors.GatewayError = errors.GatewayLost("frozen")
        self.calls: list[str] = []
        self.slept: list[float] = []
        self.pings = 0
        self.session = Session()
        self.session.listen(self.on_change)

    async def connect(self) -> None:
        self.calls.append("connect")
        self._now = next(self._attempts, "over")
        if self._now == "over":
            raise asyncio.CancelledError
        if isinstance(self._now, errors.GatewayError):
            raise self._now
        self.pings = 0

    async def listen(self) -> None:
        if self._now != "end":
            try:
                await asyncio.Event().wait()
            finally:
                self.calls.append("deaf")

    async def ping(self) -> None:
        self.pings += 1
        if isinstance(self._now, int) and self.pings > self._now:
            raise self.ping_error

    async def disconnect(self) -> None:
        self.calls.append("disconnect")

    def on_change(self) -> None:
        self.calls.append("up" if self.session.is_connected else "down")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def run(self) -> list[str]:
        """What was called until the script was over."""
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(Supervisor(self, self.session, self.sleep).run(), 5)
        assert self.calls[-2:] == ["connect", "disconnect"]
        return self.calls[:-2]

    def delays(self) -> list[float]:
        """What was slept between attempts."""
        return [seconds for seconds in self.slept if seconds != PING_INTERVAL]


# Deciding.


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_delays_grow_from_one_second_to_sixty(chance: float) -> None:
    """Delays begin at 1 s (a fifth longer by chance), never shrink, and end at 60 s."""
    delays = list(islice(backoff(lambda: chance), 100))
    assert delays[0] == 1 + 0.2 * chance
    assert delays == sorted(delays)
    assert (max(delays), delays[-1]) == (MAX_DELAY, MAX_DELAY)


@pytest.mark.parametrize("rand", [lambda: 0.0, lambda: 1.0, iter([0.0] * 20 + [1.0] * 80).__next__])
def test_after_a_minute_the_next_attempt_is_near(rand: Callable[[], float]) -> None:
    """When the gateway was away for up to a minute, the delay in force is under 10 s, whatever chance does."""
    gone = 0.0
    for delay in backoff(rand):
        assert delay < 10
        gone += delay
        if gone > ABSENCE:
            break


def test_attempts_do_not_come_in_step() -> None:
    """Chance moves the delays: many bots do not come back in the same moment."""
    assert len({next(backoff()) for _ in range(20)}) > 1


# Connecting again.


@pytest.mark.parametrize("error", RETRIED)
async def test_a_failed_attempt_is_made_again(error: type[errors.GatewayError]) -> None:
    """An attempt that fails is followed by the next; the failed connection is closed, and nobody told that it stood."""
    script = Script(error("why"))
    assert await script.run() == ["connect", "disconnect"]
    assert len(script.slept) == 1


async def test_a_rejection_ends_it() -> None:
    """A wrong token ends the run with its reason, after closing the connection, without waiting."""
    script = Script(errors.GatewayLost("gone"), errors.GatewayRejected("wrong token"), "end")
    with pytest.raises(errors.GatewayRejected, match="wrong token"):
        await Supervisor(script, script.session, script.sleep).run()
    assert script.calls == ["connect", "disconnect"] * 2
    assert len(script.slept) == 1


async def test_a_stream_that_ends_is_opened_again() -> None:
    """After a clean end of the stream the bot is told, the connection closed, and the next attempt made."""
    assert await Script("end", "end").run() == ["connect", "up", "down", "disconnect"] * 2


async def test_a_failure_of_ours_is_not_hidden() -> None:
    """An error that is not the gateway's ends the run, the connection closed."""
    script = Script("end")

    def fail() -> None:
        if script.session.is_connected:
            raise ZeroDivisionError

    script.session.listen(fail)
    with pytest.raises(ZeroDivisionError):
        await Supervisor(script, script.session, script.sleep).run()
    assert script.calls == ["connect", "up", "down", "disconnect"]


async def test_delays_grow_while_it_fails() -> None:
    """From failure to failure the delay grows."""
    script = Script(*[errors.GatewayLost("gone")] * 20)
    await script.run()
    assert len(script.slept) == 20
    assert all(later > earlier for earlier, later in zip(script.slept, script.slept[5:], strict=False))


async def test_a_success_begins_the_delays_anew() -> None:
    """After a connection that stood the delay is the first again."""
    script = Script(*[errors.GatewayLost("gone")] * 20, "end", errors.GatewayLost("gone"))
    await script.run()
    assert script.delays()[19] > 2
    assert all(1 <= delay <= 1.4 for delay in script.delays()[20:])


async def test_it_never_gives_up() -> None:
    """After hundreds of failures it still tries, at least every minute."""
    script = Script(*[errors.GatewayLost("gone")] * 300)
    await script.run()
    assert len(script.slept) == 300
    assert max(script.slept) <= MAX_DELAY


# Watching.


async def test_a_gateway_that_answers_is_left_alone() -> None:
    """A connection is watched by a call every ten seconds; while it is answered, nothing else happens."""
    script = Script(50)
    assert await script.run() == ["connect", "up", "deaf", "down", "disconnect"]
    assert (script.slept.count(PING_INTERVAL), script.pings) == (51, 51)


@pytest.mark.parametrize("error", [errors.AnswerLate("frozen"), errors.GatewayLost("gone"), errors.AnswerLost("reset")])
async def test_a_gateway_that_does_not_answer_is_left(error: errors.GatewayError) -> None:
    """When the call is not answered, the stream is left although it never ended, and opened anew."""
    script = Script(0, 0)
    script.ping_error = error
    assert await script.run() == ["connect", "up", "deaf", "down", "disconnect"] * 2


async def test_a_refused_call_is_an_answer() -> None:
    """A gateway that refuses the call is there: the connection stays."""
    script = Script(0)
    script.ping_error = errors.GatewayRefused("unknown method")
    task = asyncio.create_task(Supervisor(script, script.session, script.sleep).run())
    while script.pings < 20:
        await asyncio.sleep(0)
    assert script.calls == ["connect", "up"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.calls == ["connect", "up", "deaf", "down", "disconnect"]


@pytest.mark.parametrize("error", [errors.GatewayRejected("wrong token"), errors.GatewayRejected("no TLS")])
async def test_a_rejection_after_a_good_connection_is_retried(error: errors.GatewayError) -> None:
    """Another certificate, token or protocol where a connection has stood is tried again like a lost one."""
    script = Script(3, error, error, "end")
    script.ping_error = error
    assert await script.run() == [
        *["connect", "up", "deaf", "down", "disconnect"],
        *["connect", "disconnect"] * 2,
        *["connect", "up", "down", "disconnect"],
    ]


async def test_a_good_connection_that_is_lost_is_made_again_at_once() -> None:
    """The first attempt after a connection that stood for a while comes within 0.2 s, those after it grow from 1 s."""
    now = iter(range(0, 1000, 10))
    script = Script("end", errors.GatewayLost("gone"), "end")
    with pytest.raises(asyncio.CancelledError):
        await Supervisor(script, script.session, script.sleep, lambda: float(next(now))).run()
    first, second, third = script.delays()
    assert first <= 0.2 and 1 <= second <= 1.2 and third <= 0.2


async def test_leaving_closes_the_connection() -> None:
    """Cancelled while it waits for the next attempt, or connected, it leaves no task and no connection behind."""
    script = Script(10**9)
    task = asyncio.create_task(Supervisor(script, script.session, script.sleep).run())
    while script.pings < 3:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert script.calls[-2:] == ["down", "disconnect"]
    assert {one.get_name() for one in asyncio.all_tasks()} & {"listen", "watchdog"} == set()
