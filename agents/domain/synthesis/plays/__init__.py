"""Plays: what one does about each kind of finding, so that several share one piece of work."""

from typing import Final

from agents.domain.synthesis.plays import exposure, figures, records, systems
from agents.domain.synthesis.plays.play import Play

__all__ = ["PLAYS", "Play", "play_for"]

PLAYS: Final = (
    *exposure.EXPOSURE,
    *records.READING,
    *records.COMPLETENESS,
    *records.IDENTITY,
    *records.VALUES,
    *systems.TIME,
    *systems.MESSAGING,
    *systems.LOAD,
    *systems.STORAGE,
    *figures.FIGURES,
)
"""Each category in one of them; the categories of each belong to one cause."""

_BY_CATEGORY: Final = {category: play for play in PLAYS for category in play.categories}


def play_for(category: str) -> Play | None:
    """What to do about findings of `category`; None for one that nobody knows."""
    return _BY_CATEGORY.get(category)
