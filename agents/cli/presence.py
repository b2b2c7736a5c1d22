"""Who is listening now."""

import asyncio
from collections.abc import Sequence

from agents.domain.role import ORCHESTRATOR, role_group
from bus import MessageBus


async def absent_roles(bus: MessageBus, roles: Sequence[str]) -> Sequence[str]:
    """Those of `roles`, the orchestrator among them, that no running worker serves."""
    groups = [role if role == ORCHESTRATOR else role_group(role) for role in roles]
    present = await asyncio.gather(*(bus.consumers(group) for group in groups))
    return [role for role, count in zip(roles, present, strict=True) if count == 0]
