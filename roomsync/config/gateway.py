"""The settings that lead to the gateway: the text of a variable in, what it stands for out.

Pure, but for the file of a certificate. Each function raises ValueError as validators do.
"""

import re
import ssl
from pathlib import Path

from roomsync.config.validators import backslashes, shown
from roomsync.language import N_, _

ENDPOINT_FORM = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
HOST_FORM = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def token(text: str) -> str:
    """Return the secret that the gateway knows; it is never shown."""
    if not text:
        raise ValueError(_("is not set; give it the token of your gateway, such as insecure_<uuid>"))
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(_("has a space or a letter that no token has; allowed: ASCII letters, digits and punctuation"))
    if re.search(r'[/?#<>"\\]', text):  # the token is an HTTP/2 authority, too, and these end the call
        raise ValueError(_('has one of / ? # < > " \\ in it, which no token has; replace the example by your own'))
    return text


def endpoint(text: str) -> str:
    """Return `host:port`, or nothing."""
    # The value is not shown: a token pasted here must not be printed.
    if text and not _is_endpoint(text):
        raise ValueError(_("is no endpoint; allowed: host:port, such as 127.0.0.1:8788, in ASCII, or nothing at all"))
    return text


def authority(text: str) -> str:
    """Return a host, with a port or without."""
    host, _colon, port = text.partition(":")
    if not HOST_FORM.fullmatch(host) or not _is_endpoint(f"{host}:{port or 443}"):
        raise ValueError(
            _("is {text!r}; allowed: a host name, such as api.chatie.io, without https:// and path").format(text=text)
        )
    return text


def _is_endpoint(text: str) -> bool:
    found = ENDPOINT_FORM.fullmatch(text)
    return found is not None and 0 < int(found["port"]) < 65536


def server_name(text: str) -> str:
    """Return the name in a certificate, or nothing."""
    if text and not HOST_FORM.fullmatch(text):
        raise ValueError(
            _("is {text!r}; allowed: the name in the gateway's certificate, such as insecure").format(text=text)
        )
    return text


def certificate(text: str) -> str:
    """Return PEM text, from PEM with `\\n` for line breaks or from the file at that path."""
    if not text:
        return ""
    pem = text.replace("\\n", "\n") if "-----BEGIN" in text else _text_of(text)
    pem = "\n".join(CERTIFICATE.findall(pem))  # some files have words around their certificates
    try:
        if not pem or not pem.isascii():
            raise ssl.SSLError
        ssl.create_default_context(cadata=pem)
    except ssl.SSLError:
        raise ValueError(
            _("is not a certificate; allowed: PEM with \\n for line breaks, or the path of a PEM")
        ) from None
    return pem


def _text_of(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, ValueError, RuntimeError) as error:
        reason = _(getattr(error, "strerror", None) or N_("not a text file"))
        problem = _("is the path {path}, which cannot be read ({reason}); allowed: PEM or a path").format(
            path=shown(path), reason=reason
        )
        raise ValueError(problem + backslashes(path)) from None
