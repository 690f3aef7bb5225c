"""The way to a gateway: where it is, and a gRPC channel to it, plain or TLS."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Mapping
from typing import TypeVar

import requests
from grpclib.client import Channel, Handler
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.events import SendRequest, listen
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.protocol import H2Protocol
from h2.exceptions import H2Error

from roomsync import errors
from roomsync.config.settings import Settings
from roomsync.config.validators import ENDPOINT_FORM
from roomsync.errors import GatewayLost, GatewayRejected

T = TypeVar("T")

DISCOVERY_TIMEOUT = (5.0, 5.0)  # seconds to connect, seconds to answer
CONNECT_TIMEOUT = 10.0
OWN_GATEWAY = "for a gateway of your own, set WECHATY_PUPPET_SERVICE_ENDPOINT=host:port"
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


async def find_endpoint(settings: Settings) -> str:
    """`host:port` of the gateway: the setting, else what the discovery service says for the token.

    `GET https://<authority>/v0/hosties/<token>` answers `{"host": ..., "port": ...}` (older services: `ip`), and the
    host `0.0.0.0` when no gateway serves that token. Raises `GatewayLost` when it cannot be found out now.
    """
    if settings.endpoint:
        return settings.endpoint
    url = f"https://{settings.authority}/v0/hosties/{settings.token}"
    try:
        answer = await asyncio.to_thread(requests.get, url, timeout=DISCOVERY_TIMEOUT)
    except requests.RequestException as error:
        # The text of a requests error holds the URL, and the URL the token: only the error's kind is told.
        raise GatewayLost(f"{settings.authority} does not answer ({type(error).__name__}); {OWN_GATEWAY}") from None
    if 400 <= answer.status_code < 500:
        raise GatewayLost(
            f"{settings.authority} knows no gateway for this token (HTTP {answer.status_code}); {OWN_GATEWAY}"
        )
    try:
        found = answer.json() if answer.ok else {}
        host, port = found.get("host") or found.get("ip"), int(found.get("port") or 0)
    except (ValueError, TypeError, AttributeError):
        host, port = None, 0
    if not host or not 0 < port < 65536 or not ENDPOINT_FORM.fullmatch(f"{host}:{port}"):
        raise GatewayLost(f"{settings.authority} gave no usable answer (HTTP {answer.status_code})")
    if host == "0.0.0.0":
        raise GatewayLost(
            f"{settings.authority} says that no gateway serves this token now; if the seller of the token names "
            "another discovery service, set WECHATY_PUPPET_SERVICE_AUTHORITY"
        )
    return f"{host}:{port}"


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


async def explained(call: Awaitable[T], endpoint: str, token: str) -> T:
    """What a call to the gateway answers, or its failure as the `GatewayError` that says what to do about it."""
    try:
        return await call
    except GRPCError as error:
        raise _explain(error, endpoint, token) from error
    except ssl.SSLCertVerificationError as error:
        raise GatewayRejected(f"the gateway's certificate does not fit: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise errors.NoTls(
            f"{endpoint} does not answer in TLS ({error.reason}); if it is a plain gateway, set "
            "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT=true"
        ) from error
    except TimeoutError as error:
        raise errors.AnswerLate(f"{endpoint} did not answer in time") from error
    except (StreamTerminatedError, H2Error) as error:
        raise errors.AnswerLost(f"the connection to {endpoint} broke off ({error})") from error
    except UnicodeDecodeError as error:
        raise errors.GatewayRefused(f"{endpoint} answered with what is no UTF-8") from error
    except OSError as error:
        raise GatewayLost(f"{endpoint} cannot be reached ({_why(error)})") from error
    except (errors.GatewayError, StopAsyncIteration):
        raise
    except Exception as error:
        # Bytes that are no protobuf make betterproto raise whatever it stumbles over.
        raise errors.GatewayRefused(f"{endpoint} answered with what cannot be read ({error!r:.200})") from error


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no host of that name is found"
    reason = os.strerror(error.errno) if error.errno else str(error)
    hint = ": is the gateway running, and on that port?"
    return reason + (hint if isinstance(error, ConnectionRefusedError) else "")


def _explain(error: GRPCError, endpoint: str, token: str) -> errors.GatewayError:
    # A gateway quotes a wrong token in its answer.
    said = (error.message or error.status.name).replace(token, "***")
    if error.status in (Status.UNAUTHENTICATED, Status.PERMISSION_DENIED):
        return GatewayRejected(f"{endpoint} refuses the token; check WECHATY_PUPPET_SERVICE_TOKEN")
    if error.status is Status.ALREADY_EXISTS:
        return errors.GatewayBusy(f"another bot is connected to {endpoint}")
    if error.status in (Status.RESOURCE_EXHAUSTED, Status.INVALID_ARGUMENT, Status.OUT_OF_RANGE):
        return errors.Unsendable(said)
    if error.status is Status.DEADLINE_EXCEEDED:
        return errors.AnswerLate(said)
    return errors.GatewayRefused(said)
