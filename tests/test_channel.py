"""The ways to a gateway: plain, TLS with its name check, and discovery by token."""

import asyncio
import http.server
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from roomsync.config.settings import Settings
from roomsync.errors import GatewayBusy, GatewayLost, GatewayRejected
from roomsync.gateway.channel import MAX_CLOSED_CALLS, WECHATY_ROOT_CA, certificate_names, server_name
from roomsync.gateway.discovery import find_endpoint
from roomsync.gateway.puppet import GatewayPuppet
from roomsync.session import Session
from tests.conftest import PLAIN, settings
from tests.scripted import ScriptedGateway

TOKEN = "room-sync_0123"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def tls_gateway(authority: trustme.CA) -> AsyncIterator[ScriptedGateway]:
    """A gateway with a certificate for `room-sync`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("room-sync").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    gateway = ScriptedGateway(token=TOKEN)
    await gateway.start(context)
    yield gateway
    await gateway.close()


async def connect(found: Settings) -> None:
    puppet = GatewayPuppet(found, Session())
    try:
        await puppet.connect()
    finally:
        await puppet.disconnect()


async def test_what_comes_in_after_the_end_is_passed_over(gateway: ScriptedGateway) -> None:
    """Bytes that arrive on a connection that was closed, as on Windows, raise nothing."""
    puppet = GatewayPuppet(settings(gateway), Session())
    await puppet.connect()
    protocol = puppet.channel and puppet.channel._protocol
    assert protocol
    await puppet.disconnect()
    protocol.data_received(b"\0\0\0\4\0\0\0\0\0")  # a SETTINGS frame, empty


async def test_not_all_calls_are_remembered(gateway: ScriptedGateway) -> None:
    """However many calls a connection has had, it remembers the last MAX_CLOSED_CALLS alone."""
    puppet = GatewayPuppet(settings(gateway), Session())
    await puppet.connect()
    protocol = puppet.channel and puppet.channel._protocol
    assert protocol
    closed = protocol.connection._connection._closed_streams
    closed.update({number: None for number in range(10, 2 * MAX_CLOSED_CALLS)})
    await puppet.disconnect()
    assert len(closed) == MAX_CLOSED_CALLS


def tls(gateway: ScriptedGateway, authority: trustme.CA, **more: str) -> Settings:
    pem = authority.cert_pem.bytes().decode().replace("\n", "\\n")
    return settings(gateway, **{PLAIN: "false", "WECHATY_PUPPET_SERVICE_TLS_CA_CERT": pem, **more})


async def test_tls_with_a_ca_of_ones_own(tls_gateway: ScriptedGateway, authority: trustme.CA) -> None:
    """A gateway whose certificate fits the CA and the token's name is connected to."""
    await connect(tls(tls_gateway, authority))
    assert tls_gateway.calls == ["Event", "Start"]


async def test_tls_checks_the_name(tls_gateway: ScriptedGateway, authority: trustme.CA) -> None:
    """A certificate for another name is refused with both names, and the token is not shown to that gateway."""
    with pytest.raises(GatewayRejected, match=r"is for room-sync, not for other"):
        await connect(tls(tls_gateway, authority, WECHATY_PUPPET_SERVICE_TLS_SERVER_NAME="other"))
    assert tls_gateway.calls == []


async def test_tls_checks_the_authority(tls_gateway: ScriptedGateway) -> None:
    """A certificate that the ecosystem's CA did not sign is refused."""
    with pytest.raises(GatewayRejected, match="certificate does not fit"):
        await connect(settings(tls_gateway, **{PLAIN: "false"}))


async def test_tls_to_a_plain_gateway_is_explained(gateway: ScriptedGateway) -> None:
    """TLS to a plain gateway fails with the name of the setting that is wrong."""
    gateway.token = TOKEN
    with pytest.raises(GatewayRejected, match=PLAIN):
        await connect(settings(gateway, **{PLAIN: "false"}))


async def test_wrong_token_is_rejected_and_not_repeated(gateway: ScriptedGateway) -> None:
    """A gateway that refuses the token stops the bot; its answer, which quotes the token, is not passed on."""
    wrong = settings(gateway, WECHATY_PUPPET_SERVICE_TOKEN="wrong_secret")
    with pytest.raises(GatewayRejected, match="refuses the token") as caught:
        await connect(wrong)
    assert "wrong_secret" not in str(caught.value)


async def test_plain_to_a_tls_gateway_is_explained(tls_gateway: ScriptedGateway) -> None:
    """A plain connection to a gateway with TLS fails with the name of the setting that is wrong."""
    with pytest.raises(GatewayLost, match="if it speaks TLS, set WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT=false"):
        await connect(settings(tls_gateway))


async def test_unknown_host_is_explained(gateway: ScriptedGateway) -> None:
    """A host that does not exist is said to be so, without the system's number for it."""
    with pytest.raises(GatewayLost, match=r"nowhere\.invalid:8788 cannot be reached \(no host of that name is found\)"):
        await connect(settings(gateway, WECHATY_PUPPET_SERVICE_ENDPOINT="nowhere.invalid:8788"))


async def test_second_client_is_told_that_the_stream_is_taken(gateway: ScriptedGateway) -> None:
    """While one client holds the event stream, another gets GatewayBusy and does not call Start."""
    first = GatewayPuppet(settings(gateway), Session())
    await first.connect()
    try:
        with pytest.raises(GatewayBusy):
            await connect(settings(gateway))
        assert gateway.calls.count("Start") == 1
    finally:
        await first.disconnect()


async def test_refused_connection_is_lost_not_rejected(gateway: ScriptedGateway) -> None:
    """Where nobody listens the error is one that is worth retrying."""
    await gateway.close()
    with pytest.raises(GatewayLost, match="cannot be reached"):
        await connect(settings(gateway))


def test_names_of_a_certificate() -> None:
    """The DNS names count; where there are none, the common name, as in the ecosystem's own certificate."""
    subject = ((("countryName", "US"),), (("commonName", "insecure"),))
    assert certificate_names({"subject": subject}) == ["insecure"]
    assert certificate_names({"subject": subject, "subjectAltName": (("DNS", "a"), ("IP Address", "1"))}) == ["a"]


@pytest.mark.parametrize(
    ("token", "name"), [("insecure_1-2", "insecure"), ("puppet_WorkPro_1", "puppet_workpro"), ("bare", "")]
)
def test_name_comes_from_the_token(token: str, name: str) -> None:
    """The name is the token's part before its last underscore, in small letters."""
    values = {"WECHATY_PUPPET_SERVICE_TOKEN": token, PLAIN: "true"}
    assert server_name(Settings.parse(values)) == name


def test_built_in_ca_is_a_certificate_that_lasts() -> None:
    """The built-in root certificate loads, and is the one that is valid to August 2031."""
    context = ssl.create_default_context(cadata=WECHATY_ROOT_CA)
    found: Any = [c for c in context.get_ca_certs() if "wechaty-root-ca" in str(c)]
    assert found[0]["notAfter"] == "Aug  7 15:48:52 2031 GMT"


class _Discovery(http.server.BaseHTTPRequestHandler):
    answer: tuple[int, Any] = (200, {})
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps(self.answer[1]).encode()
        self.send_response(self.answer[0])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def discovery(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[type[_Discovery], Settings]]:
    """A discovery service over HTTPS, and settings that ask it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    handler = type("Handler", (_Discovery,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    values = {
        "WECHATY_PUPPET_SERVICE_TOKEN": TOKEN,
        "WECHATY_PUPPET_SERVICE_AUTHORITY": f"localhost:{server.server_port}",
        PLAIN: "true",
    }
    yield handler, Settings.parse(values)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "answer",
    [{"host": "10.0.0.7", "port": 8788}, {"ip": "10.0.0.7", "port": "8788"}, {"host": "10.0.0.7", "port": 8788}],
)
async def test_discovery_gives_the_endpoint(
    discovery: tuple[type[_Discovery], Settings], answer: dict[str, Any]
) -> None:
    """The service is asked for the token's gateway, and its answer, of either form, is the endpoint."""
    handler, found = discovery
    handler.answer = (200, answer)
    assert await find_endpoint(found) == "10.0.0.7:8788"
    assert handler.asked == [f"/v0/hosties/{TOKEN}"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((200, {"host": "0.0.0.0", "ip": "0.0.0.0", "port": 0}), "set WECHATY_PUPPET_SERVICE_AUTHORITY"),
        ((200, {"ip": "0.0.0.0"}), "set WECHATY_PUPPET_SERVICE_AUTHORITY"),
        ((200, {"host": "0.0.0.0", "port": 8788}), "set WECHATY_PUPPET_SERVICE_AUTHORITY"),
        ((404, {}), "knows no gateway for this token"),
        ((500, {}), "no usable answer"),
        ((200, ["what"]), "no usable answer"),
        ((200, {"host": "a b", "port": 1}), "no usable answer"),
        ((200, {"host": "a", "port": 99999}), "no usable answer"),
    ],
)
async def test_discovery_without_a_gateway_is_explained(
    discovery: tuple[type[_Discovery], Settings], answer: tuple[int, Any], sentence: str
) -> None:
    """Every other answer is one sentence without the token, and worth asking again."""
    handler, found = discovery
    handler.answer = answer
    with pytest.raises(GatewayLost, match=sentence) as caught:
        await find_endpoint(found)
    assert TOKEN not in str(caught.value)


async def test_discovery_that_does_not_answer_is_explained() -> None:
    """A service that cannot be reached is one sentence without the token."""
    values = {"WECHATY_PUPPET_SERVICE_TOKEN": TOKEN, "WECHATY_PUPPET_SERVICE_AUTHORITY": "127.0.0.1:1", PLAIN: "true"}
    with pytest.raises(GatewayLost, match=r"does not answer .*set WECHATY_PUPPET_SERVICE_ENDPOINT") as caught:
        await find_endpoint(Settings.parse(values))
    assert TOKEN not in str(caught.value)


async def test_discovery_does_not_block_the_loop(discovery: tuple[type[_Discovery], Settings]) -> None:
    """While the service is asked, other tasks run."""
    handler, found = discovery
    handler.answer = (200, {"host": "10.0.0.7", "port": 8788})
    turns = 0
    asking = asyncio.create_task(find_endpoint(found))
    while not asking.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 2
