"""A bus on which a reply counts only if somebody is there to take it.

A task whose asker died is then done again and again although its result is recorded.
"""

from typing import Any

from bus import AgentMessage, MessageBus, RetryLater
from bus.transports.sqlite import SqliteTransport
from tests.fault.kill_harness.panel import PANEL

__all__ = ["PANEL"]

_reply = MessageBus.reply


async def _reply_or_fail(
    self: MessageBus, to: AgentMessage[Any], content: Any, **options: Any
) -> None:
    await _reply(self, to, content, **options)
    assert isinstance(self._transport, SqliteTransport)
    listening = await self._transport._database.read(
        lambda connection: connection.execute(
            "SELECT count(*) FROM bindings WHERE pattern = ?", (to.reply_to,)
        ).fetchone()[0]
    )
    if not listening:
        raise RetryLater("Nobody is there to take the reply.")


MessageBus.reply = _reply_or_fail
