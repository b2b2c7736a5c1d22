"""What models cost, as a table: calls, tokens and cost by name, and in total."""

from collections.abc import Iterable, Sequence
from typing import Final

from agents.domain.usage import Budget, Usage

USAGE_HEADS: Final = ("By", "Calls", "Saved", "Tokens in", "Of these cached", "Out", "Cost")


def usage_rows(
    usage: Iterable[tuple[str, Usage]], total: Usage | None = None
) -> Sequence[Sequence[str]]:
    """A row for each name that used a model, and one for the total; none if nobody did."""
    used = [(name, each) for name, each in usage if each.calls or each.saved_calls or each.tokens]
    if not used:
        return []
    if total is None:
        total = sum((each for _, each in used), Usage())
    return [
        (
            name,
            f"{each.calls:,}",
            f"{each.saved_calls:,}",
            f"{each.input_tokens:,}",
            f"{each.cached_input_tokens:,}",
            f"{each.output_tokens:,}",
            _cost(each.cost),
        )
        for name, each in (*used, ("total", total))
    ]


def budget_line(budget: Budget, spent: Usage) -> str:
    """What was allowed and what is gone of it; empty without a limit."""
    parts = []
    if budget.tokens is not None:
        parts.append(f"{spent.tokens:,} of {budget.tokens:,} tokens")
    if budget.cost is not None:
        parts.append(f"{_cost(spent.cost or 0.0)} of {_cost(budget.cost)} in cost")
    if budget.seconds is not None:
        parts.append(f"{spent.seconds:,.1f} of {budget.seconds:,.1f} s of waiting")
    return f"Of the budget for models were used: {', '.join(parts)}." if parts else ""


def _cost(cost: float | None) -> str:
    """In the user's currency."""
    return "unknown" if cost is None else f"{cost:,.4f}"
