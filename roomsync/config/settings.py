"""Settings: `.env` and the environment, checked once, all problems together, into one frozen dataclass."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

from roomsync import language
from roomsync.config import addresses, gateway, validators
from roomsync.config.env_file import PREFIX, read_env_file
from roomsync.config.validators import masked, shown
from roomsync.errors import SettingsError
from roomsync.language import N_, _
from roomsync.model import FilterMode, Hours, Kind
from roomsync.text.secrets import secrets_of

T = TypeVar("T")

NO_NAME = N_(
    "{prefix}TLS_SERVER_NAME is not set, and the token has no name before a '_' (as in insecure_<uuid>); "
    "set it to the name in the gateway's certificate, or {prefix}NO_TLS_INSECURE_CLIENT=true for a plain gateway."
)
MISPLACED = N_(
    "has the token in it, which stands in WECHATY_PUPPET_SERVICE_TOKEN alone: other settings are shown, some of them "
    "in rooms"
)
NO_STAFF = N_(
    "MODERATION is {mode!r}, but ADMIN_ROOM is empty: nobody would see what is held; set the name of a room for your "
    "staff, or MODERATION=off."
)
MIN_SECRET = 12  # characters of a token that no other setting has by chance
CURLY_QUOTES = "“”‘’"


def _setting(name: str, default: str, parse: Callable[[str], T], *, secret: bool = False) -> T:
    made: T = field(repr=not secret, metadata={"name": name, "default": default, "parse": parse})
    return made


@dataclass(frozen=True)
class Settings:
    """All settings of a bot. The names of the first six, and their meanings, are the Wechaty ecosystem's own."""

    token: str = _setting(PREFIX + "TOKEN", "", gateway.token, secret=True)
    endpoint: str = _setting(PREFIX + "ENDPOINT", "", gateway.endpoint)
    authority: str = _setting(PREFIX + "AUTHORITY", "api.chatie.io", gateway.authority)
    no_tls: bool = _setting(PREFIX + "NO_TLS_INSECURE_CLIENT", "false", validators.flag)
    tls_ca_cert: str = _setting(PREFIX + "TLS_CA_CERT", "", gateway.certificate)
    tls_server_name: str = _setting(PREFIX + "TLS_SERVER_NAME", "", gateway.server_name)
    room_prefixes: tuple[str, ...] = _setting("ROOM_PREFIX", "Milvus用户交流群", validators.prefixes)
    header: str = _setting("HEADER", "[{name}@{room}]:  ", validators.header)
    send_interval: float = _setting("SEND_INTERVAL", "1.5", validators.number(0, 3600, N_("seconds")))
    send_burst: int = _setting("SEND_BURST", "1", validators.integer(1, 20))
    room_interval: float = _setting("ROOM_INTERVAL", "3", validators.number(0, 3600, N_("seconds")))
    sends_per_minute: int = _setting("SENDS_PER_MINUTE", "40", validators.integer(0, 6000))
    daily_limits: Mapping[Kind, int] = _setting("DAILY_LIMITS", "miniprogram:400,url:800,image:1000", validators.daily)
    mention_quoted: bool = _setting("MENTION_QUOTED", "true", validators.flag)
    admin_room: str = _setting("ADMIN_ROOM", "", validators.topic)
    new_rooms: str = _setting("NEW_ROOMS", "join", validators.choice("join", "ask"))
    relay_own: bool = _setting("RELAY_OWN", "false", validators.flag)
    quiet_hours: Hours | None = _setting("QUIET_HOURS", "", validators.hours)
    moderation: FilterMode = _setting("MODERATION", "off", validators.filter_mode)
    hold_kinds: frozenset[Kind] = _setting("HOLD_KINDS", "miniprogram,contact", validators.kinds)
    hold_links: bool = _setting("HOLD_LINKS", "false", validators.flag)
    milvus_uri: str = _setting("MILVUS_URI", "", validators.milvus_uri)
    milvus_token: str = _setting("MILVUS_TOKEN", "", validators.milvus_token, secret=True)
    alert_urls: tuple[str, ...] = _setting("ALERT_URLS", "", addresses.alert_urls, secret=True)
    heartbeat_url: str = _setting("HEARTBEAT_URL", "", addresses.heartbeat_url, secret=True)
    max_file_mb: float = _setting("MAX_FILE_MB", "3", validators.number(0, 3, "MB"))
    max_text_bytes: int = _setting("MAX_TEXT_BYTES", "2000", validators.integer(500, 20000))
    max_attempts: int = _setting("MAX_ATTEMPTS", "8", validators.integer(1, 100))
    relay_ttl_hours: float = _setting("RELAY_TTL_HOURS", "24", validators.number(0.1, 720, N_("hours")))
    retention_days: float = _setting("RETENTION_DAYS", "7", validators.number(1, 365, N_("days")))
    state_file: Path = _setting("STATE_FILE", "roomsync.db", validators.state_file)
    log_level: str = _setting("LOG_LEVEL", "info", validators.choice("debug", "info", "warning", "error"))
    log_file: Path | None = _setting("LOG_FILE", "", validators.log_file)
    language: str = _setting(language.VARIABLE, "", validators.language)

    @property
    def max_file_bytes(self) -> int:
        """MAX_FILE_MB in bytes."""
        return int(self.max_file_mb * 1_000_000)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: the tokens, and all of each address that tells the operator something."""
        urls = [url for url in (*self.alert_urls, self.heartbeat_url) if url]
        parts = [part for url in urls for part in secrets_of(url)]
        return tuple(filter(None, (self.token, self.milvus_token, *parts)))

    @classmethod
    def names(cls) -> dict[str, str]:
        """Return every variable's name with its default, in the order of `.env.example`."""
        return {f.metadata["name"]: f.metadata["default"] for f in fields(cls)}

    @classmethod
    def parse(cls, values: Mapping[str, str], *, offline: bool = False) -> "Settings":
        """Check `values` (variable name -> text); what is absent takes its default. Raises `SettingsError`.

        `offline`: for one who needs no gateway, and so no token.
        """
        make: Callable[..., Settings] = cls
        parsed: dict[str, object] = {}
        problems = []
        token, other = (values.get(name, "").strip() for name in (PREFIX + "TOKEN", "MILVUS_TOKEN"))
        for f in fields(cls):
            text = values.get(f.metadata["name"], f.metadata["default"])
            try:
                if f.name != "token" and len(token) >= MIN_SECRET and token in text:
                    raise ValueError(_(MISPLACED))
                parsed[f.name] = "" if offline and f.name == "token" else _value(f.name, text, f.metadata["parse"])
            except ValueError as error:
                problem = masked(masked(str(error), token), other)
                problems.append(_("{name} {problem}.").format(name=f.metadata["name"], problem=problem))
        if parsed.get("moderation", FilterMode.OFF) is not FilterMode.OFF and parsed.get("admin_room") == "":
            problems.append(_(NO_STAFF).format(mode=str(parsed["moderation"])))
        if problems:
            raise SettingsError(problems)
        settings = make(**parsed)
        if not (offline or settings.no_tls or settings.tls_server_name or settings.token.rpartition("_")[0]):
            raise SettingsError([_(NO_NAME).format(prefix=PREFIX)])
        return settings


def _value(field_name: str, text: str, parse: Callable[[str], object]) -> object:
    if text.strip(CURLY_QUOTES) != text:
        raise ValueError(_('has curly quotes around it; write straight ones: "'))
    return parse(text if field_name == "header" else text.strip())  # the header's blanks count


def choose_language(folder: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Speak the language that BOT_LANGUAGE or the locale says, before the settings are read: errors need one."""
    asked = environ.get(language.VARIABLE)
    if asked is None:
        try:
            asked = read_env_file(folder / ".env", (language.VARIABLE,))[0].get(language.VARIABLE, "")
        except SettingsError:  # who reads the settings hears of it
            asked = ""
    language.use(language.language_of(environ, asked))


def read_settings(folder: Path, environ: Mapping[str, str] = os.environ, *, offline: bool = False) -> Settings:
    """Return the settings of the bot in `folder`: its `.env`, under `environ`, which wins.

    A relative path in `STATE_FILE`, `LOG_FILE` or `MILVUS_URI`, or of a certificate, is below `folder`. Raises
    `SettingsError` with all problems.
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
        if settings.milvus_uri and "://" not in settings.milvus_uri:
            settings = replace(settings, milvus_uri=str(folder / settings.milvus_uri))
        problems += _problems_of_path("STATE_FILE", settings.state_file)
        if settings.log_file:
            log_file = folder / settings.log_file
            settings = replace(settings, log_file=log_file)
            problems += _problems_of_log(log_file, settings.state_file)
    except SettingsError as error:
        if not problems and not (folder / ".env").exists():
            problems = [_("There is no {path}; copy .env.example to it, and fill it in.").format(path=folder / ".env")]
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    return settings


def _problems_of_path(name: str, path: Path) -> list[str]:
    where = shown(masked(str(path), ""))
    try:
        if path.is_dir():
            problem = _("{name} is {path}, which is a folder; allowed: the path of a file.")
            return [problem.format(name=name, path=where)]
        if not path.parent.is_dir():
            problem = _("{name} is {path}, but that folder does not exist; make it first.")
            return [problem.format(name=name, path=where)]
    except OSError as error:
        problem = _("{name} is {path}, which cannot be used: {reason}.")
        return [problem.format(name=name, path=where[:80], reason=_(error.strerror or ""))]
    return []


def _problems_of_log(path: Path, state_file: Path) -> list[str]:
    problems = _problems_of_path("LOG_FILE", path)
    if not problems and path.resolve().name.startswith(state_file.resolve().name) and path.parent == state_file.parent:
        problem = _("LOG_FILE is {path}, which is for the state file; set another name.")
        return [problem.format(path=shown(masked(str(path), "")))]
    return problems
