"""What a plain DuckDB shell sees of a dataset after its `setup_sql`."""

import duckdb

from agents.datasets.duckdb import DuckdbCatalog
from agents.datasets.sql import identifiers
from agents.domain.task import PinnedDataset


async def assert_a_fresh_shell_sees_the_same(catalog: DuckdbCatalog, pinned: PinnedDataset) -> None:
    names = identifiers(column.name for column in pinned.columns)
    statements = [
        f"SELECT row_id, {names} FROM data ORDER BY row_id",
        "SELECT min(row_id), max(row_id), count(DISTINCT row_id) FROM data",
        f"SELECT {names}, count(*) FROM data GROUP BY ALL ORDER BY ALL LIMIT 50",
    ]
    with duckdb.connect() as shell:
        shell.execute(pinned.setup_sql)
        async with catalog.open([pinned]) as data:
            for sql in statements:
                expected = shell.execute(sql).fetchall()
                assert list(await data.query(sql, limit=pinned.rows + 1)) == expected
