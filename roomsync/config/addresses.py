"""The settings that are addresses of the operator's: the text of a variable in, addresses out. None is ever shown.

Each function raises ValueError with the rest of a sentence that begins with the variable's name, as validators do.
"""

import re
from importlib.util import find_spec
from urllib.parse import urlsplit

from roomsync.config.gateway import HOST_FORM
from roomsync.language import _

WEB = ("http", "https")
SCHEME_FORM = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.")
SECOND = re.compile(r"[;|]\s*[A-Za-z][A-Za-z0-9+.-]*://")  # another one, with something else than a comma before it
# apprise takes an answer of these services for a success that says in its body that it is none, so alerts would vanish.
HOOKS_OF_APPRISE = ("wecombot", "feishu", "lark", "dingtalk")


def alert_urls(text: str) -> tuple[str, ...]:
    """Return the addresses that alerts go to, from texts separated by commas; none of them is ever shown."""
    urls = tuple(part.strip() for part in re.split("[,，]", text)) if text else ()
    for number, url in enumerate(urls, 1):
        if problem := _problem(url):
            raise ValueError(
                _("has a wrong address, number {number}: {problem}").format(number=number, problem=problem)
            )
    return urls


def _problem(url: str) -> str:
    """Return what is wrong with an address that alerts go to; empty for nothing."""
    scheme = url.partition("://")[0].lower() if SCHEME_FORM.match(url) else ""
    if not _is_plain(url) or not scheme or SECOND.search(url) or (scheme in WEB and not _is_web_address(url)):
        return _(
            "allowed are addresses such as https://... in ASCII, with commas between them, and %2C for one in them"
        )
    if scheme in HOOKS_OF_APPRISE:
        return _("the bot knows that service itself; allowed is the robot's own address, which begins with https://")
    if scheme not in WEB and find_spec("apprise") is None:
        return _(
            "one of the web begins with https://, any other needs the package apprise: "
            "pip install -r requirements-alerts.txt"
        )
    return ""


def heartbeat_url(text: str) -> str:
    """Return the address that is fetched while the bot relays, or nothing; it is never shown."""
    if text and not _is_web_address(text):
        raise ValueError(_("is no address; allowed: one that begins with https:// or http://, in ASCII, or nothing"))
    return text


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    has_host = HOST_FORM.fullmatch(parts.hostname or "") is not None or parts.netloc.startswith("[")
    return parts.scheme in WEB and has_host and port != 0 and _is_plain(url)


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url
