"""The session: one place knows how far the bot has come, and tells who listens."""

import asyncio

import pytest

from roomsync.session import Cooldown, Phase, Session
from tests.conftest import until


def test_a_login_is_ready_when_its_rooms_are_found() -> None:
    """From the connection over the login to the rooms each step is a phase of its own; only the last one is ready."""
    session = Session()
    found = [(session.phase, session.is_ready)]
    for step in (session.connect, lambda: session.log_in("bot"), session.rooms_found):
        step()
        found.append((session.phase, session.is_ready))
    assert [phase for phase, _ in found] == [Phase.DISCONNECTED, Phase.CONNECTED, Phase.LOGGED_IN, Phase.READY]
    assert [is_ready for _, is_ready in found] == [False, False, False, True]
    assert session.account_id == "bot"


def ready() -> Session:
    session = Session()
    session.connect()
    session.log_in("bot")
    session.rooms_found()
    return session


@pytest.mark.parametrize(("end", "phase"), [("disconnect", Phase.DISCONNECTED), ("log_out", Phase.CONNECTED)])
def test_after_an_end_nothing_is_ready(end: str, phase: Phase) -> None:
    """After a logout, or the end of the connection, nobody is logged in, and rooms found late make nothing ready."""
    session = ready()
    getattr(session, end)()
    session.rooms_found()
    assert (session.phase, session.ends) == (phase, 1)


def test_whose_account_it_is_stays_known_until_a_logout() -> None:
    """What a connection told of is handled after its end, too: then it must be known who the bot is."""
    session = ready()
    session.disconnect()
    assert session.account_id == "bot"
    session.connect()
    session.log_out()
    assert session.account_id == ""


def test_a_login_ends_what_was_asked_for_it() -> None:
    """Who is logged in is asked for no code and no scan any more."""
    session = ready()
    session.log_out()
    session.verify_id, session.scan_link = "v1", "https://wechaty.js.org/qrcode/abc"
    session.log_in("bot")
    assert (session.verify_id, session.scan_link) == ("", "")


def test_a_login_that_is_told_again_interrupts_nothing() -> None:
    """The same account's login, told once more, leaves the session ready; another account's rooms are found first."""
    session = ready()
    session.log_in("bot")
    assert session.is_ready
    session.log_in("other")
    assert session.phase is Phase.LOGGED_IN


def test_a_pause_is_of_one_community_or_of_all() -> None:
    """A community is paused by its own pause or by that of all, each until it is over or taken back."""
    session = ready()
    session.pause("A", 10.0)
    assert [session.is_paused(one, 9.0) for one in "AB"] == [True, False]
    assert not session.is_paused("A", 10.0)
    session.pause()
    assert session.is_paused("B", 10.0)
    session.resume()
    assert session.paused_at(9.0) == ("A",)


def test_who_listens_hears_of_every_change() -> None:
    """Each change is told once, after it is made: a phase, a throttle, a pause."""
    session, heard = Session(), []
    session.listen(lambda: heard.append((session.phase, session.cooldown.length, bool(session.pauses))))
    session.connect()
    session.throttle(Cooldown(60.0, 60.0))
    session.pause()
    assert heard == [(Phase.CONNECTED, 0, False), (Phase.CONNECTED, 60, False), (Phase.CONNECTED, 60, True)]


async def test_waiting_ends_with_the_change_that_is_waited_for() -> None:
    """Who waits for the session to be ready goes on when it is, not at the changes before."""
    session = Session()
    waiting = asyncio.create_task(session.until(lambda: session.is_ready))
    for step in (session.connect, lambda: session.log_in("bot")):
        step()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    session.rooms_found()
    await until(waiting.done)
