"""Causes: what kinds of trouble lie behind the categories of findings.

The order of `CAUSES` is the order in which trouble is dealt with, earliest first: a file that is
read wrongly has wrong types, wrong types hide missing values, and so on up to the figures that rest
on all of it. A cause never depends on a later one, which is why dependencies have no cycles.

*Not here*: what to do about them, see `plays`.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One kind of trouble. `threatens` names the use of the data that it endangers, if any."""

    name: str
    title: str
    explanation: str
    categories: frozenset[str]
    threatens: str = ""


CAUSES: Final[tuple[Cause, ...]] = (
    Cause(
        name="exposure",
        title="Exposure",
        explanation="Values that identify people or open systems travel with the data; one rule "
        "about who sees what settles them together.",
        categories=frozenset(
            {
                "personal_data",
                "national_id",
                "payment_card",
                "bank_account",
                "quasi_identifier",
                "free_text_personal_data",
                "secret",
                "plaintext_password",
                "weak_hash",
                "public_grant",
                "excessive_rights",
                "no_row_security",
                "no_tls",
                "world_readable_file",
            }
        ),
        threatens="sharing",
    ),
    Cause(
        name="reading",
        title="Reading and encoding",
        explanation="The file is not what its reader expects, so part of the rest may be damage "
        "done while reading.",
        categories=frozenset({"parse_problem", "encoding_damage"}),
        threatens="totals",
    ),
    Cause(
        name="types",
        title="Types and formats",
        explanation="Values are stored in forms that the columns do not enforce, so every reader "
        "converts them in a way of its own.",
        categories=frozenset({"type_mismatch", "unit_mix", "pattern_violation"}),
        threatens="totals",
    ),
    Cause(
        name="missing",
        title="Missing data",
        explanation="Values are absent at the source or hidden behind placeholders; where they "
        "are absent together, one step of the pipeline is the likely reason.",
        categories=frozenset({"missing_values", "hidden_missing"}),
        threatens="totals",
    ),
    Cause(
        name="spelling",
        title="Spelling variants",
        explanation="The same thing is written in several ways, so groups split and joins miss.",
        categories=frozenset({"inconsistent_category"}),
        threatens="grouping",
    ),
    Cause(
        name="identity",
        title="Identity and keys",
        explanation="What identifies a row, or links one table to another, is not enforced "
        "anywhere, so things are counted twice or lost in joins.",
        categories=frozenset(
            {
                "duplicate_rows",
                "duplicate_key",
                "near_duplicate_rows",
                "referential_orphan",
                "duplicate_events",
            }
        ),
        threatens="joins",
    ),
    Cause(
        name="values",
        title="Implausible values",
        explanation="Values contradict their own column or the columns beside them, which no check "
        "at entry prevents.",
        categories=frozenset({"outlier", "impossible_value", "broken_dependency"}),
        threatens="averages",
    ),
    Cause(
        name="time",
        title="Time and order",
        explanation="Records come late, out of order or not at all, so what looks like a change "
        "may be a hole.",
        categories=frozenset(
            {"stale_data", "time_gap", "event_gap", "out_of_order", "late_events"}
        ),
        threatens="timely use",
    ),
    Cause(
        name="messaging",
        title="Message flow",
        explanation="What is sent waits, is lost, or will be refused before long.",
        categories=frozenset(
            {
                "queue_backlog",
                "no_consumers",
                "redelivery",
                "unroutable",
                "memory_alarm",
                "resource_limit",
                "node_down",
                "partition",
                "target_down",
            }
        ),
        threatens="unattended operation",
    ),
    Cause(
        name="load",
        title="Load and flow",
        explanation="The rate at which records arrive or are handled changes beyond its usual "
        "range.",
        categories=frozenset(
            {
                "throughput_change",
                "volume_change",
                "burst",
                "anomaly",
                "latency_tail",
                "error_rate",
            }
        ),
        threatens="unattended operation",
    ),
    Cause(
        name="layout",
        title="Storage and cost",
        explanation="The way the data is stored makes every reader do more work than the question "
        "needs.",
        categories=frozenset({"file_layout", "slow_query"}),
        threatens="heavy querying",
    ),
    Cause(
        name="distribution",
        title="Uneven distribution",
        explanation="A few values carry most of the rows; whatever is split by them is split "
        "unevenly, and whoever depends on them depends on few.",
        categories=frozenset({"key_skew", "concentration", "constant_column"}),
    ),
    Cause(
        name="figures",
        title="Business figures",
        explanation="These figures move, or depend on one another; read them side by side.",
        categories=frozenset(
            {
                "kpi",
                "trend",
                "seasonality",
                "change_point",
                "segment_driver",
                "loss_maker",
                "mix_effect",
            }
        ),
    ),
)
"""Earliest to be dealt with first."""

_BY_CATEGORY: Final = {category: cause for cause in CAUSES for category in cause.categories}

_STAGES: Final = {cause.name: number for number, cause in enumerate(CAUSES)}

_SAME_FACT: Final = (
    ("distribution", frozenset({"key_skew", "concentration"})),
    ("silence", frozenset({"time_gap", "event_gap"})),
    ("repetition", frozenset({"duplicate_rows", "duplicate_events"})),
)


def cause_of(category: str) -> Cause:
    """The cause behind `category`; one that nobody knows is a cause of its own."""
    return _BY_CATEGORY.get(category) or Cause(
        name=category,
        title=category.replace("_", " ").capitalize(),
        explanation="The same kind of finding stands in several places.",
        categories=frozenset({category}),
        threatens="use without a review",
    )


def fact_of(category: str) -> str:
    """What two specialists call by different names when they see the same thing."""
    return next((name for name, categories in _SAME_FACT if category in categories), category)


def stage_of(category: str) -> int:
    """When it is dealt with: the place of its cause in `CAUSES`, after all of them if unknown."""
    return _STAGES.get(cause_of(category).name, len(CAUSES))
