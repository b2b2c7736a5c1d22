"""Conflicts: recommendations that pull in different directions, and how to have both."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agents.domain.finding import Finding
from agents.domain.report import Conflict
from agents.domain.synthesis.causes import cause_of
from agents.domain.synthesis.reach import columns_of, located
from agents.domain.synthesis.wording import raised, speciality

MAX_CONFLICTS: Final = 8

_IDENTIFYING: Final = frozenset(
    {"personal_data", "national_id", "payment_card", "bank_account", "quasi_identifier"}
)
_REPEATED: Final = frozenset(
    {"duplicate_rows", "duplicate_key", "near_duplicate_rows", "duplicate_events"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One side's categories against the other's, in the same column or, `table_wide`, table.

    `issue` may use {one} and {other}, the two places, and {who} and {whom}, the two specialities.
    """

    one: frozenset[str]
    other: frozenset[str]
    issue: str
    resolution: str
    table_wide: bool = False

    def joins(self, one: Finding, other: Finding) -> bool:
        return (
            one.category in self.one
            and other.category in self.other
            and one.subject.table == other.subject.table
            and (self.table_wide or not set(columns_of(one)).isdisjoint(columns_of(other)))
        )


_FIGURES: Final = cause_of("kpi").categories
_UNRELIABLE: Final = (
    cause_of("missing_values").categories
    | cause_of("inconsistent_category").categories
    | cause_of("type_mismatch").categories
)

_RULES: Final = (
    _Rule(
        one=_IDENTIFYING,
        other=frozenset({"duplicate_key", "referential_orphan", "inconsistent_category"}),
        issue="{who} wants {one} masked or dropped, while {whom} needs the values to match rows.",
        resolution="Replace the values by a keyed hash after their spelling is settled: equal "
        "values stay equal, so keys and joins go on working on the hash and nobody sees the value.",
    ),
    _Rule(
        one=_IDENTIFYING,
        other=frozenset({"near_duplicate_rows"}),
        table_wide=True,
        issue="{who} wants {one} masked, while {whom} compares such values to find the same thing "
        "written twice in {other}.",
        resolution="Find and merge the near duplicates first, in a restricted place, and mask the "
        "merged result; a hash of misspelt values no longer shows that they are alike.",
    ),
    _Rule(
        one=_IDENTIFYING,
        other=frozenset({"concentration", "segment_driver", "key_skew"}),
        issue="{who} wants {one} masked, while {whom} groups rows by the values.",
        resolution="Report by a token or by groups of at least five; keep the names where the few "
        "who need them may look them up.",
    ),
    _Rule(
        one=_REPEATED,
        other=_FIGURES | {"concentration"},
        table_wide=True,
        issue="{who} wants repeated rows removed from {one}, and the figures for {other} that "
        "{whom} reports count them.",
        resolution="Remove them in a view, compute the figures with and without, publish the "
        "difference once, and only then delete; the old figures stay explainable.",
    ),
    _Rule(
        one=frozenset({"missing_values", "hidden_missing"}),
        other=_FIGURES,
        issue="{who} wants the gaps in {one} filled, which moves the figures that {whom} reports.",
        resolution="Leave NULL in what is stored and state with each figure how many rows it "
        "covers; put estimates only into a column of their own.",
    ),
    _Rule(
        one=frozenset({"outlier", "impossible_value"}),
        other=_FIGURES | {"concentration"},
        issue="{who} wants extreme values of {one} corrected, which {whom} may count among what "
        "carries the figure.",
        resolution="Correct what is impossible, keep what is merely large, and give the median "
        "beside the mean, so that neither depends on a few rows.",
    ),
    _Rule(
        one=frozenset({"key_skew"}),
        other=_UNRELIABLE | {"duplicate_key"},
        issue="{who} looks at splitting work by {one}, which {whom} finds unreliable.",
        resolution="Clean the column first, or partition by one that is complete; otherwise the "
        "rows move between partitions with each correction.",
    ),
    _Rule(
        one=frozenset({"out_of_order", "late_events"}),
        other=frozenset({"latency_tail", "stale_data"}),
        table_wide=True,
        issue="{who} wants to wait for stragglers in {one}, while results for {other} are late "
        "already.",
        resolution="Publish at once and correct later: an early result per window, and a second "
        "one when the watermark passes.",
    ),
)


def find_conflicts(findings: Sequence[Finding], weighty: Container[str]) -> tuple[Conflict, ...]:
    """0..8 conflicts among ranked findings; per reason and table, that of the strongest.

    Only the `weighty`, by id, call for an action with which another can conflict.
    """
    return tuple(_found(findings, weighty))[:MAX_CONFLICTS]


def _found(findings: Sequence[Finding], weighty: Container[str]) -> Iterator[Conflict]:
    for rule in _RULES:
        settled: set[str] = set()
        others = [finding for finding in findings if finding.category in rule.other]
        for one in findings:
            if one.category not in rule.one or one.id not in weighty:
                continue
            other = next((other for other in others if rule.joins(one, other)), None)
            if other is None or one.subject.table in settled:
                continue
            settled.add(one.subject.table)
            words = {
                "one": _place(rule, one, other),
                "other": _place(rule, other, one),
                "who": raised(speciality(one.role)),
                "whom": speciality(other.role),
            }
            yield Conflict(
                between=(one.id, other.id),
                issue=rule.issue.format(**words),
                resolution=rule.resolution,
            )


def _place(rule: _Rule, finding: Finding, other: Finding) -> str:
    """Where it is, narrowed to the columns that both are about if they meet there."""
    columns = columns_of(finding)
    if not rule.table_wide:
        columns = tuple(column for column in columns if column in columns_of(other))
    return located({finding.subject.table: tuple(columns)})
