"""The data quality engineer: is the data complete, consistent, possible?"""

from collections.abc import Sequence
from typing import Any, Final

from agents.domain.finding import Finding
from agents.specialist import Examination, Specialist
from agents.specialists.check import Check, carry_out
from agents.specialists.quality.missing import ROLE, judge_missing
from agents.tools.missing import missing_values
from agents.tools.profile import profile

CHECKS: Final[tuple[Check[Any], ...]] = (
    Check(topic="missing values", tool=missing_values, judge=judge_missing),
)


async def examine(examination: Examination) -> Sequence[Finding]:
    """Profile each table, then put every check to it."""
    return await carry_out(examination, CHECKS)


SPECIALIST: Final = Specialist(
    role=ROLE,
    title="Data quality engineer",
    tools=(profile, *(check.tool for check in CHECKS)),
    examine=examine,
)
