"""Gateways that are odd: one that never takes pictures, one with another certificate, one with a monstrous card."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import trustme

from tests.chaos.scene import OTHERS, Scene, at_proxy, check_all, heard, standing
from tests.interop.gateway import Media, RealGateway, TlsCertificate
from tests.together import figures

PICTURE = Media("cat.png", bytes(range(256)) * 8)
NOT_RELAYED = "[图片] 未能转发，仅原群可见"
LIMIT = 15.0  # seconds that a refused picture may hold up its room
DEPTH = 3000


async def refused_pictures(state_file: Path, count: int) -> str:
    """Pictures that the gateway never takes, and a text behind them; return the figures."""
    async with standing(state_file) as scene:
        await scene.gateway.rule("refuse", kind="file", error="HTTP 404")
        since = time.monotonic()
        for _ in range(count):
            await scene.gateway.say(talker="alice", room="@101", kind="image", file=PICTURE)
        said = await scene.say(["behind"])
        await scene.arrived(said, limit=LIMIT * count)
        took = time.monotonic() - since
        check_all(scene.gateway, said, allowed=count)  # a picture that was passed has its caption once more
        gateway = scene.gateway
        await gateway.wait(lambda: all(heard(gateway, room).count(NOT_RELAYED) == count for room in OTHERS), LIMIT)
        scene.assert_alive()
        return f"{count} pictures, {len(scene.gateway.refused)} refusals: the text arrived after {took:.1f} s"


async def test_pictures_that_are_always_refused(tmp_path: Path) -> None:
    """A text behind a picture that is never taken is there within 15 s, and a line stands in the picture's place."""
    # Two bots, each at a gateway of its own, at the same time: they do nothing but wait.
    cases = [refused_pictures(tmp_path / f"{count}.db", count) for count in (1, 2)]
    for outcome in await asyncio.gather(*cases, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        figures(outcome)


async def strange_for_a_while(scene: Scene, strange: RealGateway) -> None:
    """Another gateway stands in the place of the good one for 4 s; the bot finds back, and lost nothing."""
    proxy = scene.proxy
    said = await scene.say(["before"])
    await scene.arrived(said)
    good, proxy.target, accepted, seen = proxy.target, strange.endpoint, proxy.accepted, scene.logins
    proxy.reset()
    await asyncio.sleep(4)
    scene.assert_alive()
    attempts = proxy.accepted - accepted
    assert attempts and not strange.called
    proxy.target = good
    await scene.online_again(seen)
    said += await scene.say(["after"])
    await scene.arrived(said)
    repeated = check_all(scene.gateway, said, allowed=1)  # its answer may have been on the way when the line broke
    scene.assert_alive()
    figures(f"{attempts} attempts met the strange gateway, which got no call: 0 lost, {repeated} sends repeated")


async def test_another_certificate_for_a_while(tmp_path: Path) -> None:
    """A gateway whose certificate does not fit, in the place of a good one for 4 s, costs the bot nothing."""
    issued = trustme.CA().issue_cert("insecure")
    own = TlsCertificate(issued.cert_chain_pems[0].bytes().decode(), issued.private_key_pem.bytes().decode())
    env = {"WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT": "false"}
    async with (
        RealGateway(tls=own) as strange,
        RealGateway(tls=True) as gateway,
        at_proxy(gateway, tmp_path / "s.db", **env) as scene,
    ):
        await strange_for_a_while(scene, strange)


async def test_token_refused_for_a_while(tmp_path: Path) -> None:
    """A gateway that refuses the token, in the place of one that took it, for 4 s costs the bot nothing.

    One flipped bit in the token is enough for that answer.
    """
    async with RealGateway(token="insecure_other") as strange, standing(tmp_path / "s.db") as scene:
        await strange_for_a_while(scene, strange)


async def test_card_nested_three_thousand_deep(tmp_path: Path) -> None:
    """A card with JSON nested 3,000 deep neither ends the bot nor keeps the text behind it away."""
    nested = "[" * DEPTH + "]" * DEPTH
    card = json.dumps({"url": "https://example.org", "title": "Title", "extra": None}).replace("null", nested)
    async with standing(tmp_path / "s.db") as scene:
        await scene.gateway.say(talker="alice", room="@101", kind="url", payload_json=card)
        said = await scene.say(["behind"])
        await scene.arrived(said)
        check_all(scene.gateway, said)
        scene.assert_alive()
        kinds = [sent.kind for sent in scene.gateway.sent if sent.room == "@102"]
    figures(f"sends to a room: {kinds}")
