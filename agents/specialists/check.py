"""Checks: what a tool measures on each table, and the pure function that judges it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agents.domain.finding import Finding
from agents.errors import ToolError
from agents.specialist import Examination
from agents.tool import Tool
from agents.tools.profile import TableProfile, profile

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[R]):
    """One question to every table. `tool` takes a `table`; `topic` says what it looks for."""

    topic: str
    tool: Tool[R]
    judge: Callable[[TableProfile, R], Sequence[Finding]]


async def carry_out(examination: Examination, checks: Sequence[Check[Any]]) -> tuple[Finding, ...]:
    """What the checks find, table by table; a check whose tool fails is noted and left out."""
    findings: list[Finding] = []
    for dataset in examination.task.datasets:
        await examination.progress(f"profiling {dataset.name}")
        try:
            profiled = await examination.use(profile, table=dataset.name)
        except ToolError as error:
            await examination.note(f"{dataset.name} could not be profiled: {error}")
            continue
        for check in checks:
            if not examination.has(check.tool):
                continue
            await examination.progress(f"looking for {check.topic} in {dataset.name}")
            try:
                measured = await examination.use(check.tool, table=dataset.name)
            except ToolError as error:
                await examination.note(
                    f"{dataset.name} could not be examined for {check.topic}: {error}"
                )
                continue
            findings += check.judge(profiled, measured)
    return tuple(findings)
