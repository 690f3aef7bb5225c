"""What of an address must not be shown: who has it can write to the operator, or silence an alarm. Pure."""

import re

MIN_PART = 12  # characters of a part of an address that is a secret also by itself


def secrets_of(url: str) -> tuple[str, ...]:
    """Return an address, and each long part of it but the host, the longest first.

    Errors of libraries have the parts without the host. What is not of the web has a secret in the host's place, too.
    """
    scheme, _colon, rest = url.partition("://")
    place, _slash, behind = rest.partition("/")
    who = place.rpartition("@")[0] if scheme.lower() in ("http", "https") else place
    parts = [one for one in re.split("[/?&=@:]", f"{who}/{behind}") if len(one) >= MIN_PART]
    return tuple(sorted({url, *parts, *([behind] if len(behind) >= MIN_PART else [])}, key=len, reverse=True))
