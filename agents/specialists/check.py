"""Checks: what a tool measures on each table, and the pure function that judges it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agents.domain.finding import Finding
from agents.errors import ToolError
from agents.specialist import Examination
from agents.specialists.attempt import leave_out_observations
from agents.specialists.pieces import column_pieces, joined, whole_profile
from agents.tool import Tool
from agents.tools.bounded import Portion
from agents.tools.profile import TableProfile, profile

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[R]):
    """One question to every table. `tool` takes a `table`; `topic` says what it looks for.

    A tool that takes `columns` gives a tuple with parts about single ones, or such a portion, and
    is asked about `at_a_time` of them, or fewer where a message does not hold so much. Of a portion
    `judge` gets what was found. `unexamined` says in a sentence why nothing was examined, if so.
    """

    topic: str
    tool: Tool[R]
    judge: Callable[[TableProfile, R], Sequence[Finding]]
    at_a_time: int | None = None
    unexamined: Callable[[R], str] = lambda _: ""

    @property
    def is_by_column(self) -> bool:
        """Whether the tool can be asked about some of the columns."""
        return "columns" in self.tool.arguments.model_fields


async def carry_out(examination: Examination, checks: Sequence[Check[Any]]) -> tuple[Finding, ...]:
    """What the checks find, table by table; a check whose tool fails is noted and left out."""
    findings: list[Finding] = []
    await leave_out_observations(examination)
    for dataset in examination.task.records:
        await examination.progress(f"profiling {dataset.name}", findings=len(findings))
        try:
            profiled = await whole_profile(examination, dataset.name)
        except ToolError as error:
            await examination.note(f"{dataset.name} could not be profiled: {error}")
            continue
        for check in checks:
            if not examination.has(check.tool):
                continue
            doing = f"looking for {check.topic} in {dataset.name}"
            await examination.progress(doing, findings=len(findings))
            try:
                measured = await _measured(examination, check, profiled)
            except ToolError as error:
                await examination.note(
                    f"{dataset.name} could not be examined for {check.topic}: {error}"
                )
                continue
            findings += check.judge(
                profiled, await _noted(examination, check, dataset.name, measured)
            )
    return tuple(findings)


async def _noted(examination: Examination, check: Check[Any], table: str, measured: Any) -> Any:
    """What there is to judge of what was measured, after a note of what was left out."""
    if left_out := check.unexamined(measured):
        await examination.note(f"{table} was not examined for {check.topic}: {left_out}")
    if not isinstance(measured, Portion):
        return measured
    if measured.unexamined:
        await examination.note(
            f"{table} was not wholly examined for {check.topic}: {measured.unexamined}"
        )
    return measured.found


async def _measured(examination: Examination, check: Check[Any], profiled: TableProfile) -> Any:
    """What the tool measures, of a wide table piece by piece."""
    if check.tool is profile:
        return profiled
    if check.is_by_column:
        return joined(await column_pieces(examination, check.tool, profiled.table, check.at_a_time))
    return await examination.use(check.tool, table=profiled.table)
