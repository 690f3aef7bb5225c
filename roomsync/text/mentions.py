"""Mentions: what a client takes for one, and how a text mentions nobody by accident. Pure."""

import re

MENTION_END = "\u2005"  # what WeChat puts behind a name that is mentioned
EVERYBODY = re.compile(r"@(所有人|全体成员|all\b)", re.IGNORECASE)


def neutralize_mentions(text: str) -> str:
    """Return `text` with mentions that ping nobody: `@Bob` stays readable, `@所有人` is none any more."""
    return EVERYBODY.sub("＠\\1", text.replace(MENTION_END, " "))
