"""Ports for the gateways' processes, of which no two runs of the tests on one machine take the same."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket
from collections.abc import Iterator

# Below all that a system gives by itself to connections that go out (32768 on Linux, 49152 on Windows and macOS, 16000
# in some sandboxes): while a gateway is down, or not up yet, anybody's connection may take one of those.
BLOCKS = range(10_000, 16_000, 100)


def free_ports(blocks: range = BLOCKS) -> Iterator[int]:
    """One block's ports in turn, over and over: the block is this process's as long as it holds the first of them.

    RuntimeError when others hold all blocks.
    """
    for first in random.sample(blocks, len(blocks)):
        with socket.socket() as held, contextlib.suppress(OSError):
            held.bind(("127.0.0.1", first))
            yield from filter(_can_listen, itertools.cycle(range(first + 1, first + blocks.step)))
    raise RuntimeError(f"others hold all of {blocks}")


def _can_listen(port: int) -> bool:
    """Whether nobody listens there; as for a server, a connection that is over does not count."""
    with socket.socket() as probe, contextlib.suppress(OSError):
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False


_ports = free_ports()


def free_port() -> int:
    """A port of 127.0.0.1 that is this process's alone, and on which nobody listens now."""
    return next(_ports)
