"""Where the gateway is: the setting, else what the discovery service says for the token."""

import asyncio
from typing import TYPE_CHECKING

from roomsync.config.gateway import ENDPOINT_FORM
from roomsync.config.settings import Settings
from roomsync.errors import GatewayLost
from roomsync.language import N_, _

if TYPE_CHECKING:
    from requests import Response

DISCOVERY_TIMEOUT = (5.0, 5.0)  # seconds to connect, seconds to answer
NOWHERE = "0.0.0.0"  # the host where no gateway serves the token
OWN_GATEWAY = N_("for a gateway of your own, set WECHATY_PUPPET_SERVICE_ENDPOINT=host:port")


async def find_endpoint(settings: Settings) -> str:
    """Return `host:port` of the gateway. Raises `GatewayLost` when it cannot be found out now.

    `GET https://<authority>/v0/hosties/<token>` answers `{"host": ..., "port": ...}` (older services: `ip`), and the
    host `0.0.0.0` when no gateway serves that token.
    """
    if settings.endpoint:
        return settings.endpoint
    answer = await asyncio.to_thread(_ask, settings)
    status = f"(HTTP {answer.status_code})"
    if 400 <= answer.status_code < 500:
        raise GatewayLost(
            _("{authority} knows no gateway for this token {status}; {hint}").format(
                authority=settings.authority, status=status, hint=_(OWN_GATEWAY)
            )
        )
    endpoint = _endpoint_in(answer)
    if not endpoint:
        raise GatewayLost(
            _("{authority} gave no usable answer {status}").format(authority=settings.authority, status=status)
        )
    if endpoint == NOWHERE:
        raise GatewayLost(
            _(
                "{authority} says that no gateway serves this token now; if the seller of the token names "
                "another discovery service, set WECHATY_PUPPET_SERVICE_AUTHORITY"
            ).format(authority=settings.authority)
        )
    return endpoint


def _ask(settings: Settings) -> "Response":
    import requests  # not above: most bots know where their gateway is

    url = f"https://{settings.authority}/v0/hosties/{settings.token}"
    try:
        return requests.get(url, timeout=DISCOVERY_TIMEOUT)
    except requests.RequestException as error:
        # The text of a requests error holds the URL, and the URL the token: only the error's kind is shown.
        raise GatewayLost(
            _("{authority} does not answer ({kind}); {hint}").format(
                authority=settings.authority, kind=type(error).__name__, hint=_(OWN_GATEWAY)
            )
        ) from None


def _endpoint_in(answer: "Response") -> str:
    """Return `host:port`, empty when the answer has none that can be used; NOWHERE alone, which may have no port."""
    try:
        found = answer.json() if answer.ok else {}
        host = found.get("host") or found.get("ip")
        if host == NOWHERE:
            return NOWHERE
        port = int(found.get("port") or 0)
        endpoint = f"{host}:{port}"
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return ""
    return endpoint if host and 0 < port < 65536 and ENDPOINT_FORM.fullmatch(endpoint) else ""
