"""Milvus Lite: the base in a folder, used by one process at a time."""

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from roomsync.language import _

log = logging.getLogger(__name__)

MAX_WORKERS = 2  # threads that serve the one client
STOP_TIMEOUT = 2.0  # seconds
ASIDE = ".broken"


class _Event(Protocol):
    def wait(self, timeout: float) -> bool: ...


class _Server(Protocol):
    def stop(self, grace: float) -> _Event: ...


class _Store(Protocol):
    def close(self) -> None: ...


class Lite:
    """Serves a folder to pymilvus by a socket that is a file of its own; pymilvus itself would listen on a port."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._served: tuple[_Server, _Store, str] | None = None
        self._is_tried = False
        self._was_set_aside = False

    def open(self) -> str:
        """Return the address to connect to. Raises what Milvus Lite raises, `ImportError` where it is not installed."""
        from milvus_lite.adapter.grpc.server import start_server_in_thread

        if self._path.exists() and not self._path.is_dir():
            raise NotADirectoryError(
                _("{path} is a file; Milvus Lite needs a folder, or a name that is free").format(path=self._path)
            )
        if self._served is None:
            self._is_tried = True
            folder = tempfile.mkdtemp(prefix="roomsync-")  # nobody but this user may enter it
            try:
                server, store, _address = start_server_in_thread(
                    str(self._path), host=f"unix:{folder}/lite", port=0, max_workers=MAX_WORKERS
                )
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._served = server, store, folder
        return f"unix:{self._served[2]}/lite:0"

    def close(self) -> None:
        """Let go of the folder, so that another process may have it."""
        if self._served is not None:
            server, store, folder = self._served
            self._served = None
            server.stop(grace=0).wait(STOP_TIMEOUT)
            store.close()
            shutil.rmtree(folder, ignore_errors=True)

    def mend(self, collection: str, is_hopeless: bool) -> None:
        """Take away what cannot be used, after `close`: a collection, or, once, the whole folder. Raises `OSError`.

        The folder is renamed, not deleted: there may be more in it than samples. It is left alone when it does not
        look like one of Milvus Lite, or was never tried: then what failed is not in it, and another bot may use it.
        """
        if not self._is_tried:
            return
        shutil.rmtree(self._path / "collections" / collection, ignore_errors=True)
        if not is_hopeless or self._was_set_aside or not (self._path / "collections").exists():
            return
        aside = self._path.with_name(self._path.name + ASIDE)
        shutil.rmtree(aside, ignore_errors=True)
        self._path.rename(aside)
        self._was_set_aside = True
        log.warning("%s cannot be used, and is now %s; it is made anew.", self._path, aside)
