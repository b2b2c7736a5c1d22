"""The data quality engineer: whether the data is complete, consistent and possible."""

from collections.abc import Sequence
from typing import Any, Final

from agents.domain.finding import Finding
from agents.specialist import Examination, Specialist
from agents.specialists.check import Check, carry_out
from agents.specialists.data_quality.arithmetic import judge_arithmetic
from agents.specialists.data_quality.damage import judge_damage
from agents.specialists.data_quality.dates import judge_date_formats
from agents.specialists.data_quality.dependencies import judge_dependencies
from agents.specialists.data_quality.duplicates import judge_candidate_keys, judge_duplicate_rows
from agents.specialists.data_quality.hidden_missing import judge_hidden_missing
from agents.specialists.data_quality.impossible import judge_extremes
from agents.specialists.data_quality.merged_fields import judge_merged_fields
from agents.specialists.data_quality.merging import tidied
from agents.specialists.data_quality.missing import ROLE, judge_missing
from agents.specialists.data_quality.missing_courses import with_courses
from agents.specialists.data_quality.near_duplicates import judge_near_duplicates
from agents.specialists.data_quality.orphans import judge_orphans
from agents.specialists.data_quality.outliers import judge_detached
from agents.specialists.data_quality.structure import judge_constant_columns, judge_reading
from agents.specialists.data_quality.text import judge_shapes, judge_similar_values
from agents.specialists.data_quality.time import judge_time
from agents.tools.arithmetic import arithmetic
from agents.tools.candidate_keys import candidate_keys
from agents.tools.damaged_text import damaged_text
from agents.tools.date_formats import date_formats
from agents.tools.dependencies import dependencies
from agents.tools.detached_values import detached_values
from agents.tools.duplicates import duplicate_rows
from agents.tools.extremes import extreme_values
from agents.tools.hidden_missing import hidden_missing
from agents.tools.joint_dependencies import joint_dependencies
from agents.tools.merged_fields import MAX_EMPTIED, merged_fields
from agents.tools.missing import missing_values
from agents.tools.missing_over_time import missing_over_time
from agents.tools.near_duplicates import near_duplicates
from agents.tools.orphans import MAX_REFERRING, orphans
from agents.tools.profile import profile
from agents.tools.query_data import query_data
from agents.tools.reading_problems import reading_problems
from agents.tools.similar_values import similar_values
from agents.tools.text_shapes import text_shapes
from agents.tools.time_coverage import time_coverage

CHECKS: Final[tuple[Check[Any], ...]] = (
    Check(topic="unreadable lines", tool=reading_problems, judge=judge_reading),
    Check(topic="missing values", tool=missing_values, judge=judge_missing),
    Check(
        topic="hidden missing values",
        tool=hidden_missing,
        judge=judge_hidden_missing,
        at_a_time=200,
    ),
    Check(topic="duplicate rows", tool=duplicate_rows, judge=judge_duplicate_rows),
    Check(
        topic="things written twice",
        tool=near_duplicates,
        judge=judge_near_duplicates,
        unexamined=lambda measured: measured.unexamined,
    ),
    Check(topic="broken keys", tool=candidate_keys, judge=judge_candidate_keys),
    Check(
        topic="references to nothing",
        tool=orphans,
        judge=judge_orphans,
        at_a_time=MAX_REFERRING,
    ),
    Check(topic="impossible values", tool=extreme_values, judge=judge_extremes, at_a_time=150),
    Check(topic="values far off", tool=detached_values, judge=judge_detached),
    Check(topic="holes in time", tool=time_coverage, judge=judge_time),
    Check(topic="values unlike the rest", tool=text_shapes, judge=judge_shapes, at_a_time=40),
    Check(topic="dates written in several ways", tool=date_formats, judge=judge_date_formats),
    Check(
        topic="values of other columns",
        tool=merged_fields,
        judge=judge_merged_fields,
        at_a_time=MAX_EMPTIED,
    ),
    Check(topic="damaged text", tool=damaged_text, judge=judge_damage),
    Check(
        topic="variants of one value", tool=similar_values, judge=judge_similar_values, at_a_time=30
    ),
    Check(topic="values against their context", tool=dependencies, judge=judge_dependencies),
    Check(topic="values against two others", tool=joint_dependencies, judge=judge_dependencies),
    Check(topic="columns that do not add up", tool=arithmetic, judge=judge_arithmetic),
    Check(topic="columns that say nothing", tool=profile, judge=judge_constant_columns),
)


async def examine(examination: Examination) -> Sequence[Finding]:
    """Profile each table, put every check to it, and tell what is found without repetition."""
    return await with_courses(examination, tidied(await carry_out(examination, CHECKS)))


DATA_QUALITY_ENGINEER: Final = Specialist(
    role=ROLE,
    title="Data quality engineer",
    tools=tuple(
        dict.fromkeys((profile, *(check.tool for check in CHECKS), missing_over_time, query_data))
    ),
    examine=examine,
    questions={
        "batch": (
            "Which values are missing, openly or behind a code?",
            "Which rows or keys are there more than once?",
            "Which values are impossible, misspelt, or unlike the rest of their column?",
            "Which values contradict the columns beside them, or refer to rows that are missing?",
            "Could the whole file be read, and was it damaged on its way?",
            "Are there holes in time, or does a table end too soon?",
        ),
        "streaming": (
            "Which fields of the events are missing or hold impossible values?",
            "Which values are misspelt, or unlike the rest of their field?",
        ),
    },
)
