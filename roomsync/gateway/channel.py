"""A gRPC channel to a gateway, plain or TLS."""

import asyncio
import ssl
from collections.abc import Mapping

from grpclib.client import Channel, Handler
from grpclib.config import Configuration
from grpclib.events import SendRequest, listen
from grpclib.protocol import H2Protocol

from roomsync.config.settings import Settings
from roomsync.errors import GatewayRejected

CONNECT_TIMEOUT = 10.0
# The ecosystem's root certificate, from npm `wechaty-puppet-service` (src/auth/ca.ts), valid to 2031-08-07. The key of
# the server certificate that it signed is public, too: it keeps no secret and proves no identity. A gateway reached
# over the internet needs a CA of one's own (WECHATY_PUPPET_SERVICE_TLS_CA_CERT).
WECHATY_ROOT_CA = """-----BEGIN CERTIFICATE-----
MIIFxTCCA62gAwIBAgIUYddLAoa8JnLzJ80l2u5vGuFsaEIwDQYJKoZIhvcNAQEL
BQAwcjELMAkGA1UEBhMCVVMxFjAUBgNVBAgMDVNhbiBGcmFuY2lzY28xEjAQBgNV
BAcMCVBhbG8gQWx0bzEQMA4GA1UECgwHV2VjaGF0eTELMAkGA1UECwwCQ0ExGDAW
BgNVBAMMD3dlY2hhdHktcm9vdC1jYTAeFw0yMTA4MDkxNTQ4NTJaFw0zMTA4MDcx
NTQ4NTJaMHIxCzAJBgNVBAYTAlVTMRYwFAYDVQQIDA1TYW4gRnJhbmNpc2NvMRIw
EAYDVQQHDAlQYWxvIEFsdG8xEDAOBgNVBAoMB1dlY2hhdHkxCzAJBgNVBAsMAkNB
MRgwFgYDVQQDDA93ZWNoYXR5LXJvb3QtY2EwggIiMA0GCSqGSIb3DQEBAQUAA4IC
DwAwggIKAoICAQDulLjOZhzQ58TSQ7TfWNYgdtWhlc+5L9MnKb1nznVRhzAkZo3Q
rPLRW/HDjlv2OEbt4nFLaQgaMmc1oJTUVGDBDlrzesI/lJh7z4eA/B0z8eW7f6Cw
/TGc8lgzHvq7UIE507QYPhvfSejfW4Prw+90HJnuodriPdMGS0n9AR37JPdQm6sD
iMFeEvhHmM2SXRo/o7bll8UDZi81DoFu0XuTCx0esfCX1W5QWEmAJ5oAdjWxJ23C
lxI1+EjwBQKXGqp147VP9+pwpYW5Xxpy870kctPBHKjCAti8Bfo+Y6dyWz2UAd4w
4BFRD+18C/TgX+ECl1s9fsHMY15JitcSGgAIz8gQX1OelECaTMRTQfNaSnNW4LdS
sXMQEI9WxAU/W47GCQFmwcJeZvimqDF1QtflHSaARD3O8tlbduYqTR81LJ63bPoy
9e1pdB6w2bVOTlHunE0YaGSJERALVc1xz40QpPGcZ52mNCb3PBg462RQc77yv/QB
x/P2RC1y0zDUF2tP9J29gTatWq6+D4MhfEk2flZNyzAgJbDuT6KAIJGzOB1ZJ/MG
o1gS13eTuZYw24LElrhd1PrR6OHK+lkyYzqUPYMulUg4HzaZIDclfHKwAC4lecKm
zC5q9jJB4m4SKMKdzxvpIOfdahoqsZMg34l4AavWRqPTpwEU0C0dboNA/QIDAQAB
o1MwUTAdBgNVHQ4EFgQU0rey3QPklTOgdhMJ9VIA6KbZ5bAwHwYDVR0jBBgwFoAU
0rey3QPklTOgdhMJ9VIA6KbZ5bAwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0B
AQsFAAOCAgEAx2uyShx9kLoB1AJ8x7Vf95v6PX95L/4JkJ1WwzJ9Dlf3BcCI7VH7
Fp1dnQ6Ig7mFqSBDBAUUBWAptAnuqIDcgehI6XAEKxW8ZZRxD877pUNwZ/45tSC4
b5U5y9uaiNK7oC3LlDCsB0291b3KSOtevMeDFoh12LcliXAkdIGGTccUxrH+Cyij
cBOc+EKGJFBdLqcjLDU4M6QdMMMFOdfXyAOSpYuWGYqrxqvxQjAjvianEyMpNZWM
lajggJqiPhfF67sZTB2yzvRTmtHdUq7x+iNOVonOBcCHu31aGxa9Py91XEr9jaIQ
EBdl6sycLxKo8mxF/5tyUOns9+919aWNqTOUBmI15D68bqhhOVNyvsb7aVURIt5y
6A7Sj4gSBR9P22Ba6iFZgbvfLn0zKLzjlBonUGlSPf3rSIYUkawICtDyYPvK5mi3
mANgIChMiOw6LYCPmmUVVAWU/tDy36kr9ZV9YTIZRYAkWswsJB340whjuzvZUVaG
DgW45GPR6bGIwlFZeqCwXLput8Z3C8Sw9bE9vjlB2ZCpjPLmWV/WbDlH3J3uDjgt
9PoALW0sOPhHfYklH4/rrmsSWMYTUuGS/HqxrEER1vpIOOb0hIiAWENDT/mruq22
VqO8MHX9ebjInSxPmhYOlrSZrOgEcogyMB4Z0SOtKVqPnkWmdR5hatU=
-----END CERTIFICATE-----
"""


def server_name(settings: Settings) -> str:
    """The name that the gateway's certificate must carry: the setting, else the token's part before its last `_`.

    The rule is the one of npm `wechaty-token` (`insecure_<uuid>` -> `insecure`).
    """
    return settings.tls_server_name or settings.token.rpartition("_")[0].lower()


def open_channel(settings: Settings, endpoint: str) -> Channel:
    """A channel to the gateway; it connects with its first call. Every call carries the token."""
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    if settings.no_tls:
        channel: Channel = _Channel(host, int(port))
    else:
        name = server_name(settings)
        config = Configuration(ssl_target_name_override=name)
        channel = _TlsChannel(name, host, int(port), ssl=_context(settings), config=config)
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
    # read: _TlsChannel checks the name. Its CA has no key usage, which the strict mode of Python 3.13 refuses.
    context.check_hostname = False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class _Protocol(H2Protocol):
    """grpclib's, but what still comes in after the end is passed over: on Windows it does, and grpclib would raise."""

    def data_received(self, data: bytes) -> None:
        if hasattr(self.connection, "_transport"):  # until grpclib closes it
            super().data_received(data)


class _Channel(Channel):
    """A channel that gives up on a host that does not answer."""

    def _protocol_factory(self) -> H2Protocol:
        return _Protocol(Handler(), self._config, self._h2_config)

    async def _create_connection(self) -> H2Protocol:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await super()._create_connection()
        except TimeoutError:
            raise ConnectionError(f"no connection within {CONNECT_TIMEOUT:.0f} s") from None


class _TlsChannel(_Channel):
    """A channel that checks the name in the server's certificate on every connection."""

    def __init__(self, name: str, host: str, port: int, *, ssl: ssl.SSLContext, config: Configuration) -> None:
        super().__init__(host, port, ssl=ssl, config=config)
        self._name = name

    async def _create_connection(self) -> H2Protocol:
        protocol = await super()._create_connection()
        transport = protocol.connection._transport
        names = certificate_names(transport.get_extra_info("peercert") or {})
        if not any(_fits(self._name, pattern) for pattern in names):
            transport.close()
            raise GatewayRejected(
                f"the gateway's certificate is for {', '.join(names) or 'nobody'}, not for {self._name}; "
                "set WECHATY_PUPPET_SERVICE_TLS_SERVER_NAME to the name in the certificate"
            )
        return protocol


def certificate_names(certificate: Mapping[str, object]) -> list[str]:
    """The names a certificate (the form of `ssl.SSLSocket.getpeercert`) is for: DNS names, else the common name."""
    alternatives = certificate.get("subjectAltName", ())
    names = [str(value) for kind, value in alternatives if kind == "DNS"]  # type: ignore[attr-defined]
    subject = certificate.get("subject", ())
    return names or [str(v) for group in subject for kind, v in group if kind == "commonName"]  # type: ignore[attr-defined]


def _fits(name: str, pattern: str) -> bool:
    """Whether a certificate for `pattern`, in which `*` is one leading label, is one for `name`."""
    name, pattern = name.lower(), pattern.lower()
    return name == pattern or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])
