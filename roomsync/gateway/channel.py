"""A gRPC channel to a gateway, plain or TLS."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grpclib.client import Channel, Handler
from grpclib.config import Configuration
from grpclib.events import SendRequest, listen
from grpclib.protocol import H2Protocol
from h2.connection import H2Connection

from roomsync.config.settings import Settings
from roomsync.errors import GatewayRejected
from roomsync.language import _
from roomsync.text.characters import harmless

CONNECT_TIMEOUT = 10.0
# Bytes that may be under way unread. An event stream that is not read, because the disk is full, must not use up what
# the answers to calls need on the same connection.
STREAM_WINDOW = 4 * 2**20
CONNECTION_WINDOW = 16 * 2**20
# Calls that are over of which h2 remembers how they ended, so that what comes late of one is passed over: more than a
# full backlog of events makes in one go. Its own 65,536 grow to 8 MB.
MAX_CLOSED_CALLS = 16_384
H2Connection.MAX_CLOSED_STREAMS = MAX_CLOSED_CALLS
# The ecosystem's root certificate, from npm `wechaty-puppet-service` (src/auth/ca.ts), valid to 2031-08-07. The key of
# the server certificate that it signed is public, too: it keeps no secret and proves no identity. A gateway reached
# over the internet needs a CA of one's own (WECHATY_PUPPET_SERVICE_TLS_CA_CERT).
WECHATY_ROOT_CA = Path(__file__).with_name("wechaty_root_ca.pem").read_text(encoding="ascii")


def server_name(settings: Settings) -> str:
    """Return the name that the gateway's certificate must carry: the setting, else the token's before its last `_`.

    The rule is the one of npm `wechaty-token` (`insecure_<uuid>` -> `insecure`).
    """
    return settings.tls_server_name or settings.token.rpartition("_")[0].lower()


def open_channel(settings: Settings, endpoint: str) -> Channel:
    """Return a channel to the gateway; it connects with its first call. Every call carries the token."""
    host, _, port = endpoint.rpartition(":")
    tls, name = (None, None) if settings.no_tls else (_context(settings), server_name(settings))
    config = Configuration(
        ssl_target_name_override=name,
        http2_connection_window_size=CONNECTION_WINDOW,
        http2_stream_window_size=STREAM_WINDOW,
    )
    channel = _Channel(host.strip("[]"), int(port), ssl=tls, config=config)
    # Plain gateways before 0.68 know the token by the HTTP/2 authority, newer ones by the metadata.
    channel._authority = settings.token

    async def add_token(event: SendRequest) -> None:
        event.metadata["authorization"] = f"Wechaty {settings.token}"

    listen(channel, SendRequest, add_token)
    return channel


def _context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=settings.tls_ca_cert or WECHATY_ROOT_CA)
    context.set_alpn_protocols(["h2"])
    # The default server certificate has a common name and no alternative names, which Python's own check does not
    # read: _Channel checks the name. Its CA has no key usage, which the strict mode of Python 3.13 refuses.
    context.check_hostname = False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class _Protocol(H2Protocol):
    """grpclib's, but what still comes in after the end is passed over: on Windows it does, and grpclib would raise."""

    def data_received(self, data: bytes) -> None:
        if hasattr(self.connection, "_transport"):  # until grpclib closes it
            super().data_received(data)


class _Channel(Channel):
    """One connection, not one after another. Gives up on a host that does not answer; checks the certificate's name.

    grpclib would connect anew, unseen, for the next call: a send could go out on a connection that is closed the moment
    after, because the event stream ended with the one before.
    """

    _has_connected = False

    def _protocol_factory(self) -> H2Protocol:
        return _Protocol(Handler(), self._config, self._h2_config)

    async def _create_connection(self) -> H2Protocol:
        if self._has_connected:
            raise ConnectionError(_("the connection broke off"))
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                protocol = await super()._create_connection()
        except TimeoutError:
            raise ConnectionError(_("no connection within {limit:.0f} s").format(limit=CONNECT_TIMEOUT)) from None
        if self._ssl:
            self._check_name(protocol.connection._transport)
        self._has_connected = True
        return protocol

    def _check_name(self, transport: asyncio.Transport) -> None:
        name = self._config.ssl_target_name_override or ""
        names = certificate_names(transport.get_extra_info("peercert") or {})
        if not any(_fits(name, pattern) for pattern in names):
            transport.close()
            raise GatewayRejected(
                _(
                    "the gateway's certificate is for {names}, not for {name}; set "
                    "WECHATY_PUPPET_SERVICE_TLS_SERVER_NAME to the name in the certificate"
                ).format(names=harmless(", ".join(names)) or _("nobody"), name=name)
            )


def certificate_names(certificate: Mapping[str, Any]) -> list[str]:
    """Return the names that a certificate, as `ssl.SSLSocket.getpeercert` gives it, is for: DNS, else common names."""
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    subject = [pair for group in certificate.get("subject", ()) for pair in group]
    return names or [value for kind, value in subject if kind == "commonName"]


def _fits(name: str, pattern: str) -> bool:
    """Return whether a certificate for `pattern`, in which `*` is one leading label, is one for `name`."""
    name, pattern = name.lower(), pattern.lower()
    return name == pattern or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])
