"""Settings: `.env` and the environment, checked once, all problems together, into one frozen dataclass."""

import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from roomsync.envfile import read_env_file
from roomsync.errors import SettingsError
from roomsync.headers import HeaderForm
from roomsync.kinds import CARDS, MEDIA, Kind
from roomsync.pacer import Limits
from roomsync.relay import Style
from roomsync.rooms import fold

PREFIX = "WECHATY_PUPPET_SERVICE_"
ENDPOINT_FORM = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
HOST_FORM = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
LEVELS = ("debug", "info", "warning", "error")
HEADER_MAX = 60
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
NO_NAME = (
    f"{PREFIX}TLS_SERVER_NAME is not set, and the token has no name before a '_' (as in insecure_<uuid>); "
    f"set it to the name in the gateway's certificate, or {PREFIX}NO_TLS_INSECURE_CLIENT=true for a plain gateway."
)
CURLY_QUOTES = "“”‘’"


def _token(text: str) -> str:
    if not text:
        raise ValueError("is not set; give it the token of your gateway, such as insecure_<uuid>")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("has a space or a letter that no token has; allowed: ASCII letters, digits and punctuation")
    if re.search(r'[/?#<>"\\]', text):  # the token is an HTTP/2 authority, too, and these end the call
        raise ValueError('has one of / ? # < > " \\ in it, which no token has; insecure_<uuid> is only an example')
    return text


def _port_fits(port: str) -> bool:
    return 0 < int(port) < 65536


def _endpoint(text: str) -> str:
    # The value is not shown: a token pasted here must not be printed.
    found = ENDPOINT_FORM.fullmatch(text)
    if text and (not found or not _port_fits(found["port"])):
        raise ValueError("is no endpoint; allowed: host:port, such as 127.0.0.1:8788, in ASCII, or nothing at all")
    return text


def _authority(text: str) -> str:
    host, _, port = text.partition(":")
    found = ENDPOINT_FORM.fullmatch(f"{host}:{port or 443}")
    if not HOST_FORM.fullmatch(host) or not found or not _port_fits(found["port"]):
        raise ValueError(f"is {text!r}; allowed: a host name, such as api.chatie.io, without https:// and path")
    return text


def _server_name(text: str) -> str:
    if text and not HOST_FORM.fullmatch(text):
        raise ValueError(f"is {text!r}; allowed: the name in the gateway's certificate, such as insecure")
    return text


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"is {text!r}; allowed: true, false")
    return text.lower() == "true"


def _certificate(text: str) -> str:
    """PEM text, from PEM with `\\n` for line breaks or from the file at that path."""
    if not text:
        return ""
    pem = text.replace("\\n", "\n")
    if "-----BEGIN" not in pem:
        try:
            pem = Path(text).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise ValueError(f"is the path {text!r}, which cannot be read ({reason}); allowed: PEM or a path") from None
    pem = "\n".join(CERTIFICATE.findall(pem))  # some files have words around their certificates
    try:
        if not pem or not pem.isascii():
            raise ssl.SSLError
        ssl.create_default_context(cadata=pem)
    except ssl.SSLError:
        raise ValueError("is not a certificate; allowed: PEM with \\n for line breaks, or the path of a PEM") from None
    return pem


def _prefixes(text: str) -> tuple[str, ...]:
    prefixes = tuple(part.strip() for part in re.split("[,，]", text))
    if not all(fold(prefix) for prefix in prefixes):
        raise ValueError(f"is {text!r}, which has an empty prefix in it; allowed: one or more, separated by commas")
    if len({fold(prefix) for prefix in prefixes}) < len(prefixes):
        raise ValueError(f"is {text!r}, which names one community twice; allowed: prefixes that differ")
    return prefixes


def _header(text: str) -> str:
    holes = re.findall(r"\{[^{}]*\}", text)
    rest = re.sub(r"\{[^{}]*\}", "", text)
    if sorted(holes) != ["{name}", "{room}"] or "{" in rest or "}" in rest:
        raise ValueError(f"is {text!r}; allowed: a line with {{name}} and {{room}} once each, and no other braces")
    if not rest.strip() or len(text) > HEADER_MAX or any(not sign.isprintable() and sign != "\u3000" for sign in rest):
        raise ValueError(
            f"is {text!r}; allowed: one line of at most {HEADER_MAX} characters, with some beside the two names"
        )
    if re.search(r"\}\s*(\{|$)", text):
        # Where only blanks end a name or label, nobody can tell where it ends: other relays would not be known.
        raise ValueError(f"is {text!r}; allowed: a character other than a space behind each of {{name}} and {{room}}")
    return text


def _level(text: str) -> str:
    if text.lower() not in LEVELS:
        raise ValueError(f"is {text!r}; allowed: {', '.join(LEVELS)}")
    return text.lower()


def _state_file(text: str) -> Path:
    if not text or not text.isprintable():
        raise ValueError(f"is {text!r}; allowed: the path of a file, such as roomsync.db")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"is {text!r}, and that home folder is not known; allowed: the path of a file") from None


def _number(low: float, high: float, unit: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else float("nan")
        if not low <= value <= high:
            raise ValueError(f"is {text!r}; allowed: {unit} from {low:g} to {high:g}")
        return value

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"is {text!r}; allowed: a whole number from {low} to {high}")
        return int(text)

    return parse


def _daily(text: str) -> dict[Kind, int]:
    if text in ("", "0"):
        return {}
    limits: dict[Kind, int] = {}
    for part in re.split("[,，]", text):
        found = re.fullmatch(r"\s*([a-z_]+)\s*:\s*([0-9]{1,9})\s*", part)
        if not found or found[1] not in (*MEDIA, *CARDS) or found[1] in limits:
            raise ValueError(f"is {text!r}; allowed: kind:number, separated by commas, such as image:1000; 0 for none")
        limits[Kind(found[1])] = int(found[2])
    return limits


def _setting(name: str, default: str, parse: Callable[[str], Any], *, secret: bool = False) -> Any:
    return field(repr=not secret, metadata={"name": name, "default": default, "parse": parse})


@dataclass(frozen=True)
class Settings:
    """All settings of a bot. The names of the first six, and their meanings, are the Wechaty ecosystem's own."""

    token: str = _setting(PREFIX + "TOKEN", "", _token, secret=True)
    endpoint: str = _setting(PREFIX + "ENDPOINT", "", _endpoint)
    authority: str = _setting(PREFIX + "AUTHORITY", "api.chatie.io", _authority)
    no_tls: bool = _setting(PREFIX + "NO_TLS_INSECURE_CLIENT", "false", _flag)
    tls_ca_cert: str = _setting(PREFIX + "TLS_CA_CERT", "", _certificate)
    tls_server_name: str = _setting(PREFIX + "TLS_SERVER_NAME", "", _server_name)
    room_prefixes: tuple[str, ...] = _setting("ROOM_PREFIX", "Milvus用户交流群", _prefixes)
    header: str = _setting("HEADER", "[{name}@{room}]:  ", _header)
    send_interval: float = _setting("SEND_INTERVAL", "1.5", _number(0, 3600, "seconds"))
    room_interval: float = _setting("ROOM_INTERVAL", "3", _number(0, 3600, "seconds"))
    sends_per_minute: int = _setting("SENDS_PER_MINUTE", "40", _whole(0, 6000))
    daily_limits: Mapping[Kind, int] = _setting("DAILY_LIMITS", "miniprogram:400,url:800,image:1000", _daily)
    mention_quoted: bool = _setting("MENTION_QUOTED", "true", _flag)
    max_file_mb: float = _setting("MAX_FILE_MB", "3", _number(0, 3, "MB"))
    max_text_bytes: int = _setting("MAX_TEXT_BYTES", "2000", _whole(500, 100000))
    max_attempts: int = _setting("MAX_ATTEMPTS", "8", _whole(1, 100))
    relay_ttl_hours: float = _setting("RELAY_TTL_HOURS", "24", _number(0.1, 720, "hours"))
    retention_days: float = _setting("RETENTION_DAYS", "7", _number(1, 365, "days"))
    state_file: Path = _setting("STATE_FILE", "roomsync.db", _state_file)
    log_level: str = _setting("LOG_LEVEL", "info", _level)

    @property
    def style(self) -> Style:
        """What the relay needs to know."""
        return Style(HeaderForm(self.header), self.max_text_bytes, int(self.max_file_mb * 1_000_000))

    @property
    def limits(self) -> Limits:
        """What the pacer needs to know."""
        return Limits(self.send_interval, self.room_interval, self.sends_per_minute, self.daily_limits)

    @classmethod
    def names(cls) -> dict[str, str]:
        """Every variable's name with its default, in the order of `.env.example`."""
        return {f.metadata["name"]: f.metadata["default"] for f in fields(cls)}

    @classmethod
    def parse(cls, values: Mapping[str, str], *, offline: bool = False) -> "Settings":
        """Check `values` (variable name -> text); what is absent takes its default. Raises `SettingsError`.

        `offline`: for one who needs no gateway, and so no token.
        """
        parsed: dict[str, Any] = {}
        problems = []
        for f in fields(cls):
            name = f.metadata["name"]
            if offline and name == PREFIX + "TOKEN":
                parsed[f.name] = ""
                continue
            text = values.get(name, f.metadata["default"])
            try:
                if text and (text[0] in CURLY_QUOTES or text[-1] in CURLY_QUOTES):
                    raise ValueError('has curly quotes around it; write straight ones: "')
                parsed[f.name] = f.metadata["parse"](text if name == "HEADER" else text.strip())
            except ValueError as error:
                problems.append(f"{name} {error}.")
        if problems:
            raise SettingsError(problems)
        if not offline and not (parsed["no_tls"] or parsed["tls_server_name"] or parsed["token"].rpartition("_")[0]):
            raise SettingsError([NO_NAME])
        return cls(**parsed)


def read_settings(folder: Path, environ: Mapping[str, str] = os.environ, *, offline: bool = False) -> Settings:
    """The settings of the bot in `folder`: its `.env`, under `environ`, which wins.

    A relative `STATE_FILE`, or path of a certificate, is below `folder`. Raises `SettingsError` with all problems.
    """
    names = Settings.names()
    from_file, problems = read_env_file(folder / ".env", names, environ)
    values = {**from_file, **{name: environ[name] for name in names if name in environ}}
    certificate = values.get(PREFIX + "TLS_CA_CERT", "").strip()
    if certificate and "-----BEGIN" not in certificate and not certificate.startswith("~"):
        values[PREFIX + "TLS_CA_CERT"] = str(folder / certificate)
    try:
        settings = Settings.parse(values, offline=offline)
        settings = replace(settings, state_file=folder / settings.state_file)
        problems += _problems_of_path(settings.state_file)
    except SettingsError as error:
        if not problems and not (folder / ".env").exists():
            problems = [f"There is no {folder / '.env'}; copy .env.example to it, and fill it in."]
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    return settings


def _problems_of_path(path: Path) -> list[str]:
    try:
        if path.is_dir():
            return [f"STATE_FILE is {str(path)!r}, which is a folder; allowed: the path of a file."]
        if not path.parent.is_dir():
            return [f"STATE_FILE is {str(path)!r}, but that folder does not exist; make it first."]
    except OSError as error:
        return [f"STATE_FILE is {str(path)[:80]!r}, which cannot be used: {error.strerror}."]
    return []
