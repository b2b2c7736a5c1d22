"""Spreads as they are drawn: the largest holders of a whole, and values on one scale."""

from collections.abc import Sequence

from agents.domain.finding import Place, Spread


def shares(holders: Sequence[tuple[str, float]], values: int) -> Spread | None:
    """The largest of `values` holders with their shares, and what all others have together.

    None if there are not two to compare.

    >>> [(each.label, each.value) for each in shares([("a", 0.75)], 3).places]
    [('a', 0.75), ('the other 2', 0.25)]
    """
    places = [Place(label=label, value=_rounded(share)) for label, share in holders]
    others = values - len(places)
    if others > 0:
        rest = max(0.0, 1.0 - sum(share for _, share in holders))
        label = f"the other {others:,}" if others > 1 else "the other one"
        places.append(Place(label=label, value=_rounded(rest)))
    return Spread(kind="shares", places=tuple(places)) if len(places) > 1 else None


def scale(usual: Sequence[tuple[str, float]], apart: Sequence[tuple[str, float]]) -> Spread:
    """Values in order, with those that stand `apart` from the `usual` ones; 2..12 together.

    >>> [each.label for each in scale([("low", 1.0), ("high", 9.0)], [("apart", -5.0)]).places]
    ['apart', 'low', 'high']
    """
    places = [
        *(Place(label=label, value=_rounded(value)) for label, value in usual),
        *(Place(label=label, value=_rounded(value), is_apart=True) for label, value in apart),
    ]
    return Spread(kind="scale", places=tuple(sorted(places, key=lambda each: each.value)))


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
