"""Driver of the real gateway in gateway.mjs: a scripted WeChat account behind a genuine PuppetServer of npm.

There are two: `upstream` is wechaty-puppet-service, `juzi` is WorkPro's, @juzi/wechaty-puppet-service (its own commands
are in workpro.py). The account, and so what a test can do with it, is the same.

    async with RealGateway(echo=True) as gateway:
        await gateway.contact("bot", "Relay")
        await gateway.room("r1", "Community 101", ["bot", "alice"])
        await gateway.login("bot")
        ...
        await gateway.say(room="r1", talker="alice", text="hello")
        await gateway.wait_sent(1)

It needs Node and `npm ci` in this folder; `missing()` says what is not there.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.interop.ports import free_port

HERE = Path(__file__).parent
# Left out of what is read again: Python 3.12 stops at a depth of JSON that nobody can set.
DEEP = re.compile(rb"\[{500,}\]{500,}")
# A reply can carry every send so far; asyncio's own limit for one line is 64 KB.
LINE_LIMIT = 64 * 1024 * 1024

Which = Literal["upstream", "juzi"]
BOTH: tuple[Which, ...] = ("upstream", "juzi")
PACKAGES = {"upstream": "wechaty-puppet-service", "juzi": "@juzi/wechaty-puppet-service"}


class GatewayError(Exception):
    """The gateway refused a command; the message says why."""


class GatewayExited(Exception):
    """The gateway's process is gone; the message carries the end of its stderr."""


@dataclass(frozen=True)
class TlsCertificate:
    """A server certificate of one's own, both parts as PEM text."""

    cert: str
    key: str


@dataclass(frozen=True)
class Media:
    """A file inside a message: bytes, or a link that the client is to fetch by itself."""

    name: str
    content: bytes = b""
    url: str = ""

    def as_json(self) -> dict[str, str]:
        if self.url:
            return {"name": self.name, "url": self.url}
        return {"name": self.name, "base64": base64.b64encode(self.content).decode()}


@dataclass(frozen=True)
class Sent:
    """A send that the account performed.

    n counts from 1; at is the gateway's clock in seconds, for the gaps between sends, not for the time of day.
    data: text, mentions, quote_id | name, size, sha256, boxType, url | payload; throttled, when over the budget.
    """

    n: int
    at: float
    room: str
    kind: str
    id: str
    data: dict[str, object]

    @property
    def text(self) -> str:
        """The text of a text send, and "" for every other kind."""
        return str(self.data.get("text", ""))

    @property
    def quote_id(self) -> str:
        """The id of the message that a text send quotes; "" for none."""
        return str(self.data.get("quote_id", ""))


@dataclass(frozen=True)
class Refused:
    """A send that the client got an error for, and that nobody in the room saw."""

    room: str
    kind: str
    error: str


@dataclass(frozen=True)
class Called:
    """A gRPC call as it arrived; id is the message, room or contact that it was about, if any."""

    name: str
    id: str | None


@dataclass(frozen=True)
class Resumed:
    """An event stream of "juzi": the number and account that the client sent, and how many events it got again."""

    seq: int
    account: str
    replayed: int


def missing() -> str | None:
    """What this machine lacks to run the gateway, as one line, or None."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not all((HERE / "node_modules" / package).is_dir() for package in PACKAGES.values()):
        return "npm ci has not been run in tests/interop"
    return None


class RealGateway:
    """One gateway process. Its lists grow as its reports arrive; `wait` sleeps until one of them makes a test true."""

    def __init__(
        self,
        which: Which = "upstream",
        *,
        token: str = "insecure_00000000-0000-0000-0000-000000000000",
        port: int | None = None,
        tls: bool | TlsCertificate = False,
        ids: bool = True,
        echo: bool | Literal["padlocal"] = False,
        echo_delay_ms: int = 0,
        start_timeout: float = 30,
    ) -> None:
        """Nothing runs yet.

        port: chosen freely if not given; pass an earlier gateway's port to take its place.
        tls: True serves with the package's public default certificate.
        ids: whether a send answers with a message id.
        echo: own sends come back as messages; "padlocal" shows own images as a line of text, as that puppet does.
        echo_delay_ms: 0 lets the echo leave before the answer of the send.
        """
        self.which: Which = which
        self.token = token
        self.port = free_port() if port is None else port
        self.tls = tls
        self.ids = ids
        self.echo = echo
        self.echo_delay_ms = echo_delay_ms
        self.start_timeout = start_timeout
        self.sent: list[Sent] = []
        self.refused: list[Refused] = []
        self.called: list[Called] = []
        self.recalled: list[str] = []
        self.streams: list[str] = []
        self.unauthorized: list[str] = []
        self.resumed: list[Resumed] = []
        self.entered: list[tuple[str, str]] = []  # ids and verify codes, as the client entered them
        self._ready = False
        self._ended = False
        self._paused = False
        self._changed = asyncio.Condition()
        self._replies: dict[int, asyncio.Future[object]] = {}
        self._count = 0
        self._errors: deque[str] = deque(maxlen=40)
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def stream_open(self) -> bool:
        """Whether a client holds the event stream; a second client's refused attempt does not change it."""
        kept = [state for state in self.streams if state != "refused"]
        return bool(kept) and kept[-1] == "open"

    @property
    def errors(self) -> str:
        """The end of the process's stderr."""
        return "\n".join(self._errors)

    # --- the process ---

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Run the gateway and return when it listens. GatewayExited if it ends first, TimeoutError if it takes long."""
        # The gateway keeps large media in its temporary directory and cannot tidy up after a SIGKILL; this can.
        self._folder = tempfile.TemporaryDirectory(prefix="roomsync-gateway-")
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(HERE / "gateway.mjs"),
            json.dumps(self._options()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
            env={**os.environ, "TMPDIR": self._folder.name},
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read_reports(self._process.stdout), name="gateway reports"),
            asyncio.create_task(self._read_errors(self._process.stderr), name="gateway stderr"),
        ]
        try:
            await self.wait(lambda: self._ready, self.start_timeout)
        except BaseException:
            await self.kill()
            raise

    def _options(self) -> dict[str, object]:
        tls = {"cert": self.tls.cert, "key": self.tls.key} if isinstance(self.tls, TlsCertificate) else self.tls
        return {
            "which": self.which,
            "endpoint": self.endpoint,
            "token": self.token,
            "tls": tls,
            "ids": self.ids,
            "echo": self.echo,
            "echo_delay_ms": self.echo_delay_ms,
        }

    async def close(self) -> None:
        """End the gateway in an orderly way, as when its owner stops it. May be called twice."""
        if self._process is None:
            return
        self.resume()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
        await self._tidy()

    def forget_files(self) -> int:
        """Remove the bytes behind every handle, as a gateway does after hours; return how many that were."""
        assert self._folder is not None
        files = [path for path in Path(self._folder.name).rglob("*") if path.is_file()]
        for path in files:
            path.unlink()
        return len(files)

    async def kill(self) -> None:
        """End the gateway as a crash does: SIGKILL, no goodbye on any connection."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._tidy()

    async def _tidy(self) -> None:
        assert self._process is not None
        await self._process.wait()
        await asyncio.gather(*self._readers)
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()
        self._process = None
        if self._folder is not None:
            self._folder.cleanup()

    def pause(self) -> None:
        """Freeze the gateway (SIGSTOP): its connections stay open and nothing answers. Not on Windows."""
        self._signal("SIGSTOP")
        self._paused = True

    def resume(self) -> None:
        """Let a frozen gateway run on; nothing if it is not frozen."""
        if self._paused:
            self._signal("SIGCONT")
            self._paused = False

    def _signal(self, name: str) -> None:
        if self._process is None:
            raise GatewayExited("the gateway is not running")
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(getattr(signal, name))

    # --- what it reports ---

    async def _read_reports(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            async with self._changed:
                self._take(json.loads(DEEP.sub(b"null", line)))
                self._changed.notify_all()
        async with self._changed:
            self._ended = True
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(GatewayExited(f"the gateway ended: {self.errors}"))
            self._replies.clear()
            self._changed.notify_all()

    async def _read_errors(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self._errors.append(line.decode(errors="replace").rstrip())

    def _take(self, report: dict[str, Any]) -> None:
        match report:
            case {"ready": _}:
                self._ready = True
            case {"reply": n, "ok": ok}:
                self._settle(n, ok, report)
            case {"sent": entry}:
                self.sent.append(_sent(entry))
            case {"refused": entry}:
                self.refused.append(Refused(**entry))
            case {"called": name, "id": about}:
                self.called.append(Called(name, about))
            case {"recalled": message}:
                self.recalled.append(message)
            case {"stream": state}:
                self.streams.append(state)
            case {"unauthorized": name}:
                self.unauthorized.append(name)
            case _:
                self._take_own(report)

    def _take_own(self, report: dict[str, Any]) -> None:
        """Take what only "juzi" reports."""
        match report:
            case {"resumed": entry}:
                self.resumed.append(Resumed(**entry))
            case {"entered": id, "code": code}:
                self.entered.append((id, code))
            case _:
                raise AssertionError(f"unknown report {report}")

    def _settle(self, n: int, ok: bool, report: dict[str, Any]) -> None:
        reply = self._replies.pop(n, None)
        if reply is None or reply.done():
            return  # whoever asked was cancelled
        if ok:
            reply.set_result(report["result"])
        else:
            reply.set_exception(GatewayError(report["error"]))

    async def wait(self, predicate: Callable[[], object], timeout: float = 30) -> None:  # noqa: ASYNC109
        """Return once predicate() is true; it is asked again after each report.

        TimeoutError when it stays false, GatewayExited when the gateway ends and it is still false.
        """
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: predicate() or self._ended)
        except TimeoutError:
            raise TimeoutError(f"not within {timeout} s; the gateway has {self._summary()}") from None
        if self._ended and not predicate():
            raise GatewayExited(f"the gateway ended: {self.errors}")

    async def wait_sent(self, count: int, timeout: float = 30) -> list[Sent]:  # noqa: ASYNC109
        """Return all sends once there are at least that many. Errors as in `wait`."""
        await self.wait(lambda: len(self.sent) >= count, timeout)
        return list(self.sent)

    async def wait_called(self, name: str, count: int = 1, timeout: float = 30) -> None:  # noqa: ASYNC109
        """Return once that gRPC call (lower camel case, "messagePayload") has arrived so often. Errors as in `wait`."""
        await self.wait(lambda: self.call_count(name) >= count, timeout)

    async def sync(self) -> None:
        """Return once all that the gateway has done so far is in the lists: an answer over gRPC can arrive earlier."""
        await self.command("stats")

    def call_count(self, name: str) -> int:
        """How often that gRPC call has arrived."""
        return sum(call.name == name for call in self.called)

    def texts(self, room: str) -> list[str]:
        """The texts sent to a room, in order."""
        return [send.text for send in self.sent if send.room == room and send.kind == "text"]

    def _summary(self) -> str:
        calls = ", ".join(call.name for call in self.called[-8:])
        return f"{len(self.sent)} sends, {len(self.refused)} refused, streams {self.streams}, last calls: {calls}"

    # --- commands ---

    async def command(self, do: str, **arguments: object) -> object:
        """Give one command and return its result. GatewayError when it is refused, GatewayExited when nobody is there.

        Reports that the gateway made before its answer are in the lists when this returns.
        """
        if self._process is None or self._ended:
            raise GatewayExited(f"the gateway is not running: {self.errors}")
        assert self._process.stdin is not None
        self._count += 1
        reply: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._replies[self._count] = reply
        given = {name: value for name, value in arguments.items() if value is not None}
        line = json.dumps({"n": self._count, "do": do, **given})
        try:
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise GatewayExited(f"the gateway ended: {self.errors}") from error
        return await reply

    async def contact(self, id: str, name: str, alias: str = "") -> None:
        """Create or change a contact; its payload is marked dirty."""
        await self.command("contact", id=id, name=name, alias=alias)

    async def room(self, id: str, topic: str, members: Sequence[str], aliases: Mapping[str, str] | None = None) -> None:
        """Create or replace a room. aliases: contact id -> the name that this contact has in this room."""
        await self.command("room", id=id, topic=topic, members=list(members), aliases=dict(aliases or {}))

    async def login(self, id: str) -> None:
        """Log the account in as that contact. GatewayError if it is logged in already."""
        await self.command("login", id=id)

    async def logout(self, reason: str = "logged out on the phone") -> None:
        """Log the account out; the client gets a logout event with the reason."""
        await self.command("logout", reason=reason)

    async def say(
        self,
        *,
        talker: str,
        room: str | None = None,
        to: str | None = None,
        kind: str | int = "text",
        text: str = "",
        file: Media | None = None,
        payload: Mapping[str, object] | None = None,
        payload_json: str | None = None,
        mentions: Sequence[str] = (),
        quote_id: str = "",
        id: str | None = None,
        timestamp: int | None = None,
        delay_payload_ms: int = 0,
        fail_payload: int = 0,
        fail_media: int = 0,
        dead_handles: int = 0,
    ) -> str:
        """Someone says something: into a room, or to one contact in private. Returns the message id.

        kind: a MessageType name in lower case ("text", "image", "url", "miniprogram", "recalled", ...) or a number.
        payload: the card of a url, miniprogram, location or contact ({"contactId": ...}), unknown fields included.
        payload_json: the same as JSON, for a card that is nested deeper than Python's own json goes.
        quote_id: the message that this one quotes; only "juzi" passes it on.
        fail_payload, fail_media: how many reads of the payload, or of the file, fail before the first good one.
        dead_handles: how many handles of the file, from the first on, are dead when they are used.
        """
        result = await self.command(
            "say",
            talker=talker,
            room=room,
            to=to,
            kind=kind,
            text=text,
            file=file.as_json() if file else None,
            payload=dict(payload) if payload is not None else None,
            payload_json=payload_json,
            mentions=list(mentions),
            quote_id=quote_id,
            id=id,
            timestamp=timestamp,
            delay_payload_ms=delay_payload_ms,
            fail_payload=fail_payload,
            fail_media=fail_media,
            dead_handles=dead_handles,
        )
        return str(result)

    async def again(self, id: str) -> None:
        """Emit the event of a message once more, as gateways do after a reconnect. GatewayError for an unknown id."""
        await self.command("again", id=id)

    async def event(self, name: str, payload: object) -> None:
        """Emit any puppet event with any payload; the gateway's own listeners see it too. For more hostility: `raw`."""
        await self.command("event", name=name, payload=payload)

    async def raw(self, type: int, payload: str) -> None:
        """Write one EventResponse into the event stream as it is. GatewayError if no stream is open."""
        await self.command("raw", type=type, payload=payload)

    async def ping(self) -> float:
        """Return how many seconds the client takes to answer a PING of HTTP/2: whether its event loop turns.

        GatewayError if no stream is open, or it ends meanwhile.
        """
        result = await self.command("ping")
        assert isinstance(result, int | float)
        return float(result)

    async def rename(self, room: str, topic: str, changer: str) -> None:
        """Change a room's topic: payload, dirty event, room-topic event."""
        await self.command("rename", room=room, topic=topic, changer=changer)

    async def join(self, room: str, contacts: Sequence[str], inviter: str) -> None:
        """Add members to a room: payload, dirty events, room-join event."""
        await self.command("join", room=room, contacts=list(contacts), inviter=inviter)

    async def leave(self, room: str, contacts: Sequence[str], remover: str) -> None:
        """Take members out of a room: payload, dirty events, room-leave event. The room itself stays."""
        await self.command("leave", room=room, contacts=list(contacts), remover=remover)

    async def remove_room(self, room: str) -> None:
        """Make a room unknown to the account; sends to it are refused from now on."""
        await self.command("remove_room", room=room)

    async def dirty_rooms(self, rooms: Sequence[str]) -> None:
        """Mark the payloads of these rooms dirty, one event each, all at once."""
        await self.command("dirty_rooms", rooms=list(rooms))

    async def slow(self, call: str, delay_ms: int) -> None:
        """Let that gRPC call (lower camel case, "roomPayload") take so long from now on; 0 lets it be quick again."""
        await self.command("slow", call=call, delay_ms=delay_ms)

    async def kill_handles(self) -> int:
        """Let every handle that the gateway has given out so far be gone (ENOENT); return how many there were.

        A file that is asked for again gets a new one, which lives.
        """
        result = await self.command("kill_handles")
        assert isinstance(result, int)
        return result

    async def rule(
        self,
        action: Literal["refuse", "perform_then_fail", "delay"],
        *,
        room: str | None = None,
        kind: str | None = None,
        quoting: bool = False,
        error: str = "refused by rule",
        times: int = -1,
        delay_ms: int = 0,
    ) -> None:
        """Change what sends do, for one room and kind or for all; -1 times is for ever. Rules apply in their order.

        quoting: only sends that carry the id of a message that they quote.
        """
        match = {"room": room, "kind": kind, "quoting": quoting}
        await self.command("rule", action=action, **match, error=error, times=times, delay_ms=delay_ms)

    async def clear_rules(self) -> None:
        """Drop all rules; the budget stays."""
        await self.command("clear_rules")

    async def budget(
        self,
        rate: float | None,
        burst: int = 1,
        *,
        error: str = "1204 == 0",
        mode: Literal["refuse", "notice"] = "refuse",
    ) -> None:
        """Allow so many sends a second over all rooms; None lifts the limit.

        Over it a send is refused with the error (wechat4u), or seems to succeed, is recorded with throttled=True, and
        is followed by the throttle notice in its room (padlocal).
        """
        await self.command("budget", rate=rate, burst=burst, error=error, mode=mode)

    async def recall_result(self, value: bool) -> None:
        """What the account answers from now on when a message is recalled; recalls are noted in either case."""
        await self.command("recall_result", value=value)

    async def stats(self) -> dict[str, object]:
        """Counts since the start (sent, refused, calls by name), stream (is it open), login (contact id or None)."""
        result = await self.command("stats")
        assert isinstance(result, dict)
        return result


def _sent(entry: dict[str, Any]) -> Sent:
    known = {name: entry.pop(name) for name in ("n", "at", "room", "kind", "id")}
    return Sent(**known, data=entry)
