"""Tables whose columns have known types: which columns are read as what they hold."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.quality_truth.examined import dated_columns, examine, schema_of
from tests.benchmarks.quality_truth.score import Score, score_of

NUMBERS: Final = ("BIGINT", "DOUBLE", "INTEGER", "HUGEINT")
DATES: Final = ("DATE", "TIMESTAMP")
MAX_FINDINGS: Final = 40


async def typed(name: str, folder: Path) -> Sequence[Score]:
    """Columns of numbers and of dates, against those taken for such; and what is said of each.

    Years, months and times of day that stand as numbers are numbers and dates.
    """
    annotated = json.loads((folder / "annotations" / "annotations.json").read_text())
    found: dict[str, set[tuple[str, int]]] = {"numbers": set(), "dates": set()}
    true: dict[str, set[tuple[str, int]]] = {"numbers": set(), "dates": set()}
    said: dict[str, list[str]] = {}
    for table, kinds in sorted(annotated.items()):
        file = folder / "data" / f"{table}.csv"
        dated = await dated_columns(file)
        for number, (kind, type_) in enumerate(zip(kinds, await schema_of(file), strict=True)):
            place = (table, number)
            if kind in ("integer", "float"):
                true["numbers"].add(place)
            if kind.startswith("date"):
                true["dates"].add(place)
            if type_ in NUMBERS:
                found["numbers"].add(place)
            if type_ in DATES or place[1] in dated:
                found["dates"].add(place)
        examined = await examine(file, with_offenders=False)
        said[table] = [
            f"{finding.severity} {finding.category} {finding.subject}: {finding.title}"
            for finding in examined.findings[:MAX_FINDINGS]
        ]
    scores = [
        score_of(
            name,
            f"columns of {kind}",
            found[kind],
            true[kind],
            detail={
                "missed": sorted(map(str, true[kind] - found[kind])),
                "wrong": sorted(map(str, found[kind] - true[kind])),
            },
        )
        for kind in ("numbers", "dates")
    ]
    scores[0].detail["findings"] = said
    return scores
