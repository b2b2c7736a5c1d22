"""A process that dies of what it does: between the effect of a tool and the settlement.

`python -m tests.support.audited_process URL FILE` serves `task.a`, and for the first message calls
a tool that writes to FILE and then ends the process without warning.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from agents.caching.response_cache import ResponseCache
from agents.calling.circuit_breaker import CircuitBreakers
from agents.calling.tool_gateway import Caller, ToolGateway
from agents.domain.call import ToolCalled
from agents.tool import tool
from bus import AgentMessage, Context, Payload, Registry, connect


class Ordered(Payload):
    message_type = "test.thing.ordered.v1"


REGISTRY = Registry(Ordered)


@tool(permission="write_data", effect="effect")
async def strike(file: str) -> None:
    """Write to a file, and die."""
    await asyncio.to_thread(Path(file).write_text, "done")
    os.kill(os.getpid(), signal.SIGKILL)


async def unrecorded(called: ToolCalled, cause: AgentMessage[Ordered]) -> None:
    """The audit alone is looked at."""


async def serve(url: str, file: str) -> None:
    async with connect(url, registry=REGISTRY, name="striker") as bus:
        gateway = ToolGateway(
            breakers=CircuitBreakers(clock=bus.clock, listener=lambda change: None),
            cache=ResponseCache(store=None, clock=bus.clock),
            clock=bus.clock,
            record=unrecorded,
            audit=bus.audit,
        )

        async def handle(message: AgentMessage[Ordered], context: Context) -> None:
            caller = Caller(
                name="striker",
                message=message,
                principal=context.principal,
                deadline=bus.clock.now() + timedelta(seconds=60),
                tools=("strike",),
            )
            await gateway.call(strike, {"file": file}, caller=caller, data=None)

        async with bus.serve("task.a", handle, group="agent.a"):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
