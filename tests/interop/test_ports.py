"""Several runs of these tests on one machine."""

import asyncio
import sys

from tests.interop.ports import BLOCKS, free_port


async def test_runs_side_by_side_share_no_port() -> None:
    """A run of the tests is given none of the ports of another one, though nobody listens on them yet."""
    mine = {free_port() for _ in range(300)}
    first = min(mine) // BLOCKS.step * BLOCKS.step
    block = range(first, first + BLOCKS.step, BLOCKS.step)
    assert all(first <= port < block.stop for port in mine)
    code = f"from tests.interop.ports import free_ports; print(next(free_ports({block})))"
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await other.communicate()
    assert (output, f"others hold all of {block}" in errors.decode()) == (b"", True)
