"""Asking a tool about a wide table piece by piece, so that each answer fits into a message.

*Guarantees*: every column is asked about; what a message cannot hold even of one column raises, and
is not cut.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from agents.domain.finding import Part
from agents.errors import ResultTooLargeError
from agents.specialist import Examination
from agents.tool import Tool
from agents.tools.bounded import Portion
from agents.tools.profile import TableProfile, profile

P = TypeVar("P", bound=Part)
R = TypeVar("R")

PROFILED: Final = 400
"""Columns of a wide table that are profiled at a time."""


async def whole_profile(examination: Examination, table: str) -> TableProfile:
    """The profile of a table, however many columns it has."""
    first, *more = await column_pieces(examination, profile, table, PROFILED)
    columns = (column for piece in (first, *more) for column in piece.columns)
    return first.model_copy(update={"columns": tuple(columns)})


async def column_parts(
    examination: Examination, tool: Tool[tuple[P, ...]], table: str, *, at_a_time: int | None = None
) -> tuple[P, ...]:
    """What a tool says of single columns; of more than `at_a_time` it is not asked at once."""
    pieces = await column_pieces(examination, tool, table, at_a_time)
    return tuple(part for piece in pieces for part in piece)


def joined(pieces: Sequence[tuple[P, ...] | Portion[P]]) -> tuple[P, ...] | Portion[P]:
    """The answers about 1..n groups of columns as one."""
    found = tuple(
        part for piece in pieces for part in (piece.found if isinstance(piece, Portion) else piece)
    )
    if not isinstance(pieces[0], Portion):
        return found
    left_out = [piece.unexamined for piece in pieces if isinstance(piece, Portion)]
    return Portion(found=found, unexamined=" ".join(dict.fromkeys(filter(None, left_out))))


async def column_pieces(
    examination: Examination, tool: Tool[R], table: str, at_a_time: int | None
) -> Sequence[R]:
    """1..n answers about groups of columns, in their order."""
    (dataset,) = [each for each in examination.task.datasets if each.name == table]
    names = [column.name for column in dataset.columns]
    most = at_a_time or len(names)
    if len(names) <= most:
        return await _answers(examination, tool, table, names, is_whole=True)
    groups = [names[at : at + most] for at in range(0, len(names), most)]
    return [piece for group in groups for piece in await _answers(examination, tool, table, group)]


async def _answers(
    examination: Examination,
    tool: Tool[R],
    table: str,
    names: Sequence[str],
    *,
    is_whole: bool = False,
) -> Sequence[R]:
    """The answer about these columns, or those about each half of them if it is too large."""
    try:
        some = {} if is_whole else {"columns": tuple(names)}
        return [await examination.use(tool, table=table, **some)]
    except ResultTooLargeError:
        middle = len(names) // 2
        if not middle or "columns" not in tool.arguments.model_fields:
            raise
    halves = (names[:middle], names[middle:])
    return [piece for half in halves for piece in await _answers(examination, tool, table, half)]
