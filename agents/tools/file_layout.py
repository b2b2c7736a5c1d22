"""How a dataset is laid out in its files: what every query on it has to read."""

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool


class RowGroups(Part):
    """The row groups of Parquet files; sizes of groups in rows, of columns in stored bytes.

    `without_statistics` are the columns of which no row group knows the range.
    """

    files: int
    groups: int
    smallest: int
    median: int
    largest: int
    stored_bytes: int
    uncompressed_bytes: int
    without_statistics: tuple[str, ...]


class FileLayout(Part):
    """The files behind a dataset; `row_groups` only of Parquet."""

    format: str
    rows: int
    size_bytes: int
    row_groups: RowGroups | None = None


@tool(permission="read_data", routes={"batch"})
async def file_layout(data: Datasets, table: str) -> FileLayout:
    """Measure format, size, row groups, compression and statistics of the files of a table."""
    pinned = data.table(table)
    row_groups = None
    if pinned.format == "parquet":
        ((files, groups, smallest, median, largest),) = await data.query(row_groups_sql(table))
        ((stored, uncompressed, without),) = await data.query(
            f"""
            SELECT CAST(sum(stored) AS BIGINT), CAST(sum(uncompressed) AS BIGINT),
                list("column" ORDER BY "column") FILTER (NOT known)
            FROM (
                SELECT "column", sum(total_compressed_size) AS stored,
                    coalesce(sum(total_compressed_size)
                        FILTER (compression = 'UNCOMPRESSED'), 0) AS uncompressed,
                    bool_or(has_statistics) AS known
                FROM layout.{identifier(table)} GROUP BY ALL
            )
            """
        )
        row_groups = RowGroups(
            files=files,
            groups=groups,
            smallest=smallest,
            median=median,
            largest=largest,
            stored_bytes=stored,
            uncompressed_bytes=uncompressed,
            without_statistics=tuple(without or ()),
        )
    return FileLayout(
        format=pinned.format, rows=pinned.rows, size_bytes=pinned.size_bytes, row_groups=row_groups
    )


def row_groups_sql(table: str) -> str:
    """A SELECT of the number of files and row groups and the groups' sizes in rows."""
    return (
        "SELECT count(DISTINCT file_name) AS files, count(*) AS row_groups, "
        "min(row_group_num_rows) AS smallest, quantile_disc(row_group_num_rows, 0.5) AS median, "
        "max(row_group_num_rows) AS largest FROM (SELECT DISTINCT file_name, row_group_id, "
        f"row_group_num_rows FROM layout.{identifier(table)})"
    )


def columns_sql(table: str) -> str:
    """A SELECT of compression, statistics and stored bytes by column."""
    return (
        'SELECT "column", string_agg(DISTINCT compression) AS compression, '
        "bool_or(has_statistics) AS has_statistics, sum(total_compressed_size) AS stored_bytes "
        f"FROM layout.{identifier(table)} GROUP BY ALL ORDER BY stored_bytes DESC"
    )
