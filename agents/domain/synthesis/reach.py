"""Reach: which columns a finding is about, also where it is about a table as a whole."""

import re
from collections.abc import Iterable
from typing import Final

from agents.domain.finding import Finding
from agents.domain.synthesis.wording import listed

MANY_COLUMNS: Final = 8
"""A finding that involves more columns than this is about the table."""

ABOUT_ROWS: Final = frozenset(
    {
        "duplicate_rows",
        "near_duplicate_rows",
        "duplicate_events",
        "file_layout",
        "parse_problem",
        "volume_change",
    }
)
"""Categories that are about whole rows or files, whatever columns their evidence shows."""

_IDENTIFIER: Final = re.compile(r'"((?:[^"]|"")+)"')


def columns_of(finding: Finding) -> frozenset[str]:
    """The columns concerned; none if it is about the whole table.

    A finding about a table, such as a duplicate key, concerns the columns that its evidence names.
    """
    if finding.subject.column is not None:
        return frozenset({finding.subject.column})
    if finding.category in ABOUT_ROWS:
        return frozenset()
    named = {
        name.replace('""', '"')
        for evidence in finding.evidence
        for name in _IDENTIFIER.findall(evidence.sql or "")
    } - {finding.subject.table, "row_id"}
    return frozenset(named) if len(named) <= MANY_COLUMNS else frozenset()


def meet(one: Finding, other: Finding) -> bool:
    """Whether two findings concern the same column, or one of them the whole table of the other."""
    if one.subject.table != other.subject.table:
        return False
    ours, theirs = columns_of(one), columns_of(other)
    return not ours or not theirs or not ours.isdisjoint(theirs)


def places(findings: Iterable[Finding], limit: int = 4) -> str:
    """The columns or tables that the findings concern, each once, in their order."""
    return listed(
        (
            f"{finding.subject.table}.{column}" if column else finding.subject.table
            for finding in findings
            for column in (sorted(columns_of(finding)) or [""])
        ),
        limit,
    )
