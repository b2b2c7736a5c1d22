"""Findings: what a specialist claims about the data, with the evidence that shows it."""

import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.domain.role import Role

Severity: TypeAlias = Literal["critical", "high", "medium", "low", "info"]
Level: TypeAlias = Literal["high", "medium", "low"]

SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "high", "medium", "low", "info")
"""Most severe first."""

MAX_SERIES_POINTS: Final = 200
"""Of a drawn series: more cannot be told apart on a page, and a report stays small."""

MAX_PLACES: Final = 12
"""Of a drawn spread."""

Value: TypeAlias = bool | int | float | str | None


class Part(BaseModel):
    """A value within a message: frozen, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SeriesPoint(Part):
    """A figure at an instant, or at a step, as the data writes it."""

    at: str
    value: float


class Mark(Part):
    """What a series shows from `since` until `until`, in a few words."""

    since: str
    until: str
    label: str


class Series(Part):
    """What a figure did over time, as one would draw it: 0..200 points in order."""

    unit: str
    points: tuple[SeriesPoint, ...] = Field(max_length=MAX_SERIES_POINTS)
    marks: tuple[Mark, ...] = ()


class Place(Part):
    """One figure of a spread, and what it is of; `is_apart` if it is far from the others."""

    label: str
    value: float
    is_apart: bool = False


class Spread(Part):
    """How something is spread, as one would draw it: 2..12 figures.

    On a "scale" they are values of one column, the lowest first. As "shares", from 0 to 1, they are
    parts of one whole: its largest holders in order, then what all others have, if there are any.
    """

    kind: Literal["scale", "shares"]
    places: tuple[Place, ...] = Field(min_length=2, max_length=MAX_PLACES)


class Evidence(Part):
    """One measurement that supports a finding.

    `sql` is one SELECT that shows it, runnable as it stands after the dataset's `setup_sql`; for a
    finding about cells or rows it returns the offending rows with their `row_id`. `value` and
    `threshold` share the metric's unit; floats keep nine significant digits, so that the same data
    gives the same bytes. `series` is how it came about over time, `spread` how it is made up.
    Personal data and secrets are masked.
    """

    id: str = ""
    metric: str
    value: Value
    threshold: Value = None
    sql: str | None = None
    series: Series | None = None
    spread: Spread | None = None

    @model_validator(mode="before")
    @classmethod
    def _round_floats(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields
        return {
            name: _rounded(value) if isinstance(value, float) else value
            for name, value in fields.items()
        }


class Subject(Part):
    """What a finding is about: a dataset by its view name, or one of its columns."""

    table: str
    column: str | None = None

    def __str__(self) -> str:
        return self.table if self.column is None else f"{self.table}.{self.column}"


class Finding(Part):
    """One true statement about the data that somebody should know.

    `title` is one sentence with the figures in it. `rows` is how many rows are affected, where that
    makes sense. `impact` says what goes wrong if it stays, `recommendation` what to do about it,
    `effort` how much work that is. `confidence` is from 0 to 1, and `reason` is a clause that says
    what it rests on. Ids are derived from role, category, subject and `key`; `key` tells apart
    findings that share the other three.
    """

    id: str = ""
    role: Role
    title: str
    severity: Severity
    category: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    subject: Subject
    key: str = Field(default="", exclude=True)
    evidence: tuple[Evidence, ...] = Field(min_length=1)
    rows: int | None = None
    recommendation: str
    effort: Level = "medium"
    impact: str = ""
    confidence: float = Field(default=1.0, ge=0.0, le=1.0)
    reason: str = ""

    @model_validator(mode="after")
    def _name(self) -> "Finding":
        if not self.id:
            parts = (self.role, self.category, str(self.subject), self.key)
            digest = blake2b("\x1f".join(parts).encode(), digest_size=5).hexdigest()
            object.__setattr__(self, "id", f"{self.category}-{digest}")
        evidence = tuple(
            item if item.id else item.model_copy(update={"id": f"{self.id}.{number}"})
            for number, item in enumerate(self.evidence, start=1)
        )
        object.__setattr__(self, "evidence", evidence)
        return self


def severity_rank(severity: Severity) -> int:
    """0 for the most severe."""
    return SEVERITIES.index(severity)


def _rounded(value: float) -> float | None:
    return float(f"{value:.9g}") if math.isfinite(value) else None
