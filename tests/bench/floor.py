"""The floor: a bare grpclib loop that makes the calls no relay can do without, and nothing else.

For each message its payload, the member's name, and a send to each other room: one at a time, or all at once. As a
process (`python -m tests.bench.floor one|all ENDPOINT TOKEN`) it prints `ready` when it knows its rooms.
"""

import asyncio
import json
import logging
import sys
from typing import Any

from wechaty_grpc.wechaty import PuppetStub

from roomsync.gateway.protocol import EventType
from tests.bench.naive import NaiveBot, plain_settings


async def relay(endpoint: str, token: str, at_once: bool) -> None:
    """Relay until the process ends."""
    puppet = NaiveBot(plain_settings(endpoint, token)).puppet
    await puppet.connect()
    stub: Any = PuppetStub(puppet.channel)
    stream, rooms = puppet._stream, list(await puppet.client.topics())
    print("ready", flush=True)
    async for event in stream:
        if event.type != EventType.MESSAGE:
            continue
        payload = await stub.message_payload(id=json.loads(event.payload)["messageId"])
        if payload.from_id == "bot":
            continue
        member = await stub.room_member_payload(id=payload.room_id, member_id=payload.from_id)
        text = f"[{member.name}@{payload.room_id}]:  {payload.text}"
        sends = [
            stub.message_send_text(conversation_id=room_id, text=text, mentonal_ids=[])
            for room_id in rooms
            if room_id != payload.room_id
        ]
        if at_once:
            await asyncio.gather(*sends)
        else:
            for send in sends:
                await send


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(relay(sys.argv[2], sys.argv[3], at_once=sys.argv[1] == "all"))
