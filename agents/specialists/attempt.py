"""Using a tool where its failure costs a finding and not the task."""

from typing import Any, TypeVar

from agents.errors import ToolError
from agents.specialist import Examination
from agents.tool import Tool

R = TypeVar("R")


async def attempt(
    examination: Examination, tool: Tool[R], /, topic: str, **arguments: Any
) -> R | None:
    """What `tool` measures; None if the plan does not give it to this task, or if it failed.

    A failure is noted as `topic` that could not be examined.
    """
    if not examination.has(tool):
        return None
    try:
        return await examination.use(tool, **arguments)
    except ToolError as error:
        await examination.note(f"{topic} could not be examined: {error}")
        return None
