"""The process is asked to leave while something hangs: it does, and the next one goes on."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.scene import check_all, leaves, standing
from tests.interop.bots import relaying
from tests.together import figures


async def test_leaves_while_a_send_hangs(tmp_path: Path) -> None:
    """A SIGTERM during a send that the gateway answers in 60 s ends the process in 8 s; the next one delivers."""
    state_file = tmp_path / "s.db"
    async with standing(state_file) as scene:
        await scene.gateway.rule("delay", delay_ms=60_000)
        said = await scene.say(["hangs", "behind"])
        await scene.gateway.wait_called("messageSendText")
        scene.assert_alive()
        took = await leaves(scene.bot)
        await scene.gateway.clear_rules()
        async with relaying(scene.gateway, state_file):
            await scene.arrived(said)
        repeated = check_all(scene.gateway, said, allowed=1)
    figures(f"it left after {took:.1f} s with 0; 0 lost, {repeated} sends repeated")
