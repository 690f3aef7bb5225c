"""What of an address must not be shown: who has it can write to the operator, or silence an alarm. Pure."""

import re

MIN_PART = 12  # characters of a part of an address that is a secret also by itself


def secrets_of(url: str) -> tuple[str, ...]:
    """Return an address, and each long part of what stands behind its host, the longest first.

    Errors of libraries have the parts without the host.
    """
    behind = url.partition("://")[2].partition("/")[2]
    parts = [one for one in re.split("[/?&=@:]", behind) if len(one) >= MIN_PART]
    return tuple(sorted({url, *parts, *([behind] if len(behind) >= MIN_PART else [])}, key=len, reverse=True))
