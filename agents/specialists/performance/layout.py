"""Judging how files are laid out: formats and row groups that make every query dear."""

from collections.abc import Iterator
from typing import Any, Final

from agents.datasets.sql import identifier
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.performance import ROLE
from agents.specialists.wording import counted, figure, listed, percent
from agents.tools.file_layout import FileLayout, RowGroups, columns_sql, row_groups_sql

LARGE_CSV: Final = 10_000_000
HUGE_CSV: Final = 1_000_000_000
"""Bytes of text past which a columnar copy pays off, and past which doing without one is dear."""

SMALL_GROUP: Final = 10_000
LARGE_GROUP: Final = 2_000_000
"""Rows of a row group below and above which reading in parallel and skipping suffer."""

MANY_GROUPS: Final = 100
MANY_FILES: Final = 20
SMALL_FILE: Final = 1_000_000
"""Files of fewer bytes on average cost more to open than to read."""

WORTHWHILE: Final = 10_000_000
"""Stored bytes from which on a matter of compression or statistics is worth anybody's time."""

UNCOMPRESSED_SHARE: Final = 0.2


def judge_layout(table: str, layout: FileLayout) -> Iterator[Finding]:
    """0..n findings about the files of one table."""
    if layout.format == "csv" and layout.size_bytes > LARGE_CSV:
        yield _text_format(table, layout)
    if layout.row_groups is not None:
        yield from _row_groups(table, layout, layout.row_groups)
        yield from _columns(table, layout.row_groups)


def _text_format(table: str, layout: FileLayout) -> Finding:
    is_huge = layout.size_bytes > HUGE_CSV
    return _finding(
        table,
        key="text",
        severity="medium" if is_huge else "low",
        title=f"{table} is {_size(layout.size_bytes)} of text: every query reads and parses all "
        f"{counted(layout.rows, 'row')}.",
        evidence=(
            Evidence(
                metric="bytes of text",
                value=layout.size_bytes,
                threshold=LARGE_CSV,
                sql=f"SELECT count(*) AS rows FROM {identifier(table)}",
            ),
        ),
        impact="Parquet is commonly a fifth of the size, keeps the types, and lets a query read "
        "only the columns and row groups it needs.",
        recommendation=f"Store {table} as Parquet. COPY (FROM {identifier(table)}) TO "
        f"'{table}.parquet' (FORMAT parquet, COMPRESSION zstd).",
    )


def _row_groups(table: str, layout: FileLayout, groups: RowGroups) -> Iterator[Finding]:
    sizes = f"{figure(groups.smallest)} to {figure(groups.largest)} rows"
    average = layout.rows / max(1, groups.groups)
    if groups.files >= MANY_FILES and layout.size_bytes / groups.files < SMALL_FILE:
        yield _finding(
            table,
            key="files",
            severity="medium" if groups.files >= MANY_FILES * 10 else "low",
            title=f"{table} is spread over {counted(groups.files, 'file')} of "
            f"{_size(layout.size_bytes / groups.files)} on average.",
            evidence=(
                Evidence(
                    metric="mean bytes per file",
                    value=round(layout.size_bytes / groups.files),
                    threshold=SMALL_FILE,
                    sql=row_groups_sql(table),
                ),
            ),
            impact="Opening a file costs more than reading it, most of all on object storage.",
            recommendation=f"Compact {table} into files of 100 MB or more.",
        )
    elif groups.groups > 1 and average < SMALL_GROUP:
        yield _finding(
            table,
            key="small_groups",
            severity="medium" if groups.groups >= MANY_GROUPS else "low",
            title=f"{table} has {counted(groups.groups, 'row group')} of only "
            f"{figure(round(average))} rows on average ({sizes}).",
            evidence=(
                Evidence(
                    metric="mean rows per row group",
                    value=round(average),
                    threshold=SMALL_GROUP,
                    sql=row_groups_sql(table),
                ),
            ),
            impact="Each group has dictionaries, statistics and a seek of its own, so that small "
            "ones compress badly and are slow to scan.",
            recommendation=f"Write {table} again with row groups of about 120,000 rows.",
        )
    if groups.largest > LARGE_GROUP:
        yield _finding(
            table,
            key="large_groups",
            severity="low",
            title=f"{table} has row groups of up to {figure(groups.largest)} rows "
            f"({counted(groups.groups, 'group')} in all).",
            evidence=(
                Evidence(
                    metric="rows of the largest row group",
                    value=groups.largest,
                    threshold=LARGE_GROUP,
                    sql=row_groups_sql(table),
                ),
            ),
            impact="A group is read by one thread and skipped as a whole or not at all, so large "
            "ones leave processors idle and filters without effect.",
            recommendation=f"Write {table} again with row groups of about 120,000 rows.",
        )


def _columns(table: str, groups: RowGroups) -> Iterator[Finding]:
    if groups.stored_bytes < WORTHWHILE:
        return
    share = groups.uncompressed_bytes / groups.stored_bytes
    if share > UNCOMPRESSED_SHARE:
        yield _finding(
            table,
            key="uncompressed",
            severity="low",
            title=f"{percent(share)} of the {_size(groups.stored_bytes)} stored for {table} are "
            "not compressed.",
            evidence=(
                Evidence(
                    metric="share of stored bytes not compressed",
                    value=share,
                    threshold=UNCOMPRESSED_SHARE,
                    sql=columns_sql(table),
                ),
            ),
            impact="Every scan moves more bytes from storage than it has to.",
            recommendation=f"Write {table} with zstd compression.",
        )
    if groups.without_statistics and groups.groups > 1:
        names = groups.without_statistics
        yield _finding(
            table,
            key="statistics",
            severity="low",
            title=f"{counted(len(names), 'column')} of {table} have no statistics: "
            f"{listed(names)}.",
            evidence=(
                Evidence(
                    metric="columns without statistics",
                    value=len(names),
                    threshold=0,
                    sql=columns_sql(table),
                ),
            ),
            impact="A filter on such a column cannot skip anything and reads every row group.",
            recommendation=f"Write {table} with a writer that stores minimum and maximum.",
        )


def _finding(table: str, **fields: Any) -> Finding:
    return Finding(
        role=ROLE, category="file_layout", subject=Subject(table=table), effort="low", **fields
    )


def _size(size: float) -> str:
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= step:
            return f"{size / step:.3g} {unit}"
    return f"{size:.0f} bytes"
