"""What a query cost on the files themselves, as the engine measured it while carrying it out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCost:
    """Row groups that were read of all those of the files, and bytes that went to disk meanwhile.

    Of the join whose size was foreseen worst, `estimated` are the rows that the engine expected and
    `joined` those that came; both are 0 where nothing was joined.
    """

    row_groups: int
    row_groups_read: int
    spilled_bytes: int
    estimated: int = 0
    joined: int = 0
