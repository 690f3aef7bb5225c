"""The operator's language: what the log, the commands and the errors are written in. What is said in rooms is Chinese.

The sentences in the code are English; `roomsync/locale/` has the catalogs of gettext for the others.
"""

import gettext
import locale
import sys
from collections.abc import Mapping
from pathlib import Path

LANGUAGES = ("zh", "en")
VARIABLE = "BOT_LANGUAGE"  # the setting; it wins over the locale
DOMAIN = "roomsync"
FOLDER = Path(__file__).parent / "locale"
# What says the language of messages on Linux and macOS, the first that is set: gettext(3).
LOCALES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

_catalog: gettext.NullTranslations = gettext.NullTranslations()


def _(message: str) -> str:
    """Return a sentence in the operator's language; without its translation it stays as it is."""
    return _catalog.gettext(message) if message else ""


def use(language: str) -> None:
    """Speak this language from now on: `zh` or `en`."""
    global _catalog
    _catalog = gettext.translation(DOMAIN, FOLDER, [language], fallback=True)


def language_of(environ: Mapping[str, str], asked: str = "") -> str:
    """Return the language to speak: the one that is asked for when there is such a one, else that of the locale."""
    if asked in LANGUAGES:
        return asked
    found = next((environ[name] for name in LOCALES if environ.get(name)), "") or _language_of_windows()
    return "zh" if found.lower().startswith("zh") else "en"


def _language_of_windows() -> str:
    """Return the language in which Windows shows itself, such as `zh_CN`; empty elsewhere."""
    if sys.platform != "win32":
        return ""
    import ctypes  # which no other bot needs

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
