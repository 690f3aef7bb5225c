"""The loopback gateway as a process of its own, so that its work is not counted: `python -m tests.bench.server ROOMS`.

Prints its endpoint, then takes lines: `say N` posts N messages, round the rooms; `sent` prints how many sends it took.
"""

import asyncio
import sys

from roomsync.loopback.gateway import LoopbackGateway
from tests.conftest import PREFIX


async def serve(rooms: int) -> None:
    gateway = LoopbackGateway(token="bench_token")
    gateway.add_contact("alice", "Alice")
    for number in range(rooms):
        gateway.add_room(f"r{number:04}", f"{PREFIX}{number:04}")
    print(await gateway.start(), flush=True)
    loop, said = asyncio.get_running_loop(), 0
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, _, number = line.strip().partition(" ")
        if command == "say":
            for _ in range(int(number)):
                gateway.say(f"r{said % rooms:04}", "alice", f"message {said}")
                said += 1
        print(len(gateway.sent), flush=True)
    await gateway.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
