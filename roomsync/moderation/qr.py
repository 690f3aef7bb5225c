"""QR codes in pictures, read by the optional packages `zxing-cpp` and `Pillow` (requirements-qr.txt)."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from functools import cache
from importlib.util import find_spec

from roomsync.errors import LookupFailed
from roomsync.language import _

log = logging.getLogger(__name__)

READ_TIMEOUT = 0.3  # seconds that a picture has, the waiting for those before it included


@cache
def is_available() -> bool:
    """Return whether the packages that read QR codes are installed; they are not imported for that."""
    return all(map(find_spec, ("zxingcpp", "PIL")))


async def read_code(data: bytes) -> str:
    """Return the text of the first QR code in a picture, as one harmless line of at most 500 characters.

    Empty when it has none, when there are no `data`, and when the packages are not installed. Raises `LookupFailed` for
    what is no picture that can be read, or is too large, and after READ_TIMEOUT.
    """
    return await _reader.read(data) if data and is_available() else ""


class _Picture:
    """A picture that waits to be read, and the future of its text."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._loop = asyncio.get_running_loop()
        self.text: asyncio.Future[str] = self._loop.create_future()

    def settle(self, text: str, error: LookupFailed | None) -> None:
        """Hand over what came of it, from the worker's thread; to nobody when its loop has ended since."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, text, error)

    def _settle(self, text: str, error: LookupFailed | None) -> None:
        if self.text.done():
            return  # nobody waits any more
        if error:
            self.text.set_exception(error)
        else:
            self.text.set_result(text)


class _Reader:
    """Reads one picture at a time in a thread that ends with the last of them, and keeps no process from ending.

    What waits for it is only what came within READ_TIMEOUT; a picture that takes longer cannot be stopped, and while
    it is read the others fail at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Picture] = deque()
        self._began: float | None = None  # when the picture in hand was begun; None while there is no thread

    async def read(self, data: bytes) -> str:
        picture = _Picture(data)
        self._add(picture)
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                return await picture.text
        except TimeoutError:
            raise LookupFailed(_("a picture was not read within {limit} s").format(limit=READ_TIMEOUT)) from None
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._waiting.remove(picture)

    def _add(self, picture: _Picture) -> None:
        with self._lock:
            if self._began is not None and time.monotonic() - self._began > READ_TIMEOUT:
                raise LookupFailed(_("an earlier picture is still being read"))
            self._waiting.append(picture)
            if self._began is None:
                self._began = time.monotonic()
                threading.Thread(target=self._run, name="qr codes", daemon=True).start()

    def _next(self) -> _Picture | None:
        with self._lock:
            self._began = time.monotonic() if self._waiting else None
            return self._waiting.popleft() if self._waiting else None

    def _run(self) -> None:
        while picture := self._next():
            try:
                from roomsync.moderation.pictures import text_of_code  # a tenth of a second, in this thread

                picture.settle(text_of_code(picture.data), None)
            except LookupFailed as error:
                picture.settle("", error)
            except ImportError as error:
                picture.settle(
                    "", LookupFailed(_("zxing-cpp or Pillow cannot be imported: {error}").format(error=error))
                )
            except Exception:
                log.exception("The reader of QR codes failed")
                picture.settle("", LookupFailed(_("the reader of QR codes failed")))


_reader = _Reader()
