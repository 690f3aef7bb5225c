"""The samples as Milvus has them. Every call blocks; all are made in the one thread of milvus.py."""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from roomsync.errors import LookupFailed
from roomsync.language import _
from roomsync.moderation import pymilvus_client
from roomsync.moderation.grams import MAX_CHARACTERS, grams, units
from roomsync.moderation.hashed import vector
from roomsync.moderation.likeness import MIN_CANDIDATE
from roomsync.moderation.lite import Lite
from roomsync.moderation.pymilvus_client import CALL_TIMEOUT, Client, Found

log = logging.getLogger(__name__)

COLLECTION = "roomsync_samples_v1"  # whoever makes vectors another way needs another name: bots share a server
PAGE = 1000  # samples that are compared at once
MAX_ROWS = 16_384  # that a server gives for one question
MAX_HITS = 100
# A likeness by vectors is off by 0.044 (1/sqrt(512)) in one standard deviation; hardly ever by more than four.
MIN_SCORE = MIN_CANDIDATE - 0.18
MAX_SAID = 200  # characters of an error


class BaseFailed(LookupFailed):
    """Milvus cannot be used now; `shown`: the same for staff. Not `is_fault`: nothing in it needs mending."""

    def __init__(self, text: str, shown: str, is_fault: bool) -> None:
        super().__init__(text)
        self.shown, self.is_fault = shown, is_fault


class SampleBase:
    """A collection of samples of one or more bots. Every method but `close` raises `BaseFailed`."""

    def __init__(self, uri: str, token: str) -> None:
        """`uri`: a path, or the address of a server; `token`: for a server, may be empty."""
        self._uri, self._token = uri, token
        self._lite = None if "://" in uri else Lite(Path(uri))
        self._client: Client | None = None

    def open(self) -> None:
        """Connect, and have the collection, if that is not done yet."""
        if self._client is not None:
            return
        with self._explained():
            pymilvus_client.load()
            client = pymilvus_client.connect(self._lite.open() if self._lite else self._uri, self._token)
            try:
                pymilvus_client.have_collection(client, COLLECTION)
            except BaseException:
                client.close()
                raise
            self._client = client

    def close(self) -> None:
        """Let go of it; that this fails is logged."""
        client, self._client = self._client, None
        try:
            if client:
                client.close()
            if self._lite:
                self._lite.close()
        except Exception:
            log.exception("Milvus could not be closed.")

    def mend(self, is_hopeless: bool) -> None:
        """Take away what is damaged, after `close`; `is_hopeless`: less was not enough.

        Only Milvus Lite is mended so. A server looks after what it has.
        """
        if self._lite:
            with self._explained():
                self._lite.mend(COLLECTION, is_hopeless)

    def stored(self, owner: str, numbers: Iterable[int]) -> dict[int, str]:
        """Return all samples of an owner, by number. `numbers`: those that it should have; they say how to ask."""
        starts = sorted(numbers)[PAGE::PAGE]
        found: dict[int, str] = {}
        for low, high in zip([None, *starts], [*starts, None], strict=True):
            wanted = f'owner == "{_safe(owner)}"'
            wanted += "" if low is None else f" and number >= {low}"
            wanted += "" if high is None else f" and number < {high}"
            with self._explained() as client:
                rows = client.query(
                    COLLECTION,
                    wanted,
                    limit=MAX_ROWS,
                    output_fields=["id", "text"],
                    consistency_level="Strong",
                    timeout=CALL_TIMEOUT,
                )
            found |= {number_of(row["id"]): row["text"] for row in rows}
        return found

    def put(self, owner: str, samples: Mapping[int, str]) -> None:
        """Add samples, or change them."""
        rows: list[dict[str, object]] = [
            {
                "id": _key(owner, number),
                "owner": _safe(owner),
                "number": number,
                "text": text,
                "vector": vector(grams(units(text))),
            }
            for number, text in samples.items()
        ]
        with self._explained() as client:
            client.upsert(COLLECTION, rows, timeout=CALL_TIMEOUT)

    def remove(self, owner: str, numbers: Iterable[int]) -> None:
        """Remove samples."""
        with self._explained() as client:
            client.delete(COLLECTION, ids=[_key(owner, number) for number in numbers], timeout=CALL_TIMEOUT)

    def flush(self) -> None:
        """Have Milvus Lite put in its index what is new, which every search reads as a whole until then.

        A server does so by itself, and refuses to be told often.
        """
        if self._lite is None:
            return
        with self._explained() as client:
            client.flush(COLLECTION, timeout=CALL_TIMEOUT)

    def search(self, found: Sequence[str]) -> list[Found]:
        """Return the samples that a text, given as its units, may be like, the likest first."""
        with self._explained() as client:
            hits = client.search(
                COLLECTION, [vector(grams(found))], limit=MAX_HITS, output_fields=["text"], timeout=CALL_TIMEOUT
            )[0]
            return [{"id": hit["id"], "text": hit["entity"]["text"]} for hit in hits if hit["distance"] >= MIN_SCORE]

    @contextlib.contextmanager
    def _explained(self) -> Iterator[Client]:
        """Make one error of all that pymilvus and Milvus Lite raise, which they name nowhere; none has the token."""
        try:
            yield self._client  # type: ignore[misc]
        except ImportError as error:
            raise BaseFailed(
                _("{error}; see requirements-milvus.txt").format(error=error), "Milvus 没有安装", is_fault=False
            ) from error
        except Exception as error:
            said = str(getattr(error, "message", "") or error).partition("\n")[0][:MAX_SAID]
            text = f"{type(error).__name__}: {said.replace(self._token, '***') if self._token else said}"
            if type(error).__name__ == "DataDirLockedError":
                raise BaseFailed(text, "Milvus 正被另一个程序使用", is_fault=False) from error
            raise BaseFailed(text, "Milvus 出错了" if self._lite else "Milvus 连不上", is_fault=True) from error


def number_of(key: str) -> int:
    """Return the number of a sample by its id."""
    return int(key.rpartition(":")[2])


def owner_of(key: str) -> str:
    """Return whose sample it is by its id."""
    return unquote(key.rpartition(":")[0])


def _key(owner: str, number: int) -> str:
    return f"{_safe(owner)}:{number}"


def _safe(owner: str) -> str:
    """Return an owner as it is stored: pymilvus makes filters of ids, and quotes nothing in them."""
    return quote(owner, safe="")


def kept(text: str) -> str:
    """Return what Milvus has of a text: as much as is compared, without what cannot be written as UTF-8."""
    return text[:MAX_CHARACTERS].encode(errors="replace").decode()
