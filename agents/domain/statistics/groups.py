"""What is counted of one role, one tool, one model, one circuit, and the figures of it."""

import re
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from agents.domain.statistics.calls import Calls, Remade, Spending, seconds, times_of
from agents.domain.statistics.figures import (
    CircuitFigures,
    FallbackFigures,
    ModelFigures,
    RoleFigures,
    ToolFigures,
)

MAX_REASONS: Final = 20
"""Reasons of fallbacks that are told apart for one role; the rest is counted as `OTHERS`."""
REASON_LENGTH: Final = 200
"""Characters of a reason."""
OTHERS: Final = "(others)"

_FIGURE: Final = re.compile(r"(?<![\w.-])\d[\d.,]*(?<=\d)(?![\w-])")


@dataclass(slots=True)
class RoleTally:
    """One role."""

    tasks: int = 0
    assigned_again: int = 0
    completed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    work: "array[float]" = field(default_factory=seconds)
    waiting: "array[float]" = field(default_factory=seconds)
    levels: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[tuple[str, str]] = field(default_factory=Counter)
    claims: int = 0
    dropped_claims: int = 0
    tool_calls: Calls = field(default_factory=Calls)
    model_calls: Calls = field(default_factory=Calls)
    spending: Spending = field(default_factory=Spending)

    def note_fallback(self, level: str, reason: str) -> None:
        """Count one level that a task came down to; reasons that differ in figures are one."""
        known = (level, _FIGURE.sub("…", reason[:REASON_LENGTH]))
        if known not in self.fallbacks and len(self.fallbacks) >= MAX_REASONS:
            known = (level, OTHERS)
        self.fallbacks[known] += 1

    def figures(self, role: str) -> RoleFigures:
        """What was counted."""
        return RoleFigures(
            role=role,
            tasks=self.tasks,
            assigned_again=self.assigned_again,
            completed=self.completed,
            failed=dict(sorted(self.failed.items())),
            work=times_of(self.work),
            waiting=times_of(self.waiting),
            levels=dict(sorted(self.levels.items())),
            fallbacks=tuple(
                FallbackFigures(level=level, reason=reason, times=times)
                for (level, reason), times in sorted(
                    self.fallbacks.items(), key=lambda item: (-item[1], item[0])
                )
            ),
            claims=self.claims,
            dropped_claims=self.dropped_claims,
            tool_calls=self.tool_calls.figures(),
            model_calls=self.model_calls.figures(),
            retries=self.spending.retries,
            throttled_seconds=round(self.spending.throttled_seconds, 6),
            usage=self.spending.usage(),
        )


@dataclass(slots=True)
class ToolTally:
    """One tool."""

    calls: Calls = field(default_factory=Calls)
    remade: Remade = field(default_factory=Remade)

    def figures(self, tool: str, *, breaker_trips: int) -> ToolFigures:
        """What was counted."""
        return ToolFigures(
            **dict(self.calls.figures()),
            tool=tool,
            breaker_trips=breaker_trips,
            repeats=self.remade.figures(),
        )


@dataclass(slots=True)
class ModelTally:
    """One model."""

    calls: Calls = field(default_factory=Calls)
    remade: Remade = field(default_factory=Remade)
    spending: Spending = field(default_factory=Spending)
    endpoints: set[str] = field(default_factory=set)

    def figures(self, model: str, *, breaker_trips: int) -> ModelFigures:
        """What was counted."""
        spending = self.spending
        return ModelFigures(
            **dict(self.calls.figures()),
            model=model,
            endpoints=tuple(sorted(self.endpoints)),
            breaker_trips=breaker_trips,
            retries=spending.retries,
            throttled_calls=spending.throttled_calls,
            throttled_seconds=round(spending.throttled_seconds, 6),
            repeats=self.remade.figures(),
            usage=spending.usage(),
        )


@dataclass(slots=True)
class CircuitTally:
    """One circuit breaker."""

    trips: int = 0
    reopened: int = 0

    def figures(self, name: str) -> CircuitFigures:
        """What was counted."""
        return CircuitFigures(name=name, trips=self.trips, reopened=self.reopened)
