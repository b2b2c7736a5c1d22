"""Judging texts: what does not look like the rest, and what is the same but for its writing."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from agents.datasets.date_forms import is_any_date
from agents.datasets.sql import identifier, literal
from agents.datasets.text_types import is_number_or_code
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.data_quality.units import judge_units
from agents.specialists.data_quality.values import about_values
from agents.specialists.wording import counted, listed, percent
from agents.tools.profile import TableProfile
from agents.tools.similar_values import SimilarPair, SimilarValues
from agents.tools.text_shapes import Shape, TextShapes

MIN_ROWS: Final = 20
"""Rows below which what most values look like is chance."""

MIN_TYPED: Final = 0.95
"""Share of numbers or dates from which on the other values are exceptions: a cast rate of 95 %."""

MIN_MASK_SHARE: Final = 0.02
"""Share of rows from which on a mask is a form of its own."""

MIN_COVERED: Final = 0.95
"""Share of rows that such masks cover for the rest to be exceptions. Ours: at 85 % as for other
tools, the rest of an ordinary code column is a form of its own."""

MIN_CODES: Final = 50
"""Values below which numbers of differing length may have been counted up, such as a9 and a10."""

MAX_MASKS: Final = 6
"""Forms past which a column follows no pattern. Ours."""

MIN_PUNCTUATED: Final = 0.75
"""Share of rows with one form from which on the same parts with other separators are mistakes.
Ours: sources that write something another way are up to a quarter of the rows."""

MIN_PARTS: Final = 2
"""Parts that a form must have for its separators to matter."""

MIN_START: Final = 0.99
"""Share of distinct values with a common beginning for those without to be exceptions. Ours."""

MIN_START_VALUES: Final = 50

NOTABLE_RATE: Final = 0.01
"""Share of rows from which on exceptions are more than slips. Ours."""

SHAPE_CONFIDENCE: Final = 0.8

MAX_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pattern:
    """What most values are said to be like, and the SQL condition of `rows` that are not."""

    said: str
    condition: str
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
            or judge_units(profile, column)
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
    for kind, rows, condition in (
        ("number", column.numbers, is_number_or_code(name)),
        ("date", column.dates, is_any_date(name)),
    ):
        if not MIN_TYPED <= rows / column.rows < 1:
            continue
        wrong = column.rows - rows
        if kind == "number" and _are_codes(column):
            return None
        odd = [mask for mask in column.masks if re.search("[Aa]", mask.text)]
        return about_values(
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
            reason=f"{percent(rows / column.rows)} of the values are {kind}s",
        )
    return None


def _are_codes(column: TextShapes) -> bool:
    """Whether all that are no numbers have a letter more at the same end, such as 12a."""
    odd = [run.text for run in column.runs if re.search("[Aa]", run.text)]
    return len(odd) == 1 and re.fullmatch("[Aa]9|9[Aa]", odd[0]) is not None


def _pattern_violation(profile: TableProfile, column: TextShapes) -> Finding | None:
    pattern = _start_pattern(column) or _mask_pattern(column) or _punctuation_pattern(column)
    if pattern is None:
        return None
    rows = pattern.rows
    return about_values(
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
        condition=pattern.condition,
        recommendation="Check these values against their source; add the pattern as a check.",
        impact="A wrong code joins to nothing, or to the wrong thing.",
        confidence=SHAPE_CONFIDENCE,
        reason=f"{percent(1 - rows / column.rows)} of the values {pattern.said}",
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
        said=f"begin with {start.text}",
        condition=_unlike(column, re.escape(start.text) + ".*"),
        rows=rows,
        odd=others,
    )


def _mask_pattern(column: TextShapes) -> _Pattern | None:
    """The one mask that nearly all values have, or else a few when lengths are disregarded."""
    if not column.masks:
        return None
    usual, *others = column.masks
    if MIN_COVERED <= usual.rows / column.rows < 1 and "9" in usual.text:
        if column.values < MIN_CODES and len(column.runs) == 1:
            return None
        return _Pattern(
            said=f"look like {usual.text}",
            condition=_unlike(column, _mask_regex(usual.text, "")),
            rows=column.rows - usual.rows,
            odd=others,
        )
    forms = [run for run in column.runs if run.rows >= MIN_MASK_SHARE * column.rows]
    covered = sum(form.rows for form in forms)
    if not MIN_COVERED <= covered / column.rows < 1 or len(forms) > MAX_MASKS:
        return None
    if not all("9" in form.text and form.text.count(" ") <= 1 for form in forms):
        return None
    if any("Aa" in form.text for form in forms):
        return None  # names of things, whose words are as they are
    return _Pattern(
        said=f"look like {listed([form.example for form in forms])}",
        condition=_unlike(column, "|".join(_mask_regex(form.text, "+") for form in forms)),
        rows=column.rows - covered,
        odd=[run for run in column.runs if run not in forms],
    )


def _punctuation_pattern(column: TextShapes) -> _Pattern | None:
    """The one form that most values have, where others differ by what separates their parts."""
    if not column.runs or column.runs[0].rows < MIN_PUNCTUATED * column.rows:
        return None
    usual, *others = column.runs
    parts = re.findall("[9Aa]+", usual.text)
    if len(parts) < MIN_PARTS or "9" not in parts or " " in usual.text.strip():
        return None
    odd = [other for other in others if _has_parts(other.text, parts)]
    if not odd:
        return None
    regex = "|".join(_mask_regex(other.text, "+") for other in odd)
    return _Pattern(
        said=f"look like {usual.example}",
        condition=f"regexp_full_match({identifier(column.name)}, {literal(regex)}, 's')",
        rows=sum(other.rows for other in odd),
        odd=odd,
    )


def _has_parts(form: str, parts: Sequence[str]) -> bool:
    """Whether a form has the same parts, but for words between numbers, otherwise separated."""
    found = re.findall("[9Aa]+", form)
    if set(parts) == {"9"}:
        found = [part for part in found if part == "9"]
    return found == list(parts) or "".join(found) == "".join(parts)


def _unlike(column: TextShapes, regex: str) -> str:
    return f"NOT regexp_full_match({identifier(column.name)}, {literal(regex)}, 's')"


def _mask_regex(mask: str, repeated: str) -> str:
    classes = {"9": "[0-9]", "A": r"\p{Lu}", "a": r"\p{Ll}"}
    return "".join(
        classes[character] + repeated if character in classes else re.escape(character)
        for character in mask
    )


def _such_as(odd: Sequence[Shape]) -> str:
    return f": {listed([shape.example for shape in odd], most=MAX_EXAMPLES)}" if odd else ""


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
        reason=_why_alike(first, forms),
    )


def _why_alike(first: SimilarPair, forms: AbstractSet[str]) -> str:
    if "longer form" in forms:
        return f"both names go with the same values of {first.witness}, which may be chance"
    if forms == {"case or spacing"}:
        return "nothing but case, spacing or punctuation differs"
    return "one or two letters differ, and the variant is at least ten times rarer"


def _pair(pair: SimilarPair) -> str:
    return f"{pair.variant} ({pair.variant_rows:,}) for {pair.value} ({pair.value_rows:,})"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
