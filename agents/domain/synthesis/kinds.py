"""Kinds: what each category of findings is called in a sentence, and a finding quoted as one."""

import re
from collections.abc import Iterable
from typing import Final

from agents.domain.finding import Finding
from agents.domain.synthesis.reach import columns_of, places
from agents.domain.synthesis.wording import gist, lowered, mentions, sentence, shortened

QUOTED_LENGTH: Final = 200
"""Characters of a title that another text quotes."""

KINDS: Final = {
    "personal_data": "personal data in {where}",
    "national_id": "identification numbers in {where}",
    "payment_card": "card numbers in {where}",
    "bank_account": "account numbers in {where}",
    "quasi_identifier": "values that single out persons in {where}",
    "free_text_personal_data": "personal data inside the texts of {where}",
    "secret": "secrets in {where}",
    "plaintext_password": "readable passwords in {where}",
    "weak_hash": "weakly hashed passwords in {where}",
    "public_grant": "rights that everybody has on {where}",
    "excessive_rights": "more rights than needed on {where}",
    "no_row_security": "missing row security on {where}",
    "no_tls": "unencrypted connections to {where}",
    "world_readable_file": "a file that everybody can read behind {where}",
    "parse_problem": "unreadable lines in {where}",
    "encoding_damage": "damaged values in {where}",
    "type_mismatch": "values of another type in {where}",
    "unit_mix": "mixed units or formats in {where}",
    "pattern_violation": "values unlike the rest in {where}",
    "missing_values": "missing values in {where}",
    "hidden_missing": "placeholders in {where}",
    "inconsistent_category": "spelling variants in {where}",
    "duplicate_rows": "repeated rows in {where}",
    "duplicate_key": "repeated keys in {where}",
    "near_duplicate_rows": "near duplicates in {where}",
    "referential_orphan": "values without a partner in {where}",
    "duplicate_events": "repeated events in {where}",
    "outlier": "extreme values in {where}",
    "impossible_value": "impossible values in {where}",
    "broken_dependency": "contradictions in {where}",
    "stale_data": "records that stopped in {where}",
    "time_gap": "holes over time in {where}",
    "event_gap": "silences in {where}",
    "out_of_order": "events out of order in {where}",
    "late_events": "late events in {where}",
    "queue_backlog": "waiting messages in {where}",
    "no_consumers": "queues without a consumer in {where}",
    "redelivery": "repeated deliveries in {where}",
    "unroutable": "messages without a queue in {where}",
    "memory_alarm": "full memory or disk in {where}",
    "resource_limit": "limits that are nearly reached in {where}",
    "node_down": "nodes that are down in {where}",
    "partition": "nodes that lost each other in {where}",
    "target_down": "targets that do not answer in {where}",
    "throughput_change": "a changed rate in {where}",
    "volume_change": "a changed volume of {where}",
    "burst": "bursts in {where}",
    "anomaly": "unusual stretches of {where}",
    "latency_tail": "slow events in {where}",
    "error_rate": "failed events in {where}",
    "file_layout": "the way {where} is stored",
    "slow_query": "slow queries on {where}",
    "key_skew": "an uneven split by {where}",
    "concentration": "dependence on few values of {where}",
    "constant_column": "values that hardly vary in {where}",
    "kpi": "the level of {where}",
    "trend": "the trend of {where}",
    "seasonality": "the season of {where}",
    "change_point": "changes of course in {where}",
    "segment_driver": "the segments that move {where}",
    "loss_maker": "losses in {where}",
    "mix_effect": "the mix behind {where}",
}
"""What was found, by category: a noun phrase that goes with any number of places."""

_CAPITAL: Final = re.compile(r"[A-Z]")
_OPENINGS: Final = frozenset(
    ("A", "An", "Each", "Every", "Grouping", "Mean", "Most", "No", "Number", "Of", "Rows", "Some")
) | {"The", "Total", "Up"}
"""Words that begin a title and are no names, so that they may stand within a sentence."""

_FIRST_WORD: Final = re.compile(r"[^\s(),:;]*")


def kind_of(category: str, findings: Iterable[Finding], limit: int = 4) -> str:
    """What findings of one category are and where, such as "missing values in orders.email"."""
    unknown = f"{category.replace('_', ' ')} in {{where}}"
    return KINDS.get(category, unknown).replace("{where}", places(findings, limit))


def quoted(finding: Finding, tables: int) -> str:
    """The title as a sentence that stands for itself, of one of so many tables.

    It names its table where there are several, and where it would begin with a name of the data,
    whose letters are not to be changed.
    """
    title = gist(finding.title, QUOTED_LENGTH).rstrip(" .,;:")
    table = shortened(finding.subject.table, 80)
    if not title:
        return sentence(f"In {table}, there is something to look at: {finding.category}")
    first = _FIRST_WORD.match(title)
    word = first[0] if first is not None else ""
    if word == finding.subject.table:
        return sentence(f"The table {title}")
    is_located = tables < 2 or mentions(title, finding.subject.table)
    if not _CAPITAL.match(title) or word in columns_of(finding):
        is_number = word[:1].isdigit()
        return sentence(title if is_number and is_located else f"In {table}, {title}")
    if is_located:
        return sentence(title)
    return sentence(
        f"In {table}, {lowered(title)}" if word in _OPENINGS else f"In {table}: {title}"
    )
