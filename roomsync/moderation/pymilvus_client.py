"""What is used of the package pymilvus, with its types: connecting, and the collection as the samples need it.

It is imported by the first call, with Milvus Lite where that is used: they take a second, and 150 MB.
"""

import logging
import os
from collections.abc import Sequence
from typing import Protocol, TypedDict, cast

from roomsync.moderation.hashed import DIMENSIONS

CALL_TIMEOUT = 5.0  # seconds for one call
MAX_ID = 512  # bytes
MAX_TEXT = 65_535  # bytes, the most that Milvus keeps
LOUD = ("pymilvus", "pymilvus.milvus_client", "pymilvus.bulk_writer", "milvus_lite", "grpc", "faiss")
IMPORTING = {
    "PYTHON_DOTENV_DISABLED": "1",  # pymilvus would read the bot's .env, secrets and all, into the environment
    "GRPC_VERBOSITY": "NONE",
    "MILVUS_URI": "",  # the bot's setting of that name may be a path, for which pymilvus refuses to be imported
}


class Found(TypedDict):
    """A sample as Milvus gives it: `id` is `owner:number`."""

    id: str
    text: str


class Hit(TypedDict):
    """A sample that a vector is like, and how much: `distance` is the cosine."""

    id: str
    distance: float
    entity: Found


class Field(TypedDict):
    """A field of a collection; `type` is one of pymilvus's numbers."""

    name: str
    type: int


class Described(TypedDict):
    """A collection, as far as it matters here."""

    fields: Sequence[Field]


class Client(Protocol):
    """What is used of pymilvus's `MilvusClient` (version 3); times are in seconds."""

    def has_collection(self, collection_name: str, timeout: float) -> bool: ...

    def describe_collection(self, collection_name: str, timeout: float) -> Described: ...

    def list_indexes(self, collection_name: str) -> Sequence[str]: ...

    def create_collection(
        self, collection_name: str, *, schema: object, index_params: object, consistency_level: str, timeout: float
    ) -> None: ...

    def drop_collection(self, collection_name: str, timeout: float) -> None: ...

    def load_collection(self, collection_name: str, timeout: float) -> None: ...

    def query(
        self,
        collection_name: str,
        filter: str,
        *,
        limit: int,
        output_fields: list[str],
        consistency_level: str,
        timeout: float,
    ) -> Sequence[Found]: ...

    def upsert(self, collection_name: str, data: list[dict[str, object]], timeout: float) -> object: ...

    def delete(self, collection_name: str, ids: list[str], timeout: float) -> object: ...

    def flush(self, collection_name: str, timeout: float) -> None: ...

    def search(
        self, collection_name: str, data: list[list[float]], *, limit: int, output_fields: list[str], timeout: float
    ) -> Sequence[Sequence[Hit]]: ...

    def close(self) -> None: ...


def load() -> None:
    """Import pymilvus, and keep it from logging: it tells each error by a traceback. Raises `ImportError`."""
    before = {name: os.environ.get(name) for name in IMPORTING}
    os.environ.update(IMPORTING)
    _hush()
    try:
        import pymilvus  # noqa: F401
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    _hush()  # it sets levels of its own


def _hush() -> None:
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def connect(uri: str, token: str) -> Client:
    """Return a client for a server, after `load`. Raises what pymilvus raises, which it names nowhere."""
    from pymilvus import MilvusClient

    return cast("Client", MilvusClient(uri, token=token, timeout=CALL_TIMEOUT, dedicated=True))


def have_collection(client: Client, name: str) -> None:
    """Have a collection of samples, ready to be searched; one of another shape makes room for it. Raises likewise."""
    from pymilvus import DataType, MilvusClient

    shape = {
        "id": DataType.VARCHAR,
        "owner": DataType.VARCHAR,
        "number": DataType.INT64,
        "text": DataType.VARCHAR,
        "vector": DataType.FLOAT_VECTOR,
    }
    if client.has_collection(name, timeout=CALL_TIMEOUT):
        described = client.describe_collection(name, timeout=CALL_TIMEOUT)
        has_shape = {one["name"]: one["type"] for one in described["fields"]} == shape
        if has_shape and client.list_indexes(name):
            client.load_collection(name, timeout=CALL_TIMEOUT)
            return
        client.drop_collection(name, timeout=CALL_TIMEOUT)
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", shape["id"], is_primary=True, max_length=MAX_ID)
    schema.add_field("owner", shape["owner"], max_length=MAX_ID)
    schema.add_field("number", shape["number"])
    schema.add_field("text", shape["text"], max_length=MAX_TEXT)
    schema.add_field("vector", shape["vector"], dim=DIMENSIONS)
    index = MilvusClient.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="COSINE")
    # A session sees what it wrote at once, and does not wait for what others write.
    client.create_collection(
        name, schema=schema, index_params=index, consistency_level="Session", timeout=2 * CALL_TIMEOUT
    )
