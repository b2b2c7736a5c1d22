"""A play: what one does about a kind of finding, in one column, in several, or in whole tables."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One action, the steps it takes, and what to watch afterwards.

    `{where}` in `action` stands for the places concerned, such as "orders.email" or "email and
    phone of orders", so that it reads the same for one and for many. `action` and `watch` are
    clauses that begin with a verb, `how` is whole sentences. `flaw` says what is wrong with rows,
    as in "no rows … lack {what}", where `{what}` are columns; `goal` is what is true at the end,
    where rows do not tell it or not all of it. `is_specific` says that the advice of the
    specialists differs from case to case, so that each piece of it is worth repeating.
    """

    categories: frozenset[str]
    action: str
    how: str
    watch: str
    flaw: str = ""
    goal: str = ""
    is_specific: bool = False


def of(*categories: str) -> frozenset[str]:
    """The categories that a play deals with."""
    return frozenset(categories)
