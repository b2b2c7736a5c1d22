"""Judging columns that hardly say anything, and files that could not be read whole."""

from typing import Final

from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE, capped
from agents.specialists.wording import counted, is_or_are, listed, percent
from agents.tools.profile import ColumnProfile, TableProfile
from agents.tools.reading_problems import ReadingProblems

MIN_ROWS: Final = 100
"""Rows below which a column may well have one value, by chance or because of what was chosen."""

MIN_SHARE: Final = 0.99
"""Share of one value from which on a column is as good as constant. Ours."""

HIGH_LOSS: Final = 0.01
"""Share of lines lost from which on figures are visibly wrong. Ours."""

JSON_PROBLEMS: Final = frozenset({"broken JSON", "no object"})
"""What is wrong only with lines of JSON."""

CSV_ADVICE: Final = (
    "Have the file written by a CSV library: a quote around fields with delimiters, quotes or line "
    "breaks, one kind of line end."
)
JSON_ADVICE: Final = (
    "Have the file written by a JSON library, one whole object to a line, and look at what the "
    "writer does when it is interrupted."
)


def judge_constant_columns(profile: TableProfile, measured: TableProfile) -> list[Finding]:
    """Findings about columns with one value in all or nearly all rows, all in one each."""
    if measured.rows < MIN_ROWS:
        return []
    constant = [
        column
        for column in measured.columns
        if column.distinct == 1 and not column.nulls and not _is_missing(column)
    ]
    nearly = [
        column
        for column in measured.columns
        if column.kind in ("text", "boolean")
        and column.distinct > 1
        and not _is_missing(column)
        and column.top
        and column.top[0].rows >= MIN_SHARE * measured.rows
    ]
    findings = []
    if constant:
        findings.append(_constant(profile.table, measured.rows, constant))
    if nearly:
        findings.append(_nearly_constant(profile.table, measured.rows, nearly))
    return findings


def judge_reading(profile: TableProfile, measured: ReadingProblems) -> list[Finding]:
    """0 or 1 finding about lines of the file that could not be read."""
    table = profile.table
    lost = sum(problem.lines for problem in measured.problems)
    if not lost and not measured.is_irregular:
        return []
    where = ", ".join(
        f"{problem.problem} in {_lines(problem.first, problem.lines)}"
        for problem in measured.problems
    )
    is_json = any(problem.problem in JSON_PROBLEMS for problem in measured.problems)
    if lost:
        share = lost / (lost + profile.rows)
        title = (
            f"{counted(lost, 'line')} of the file ({percent(share)}) could not be read: {where}."
        )
    else:
        share = 0.0
        title = "The file breaks the rules of CSV (mixed line ends or stray quotes), yet was read."
    return [
        Finding(
            role=ROLE,
            title=title,
            severity="high" if share >= HIGH_LOSS else "medium" if lost else "low",
            category="parse_problem",
            subject=Subject(table=table),
            evidence=(
                Evidence(
                    metric="unreadable lines",
                    value=lost,
                    threshold=0,
                    sql=(
                        f"SELECT * FROM reading.{identifier(table)} WHERE problem <> 'missing code'"
                    ),
                ),
            ),
            rows=lost,
            recommendation=JSON_ADVICE if is_json else CSV_ADVICE,
            impact="Lines that cannot be read are missing from every figure.",
            effort="low",
        )
    ]


def _constant(table: str, rows: int, columns: list[ColumnProfile]) -> Finding:
    names = [column.name for column in columns]
    shown = [f"{column.name} ({column.top[0].value})" for column in columns]
    return Finding(
        role=ROLE,
        title=(
            f"{listed(shown)} {'has' if len(names) == 1 else 'have'} the same value in all "
            f"{counted(rows, 'row')}."
        ),
        severity="info",
        category="constant_column",
        subject=Subject(table=table, column=names[0] if len(names) == 1 else None),
        key="" if len(names) == 1 else ",".join(names),
        evidence=capped(
            Evidence(
                metric=f"distinct values of {column.name}",
                value=1,
                threshold=1,
                sql=(
                    f"SELECT {identifier(column.name)}, count(*) AS rows "
                    f"FROM {identifier(table)} GROUP BY 1"
                ),
            )
            for column in columns
        ),
        rows=rows,
        recommendation=(
            f"Keep {listed(names)} only if other deliveries of this table differ in "
            f"{'it' if len(names) == 1 else 'them'}."
        ),
        impact="A column with one value tells nothing apart, in reports or in models.",
        effort="low",
    )


def _nearly_constant(table: str, rows: int, columns: list[ColumnProfile]) -> Finding:
    names = [column.name for column in columns]
    shown = [f"{column.name} ({column.top[0].value})" for column in columns]
    return Finding(
        role=ROLE,
        title=f"{listed(shown)} {is_or_are(names)} the same in over {percent(MIN_SHARE)} of rows.",
        severity="info",
        category="constant_column",
        subject=Subject(table=table, column=names[0] if len(names) == 1 else None),
        key="nearly" if len(names) == 1 else "nearly," + ",".join(names),
        evidence=capped(
            Evidence(
                metric=f"share of the most frequent value of {column.name}",
                value=column.top[0].rows / rows,
                threshold=MIN_SHARE,
                sql=(
                    f"SELECT {identifier(column.name)}, count(*) AS rows FROM {identifier(table)} "
                    "GROUP BY 1 ORDER BY 2 DESC"
                ),
            )
            for column in columns
        ),
        recommendation="Look at the few other rows: exceptions that matter, or mistakes.",
        impact="The few other values are easily overlooked, whether right or wrong.",
        effort="low",
        confidence=0.8,
        reason="the few other values may be right",
    )


def _is_missing(column: ColumnProfile) -> bool:
    return column.top[0].value.strip().lower() in MISSING_CODES


def _lines(first: tuple[int, ...], total: int) -> str:
    if not first:
        return counted(total, "line")
    shown = [f"{line:,}" for line in first]
    rest = total - len(first)
    if rest > 0:
        shown.append(f"{rest:,} more")
    return f"line{'' if total == 1 else 's'} {listed(shown)}"
