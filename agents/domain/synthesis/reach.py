"""Reach: which columns a finding is about, also where it is about a table as a whole."""

import re
from collections.abc import Iterable, Sequence
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

_IDENTIFIER: Final = re.compile(r'(\bAS )?"((?:[^"]|"")+)"')
"""A name in SQL, and whether it is given there rather than taken from the data."""
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")


def columns_of(finding: Finding) -> Sequence[str]:
    """0..8 columns concerned, in the order of the evidence; none if it is the whole table.

    A finding about a table, such as a duplicate key, concerns the columns that its evidence names.
    """
    if finding.subject.column is not None:
        return (finding.subject.column,)
    if finding.category in ABOUT_ROWS:
        return ()
    named = dict.fromkeys(
        name.replace('""', '"')
        for evidence in finding.evidence
        for is_given, name in _IDENTIFIER.findall(_LITERAL.sub("", evidence.sql or ""))
        if not is_given
    )
    columns = tuple(name for name in named if name not in (finding.subject.table, "row_id"))
    return columns if len(columns) <= MANY_COLUMNS else ()


def meet(one: Finding, other: Finding) -> bool:
    """Whether two findings concern the same column, or one of them the whole table of the other."""
    if one.subject.table != other.subject.table:
        return False
    ours, theirs = columns_of(one), columns_of(other)
    return not ours or not theirs or not set(ours).isdisjoint(theirs)


def places(findings: Iterable[Finding], limit: int = 4) -> str:
    """The columns or tables that the findings concern, each once, in their order.

    Such as "orders.email", "email and phone of orders", "a, b, c and 3 more columns of orders" or
    "orders.email, customers and 2 more"; a table stands for its columns where it is named itself.
    """
    columns: dict[str, dict[str, None]] = {}
    whole: set[str] = set()
    for finding in findings:
        table = columns.setdefault(finding.subject.table, {})
        table.update(dict.fromkeys(columns_of(finding)))
        if not columns_of(finding):
            whole.add(finding.subject.table)
    return located(
        {table: () if table in whole else tuple(names) for table, names in columns.items()}, limit
    )


def located(columns: dict[str, tuple[str, ...]], limit: int = 4) -> str:
    """Columns by table, as `places` names them; no columns stand for the whole table."""
    if len(columns) == 1:
        ((table, names),) = columns.items()
        if len(names) > 1:
            more = " columns" if len(names) > limit else ""
            return f"{listed(names, limit)}{more} of {listed([table])}"
    return listed(
        (
            f"{table}.{name}" if name else table
            for table, names in columns.items()
            for name in names or ("",)
        ),
        limit,
    )
