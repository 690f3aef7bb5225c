"""Look-alikes: what a person reads a character as, whatever its width, its case or its kind of bracket. Pure."""

import unicodedata

from roomsync.text.characters import UNSEEN

# Kinds of character that are read as one: brackets and quotation marks that open, those that close, dashes.
KINDS = {"Ps": "(", "Pi": "(", "Pe": ")", "Pf": ")", "Pd": "-"}
# Single ones that Unicode counts among the letters and signs. NFKC knows the others: `＠`, `：`, `﹕`.
SINGLE = dict.fromkeys("<≺⟨˂ᐸ‹", "(") | dict.fromkeys(">≻⟩˃ᐳ›", ")") | dict.fromkeys("ː˸։׃܃܄᛬⁚∶⠆ꓽ꞉", ":")
SINGLE |= dict.fromkeys("ǀ∣│❘❙❚丨", "|") | dict.fromkeys("−─", "-") | dict.fromkeys("ⓐⒶ", "@")
MAX_KEPT = 20_000  # characters that are remembered: few are used


class _Bones(dict[int, str]):
    """What each character is read as, found when it is first asked for, as `str.translate` does."""

    def __missing__(self, code: int) -> str:
        found = "" if code in UNSEEN else _bone(chr(code))
        if len(self) < MAX_KEPT:
            self[code] = found
        return found


def _bone(character: str) -> str:
    if character in SINGLE:
        return SINGLE[character]
    wide = unicodedata.normalize("NFKC", character).casefold() if character.isprintable() else ""
    return "".join(
        SINGLE.get(one) or KINDS.get(unicodedata.category(one), one)
        for one in wide
        if unicodedata.category(one) not in ("Mn", "Me", "Cf") and not one.isspace()
    )


_BONES = _Bones()


def bones(text: str) -> str:
    """Return what a person reads `text` as, without its blanks: `【Ａlice @101】：` is read as `(alice@101):`."""
    return text.translate(_BONES)
