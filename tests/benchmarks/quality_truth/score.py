"""Scores: precision, recall and F1 of one set and category, and what was right and wrong."""

from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import BaseModel, ConfigDict


class Score(BaseModel):
    """How well `category` of `of` (cells, columns, pairs, facts …) was found in one set.

    `detail` names what a reader should look at: wrong columns, facts that were missed, findings
    that nothing expects.
    """

    model_config = ConfigDict(frozen=True)

    set: str
    category: str
    right: int
    flagged: int
    true: int
    detail: dict[str, Any] = {}

    @property
    def precision(self) -> float | None:
        """Share of what was flagged that is true; None if nothing was flagged."""
        return self.right / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """Share of what is true that was flagged; None if nothing is true."""
        return self.right / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """Their harmonic mean; None where there is nothing to find and nothing was flagged."""
        both = self.flagged + self.true
        return 2 * self.right / both if both else None


def score_of(
    name: str,
    category: str,
    flagged: AbstractSet[Hashable],
    true: AbstractSet[Hashable],
    detail: dict[str, Any] | None = None,
) -> Score:
    """The score of one set of things against another."""
    return Score(
        set=name,
        category=category,
        right=len(flagged & true),
        flagged=len(flagged),
        true=len(true),
        detail=detail or {},
    )
