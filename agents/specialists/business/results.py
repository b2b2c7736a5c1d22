"""Judging results: what brings in less than it costs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.business import ROLE
from agents.specialists.wording import brief, figure, listed, percent
from agents.tools.column_names import words
from agents.tools.loss_makers import LossMakers, results_sql
from agents.tools.profile import TableProfile

NOTICEABLE: Final = 0.01
LARGE: Final = 0.1
"""Losses as a share of what the others gain, that are worth a word, and that need a decision."""

_RESULT: Final = re.compile(
    r"(.* )?(profits?|net income|earnings|pnl|profit loss|net result)( .*)?"
)
_INCOME: Final = re.compile(r"(.* )?(revenues?|sales|turnover|income|proceeds)( (amount|total))?")
_COST: Final = re.compile(r"(.* )?(costs?|expenses?|cogs)( (amount|total))?")
_RELATIVE: Final = re.compile(r".*\b(per|unit|rate|ratio|pct|percent|share|margin)\b.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A result as a column has it, or `income` less `cost`."""

    income: str
    cost: str | None

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return self.income if self.cost is None else f"{self.income} less {self.cost}"


def result_of(profile: TableProfile) -> Result | None:
    """The columns by whose names one knows what was left of each row."""
    numbers = [
        (words(column.name), column)
        for column in profile.columns
        if column.kind == "number" and not _RELATIVE.fullmatch(words(column.name))
    ]
    for name, column in numbers:
        if _RESULT.fullmatch(name):
            return Result(income=column.name, cost=None)
    income = next((column.name for name, column in numbers if _INCOME.fullmatch(name)), None)
    cost = next((column.name for name, column in numbers if _COST.fullmatch(name)), None)
    return Result(income=income, cost=cost) if income and cost else None


def judge_losses(
    table: str, result: Result, found: Sequence[tuple[str, LossMakers]]
) -> Iterator[Finding]:
    """0..1 findings: the column whose values lose most."""
    losing = [each for each in found if _is_noticeable(each[1])]
    if not losing:
        return
    column, losses = min(losing, key=lambda each: (each[1].loss, each[0]))
    share = -losses.loss / losses.gain
    names = [f"{each.value} ({brief(each.result)})" for each in losses.worst]
    told = (
        f"{column} {losses.worst[0].value} loses {brief(-losses.loss)}, {percent(share)} of what "
        "the others gain."
        if losses.losing == 1
        else f"{figure(losses.losing)} of {figure(losses.values)} values of {column} lose "
        f"{brief(-losses.loss)} together, {percent(share)} of what the others gain: "
        f"{listed(names, most=3)}."
    )
    yield Finding(
        role=ROLE,
        category="loss_maker",
        subject=Subject(table=table, column=column),
        title=told,
        severity="medium" if share >= LARGE else "low",
        evidence=(
            Evidence(
                metric="losses over the gains of the others",
                value=share,
                threshold=NOTICEABLE,
                sql=results_sql(table, column, result.income, result.cost),
            ),
        ),
        rows=sum(each.rows for each in losses.worst),
        recommendation=f"Raise prices, cut costs or stop with {losses.worst[0].value} unless it "
        f"carries other {column} values.",
        impact=f"The total of {brief(losses.result)} would be {brief(losses.gain)} without; "
        f"{result.name} is taken for the result.",
        effort="medium",
        confidence=0.9 if result.cost is None else 0.7,
        reason="a column says so"
        if result.cost is None
        else "the two columns are taken for all that comes in and goes out",
    )


def _is_noticeable(losses: LossMakers) -> bool:
    return bool(losses.worst) and losses.gain > 0 and -losses.loss >= NOTICEABLE * losses.gain
