"""Going on without a tool that fails, and without tables that say nothing to a role."""

from typing import Any, TypeVar

from agents.domain.finding import Part
from agents.errors import ToolError
from agents.specialist import Examination
from agents.specialists.pieces import column_parts, whole_profile
from agents.specialists.wording import is_or_are, listed
from agents.tool import Tool
from agents.tools.profile import TableProfile, profile

P = TypeVar("P", bound=Part)
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


async def attempt_profile(examination: Examination, topic: str, table: str) -> TableProfile | None:
    """The same of the profile of a table, however wide it is."""
    try:
        return await whole_profile(examination, table) if examination.has(profile) else None
    except ToolError as error:
        await examination.note(f"{topic} could not be examined: {error}")
        return None


async def attempt_columns(
    examination: Examination, tool: Tool[tuple[P, ...]], /, topic: str, *, table: str
) -> tuple[P, ...] | None:
    """The same of a tool that says something of single columns, however many there are."""
    try:
        return await column_parts(examination, tool, table) if examination.has(tool) else None
    except ToolError as error:
        await examination.note(f"{topic} could not be examined: {error}")
        return None


async def leave_out_observations(examination: Examination) -> None:
    """Note which tables hold what a system says of itself, where only records are examined."""
    names = [each.name for each in examination.task.datasets if each.is_observation]
    if names:
        await examination.note(
            f"{listed(names)} {is_or_are(names)} what a system says of itself, not records of "
            "anything: only the performance analyst judges that."
        )
