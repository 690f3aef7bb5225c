"""Keep a community's WeChat rooms in step: what is said in one of them is said in all.

The path of a message: `gateway` -> `inbox` -> `bot.py` -> `relay` (what to send) -> `delivery` (committed, then
sent) -> `gateway`. docs/architecture.md has more.
"""

__version__ = "0.2.0"
