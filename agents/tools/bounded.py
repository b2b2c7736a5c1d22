"""Keeping results of tools within what a message can hold, and saying what a bound left out."""

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from agents.domain.finding import Part

P = TypeVar("P", bound=Part)

MAX_BYTES: Final = 200_000
"""Of a result as JSON; the gateway refuses more than 256 KiB."""


class Portion(Part, Generic[P]):
    """What a tool found, and in one sentence what it did not look at: "" if it left nothing out."""

    found: tuple[P, ...] = ()
    unexamined: str = ""


def within_bounds(parts: Iterable[P], most: int = MAX_BYTES) -> tuple[P, ...]:
    """The leading parts that together stay below `most` bytes as JSON."""
    kept: list[P] = []
    for part in parts:
        most -= len(part.model_dump_json().encode()) + 1
        if most < 0:
            break
        kept.append(part)
    return tuple(kept)
