"""An orchestrator that announces its report before it records it.

Whoever takes over finds no record and makes another report. Some time lies between the two steps,
so that few kills are enough.
"""

import asyncio
from typing import Any

from agents.domain.identity import report_key
from agents.domain.report import ReportPublished
from bus import AgentMessage, MessageBus
from bus.ledgers.sqlite import SqliteLedger
from tests.fault.kill_harness.panel import PANEL

__all__ = ["PANEL"]

_record = SqliteLedger.record
_announce = MessageBus.announce
_unrecorded: dict[str, bytes] = {}


async def _record_later(self: SqliteLedger, key: str, value: bytes) -> bytes:
    if not key.startswith(report_key("")):
        return await _record(self, key, value)
    _unrecorded[key] = value
    return value


async def _announce_and_record(self: MessageBus, content: Any, **options: Any) -> AgentMessage[Any]:
    message = await _announce(self, content, **options)
    if isinstance(content, ReportPublished):
        key = report_key(content.request_id)
        if key in _unrecorded:
            await asyncio.sleep(0.7)
            assert isinstance(self.ledger, SqliteLedger)
            await _record(self.ledger, key, _unrecorded.pop(key))
    return message


SqliteLedger.record = _record_later
MessageBus.announce = _announce_and_record
