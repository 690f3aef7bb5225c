"""The floor: a bare grpclib loop that makes the calls no relay can do without, and nothing else.

For each message its payload, and a send to each other room: one at a time, or all at once. It asks once for each
member's name, and for no message whose id a send gave. As a process (`python -m tests.bench.floor one|all ENDPOINT
TOKEN`) it prints `ready` when it knows its rooms.
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
    names: dict[tuple[str, str], str] = {}
    sent: set[str] = set()
    print("ready", flush=True)
    async for event in stream:
        message_id = json.loads(event.payload).get("messageId") if event.type == EventType.MESSAGE else None
        if message_id is None or message_id in sent:
            continue
        payload = await stub.message_payload(id=message_id)
        if payload.from_id == "bot":
            continue
        key = payload.room_id, payload.from_id
        if key not in names:
            names[key] = (await stub.room_member_payload(id=key[0], member_id=key[1])).name
        text = f"[{names[key]}@{payload.room_id}]:  {payload.text}"
        sends = [
            stub.message_send_text(conversation_id=room_id, text=text, mentonal_ids=[])
            for room_id in rooms
            if room_id != payload.room_id
        ]
        answers = await asyncio.gather(*sends) if at_once else [await send for send in sends]
        sent.update(answer.id for answer in answers)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(relay(sys.argv[2], sys.argv[3], at_once=sys.argv[1] == "all"))
