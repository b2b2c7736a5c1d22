"""Sets with a clean version: which cells and columns are wrong, against what is flagged."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from tests.benchmarks.quality_truth.examined import ABOUT_CELLS, Examined, examine
from tests.benchmarks.quality_truth.score import Score, score_of

Cell: TypeAlias = tuple[int, str]

MAX_SHOWN: Final = 12
"""Wrongly flagged or missed cells that are shown of each column."""


async def compared(name: str, dirty: Path, clean: Path) -> Sequence[Score]:
    """Scores of `dirty` where `clean` has the same rows and columns, corrected."""
    wrong, right = _records(dirty), _records(clean)
    true = {
        (row_id, column)
        for row_id, (before, after) in enumerate(zip(wrong, right, strict=True))
        for column, value in before.items()
        if value != after[column]
    }
    return await _scored(name, dirty, wrong, true)


async def corrected(name: str, dirty: Path, corrections: Path) -> Sequence[Score]:
    """Scores of `dirty` where `corrections` give `tid`, `attribute` and `correct_val`.

    They correct what is wrong and say nothing about what is missing, so nulls do not count.
    """
    wrong = _records(dirty)
    true = {
        (int(correction["tid"]), correction["attribute"])
        for correction in _records(corrections)
        if wrong[int(correction["tid"])][correction["attribute"]] != correction["correct_val"]
        and not (
            correction["correct_val"].strip().lower() in ("", "empty", "nan")
            and not wrong[int(correction["tid"])][correction["attribute"]]
        )
    }
    return await _scored(name, dirty, wrong, true, without="missing_values")


def _records(file: Path) -> Sequence[Mapping[str, str]]:
    with file.open(newline="", encoding="utf-8-sig") as opened:
        return list(csv.DictReader(opened))


async def _scored(
    name: str,
    file: Path,
    rows: Sequence[Mapping[str, str]],
    true: set[Cell],
    *,
    without: str = "",
) -> Sequence[Score]:
    examined = await examine(file)
    considered = sorted(ABOUT_CELLS - {without})
    flagged = frozenset(cell for each in considered for cell in examined.cells(each))
    scores = [
        score_of(
            name,
            "columns",
            {column for _, column in flagged},
            {column for _, column in true},
            detail={
                "flagged": sorted({column for _, column in flagged}),
                "true": sorted({column for _, column in true}),
            },
        ),
        score_of(
            name,
            "cells",
            flagged,
            true,
            detail={
                "missed": _shown(true - flagged, rows),
                "wrong": _shown(flagged - true, rows),
                "by_column": _by_column(flagged, true),
                "notes": examined.notes,
                "seconds_of_examination": round(examined.seconds, 2),
            },
        ),
        _of_findings(name, examined, true, considered),
        *(
            _of_category(name, category, examined, true)
            for category in considered
            if examined.cells(category)
        ),
    ]
    titles = [f"{each.severity} {each.category} {each.title}" for each in examined.findings]
    scores[0].detail["findings"] = titles
    return scores


def _of_findings(
    name: str, examined: Examined, true: set[Cell], considered: Sequence[str]
) -> Score:
    """The findings that accuse cells, right if most of those are wrong: the rest is noise."""
    accused: dict[str, set[Cell]] = {}
    for offender in examined.offenders:
        finding = offender.finding
        if finding.category in considered and finding.severity != "info" and offender.column:
            accused.setdefault(finding.title, set()).add((offender.row_id, offender.column))
    right = {title for title, cells in accused.items() if 2 * len(cells & true) >= len(cells)}
    return score_of(
        name, "findings", set(accused), right, detail={"noise": sorted(set(accused) - right)}
    )


def _of_category(name: str, category: str, examined: Examined, true: set[Cell]) -> Score:
    """Its precision; what other categories are to find counts as nothing missed."""
    flagged = examined.cells(category)
    return score_of(name, category, flagged, true & flagged)


def _shown(cells: set[Cell], rows: Sequence[Mapping[str, str]]) -> Mapping[str, Sequence[str]]:
    shown: dict[str, list[str]] = {}
    for row_id, column in sorted(cells):
        values = shown.setdefault(column, [])
        if len(values) < MAX_SHOWN:
            values.append(f"{row_id}: {rows[row_id][column][:80]}")
    return shown


def _by_column(flagged: frozenset[Cell], true: set[Cell]) -> Mapping[str, str]:
    """Right, flagged and true cells of each column."""
    right = Counter(column for _, column in flagged & true)
    marked = Counter(column for _, column in flagged)
    wrong = Counter(column for _, column in true)
    return {
        column: f"{right[column]}/{marked[column]}/{wrong[column]}"
        for column in sorted(marked | wrong)
    }
