"""The bytes behind a handle, at either gateway: they come whole, and no gateway is asked for what it does not have."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from roomsync import errors
from roomsync.config.settings import Settings
from roomsync.gateway.connection import Connection
from roomsync.gateway.wire import DOWNLOAD, DownloadRequest, DownloadResponse
from roomsync.model import Kind
from tests.interop.bots import community
from tests.interop.gateway import GatewayExited, Media, RealGateway, Which

LIMIT = 5_000_000


def picture(size: int) -> Media:
    """Bytes of which no two stretches are alike."""
    return Media("a.png", random.Random(size).randbytes(size))


@asynccontextmanager
async def connected(gateway: RealGateway) -> AsyncIterator[Connection]:
    """A connection for calls alone, as the bot has it."""
    found = Connection(
        Settings.parse(
            {
                "WECHATY_PUPPET_SERVICE_TOKEN": gateway.token,
                "WECHATY_PUPPET_SERVICE_ENDPOINT": gateway.endpoint,
                "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "true",
            }
        )
    )
    await found.open()
    try:
        yield found
    finally:
        await found.disconnect()


async def box_of(gateway: RealGateway, connection: Connection, media: Media) -> str:
    """The file box of a picture that Alice says."""
    said = await gateway.say(talker="alice", room="@101", kind="image", file=media)
    return await connection.client.file(said, Kind.IMAGE)


async def test_pictures_come_byte_for_byte(which: Which) -> None:
    """A picture of any size that the bot looks at arrives as it was said, however soon it is asked for."""
    async with RealGateway(which) as gateway, connected(gateway) as connection:
        await community(gateway, ["101"])
        for size in (1, 1000, 20_000, 25_000, 70_000, 400_000, 1_000_000):
            media = picture(size)
            box = await box_of(gateway, connection, media)
            assert await connection.client.download(box, LIMIT) == media.content


async def test_many_at_the_same_time(which: Which) -> None:
    """Pictures that are asked for at the same time, each at once when its handle is there, all come whole."""
    async with RealGateway(which) as gateway, connected(gateway) as connection:
        await community(gateway, ["101"])

        async def fetch(media: Media) -> bool:
            box = await box_of(gateway, connection, media)
            return await connection.client.download(box, LIMIT) == media.content

        assert all(await asyncio.gather(*(fetch(picture(20_481 + number * 3000)) for number in range(40))))


async def test_more_than_the_limit_stops(which: Which) -> None:
    """A picture over the limit has no bytes: it is not asked for, or stopped where its size is not said."""
    async with RealGateway(which) as gateway, connected(gateway) as connection:
        await community(gateway, ["101"])
        box = await box_of(gateway, connection, picture(1_500_000))
        assert await connection.client.download(box, 1_499_999) == b""
        await gateway.sync()
        assert gateway.call_count("download") == 0
        fields = json.loads(box)
        del fields["size"]
        for _ in range(5):
            assert await connection.client.download(json.dumps(fields), 100_000) == b""
        assert await connection.client.download(box, LIMIT) == picture(1_500_000).content


async def test_a_handle_of_another_connection_is_not_asked_for(which: Which) -> None:
    """A handle that may be gone fails here, and the gateway lives on and gives new ones."""
    async with RealGateway(which) as gateway:
        await community(gateway, ["101"])
        async with connected(gateway) as connection:
            box = await box_of(gateway, connection, picture(50_000))
        await gateway.kill_handles()
        async with connected(gateway) as connection:
            with pytest.raises(errors.HandleGone):
                await connection.client.download(box, LIMIT)
            await gateway.sync()
            assert gateway.call_count("download") == 0
            again = await box_of(gateway, connection, picture(50_000))
            assert await connection.client.download(again, LIMIT) == picture(50_000).content


async def test_a_gateway_does_not_outlive_a_handle_that_is_gone(which: Which) -> None:
    """Why handles are asked for at once or not at all: a gateway that has lost the file ends. If not, tell us."""
    async with RealGateway(which) as gateway, connected(gateway) as connection:
        await community(gateway, ["101"])
        box = await box_of(gateway, connection, picture(50_000))
        await gateway.kill_handles()
        request = DownloadRequest(id=json.loads(box)["uuid"])
        chunks = connection.client.stub._unary_stream(DOWNLOAD, request, DownloadResponse)
        with pytest.raises(errors.AnswerLost):
            await connection.client.call(anext(chunks))
        with pytest.raises(GatewayExited, match="ENOENT"):
            await gateway.wait(lambda: False)
