"""Sends alerts, each address in a thread of its own: nothing waits for a service, and none for another one."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable

import requests
import urllib3

from roomsync.alerts.hooks import Hook, Service, problem_of, request_of
from roomsync.alerts.wording import Alert
from roomsync.language import _
from roomsync.text.secrets import secrets_of

log = logging.getLogger(__name__)

TIMEOUT = (5.0, 10.0)  # seconds to connect, and for each piece of an answer
RETRY_DELAYS = (2.0, 15.0, 65.0, 130.0)  # seconds before each new attempt; a limit of messages a minute is over by then
LATE_DELAY = 300.0  # seconds between the attempts after those, while the service cannot be reached at all
MAX_LATE = 288  # such attempts: a day of them
MAX_WAITING = 50  # alerts for one address
MAX_ANSWER = 20_000  # bytes of an answer that are read
HEADERS = {"User-Agent": "roomsync"}


class Sender(threading.Thread):
    """Sends alerts to one address, in their order; a failed one is tried again, then a line in the log says so.

    What cuts the bot off from the service often cuts WeChat off, too. So while the service cannot be reached, an alert
    goes on being tried: it comes late rather than never.

    `number`: which address of ALERT_URLS it is: all that is ever said of it. `session`: what calls the address.
    """

    def __init__(
        self, hook: Hook, number: int, session: requests.Session | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        super().__init__(name=f"alert {number}", daemon=True)  # one that hangs must not keep the process
        self._hook, self._wall = hook, wall
        self._number = str(number)  # not a number: lines of the log that differ in those alone are counted as one
        self._session = session or requests.Session()
        self._alerts: queue.Queue[Alert | None] = queue.Queue(MAX_WAITING)
        self._leaving = threading.Event()
        self._was_reached = True  # whether the service answered the last attempt

    def send(self, alert: Alert) -> None:
        """Let an alert be sent, without waiting for it."""
        try:
            self._alerts.put_nowait(alert)
        except queue.Full:
            log.error("Alert %s: too many wait; this one is left out: %s", self._number, alert.title)  # noqa: TRY400

    def leave(self) -> None:
        """Send what waits, each alert once, and let the thread end."""
        self._leaving.set()
        with contextlib.suppress(queue.Full):  # then the thread ends with the process
            self._alerts.put_nowait(None)

    def run(self) -> None:
        """Send alerts until `leave`."""
        while (alert := self._alerts.get()) is not None:
            try:
                self._deliver(alert)
            except Exception as error:  # noqa: BLE001 - a traceback may have the address in it
                what = type(error).__name__
                log.error("Alert %s failed in a way that was not foreseen (%s).", self._number, what)  # noqa: TRY400

    def _deliver(self, alert: Alert) -> None:
        problem = self.attempt(alert)
        for delay in RETRY_DELAYS:
            if not problem or self._leaving.wait(delay):
                break
            problem = self.attempt(alert)
        if problem:
            log.error("Alert %s could not be sent (%s): %s", self._number, problem, alert.title)
            self._deliver_late(alert)

    def _deliver_late(self, alert: Alert) -> None:
        for _attempt in range(MAX_LATE):
            if self._was_reached or self._leaving.wait(LATE_DELAY):
                return
            if not self.attempt(alert):
                log.warning("Alert %s is sent now, late: %s", self._number, alert.title)
                return

    def attempt(self, alert: Alert) -> str:
        """Send an alert now; return why it failed, which never has the address in it; empty when it is sent."""
        self._was_reached = True
        if self._hook.service is Service.APPRISE:  # it does not say whether it reached anybody
            return _by_apprise(self._hook.url, alert)
        request = request_of(self._hook, alert, self._wall())
        try:
            with self._session.post(
                request.url, json=request.body, headers=HEADERS, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                body = answer.raw.read(MAX_ANSWER, decode_content=True)
                return self._hidden(problem_of(self._hook.service, answer.status_code, body))
        except Exception as error:  # noqa: BLE001 - whatever it is, the address may stand in its text
            self._was_reached = False
            return reason_of(error)

    def _hidden(self, problem: str) -> str:
        """Return what a service says, without what it may repeat of the address."""
        for secret in (*secrets_of(self._hook.url), self._hook.secret):
            problem = problem.replace(secret, "***") if secret else problem
        return problem


def reason_of(error: Exception) -> str:
    """Return why a call failed, in words that have no address: those of the error itself often do."""
    if isinstance(error, requests.exceptions.SSLError):
        return _("its certificate does not fit")
    if isinstance(error, requests.exceptions.ProxyError):
        return _("the proxy does not let it through")
    if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
        return _("no answer in time")
    if isinstance(error, requests.exceptions.ConnectionError | urllib3.exceptions.HTTPError):
        return _("no connection")
    return type(error).__name__


def _by_apprise(url: str, alert: Alert) -> str:
    import apprise  # which is installed by who needs it

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines may have the address in them
    try:
        notifier = apprise.Apprise()
        if not notifier.add(url):
            return _("apprise does not know such an address")
        return "" if notifier.notify(body=alert.body, title=alert.title) else _("apprise could not send it")
    except Exception as error:  # noqa: BLE001 - see `attempt`
        return type(error).__name__
