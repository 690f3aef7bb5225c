"""What the services behind ALERT_URLS want to be sent, and what their answers mean. Pure.

WeCom: https://developer.work.weixin.qq.com/document/path/91770 (a text has at most 2048 bytes, 20 messages a minute).
DingTalk: https://open.dingtalk.com/document/robots/custom-robot-access (20 messages a minute, else none for ten).
Feishu: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (a request has at most 20 KB; 100 a minute).
All three answer HTTP 200 also when they send nothing; the body says so. That a minute has few alerts is held by the
watch: each of the ten kinds, and its end, comes once in ten minutes.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from roomsync.alerts.wording import Alert
from roomsync.language import N_, _


class Service(StrEnum):
    """Who is behind an address."""

    WECOM = "WeCom"
    FEISHU = "Feishu"
    DINGTALK = "DingTalk"
    JSON = "JSON"  # any other web address
    APPRISE = "apprise"  # any other scheme


HOSTS = {
    "qyapi.weixin.qq.com": Service.WECOM,
    "open.feishu.cn": Service.FEISHU,
    "open.larksuite.com": Service.FEISHU,
    "oapi.dingtalk.com": Service.DINGTALK,
}
# Bytes of UTF-8 in one text. Of the last two the whole request is limited, where JSON may write a byte as six.
MAX_BYTES = {Service.WECOM: 2048, Service.FEISHU: 3000, Service.DINGTALK: 3000}
MAX_ERROR = 100  # characters of what a service says of an error
# What the numbers of the services mean that have something to be done about them.
HINTS = {
    93000: N_("the key is wrong, or the robot was removed from its group"),
    45009: N_("too many messages in a minute"),
    300005: N_("the access_token is wrong, or the robot was removed from its group"),
    130101: N_("too many messages in a minute"),
    19001: N_("the address is wrong, or the robot was removed from its group"),
    19021: N_("the secret is wrong or missing, or this machine's clock is"),
    19022: N_("this machine's IP address is not one that the robot allows"),
    19024: N_("the robot wants a keyword in each message"),
    11232: N_("too many messages in a minute"),
}


@dataclass(frozen=True)
class Hook:
    """An address of ALERT_URLS. `url` has no secret for signing in it; both are never shown."""

    service: Service
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> "Hook":
        """Return the hook at an address. DingTalk's and Feishu's may have `secret=...` among their parameters."""
        parts = urlsplit(text)
        if parts.scheme.lower() not in ("http", "https"):
            return cls(Service.APPRISE, text)
        service = HOSTS.get(parts.hostname or "", Service.JSON)
        if service not in (Service.FEISHU, Service.DINGTALK):
            return cls(service, text)
        given = [one for one in parts.query.split("&") if one]
        secrets = [one.partition("=")[2] for one in given if one.startswith("secret=")]
        query = "&".join(one for one in given if not one.startswith("secret="))
        return cls(service, urlunsplit(parts._replace(query=query)), unquote(secrets[0]) if secrets else "")


@dataclass(frozen=True)
class Request:
    """What is posted where."""

    url: str = field(repr=False)
    body: Mapping[str, object] = field(repr=False)


def request_of(hook: Hook, alert: Alert, now: float) -> Request:
    """Return the request that sends an alert; `now`: by this machine's clock, for what is signed."""
    text = cut(alert.words, MAX_BYTES.get(hook.service, 0))
    match hook.service:
        case Service.WECOM:
            return Request(hook.url, {"msgtype": "text", "text": {"content": text}})
        case Service.DINGTALK:
            return Request(_signed_url(hook, now), {"msgtype": "text", "text": {"content": text}})
        case Service.FEISHU:
            return Request(hook.url, {"msg_type": "text", "content": {"text": text}, **_signature(hook, now)})
    body = {"kind": alert.kind, "title": alert.title, "text": alert.text, "at": alert.at, "community": alert.community}
    return Request(hook.url, body)


def _signed_url(hook: Hook, now: float) -> str:
    """Return DingTalk's address with the time in milliseconds and, made with the secret, its signature."""
    if not hook.secret:
        return hook.url
    stamp = str(round(now * 1000))
    sign = _hmac(hook.secret, f"{stamp}\n{hook.secret}")
    return f"{hook.url}{'&' if '?' in hook.url else '?'}timestamp={stamp}&sign={quote(sign, safe='')}"


def _signature(hook: Hook, now: float) -> dict[str, str]:
    """Return Feishu's time in seconds and signature: of nothing, with time and secret as the key."""
    if not hook.secret:
        return {}
    stamp = str(round(now))
    return {"timestamp": stamp, "sign": _hmac(f"{stamp}\n{hook.secret}", "")}


def _hmac(key: str, message: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()


def cut(text: str, max_bytes: int) -> str:
    """Return `text` with at most so many bytes of UTF-8, with `…` for what is over that."""
    data = text.encode("utf-8", "replace")
    mark = "…".encode()
    return text if len(data) <= max_bytes else (data[: max_bytes - len(mark)].decode(errors="ignore") + "…")


def problem_of(service: Service, status: int, body: bytes) -> str:
    """Return why an answer is none of success, in a few words; empty for success. `body`: its first bytes."""
    is_good = 200 <= status < 300
    if service is Service.JSON:
        return "" if is_good else f"HTTP {status}"
    answer = _answer(body)
    names = ("code", "StatusCode") if service is Service.FEISHU else ("errcode",)
    found = [(name, answer[name]) for name in names if name in answer]
    if not found:
        return _("HTTP {status}, and no answer of {service}").format(status=status, service=service)
    name, code = found[0]
    if type(code) is int and code == 0:
        return "" if is_good else f"HTTP {status}"
    words = answer.get("errmsg") or answer.get("msg") or ""
    said = _(HINTS.get(code, "")) if isinstance(code, int) else ""
    said = said or (words[:MAX_ERROR] if isinstance(words, str) else "")
    return f"{name} {str(code)[:20]}" + (f": {said}" if said else "")


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
