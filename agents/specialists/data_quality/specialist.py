"""The data quality engineer: whether the data is complete, consistent and possible."""

from collections.abc import Sequence
from typing import Any, Final

from agents.domain.finding import Finding
from agents.specialist import Examination, Specialist
from agents.specialists.check import Check, carry_out
from agents.specialists.data_quality.duplicates import judge_candidate_keys, judge_duplicate_rows
from agents.specialists.data_quality.hidden_missing import judge_hidden_missing
from agents.specialists.data_quality.impossible import judge_extremes
from agents.specialists.data_quality.merging import tidied
from agents.specialists.data_quality.missing import ROLE, judge_missing
from agents.specialists.data_quality.structure import judge_constant_columns, judge_reading
from agents.specialists.data_quality.text import judge_shapes, judge_similar_values
from agents.tools.candidate_keys import candidate_keys
from agents.tools.duplicates import duplicate_rows
from agents.tools.extremes import extreme_values
from agents.tools.hidden_missing import hidden_missing
from agents.tools.missing import missing_values
from agents.tools.profile import profile
from agents.tools.reading_problems import reading_problems
from agents.tools.similar_values import similar_values
from agents.tools.text_shapes import text_shapes

CHECKS: Final[tuple[Check[Any], ...]] = (
    Check(topic="unreadable lines", tool=reading_problems, judge=judge_reading),
    Check(topic="missing values", tool=missing_values, judge=judge_missing),
    Check(topic="hidden missing values", tool=hidden_missing, judge=judge_hidden_missing),
    Check(topic="duplicate rows", tool=duplicate_rows, judge=judge_duplicate_rows),
    Check(topic="broken keys", tool=candidate_keys, judge=judge_candidate_keys),
    Check(topic="impossible values", tool=extreme_values, judge=judge_extremes),
    Check(topic="values unlike the rest", tool=text_shapes, judge=judge_shapes),
    Check(topic="variants of one value", tool=similar_values, judge=judge_similar_values),
    Check(topic="columns that say nothing", tool=profile, judge=judge_constant_columns),
)


async def examine(examination: Examination) -> Sequence[Finding]:
    """Profile each table, put every check to it, and tell what is found without repetition."""
    return tidied(await carry_out(examination, CHECKS))


DATA_QUALITY_ENGINEER: Final = Specialist(
    role=ROLE,
    title="Data quality engineer",
    tools=tuple(dict.fromkeys((profile, *(check.tool for check in CHECKS)))),
    examine=examine,
    questions={
        "batch": (
            "Which values are missing, openly or behind a code?",
            "Which rows or keys are there more than once?",
            "Which values are impossible, misspelt, or unlike the rest of their column?",
            "Could the whole file be read?",
        ),
        "streaming": (
            "Which fields of the events are missing or hold impossible values?",
            "Which values are misspelt, or unlike the rest of their field?",
        ),
    },
)
