"""Lines of a file that could not be read."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool

MAX_LINES: Final = 20


class ReadingProblem(Part):
    """Lines with one problem, as the engine names it; `first` are their numbers in the file."""

    problem: str
    lines: int
    first: tuple[int, ...]


class ReadingProblems(Part):
    """What is wrong with the file; `is_irregular` if it breaks the rules of its format."""

    problems: tuple[ReadingProblem, ...]
    is_irregular: bool


@tool(permission="read_data")
async def reading_problems(data: Datasets, table: str) -> ReadingProblems:
    """List the lines of the file that could not be read."""
    rows = await data.query(
        f"SELECT problem, sum(rows), list(line ORDER BY line)[:{MAX_LINES}] "
        f"FROM reading.{identifier(table)} WHERE problem NOT IN ('missing code', 'irregular') "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    irregular = await data.query(
        f"SELECT 1 FROM reading.{identifier(table)} WHERE problem = 'irregular'"
    )
    return ReadingProblems(
        problems=tuple(
            ReadingProblem(
                problem=problem,
                lines=int(lines),
                first=tuple(line for line in first if line is not None),
            )
            for problem, lines, first in rows
        ),
        is_irregular=bool(irregular),
    )
