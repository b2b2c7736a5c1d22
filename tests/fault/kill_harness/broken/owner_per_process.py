"""A ledger that knows owners by their process: two deliveries of a task in one process both work.

Every task is assigned twice, as may happen to any message; with sound claims that costs nothing.
"""

import os
from typing import Any

from agents.domain.task import TaskAssigned
from bus import AgentMessage, Claim, Leased, MessageBus
from bus.ledger import Entry
from bus.ledgers.sqlite import SqliteLedger
from tests.fault.kill_harness.panel import PANEL

__all__ = ["PANEL"]

_claim = SqliteLedger.claim
_publish = MessageBus.publish
_held: dict[str, Claim] = {}


async def _claim_for_process(
    self: SqliteLedger, key: str, *, owner: str, lease: float
) -> Claim | Entry:
    entry = await _claim(self, key, owner=str(os.getpid()), lease=lease)
    if isinstance(entry, Claim):
        _held[key] = entry
    elif isinstance(entry, Leased) and key in _held:
        return _held[key]
    return entry


async def _publish_tasks_twice(self: MessageBus, content: Any, **options: Any) -> AgentMessage[Any]:
    if isinstance(content, TaskAssigned):
        await _publish(self, content, **options)
    return await _publish(self, content, **options)


SqliteLedger.claim = _claim_for_process
MessageBus.publish = _publish_tasks_twice
