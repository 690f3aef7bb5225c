"""The services behind ALERT_URLS: what they are sent, what they answer, and that nothing of an address is told."""

import json
import logging
import socket
import threading
import time

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from roomsync.alerts import sender as sending
from roomsync.alerts.hooks import MAX_BYTES, Hook, Service, cut, problem_of, request_of
from roomsync.alerts.sender import Sender
from roomsync.alerts.wording import Alert
from roomsync.cli.repeats import Repeats
from tests.hooked import (
    DINGTALK_NO_SIGN,
    DINGTALK_OK,
    FEISHU_BAD_REQUEST,
    FEISHU_OK,
    FEISHU_OLD_OK,
    FEISHU_WRONG_SIGN,
    WECOM_OK,
    WECOM_TOO_MANY,
    WECOM_WRONG_KEY,
    Answer,
    Hooked,
    hooked,
    session_to,
)

WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef0123456789abcdef"
FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/0a1b2c3d-4e5f-6789-abcd-ef0123456789"
OWN = "https://alerts.example.org/in/0123456789abcdef?who=me"
ADDRESSES = (WECOM, DINGTALK + "&secret=SEC0123456789abcdef", FEISHU + "?secret=feishu-secret", OWN)
ALERT = Alert("login", "WeChat bot Milvus: WeChat is not logged in", "Scan this.", 1_700_000_000.0, "Milvus")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between attempts, nor long for an answer."""
    monkeypatch.setattr(sending, "RETRY_DELAYS", (0.0, 0.0))
    monkeypatch.setattr(sending, "LATE_DELAY", 0.0)


def attempt(url: str, server: Hooked) -> str:
    return Sender(Hook.parse(url), 1, session_to(server), lambda: 1_700_000_000.0).attempt(ALERT)


@pytest.mark.parametrize(
    ("url", "service"),
    [
        (WECOM, Service.WECOM),
        (WECOM.replace("https://qyapi", "HTTPS://QYAPI"), Service.WECOM),
        (DINGTALK, Service.DINGTALK),
        (FEISHU, Service.FEISHU),
        (FEISHU.replace("feishu.cn", "larksuite.com"), Service.FEISHU),
        (OWN, Service.JSON),
        ("https://qyapi.weixin.qq.com.example.org/", Service.JSON),
        ("mailto://user:password@example.org", Service.APPRISE),
    ],
)
def test_a_service_is_known_by_its_host(url: str, service: Service) -> None:
    """The host alone says who is behind an address."""
    assert Hook.parse(url).service is service


def test_wecom_gets_a_text() -> None:
    """WeCom's address stays as it is, and gets title, text and time as one text."""
    with hooked(WECOM_OK) as server:
        assert attempt(WECOM, server) == ""
    assert server.paths == ["/cgi-bin/webhook/send?key=693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"]
    (body,) = server.bodies
    assert body["msgtype"] == "text" and set(body) == {"msgtype", "text"}
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ALERT.at))
    assert body["text"] == {"content": f"{ALERT.title}\nScan this.\n{at}"}


def test_dingtalk_is_signed_in_its_address() -> None:
    """The secret is taken off DingTalk's address, and time and signature (made with openssl) stand there."""
    hook = Hook.parse(DINGTALK + "&secret=SEC0123456789abcdef")
    request = request_of(hook, ALERT, 1_700_000_000.123)
    sign = "V9VP5gL2WDsEZvZQHnbd9k4n%2Bp56ibcLMh%2BWKMZRQas%3D"
    assert request.url == f"{DINGTALK}&timestamp=1700000000123&sign={sign}"
    assert request.body == {"msgtype": "text", "text": {"content": ALERT.words}}


def test_feishu_is_signed_in_its_body() -> None:
    """The secret is taken off Feishu's address, and time and signature (made with openssl) stand in the body."""
    request = request_of(Hook.parse(FEISHU + "?secret=feishu-secret"), ALERT, 1_700_000_000.0)
    assert request.url == FEISHU
    sign = "OrBzY1Y01Gq+HgJsl+7OfWcMVwc7YocohQm5iiZwjhU="
    text = {"msg_type": "text", "content": {"text": ALERT.words}}
    assert request.body == {**text, "timestamp": "1700000000", "sign": sign}


@pytest.mark.parametrize("url", [DINGTALK, FEISHU])
def test_who_gives_no_secret_signs_nothing(url: str) -> None:
    """Without a secret address and body have no signature."""
    request = request_of(Hook.parse(url), ALERT, 1_700_000_000.0)
    assert request.url == url and "sign" not in request.body


def test_any_other_address_gets_json() -> None:
    """An address of the operator's own gets the five fields, and keeps its parameters."""
    with hooked() as server:
        assert attempt(OWN, server) == ""
    assert server.paths == ["/in/0123456789abcdef?who=me"]
    fields = {"kind": "login", "title": ALERT.title, "text": "Scan this.", "at": ALERT.at, "community": "Milvus"}
    assert server.bodies == [fields]


@example(text="字" * 3000)
@example(text="😀a" * 1000)
@given(text=st.text(max_size=3000))
def test_a_text_is_cut_to_the_limit_of_its_service(text: str) -> None:
    """No text is longer than the service takes, and what fits is not changed."""
    for service, limit in MAX_BYTES.items():
        alert = Alert("login", text, text, 0.0, "")
        sent = cut(alert.words, limit)
        assert len(sent.encode("utf-8", "replace")) <= limit
        assert sent == alert.words or sent.endswith("…")
        body = request_of(Hook(service, "https://x"), alert, 0.0).body
        assert len(json.dumps(body)) < 20_000


@pytest.mark.parametrize(
    ("url", "answer", "problem"),
    [
        (WECOM, WECOM_OK, ""),
        (WECOM, WECOM_WRONG_KEY, "errcode 93000: the key is wrong, or the robot was removed from its group"),
        (WECOM, WECOM_TOO_MANY, "errcode 45009: too many messages in a minute"),
        (WECOM, (200, {}), "HTTP 200, and no answer of WeCom"),
        (WECOM, (200, {"errcode": False}), "errcode False"),
        (WECOM, (200, b"<html>"), "HTTP 200, and no answer of WeCom"),
        (WECOM, (500, {"errcode": 0}), "HTTP 500"),
        (DINGTALK, DINGTALK_OK, ""),
        (DINGTALK, DINGTALK_NO_SIGN, "errcode 310000: sign not match, more: [https://ding-doc.dingtalk.com]"),
        (FEISHU, FEISHU_OK, ""),
        (FEISHU, FEISHU_OLD_OK, ""),
        (FEISHU, FEISHU_WRONG_SIGN, "code 19021: the secret is wrong or missing, or this machine's clock is"),
        (FEISHU, FEISHU_BAD_REQUEST, "code 9499: Bad Request"),
        (OWN, (204, b""), ""),
        (OWN, (500, {}), "HTTP 500"),
        (OWN, (302, {}), "HTTP 302"),
        (OWN, (0, {}), "no connection"),
    ],
)
def test_an_alert_is_sent_when_the_answer_says_so(url: str, answer: Answer, problem: str) -> None:
    """Of the three services the body of the answer counts, of others its status; nothing follows a redirect."""
    with hooked(answer) as server:
        assert attempt(url, server) == problem
    assert len(server.paths) == 1


@given(
    status=st.integers(100, 599), body=st.binary(max_size=60) | st.from_regex(rb'\{"(errcode|code)": ?-?[0-9]{1,9}\}')
)
def test_only_a_zero_is_success(status: int, body: bytes) -> None:
    """Whatever the three services answer, only the number 0 with a good status is success."""
    for service in (Service.WECOM, Service.DINGTALK, Service.FEISHU):
        if not problem_of(service, status, body):
            assert 200 <= status < 300 and 0 in json.loads(body).values()


def test_a_slow_service_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that answers nothing in time is said to do so."""
    monkeypatch.setattr(sending, "TIMEOUT", (5.0, 0.05))
    with hooked(hangs=threading.Event()) as server:
        assert attempt(OWN, server) == "no answer in time"


def join(sender: Sender) -> None:
    """Wait until a sender has sent all that it has; it does not leave, so it tries again what fails."""
    sender._alerts.put(None)
    sender.join(20)
    assert not sender.is_alive()


def deliver(url: str, server: Hooked, alerts: int = 1) -> None:
    """Let a sender deliver alerts, and end."""
    sender = Sender(Hook.parse(url), 3, session_to(server))
    sender.start()
    for _ in range(alerts):
        sender.send(ALERT)
    join(sender)


def test_a_failed_alert_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A service that takes it the third time has it once, and nothing is logged."""
    with hooked((500, {}), WECOM_TOO_MANY, WECOM_OK) as server:
        deliver(WECOM, server)
    assert len(server.paths) == 3 and caplog.text == ""


def test_an_alert_that_cannot_be_sent_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """After the last attempt one line says which address by its number, why, and what was to be told."""
    with hooked(WECOM_WRONG_KEY) as server:
        deliver(WECOM, server)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("Alert 3 could not be sent (errcode 93000: ") and line.endswith(ALERT.title)
    assert len(server.paths) == 3


def test_an_alert_comes_late_when_the_service_was_out_of_reach(caplog: pytest.LogCaptureFixture) -> None:
    """Without any answer it is tried on, in its turn, until the service is there again; the log has both."""
    with hooked(*[(0, {})] * 9, (200, {})) as server:
        deliver(OWN, server, alerts=2)
    assert len(server.paths) == 11 and [body["kind"] for body in server.bodies[9:]] == ["login", "login"]
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        f"Alert 3 could not be sent (no connection): {ALERT.title}",
        f"Alert 3 is sent now, late: {ALERT.title}",
    ]


def test_an_alert_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is never reached has no more attempts after a day; one that answers no gets none of these."""
    monkeypatch.setattr(sending, "MAX_LATE", 4)
    with hooked((0, {})) as server:
        deliver(OWN, server)
        assert len(server.paths) == 3 + 4
        server.answers[:] = [(0, {})] * 4 + [(404, {})]
        deliver(OWN, server)
        assert len(server.paths) == 7 + 5


@pytest.mark.parametrize("url", ADDRESSES)
@pytest.mark.parametrize("answer", [(0, {}), (500, {}), (200, {"errcode": 7, "code": 7}), None])
def test_nothing_of_an_address_is_logged(url: str, answer: Answer | None, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong, no part of the address is in the log of any library, nor in a repr."""
    caplog.set_level(logging.WARNING)  # as the bot sets urllib3: tests/test_logs.py
    if answer and answer[0] == 200:
        told = url.replace("&secret=", "/")  # a service that repeats what it was sent
        answer = (200, {"errcode": 7, "code": 7, "errmsg": told, "msg": told})
    with hooked(answer or (200, {})) as server:
        if answer is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                server.port, port = free.getsockname()[1], server.port
                deliver(url, server)
                server.port = port
        else:
            deliver(url, server)
    hook = Hook.parse(url)
    shown = caplog.text + repr(hook) + repr(request_of(hook, ALERT, 0.0))
    for secret in ("693a91f6", "0123456789abcdef", "0a1b2c3d-4e5f", "feishu-secret", "https://"):
        assert secret not in shown


def test_one_service_that_hangs_holds_up_no_other() -> None:
    """While the first address gets no answer, the second has its alert, and `send` returns at once."""
    hangs = threading.Event()
    with hooked(hangs=hangs) as slow, hooked() as quick:
        first, second = (Sender(Hook.parse(OWN), n, session_to(one)) for n, one in enumerate((slow, quick), 1))
        for sender in (first, second):
            sender.start()
            sender.send(ALERT)
        join(second)
        assert quick.kinds == ["login"] and first.is_alive()
        hangs.set()
        join(first)
        assert slow.kinds == ["login"]


def test_too_many_alerts_are_left_out(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """What is over the bound of the queue is a line in the log, and `send` does not wait."""
    monkeypatch.setattr(sending, "MAX_WAITING", 2)
    sender = Sender(Hook.parse(OWN), 1)
    for _ in range(3):
        sender.send(ALERT)
    assert [record.getMessage() for record in caplog.records] == [
        f"Alert 1: too many wait; this one is left out: {ALERT.title}"
    ]


def test_who_leaves_waits_for_no_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `leave` a failed alert is not tried again, however long the delay would be."""
    monkeypatch.setattr(sending, "RETRY_DELAYS", (3600.0,))
    with hooked((500, {})) as server:
        sender = Sender(Hook.parse(OWN), 1, session_to(server))
        sender.start()
        sender.send(ALERT)
        sender.leave()
        sender.join(20)
        assert not sender.is_alive() and len(server.paths) == 1


def test_each_address_that_fails_has_its_line(caplog: pytest.LogCaptureFixture) -> None:
    """Two addresses that fail for one reason are two lines of the log, and not one with a count."""
    with hooked(*[(500, {})] * 6) as server:
        for number in (1, 2):
            sender = Sender(Hook.parse(OWN), number, session_to(server))
            sender.start()
            sender.send(ALERT)
            sender.leave()
            sender.join(20)
    repeats = Repeats()
    assert [len(repeats.see(record, 0.0)) for record in caplog.records] == [1, 1]


def test_a_certificate_that_does_not_fit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why a call failed is said in words of ours, not in those of the error."""
    reasons = [
        sending.reason_of(error)
        for error in (
            requests.exceptions.SSLError(WECOM),
            requests.exceptions.ProxyError(WECOM),
            requests.exceptions.ConnectTimeout(WECOM),
            requests.exceptions.InvalidURL(WECOM),
        )
    ]
    assert reasons == [
        "its certificate does not fit", "the proxy does not let it through", "no answer in time", "InvalidURL",
    ]  # fmt: skip


def test_apprise_sends_to_all_others(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of apprise gets title and text; what fails there is said without the address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with hooked((200, {}), (500, {})) as server:
        url = f"json://user:0123456789abcdef@127.0.0.1:{server.port}/"
        sender = Sender(Hook.parse(url), 1)
        problems = [sender.attempt(ALERT), sender.attempt(ALERT)]
    assert problems == ["", "apprise could not send it"]
    body = server.bodies[0]
    assert (body["title"], body["message"].split("\n")[0]) == (ALERT.title, "Scan this.")
    assert (
        Sender(Hook.parse("nonsense://0123456789abcdef"), 1).attempt(ALERT) == "apprise does not know such an address"
    )
    assert caplog.text == ""
