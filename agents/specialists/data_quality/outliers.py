"""Judging groups of values far from all others: too many for slips, too few for a kind of row."""

from collections.abc import Sequence
from math import log10
from typing import Final

from agents.datasets.sql import identifier, literal
from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.series import spread
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, figure, percent
from agents.tools.detached_values import DetachedGroup
from agents.tools.profile import TableProfile

MIN_SHARE: Final = 0.001
"""Share of rows from which on values far off are a group; fewer are judged one by one."""

MAX_SEPARATE: Final = 3
"""Rows up to which they are judged one by one in small tables, too."""

MIN_VALUES: Final = 2
"""Distinct values; the same one again and again stands for something else, such as no value."""

SCALES: Final = {1000.0: "a thousand", 100.0: "a hundred"}
"""By how much values differ where the unit was confused."""

CONFIDENCE: Final = 0.8


def judge_detached(profile: TableProfile, measured: Sequence[DetachedGroup]) -> list[Finding]:
    """One finding for each group of 0.1 % of the rows or more."""
    return [
        _finding(profile, group)
        for group in measured
        if group.rows > max(MAX_SEPARATE, MIN_SHARE * group.present) and group.values >= MIN_VALUES
    ]


def _finding(profile: TableProfile, group: DetachedGroup) -> Finding:
    name = identifier(group.name)
    sign, beyond = (">=", "above") if group.side == "high" else ("<=", "below")
    ends = sorted((group.nearest, group.farthest))
    scale = _scale(group)
    reach = figure(group.reach)
    guess = f"; they seem to be in a unit that is {scale} times smaller" if scale else ""
    return Finding(
        role=ROLE,
        title=(
            f"{counted(group.rows, 'row')} of {group.name} ({percent(group.rows / group.present)}) "
            f"{'lies' if group.rows == 1 else 'lie'} between {figure(ends[0])} and "
            f"{figure(ends[1])}, far {beyond} all others, which end at {reach}{guess}."
        ),
        severity="medium",
        category="outlier",
        subject=Subject(table=profile.table, column=group.name),
        key=group.side,
        evidence=(
            Evidence(
                metric=f"value of {group.name} nearest to the others",
                value=group.nearest,
                threshold=group.reach,
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} "
                    f"WHERE {name} {sign} {literal(group.nearest)}"
                ),
                spread=spread.scale(
                    [
                        ("other end", group.opposite),
                        ("median", group.median),
                        ("end of the others", group.reach),
                    ],
                    [
                        ("nearest of these rows", group.nearest),
                        ("farthest", group.farthest),
                    ],
                ),
            ),
        ),
        rows=group.rows,
        recommendation=(
            f"Find out what these rows have in common, such as a source with another unit for "
            f"{group.name}, and convert or set them apart."
        ),
        impact=f"They dominate averages and sums of {group.name}.",
        effort="medium",
        confidence=CONFIDENCE,
        reason="nothing lies between them and the others, but they may be another kind of row",
    )


def _scale(group: DetachedGroup) -> str:
    """How many times too large the group is, if that is a round number as between units."""
    if group.side != "high" or group.median <= 0:
        return ""
    middle = 10 ** ((log10(group.nearest) + log10(group.farthest)) / 2)
    for factor, said in SCALES.items():
        if 0.5 <= middle / group.median / factor <= 2:
            return said
    return ""
