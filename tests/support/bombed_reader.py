"""Reads one file after the other: `python -m tests.support.bombed_reader CACHE FILE…`.

Prints for each file what came of it, a number of rows or a sentence, and in the end the most memory
that the process had, in kilobytes; one line of JSON each.
"""

import asyncio
import json
import resource
import sys
from pathlib import Path

from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.errors import DatasetError

PATIENCE = 20.0
"""Seconds after which reading a file is given up, as a request's deadline does."""


async def main(cache: Path, files: list[str]) -> None:
    async with DuckdbCatalog(roots={}, cache=cache, allow_absolute=True, threads=2) as catalog:
        for file in files:
            outcome: object
            try:
                async with asyncio.timeout(PATIENCE if not file.endswith("endless") else 2.0):
                    pinned = await catalog.pin([DatasetReference(location=file)])
                outcome = [[each.rows, [column.name for column in each.columns]] for each in pinned]
            except DatasetError as error:
                outcome = str(error)
            except TimeoutError:
                outcome = "timeout"
            print(json.dumps([file, outcome]), flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
