"""Local servers in the place of the services that alerts and heartbeats go to: they answer as the real ones do."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

WECOM_OK = (200, {"errcode": 0, "errmsg": "ok"})
WECOM_WRONG_KEY = (
    200,
    {
        "errcode": 93000,
        "errmsg": "invalid webhook url, hint: [1764549902], from ip: 203.0.113.9, more info at https://x",
    },
)
WECOM_TOO_MANY = (200, {"errcode": 45009, "errmsg": "api freq out of limit, hint: [1764549902]"})
DINGTALK_OK = (200, {"errcode": 0, "errmsg": "ok"})
DINGTALK_NO_SIGN = (200, {"errcode": 310000, "errmsg": "sign not match, more: [https://ding-doc.dingtalk.com]"})
FEISHU_OK = (200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"})
FEISHU_OLD_OK = (200, {"Extra": None, "StatusCode": 0, "StatusMessage": "success"})
FEISHU_WRONG_SIGN = (200, {"code": 19021, "data": {}, "msg": "sign match fail or timestamp is not within one hour"})
FEISHU_BAD_REQUEST = (400, {"code": 9499, "data": {}, "msg": "Bad Request"})
Answer = tuple[int, object]


@dataclass
class Hooked:
    """A server that takes whatever comes. It gives `answers` one by one, then the last of them again and again.

    An answer of the status 0: the connection is closed without one. `hangs`: until it is set, nobody gets an answer.
    """

    answers: list[Answer] = field(default_factory=lambda: [(200, {})])
    hangs: threading.Event | None = None
    port: int = 0
    paths: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/0123456789abcdef"

    @property
    def kinds(self) -> list[str]:
        """What the alerts were about that came as JSON."""
        return [body["kind"] for body in self.bodies]


def _handler(hooked: Hooked) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._answer(None)

        def _answer(self, body: Any) -> None:
            status, answer = hooked.answers.pop(0) if len(hooked.answers) > 1 else hooked.answers[0]
            hooked.bodies.append(body)
            hooked.paths.append(self.path)  # last: who sees it sees the body, too
            if hooked.hangs:
                hooked.hangs.wait(20)
            if status:
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                with suppress(ConnectionError):  # of who did not wait
                    self.end_headers()
                    self.wfile.write(data)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def hooked(*answers: Answer, hangs: threading.Event | None = None) -> Iterator[Hooked]:
    """A server that listens on 127.0.0.1."""
    found = Hooked(list(answers) or [(200, {})], hangs)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    server.daemon_threads = True
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        if hangs:
            hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Mapped(HTTPAdapter):
    """Takes a call to any host to the server of a test, with the path that it has."""

    def __init__(self, server: Hooked) -> None:
        super().__init__()
        self._server = server

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        assert isinstance(parts.path, str)
        request.url = urlunsplit(("http", f"127.0.0.1:{self._server.port}", parts.path, parts.query, ""))
        return super().send(request, *args, **kwargs)


def session_to(server: Hooked) -> requests.Session:
    """A session whose every call goes to that server, and past any proxy of this machine."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, Mapped(server))
    return session
