"""Judging texts: what does not look like the rest, and what is the same but for its writing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literal, literals
from agents.datasets.text_types import is_date, is_number_or_code, is_timestamp
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, listed
from agents.tools.profile import TableProfile
from agents.tools.similar_values import SimilarPair, SimilarValues
from agents.tools.text_shapes import MAX_SHAPES, UNIT_PATTERN, Shape, TextShapes

MIN_ROWS: Final = 20
"""Rows below which what most values look like is chance."""

MIN_TYPED: Final = 0.95
"""Share of numbers or dates from which on the other values are exceptions: a cast rate of 95 %."""

MIN_UNIT_SHARE: Final = 0.3
"""Share that the most frequent unit has at least; otherwise it is a word after a number. Ours."""

MIN_PREVAILING: Final = 0.8
"""Share of the most frequent way of writing a unit from which on the others are the exceptions;
below it no way is the right one, and what is wrong is that the column holds no numbers. Ours."""

MIN_MASK_SHARE: Final = 0.02
"""Share of rows from which on a mask is a form of its own."""

MIN_COVERED: Final = 0.95
"""Share of rows that such masks cover for the rest to be exceptions. Ours: at 85 % as for other
tools, the rest of an ordinary code column is a form of its own."""

MAX_MASKS: Final = 6
"""Forms past which a column follows no pattern. Ours."""

MIN_START: Final = 0.99
"""Share of distinct values with a common beginning for those without to be exceptions. Ours."""

MIN_START_VALUES: Final = 50

NOTABLE_RATE: Final = 0.01
"""Share of rows from which on exceptions are more than slips. Ours."""

SHAPE_CONFIDENCE: Final = 0.8

MAX_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pattern:
    """What most values are said to be like, as a regular expression too, and what is not."""

    said: str
    regex: str
    rows: int
    odd: Sequence[Shape]


def judge_shapes(profile: TableProfile, measured: Sequence[TextShapes]) -> list[Finding]:
    """Findings about values that look unlike the rest of their column, at most one for each."""
    findings = []
    for column in measured:
        if column.rows < MIN_ROWS or column.is_sampled:
            continue
        finding = (
            _type_mismatch(profile, column)
            or _unit_mix(profile, column)
            or _pattern_violation(profile, column)
        )
        if finding is not None:
            findings.append(finding)
    return findings


def judge_similar_values(profile: TableProfile, measured: Sequence[SimilarValues]) -> list[Finding]:
    """Findings about values that mean a more frequent one, one for each column."""
    return [_similar(profile, column) for column in measured]


def _type_mismatch(profile: TableProfile, column: TextShapes) -> Finding | None:
    name = identifier(column.name)
    is_dated = f"({is_date(name)} OR {is_timestamp(name)})"
    for kind, rows, condition in (
        ("number", column.numbers, is_number_or_code(name)),
        ("date", column.dates, is_dated),
    ):
        if not MIN_TYPED <= rows / column.rows < 1:
            continue
        wrong = column.rows - rows
        odd = [mask for mask in column.masks if re.search("[Aa]", mask.text)]
        return _finding(
            profile,
            column,
            category="type_mismatch",
            title=(
                f"{counted(wrong, 'value')} of {column.name} {_are(wrong)} no {kind}, unlike the "
                f"other {rows:,}{_such_as(odd)}."
            ),
            rows=wrong,
            severity="medium",
            metric=f"values of {column.name} that are no {kind}",
            condition=f"NOT {condition}",
            recommendation=f"Correct these values and load {column.name} as a {kind}.",
            impact="The whole column is text: it sorts wrongly and cannot be computed with.",
            confidence=0.95,
        )
    return None


def _unit_mix(profile: TableProfile, column: TextShapes) -> Finding | None:
    """Numbers followed by differing units, or by one unit in all rows but a few."""
    with_unit = sum(unit.rows for unit in column.units)
    if not with_unit or len(column.units) >= MAX_SHAPES:
        return None
    if (with_unit + column.numbers) / column.rows < MIN_TYPED:
        return None
    if column.units[0].rows < MIN_UNIT_SHARE * with_unit:
        return None
    forms = [(unit.text, unit.rows) for unit in column.units]
    if column.numbers:
        forms.append(("no unit", column.numbers))
    forms.sort(key=lambda form: -form[1])
    others = column.rows - with_unit - column.numbers
    if len(forms) == 1 and not others:
        return None
    usual, usual_rows = forms[0]
    rows = column.rows - usual_rows
    shown = [f"{text} ({count:,})" for text, count in forms]
    if others:
        shown.append(f"no number ({others:,})")
    condition = f"NOT {is_number_or_code(identifier(column.name))}"
    metric = f"values of {column.name} not written in the most frequent way"
    if usual != "no unit" and usual_rows < MIN_PREVAILING * column.rows:
        rows = column.rows - column.numbers
        metric = f"values of {column.name} that are no plain number"
    elif usual != "no unit":
        name = identifier(column.name)
        extracted = f"rtrim(regexp_extract({name}, '^{UNIT_PATTERN}$', 1))"
        condition = f"{extracted} <> {literal(usual)}"
    return _finding(
        profile,
        column,
        category="unit_mix",
        title=f"{column.name} writes its unit in {len(shown)} ways: {listed(shown)}.",
        rows=rows,
        severity="medium" if rows >= NOTABLE_RATE * column.rows else "low",
        metric=metric,
        condition=condition,
        recommendation=f"Store a number in {column.name} and the unit in its name or beside it.",
        impact="The column cannot be computed with, and values in different units look alike.",
        confidence=0.9,
    )


def _pattern_violation(profile: TableProfile, column: TextShapes) -> Finding | None:
    pattern = _start_pattern(column) or _mask_pattern(column)
    if pattern is None:
        return None
    rows = pattern.rows
    return _finding(
        profile,
        column,
        category="pattern_violation",
        title=(
            f"{counted(rows, 'row')} of {column.name} {_have(rows)} a value unlike all others, "
            f"which {pattern.said}{_such_as(pattern.odd)}."
        ),
        rows=rows,
        severity="medium" if rows >= NOTABLE_RATE * column.rows else "low",
        metric=f"rows of {column.name} that do not match the usual pattern",
        condition=(
            f"NOT regexp_full_match({identifier(column.name)}, {literal(pattern.regex)}, 's')"
        ),
        recommendation="Check these values against their source; add the pattern as a check.",
        impact="A wrong code joins to nothing, or to the wrong thing.",
        confidence=SHAPE_CONFIDENCE,
    )


def _start_pattern(column: TextShapes) -> _Pattern | None:
    if column.values < MIN_START_VALUES or 2 * column.spaced > column.values:
        return None
    start, *others = column.starts
    rows = column.rows - start.rows
    if not MIN_START <= start.values / column.values < 1 or rows > NOTABLE_RATE * column.rows:
        return None
    if not start.text or start.text[0].isdigit() or start.text[0].isspace():
        return None
    return _Pattern(
        said=f"begin with {start.text}", regex=re.escape(start.text) + ".*", rows=rows, odd=others
    )


def _mask_pattern(column: TextShapes) -> _Pattern | None:
    """The one mask that nearly all values have, or else a few when lengths are disregarded."""
    if not column.masks:
        return None
    usual, *others = column.masks
    if MIN_COVERED <= usual.rows / column.rows < 1 and "9" in usual.text:
        return _Pattern(
            said=f"look like {usual.text}",
            regex=_mask_regex(usual.text, ""),
            rows=column.rows - usual.rows,
            odd=others,
        )
    forms = [run for run in column.runs if run.rows >= MIN_MASK_SHARE * column.rows]
    covered = sum(form.rows for form in forms)
    if not MIN_COVERED <= covered / column.rows < 1 or len(forms) > MAX_MASKS:
        return None
    if not all("9" in form.text and form.text.count(" ") <= 1 for form in forms):
        return None
    return _Pattern(
        said=f"look like {listed([form.example for form in forms])}",
        regex="|".join(_mask_regex(form.text, "+") for form in forms),
        rows=column.rows - covered,
        odd=[run for run in column.runs if run not in forms],
    )


def _mask_regex(mask: str, repeated: str) -> str:
    classes = {"9": "[0-9]", "A": r"\p{Lu}", "a": r"\p{Ll}"}
    return "".join(
        classes[character] + repeated if character in classes else re.escape(character)
        for character in mask
    )


def _such_as(odd: Sequence[Shape]) -> str:
    return f": {listed([shape.example for shape in odd], most=MAX_EXAMPLES)}" if odd else ""


def _finding(
    profile: TableProfile,
    column: TextShapes,
    *,
    category: str,
    title: str,
    rows: int,
    severity: Severity,
    metric: str,
    condition: str,
    recommendation: str,
    impact: str,
    confidence: float,
) -> Finding:
    name = identifier(column.name)
    codes = literals(sorted(MISSING_CODES))
    return Finding(
        role=ROLE,
        title=title,
        severity=severity,
        category=category,
        subject=Subject(table=profile.table, column=column.name),
        evidence=(
            Evidence(
                metric=metric,
                value=rows,
                threshold=0,
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} WHERE {condition} "
                    f"AND lower(trim({name})) NOT IN ({codes})"
                ),
            ),
        ),
        rows=rows,
        recommendation=recommendation,
        impact=impact,
        confidence=confidence,
    )


def _similar(profile: TableProfile, column: SimilarValues) -> Finding:
    first = column.pairs[0]
    name = identifier(column.name)
    forms = {pair.likeness for pair in column.pairs}
    if column.variants == 1 and first.likeness == "longer form":
        title = (
            f"{column.name} seems to have two names for one thing: {first.variant} "
            f"({counted(first.variant_rows, 'row')}) and {first.value} ({first.value_rows:,}) "
            f"share {first.shared} values of {first.witness}."
        )
    else:
        kind = {
            frozenset({"spelling"}): "misspellings",
            frozenset({"case or spacing"}): "rewritings",
        }
        title = (
            f"{counted(column.rows, 'row')} of {column.name} {_have(column.rows)} "
            f"{kind.get(frozenset(forms), 'variants')} of more frequent values: "
            f"{listed([_pair(pair) for pair in column.pairs], most=MAX_EXAMPLES)}."
        )
    return Finding(
        role=ROLE,
        title=title,
        severity="medium" if column.rows >= max(MIN_ROWS, NOTABLE_RATE * profile.rows) else "low",
        category="inconsistent_category",
        subject=Subject(table=profile.table, column=column.name),
        evidence=(
            Evidence(
                metric=f"rows with a variant of another {column.name}",
                value=column.rows,
                threshold=0,
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} "
                    f"WHERE {column.condition}"
                ),
            ),
        ),
        rows=column.rows,
        recommendation=(
            f"Map the variants to one form each, and draw {column.name} from a list when it is "
            "entered."
        ),
        impact=f"Groups by {column.name} are split, and counts for each are too low.",
        effort="low",
        confidence=0.7 if "longer form" in forms else 0.85,
    )


def _pair(pair: SimilarPair) -> str:
    return f"{pair.variant} ({pair.variant_rows:,}) for {pair.value} ({pair.value_rows:,})"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
