"""Telling whoever watches what a task is doing; nobody is harmed if it does not arrive.

*Guarantees*: what a model writes is told in steps of `INTERVAL` seconds at the most, however fast
the pieces come.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from agents.domain.task import Phase, TaskProgressed
from agents.messages import progress_topic
from agents.model import Listen
from bus import AgentMessage, MessageBus, StoreError, TransportError, task_group

INTERVAL: Final = 0.3
"""Seconds between two looks at what a model has written."""
SHOWN: Final = 160
"""Characters of it that are told, the last ones."""
_HELD: Final = 4_000
"""Characters that are kept to find the present sentence in."""

_TEXT: Final = re.compile(r'"(?:text|explanation|action|title)"\s*:\s*"((?:[^"\\]|\\.)*)')

_log = structlog.get_logger(__name__)


async def show(
    bus: MessageBus,
    message: AgentMessage[Any],
    role: str,
    phase: Phase,
    text: str = "",
    findings: int = 0,
    *,
    sender: str | None = None,
) -> None:
    """Tell where `role` is with the request that `message` belongs to; `role` does, or `sender`."""
    request_id = message.conversation
    progressed = TaskProgressed(
        request_id=request_id, role=role, phase=phase, text=text, findings=findings
    )
    try:
        await bus.publish(
            progressed, to=progress_topic(request_id), sender=sender or role, cause=message
        )
    except (TransportError, StoreError) as error:
        _log.debug("agents.progress.unseen", error=str(error))


@asynccontextmanager
async def watched(bus: MessageBus, message: AgentMessage[Any], role: str) -> AsyncIterator[Listen]:
    """A listener to a model's text that passes on what is being written, as `asking`."""
    written = ""
    changed = asyncio.Event()

    def listen(piece: str) -> None:
        nonlocal written
        written = (written + piece)[-_HELD:]
        changed.set()

    async def pass_on() -> None:
        while True:
            await changed.wait()
            await asyncio.sleep(INTERVAL)
            changed.clear()
            await show(bus, message, role, "asking", sentence_in(written))

    async with task_group() as tasks:
        passing = tasks.create_task(pass_on(), name=f"what the model of {role} writes")
        try:
            yield listen
        finally:
            passing.cancel()


def sentence_in(written: str) -> str:
    """What a reader makes of a model's text: of JSON the sentence being written, else its end."""
    texts = _TEXT.findall(written)
    if not texts:
        return "" if written.lstrip().startswith(("{", "[")) else written[-SHOWN:].strip()
    escaped = texts[-1].removesuffix("\\")
    try:
        text: str = json.loads(f'"{escaped}"')
    except ValueError:
        text = escaped
    return text[-SHOWN:]
