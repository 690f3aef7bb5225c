"""The bytes of pictures, as they come from a gateway: what is asked of it, and what never is."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import pytest

from roomsync import errors
from roomsync.gateway.downloads import HANDLE_TTL, MAX_HANDLES, Handles
from roomsync.gateway.puppet import GatewayPuppet
from roomsync.loopback.account import DownloadResponse
from roomsync.loopback.gateway import CHUNK, Call
from roomsync.model import Kind
from roomsync.session import Session
from tests.conftest import settings, until
from tests.scripted import Fault, ScriptedGateway, refused

PICTURE = bytes(range(256)) * 1000
LIMIT = 5_000_000


@pytest.fixture
async def puppet(gateway: ScriptedGateway) -> AsyncIterator[GatewayPuppet]:
    """A client that is connected to the gateway."""
    found = GatewayPuppet(settings(gateway), Session())
    await found.connect()
    yield found
    await found.disconnect()


async def box_of(gateway: ScriptedGateway, puppet: GatewayPuppet, content: str) -> str:
    """The file box of a picture that Alice says, as the bot gets it."""
    return await puppet.client.file(gateway.say("r101", "alice", kind="image", content=content), Kind.IMAGE)


async def test_a_handle_is_downloaded(gateway: ScriptedGateway, puppet: GatewayPuppet) -> None:
    """The bytes behind a handle that the gateway has just given come whole, by one call."""
    box = await box_of(gateway, puppet, gateway.keep_file(PICTURE))
    assert await puppet.client.download(box, LIMIT) == PICTURE
    assert await puppet.client.download(box, len(PICTURE)) == PICTURE
    assert gateway.calls.count("Download") == 2


async def test_what_a_box_carries_is_read_here(gateway: ScriptedGateway, puppet: GatewayPuppet) -> None:
    """The bytes that a file box carries are decoded, and nobody is asked for them."""
    box = json.dumps({"boxType": 1, "base64": base64.b64encode(PICTURE).decode(), "name": "a.png"})
    assert await puppet.client.download(box, len(PICTURE)) == PICTURE
    assert await puppet.client.download(box, len(PICTURE) - 3) == b""
    assert "Download" not in gateway.calls


@pytest.mark.parametrize(
    "box",
    [
        {"boxType": 2, "url": "http://127.0.0.1:9/a.png"},
        {"boxType": 2, "remoteUrl": "http://127.0.0.1:9/a.png", "size": 10},
        {"boxType": 3, "qrCode": "https://weixin.qq.com/g/A"},
        {"boxType": 7},
        {"boxType": 7, "uuid": 7},
        {"boxType": 1, "base64": ""},
        [],
        None,
    ],
)
async def test_no_address_is_fetched(gateway: ScriptedGateway, puppet: GatewayPuppet, box: object) -> None:
    """A file box that names an address, or nothing, has no bytes: no gateway is asked, and nothing failed."""
    assert await puppet.client.download(await box_of(gateway, puppet, json.dumps(box)), LIMIT) == b""
    assert "Download" not in gateway.calls


async def test_a_file_that_says_it_is_too_long_is_not_asked_for(
    gateway: ScriptedGateway, puppet: GatewayPuppet
) -> None:
    """A handle whose size is over the limit is left alone."""
    box = await box_of(gateway, puppet, gateway.keep_file(PICTURE))
    assert await puppet.client.download(box, len(PICTURE) - 1) == b""
    assert "Download" not in gateway.calls


class EndlessGateway(ScriptedGateway):
    """One whose files have no end."""

    ended = False

    async def _download(self, stream: Call) -> None:
        await stream.recv_message()
        try:
            while True:
                await stream.send_message(DownloadResponse(chunk=bytes(CHUNK)))
        finally:
            self.ended = True


async def test_a_file_that_does_not_end_is_stopped() -> None:
    """Where no size is said, no more is taken than shows that it is too much, and the gateway stops sending."""
    gateway = EndlessGateway()
    gateway.add_room("r101", "101")
    await gateway.start()
    puppet = GatewayPuppet(settings(gateway), Session())
    await puppet.connect()
    box = await box_of(gateway, puppet, json.dumps({"boxType": 7, "uuid": "a", "name": "a.png"}))
    assert await puppet.client.download(box, 3 * CHUNK) == b""
    await until(lambda: gateway.ended)
    await puppet.ping()
    await puppet.disconnect()
    await gateway.close()


async def test_only_what_was_given_is_asked_for(gateway: ScriptedGateway, puppet: GatewayPuppet) -> None:
    """A handle that the gateway did not give on this connection is not asked for: it would not outlive that."""
    never = gateway.keep_file(PICTURE)
    with pytest.raises(errors.HandleGone):
        await puppet.client.download(never, LIMIT)
    given = await box_of(gateway, puppet, gateway.keep_file(PICTURE))
    await puppet.disconnect()
    await until(lambda: not gateway.streams)
    await puppet.connect()
    with pytest.raises(errors.HandleGone):
        await puppet.client.download(given, LIMIT)
    assert "Download" not in gateway.calls


def test_handles_are_fresh_for_a_time() -> None:
    """A handle is fresh for HANDLE_TTL after it was given last, and as one of the last MAX_HANDLES."""
    now = [0.0]
    handles = Handles(lambda: now[0])
    handles.note('{"uuid": "a"}')
    now[0] = HANDLE_TTL - 1
    assert handles.is_fresh("a") and not handles.is_fresh("b")
    handles.note('{"uuid": "a"}')
    now[0] = HANDLE_TTL + 1
    assert handles.is_fresh("a")
    now[0] = 2 * HANDLE_TTL
    assert not handles.is_fresh("a")
    for number in [*range(MAX_HANDLES), 0, MAX_HANDLES]:
        handles.note(json.dumps({"uuid": str(number)}))
    assert handles.is_fresh("0") and handles.is_fresh("2") and not handles.is_fresh("1")


async def test_bytes_that_are_none(puppet: GatewayPuppet) -> None:
    """A file box whose bytes are not in base64 is an error of the gateway's."""
    for inline in ("a", "图片"):
        with pytest.raises(errors.Unreadable):
            await puppet.client.download(json.dumps({"boxType": 1, "base64": inline}), LIMIT)


async def test_what_the_gateway_answers_is_mapped(gateway: ScriptedGateway, puppet: GatewayPuppet) -> None:
    """An error of the gateway is one of ours, as with every call, and the next download works."""
    box = await box_of(gateway, puppet, gateway.keep_file(PICTURE))
    gateway.script("Download", Fault(refused("no such method")))
    with pytest.raises(errors.GatewayRefused, match="no such method"):
        await puppet.client.download(box, LIMIT)
    assert await puppet.client.download(box, LIMIT) == PICTURE


async def test_whoever_gives_up_leaves_nothing_behind(gateway: ScriptedGateway, puppet: GatewayPuppet) -> None:
    """A download that is given up is over, and the connection is as good as before."""
    box = await box_of(gateway, puppet, gateway.keep_file(PICTURE))
    gateway.script("Download", Fault(delay=60))
    download = asyncio.create_task(puppet.client.download(box, LIMIT))
    await gateway.until(lambda: "Download" in gateway.calls)
    download.cancel()
    with pytest.raises(asyncio.CancelledError):
        await download
    assert await puppet.client.download(box, LIMIT) == PICTURE
