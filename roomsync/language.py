"""The operator's language: what the log, the commands and the errors are written in. What is said in rooms is Chinese.

The sentences in the code are English; `roomsync/locale/` has the catalogs of gettext for the others. This module is
used before it is known whether any package is installed: the standard library is enough for it.
"""

import gettext
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LANGUAGES = ("zh", "en")
VARIABLE = "BOT_LANGUAGE"  # the setting; it wins over the locale
DOMAIN = "roomsync"
FOLDER = Path(__file__).parent / "locale"
LIST = "LANGUAGE"  # languages in the order in which a person wants them, such as `zh_CN:en`
# What says the language of messages on Linux and macOS, the first that is set: gettext(3).
LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")
NO_LOCALE = ("C", "POSIX")  # the programmer's English, over which LANGUAGE has no power

_catalog: gettext.NullTranslations = gettext.NullTranslations()
_language = "en"


def _(message: str) -> str:
    """Return a sentence in the operator's language; without its translation it stays as it is."""
    return _catalog.gettext(message) if message else ""


def N_(message: str) -> str:
    """Return a sentence as it is, marked for the catalogs: what stands in a constant is translated where it is used."""
    return message


# Words of enums in model.py, which stand in lines of the log.
WORDS = (N_("normal"), N_("receive"), N_("send"), N_("off"), N_("asked"), N_("observe"), N_("hold"), N_("drop"))
# What the operating system and SQLite say most often in an error, in English.
REASONS = (
    N_("database is locked"),
    N_("database or disk is full"),
    N_("disk I/O error"),
    N_("attempt to write a readonly database"),
    N_("unable to open database file"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Connection timed out"),
    N_("Operation timed out"),  # of macOS
    N_("Network is unreachable"),
    N_("No route to host"),
    N_("No such file or directory"),
    N_("Not a directory"),
    N_("Is a directory"),
    N_("Permission denied"),
    N_("Operation not permitted"),
    N_("File name too long"),
    N_("No space left on device"),
    N_("Read-only file system"),
)


def use(language: str) -> None:
    """Speak this language from now on: `zh` or `en`."""
    global _catalog, _language
    _catalog, _language = gettext.translation(DOMAIN, FOLDER, [language], fallback=True), language


def spoken() -> str:
    """Return the language that is spoken: `zh` or `en`."""
    return _language


def use_that_of_environment(environ: Mapping[str, str] = os.environ) -> None:
    """Speak the language that BOT_LANGUAGE or the locale says; `.env` is not looked at."""
    use(language_of(environ, environ.get(VARIABLE, "")))


def language_of(environ: Mapping[str, str], asked: str = "") -> str:
    """Return the language to speak: the one that is asked for when there is such a one, else that of the locale."""
    asked = asked.strip().lower()
    if asked in LANGUAGES:
        return asked
    locale = next((environ[name] for name in LOCALES if environ.get(name)), "")
    wanted = [] if locale in NO_LOCALE else environ.get(LIST, "").split(":")
    wanted.append(locale or _language_of_windows())
    return next((found for found in map(_ours, wanted) if found), "en")


def _ours(locale: str) -> str:
    """Return which of our languages a locale such as `zh_CN.UTF-8` or `C.UTF-8` speaks; empty for any other."""
    language = locale.lower().replace("-", "_").partition(".")[0].partition("_")[0]
    return "en" if language in ("c", "posix") else language * (language in LANGUAGES)


def _language_of_windows() -> str:
    """Return the language in which Windows shows itself, such as `zh_CN`; empty elsewhere."""
    if sys.platform != "win32":
        return ""
    import ctypes  # these two no other bot needs
    import locale

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")


@contextmanager
def words_of_argparse() -> Iterator[None]:
    """Let argparse speak the operator's language in a block, or in a function that has this as its decorator.

    Its own words go through gettext's default domain, which finds its language in the environment alone.
    """
    before = gettext.textdomain(), os.environ.get(LIST)
    gettext.bindtextdomain(DOMAIN, str(FOLDER))
    gettext.textdomain(DOMAIN)
    os.environ[LIST] = _language
    try:
        yield
    finally:
        gettext.textdomain(before[0])
        os.environ.pop(LIST)
        if before[1] is not None:
            os.environ[LIST] = before[1]
