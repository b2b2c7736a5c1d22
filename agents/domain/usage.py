"""What the use of a model costs, and the budget that it must stay within.

*Guarantees*: an `Account` never lets out more than its budget: a call is let out only with a
reservation for the most that it can cost, and what it did cost is settled afterwards.

*Not here*: who asks for a budget; that is the request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from agents.domain.finding import Part

PER: Final = 1_000_000
"""Tokens that a price is for."""

MAX_TOKENS: Final = 10**12
MAX_COST: Final = 1e9
MAX_SECONDS: Final = 24 * 3600.0
"""The most that a budget may say; who wants more wants no limit, and says so by leaving it out."""

SYNTHESIS_SHARE: Final = 0.2
"""The part of a budget that is kept for the synthesis."""


class Price(Part):
    """What `PER` tokens of one model cost, in the user's currency."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    def of(self, usage: "Usage") -> float:
        """The cost of what was used."""
        cached = self.input if self.cached_input is None else self.cached_input
        fresh_tokens = usage.input_tokens - usage.cached_input_tokens
        total = (
            fresh_tokens * self.input
            + usage.cached_input_tokens * cached
            + usage.output_tokens * self.output
        )
        return total / PER


class Usage(Part):
    """What was used of a model.

    `calls` reached the model, `saved_calls` were answered from the cache and cost nothing.
    `cached_input_tokens` are those of `input_tokens` that the provider had read before. `seconds`
    is the time spent waiting for it. `cost` is None where no price is known.
    """

    calls: int = 0
    saved_calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        costs = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Usage(
            calls=self.calls + other.calls,
            saved_calls=self.saved_calls + other.saved_calls,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            seconds=round(self.seconds + other.seconds, 6),
            cost=sum(costs) if costs else None,
        )


class Budget(BaseModel):
    """The most that may be spent on models: tokens, cost, seconds of waiting; None is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS)
    cost: float | None = Field(default=None, ge=0, le=MAX_COST)
    seconds: float | None = Field(default=None, ge=0, le=MAX_SECONDS)

    @property
    def is_limited(self) -> bool:
        """Whether it limits anything."""
        return not (self.tokens is None and self.cost is None and self.seconds is None)

    def part(self, share: float) -> "Budget":
        """That share of it, from 0 to 1, rounded down."""
        return Budget(
            tokens=None if self.tokens is None else int(self.tokens * share),
            cost=None if self.cost is None else self.cost * share,
            seconds=None if self.seconds is None else self.seconds * share,
        )

    def less(self, spent: Usage) -> "Budget":
        """What is left of it after `spent`, never below nothing."""
        return Budget(
            tokens=None if self.tokens is None else max(0, self.tokens - spent.tokens),
            cost=None if self.cost is None else max(0.0, self.cost - (spent.cost or 0.0)),
            seconds=None if self.seconds is None else max(0.0, self.seconds - spent.seconds),
        )


def shared_out(budget: Budget, roles: Sequence[str]) -> dict[str, Budget]:
    """The budget of each role: equal parts of what is not kept for the synthesis."""
    share = (1.0 - SYNTHESIS_SHARE) / max(1, len(roles))
    return {role: budget.part(share) for role in roles}


@dataclass(slots=True)
class Account:
    """The spending of one task within its budget; changed in place by its one owner."""

    budget: Budget
    price: Price | None = None
    spent: Usage = field(default_factory=Usage)

    def affordable(self, *, input_tokens: int, output_tokens: int) -> int:
        """How many output tokens a call with that input may have, up to `output_tokens`.

        0 when it must not be made. `input_tokens` must not be below what the call will take.
        """
        left = self.budget.less(self.spent)
        if left.seconds is not None and left.seconds <= 0:
            return 0
        most = output_tokens
        if left.tokens is not None:
            most = min(most, left.tokens - input_tokens)
        if left.cost is not None:
            if self.price is None:
                return 0
            for_output = left.cost - input_tokens * self.price.input / PER
            if for_output < 0:
                return 0
            if self.price.output > 0:
                most = min(most, int(for_output * PER / self.price.output))
        return max(0, most)

    @property
    def seconds_left(self) -> float | None:
        """Seconds of waiting that are left; None without a limit."""
        return self.budget.less(self.spent).seconds

    def spend(self, usage: Usage) -> None:
        """Take off what was used."""
        self.spent = self.spent + usage
