"""Keep a community's WeChat rooms in step: what is said in one of them is said in all.

The path of a message: `wechat` (gateway) -> `bot.py` -> `relay` (what to send) -> `outbox` (committed)
-> `pacer` (when) -> `courier` (sent) -> `wechat` (gateway). `supervisor` keeps the connection.
"""
