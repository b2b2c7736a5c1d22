"""Made-up sets that no rule was tuned on: mistakes by cell, persons twice, and clean tables."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.quality_truth.cells import compared
from tests.benchmarks.quality_truth.entities import all_pairs, pairs_of
from tests.benchmarks.quality_truth.examined import examine
from tests.benchmarks.quality_truth.score import Score, score_of
from tests.support.held_out.clean import CLEAN, clean_rows
from tests.support.held_out.media import films, papers
from tests.support.held_out.people import register
from tests.support.held_out.places import census, clinics, taxes
from tests.support.held_out.spoil import Spoilt, write_rows
from tests.support.held_out.trade import flights, products, subscriptions

SPOILT: Final[Mapping[str, Callable[[int], Spoilt]]] = {
    "clinics": clinics,
    "taxes": taxes,
    "census": census,
    "films": films,
    "papers": papers,
    "products": products,
    "flights": flights,
    "subscriptions": subscriptions,
}

SEEDS: Final = (101, 102)
"""Rules were looked at with lower ones only."""


async def spoilt(name: str) -> Sequence[Score]:
    """Cells, columns and findings of each set that was spoilt on purpose."""
    return [
        score.model_copy(update={"set": f"{name}/{kind} {seed}"})
        for kind, make in SPOILT.items()
        for seed in SEEDS
        for score in await _compared(make(seed))
        if score.category in ("columns", "cells", "findings")
    ]


async def _compared(made: Spoilt) -> Sequence[Score]:
    with tempfile.TemporaryDirectory() as folder:
        return await compared("", *made.write(Path(folder)))


async def persons(name: str) -> Sequence[Score]:
    """Pairs of rows that are one person in a register, seed by seed."""
    return [await pairs_of_persons(f"{name} {seed}", seed) for seed in SEEDS]


async def pairs_of_persons(name: str, seed: int) -> Score:
    """The same for one seed."""
    rows, entities = register(seed)
    with tempfile.TemporaryDirectory() as folder:
        file = write_rows(Path(folder) / "register.csv", rows)
        examined = await examine(file, with_offenders=False)
        found = {
            pair
            for finding in examined.findings
            if finding.category == "near_duplicate_rows"
            for pair in await pairs_of(finding, file)
        }
    return score_of(name, "near_duplicate_rows", found, set(all_pairs(entities)))


async def untouched(name: str) -> Sequence[Score]:
    """What is said of tables in which nothing is wrong: every finding but `info` is noise."""
    scores = []
    for kind in CLEAN:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                file = write_rows(Path(folder) / "clean.csv", clean_rows(kind, seed))
                examined = await examine(file, with_offenders=False)
            said = {each.title for each in examined.findings if each.severity != "info"}
            detail = {"noise": sorted(said)}
            scores.append(score_of(f"{name}/{kind} {seed}", "findings", said, set(), detail))
    return scores
