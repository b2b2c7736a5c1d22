"""Plays: what one does about a kind of finding, when several findings call for the same.

`{where}` stands for the places concerned, such as "orders.email and orders.phone".
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One action with the steps it takes and what to watch afterwards, at each load or always.

    `goal` says when it is done, where that is not simply that the measured flaw is gone.
    """

    categories: frozenset[str]
    action: str
    steps: str
    watch: str
    goal: str = ""


PLAYS: Final = (
    Play(
        categories=frozenset({"secret", "plaintext_password", "weak_hash"}),
        action="Revoke and replace the credentials in {where}",
        steps="Revoke them where they are valid, then delete them from the data and its copies, "
        "then look in the logs for their use; passwords are kept only as salted argon2 or bcrypt "
        "hashes.",
        watch="scan for credentials; one match stops the delivery",
        goal="the revoked credentials are refused everywhere, and a scan of the data finds none",
    ),
    Play(
        categories=frozenset(
            {
                "personal_data",
                "national_id",
                "payment_card",
                "bank_account",
                "quasi_identifier",
                "free_text_personal_data",
            }
        ),
        action="Decide who may see {where}, and protect them before the data goes further",
        steps="For each column: drop it, restrict it, or replace it by a token that is equal for "
        "equal values (SELECT * REPLACE (sha256(concat(<secret key>, c)) AS c)), so that joins "
        "still work; then withdraw older copies.",
        watch="scan for personal data in columns that are not on the agreed list; one such column "
        "raises an alert",
        goal="each column is dropped, replaced by tokens, or on an agreed list of who may read it",
    ),
    Play(
        categories=frozenset({"public_grant", "no_tls", "world_readable_file"}),
        action="Close the open access to {where}",
        steps="Grant to named roles instead of everybody, require TLS, and take read access for "
        "others off the files; then check who has read them so far.",
        watch="check grants and file modes; any public one raises an alert",
    ),
    Play(
        categories=frozenset({"parse_problem", "encoding_damage"}),
        action="Have {where} delivered in a form that reads without loss",
        steps="Agree delimiter, quoting, line ends and UTF-8 with whoever writes the file, load it "
        "again from the source, and refuse a delivery in which a line cannot be read.",
        watch="count unreadable lines; more than none refuses the delivery",
    ),
    Play(
        categories=frozenset({"type_mismatch", "unit_mix", "pattern_violation"}),
        action="Store {where} in one declared type and format",
        steps="Declare type, unit and format; convert with TRY_CAST and set aside the rows in "
        "which it gives NULL; correct those at their source.",
        watch="count the values that do not fit; more than none raises an alert",
    ),
    Play(
        categories=frozenset({"hidden_missing"}),
        action="Replace placeholders by NULL in {where}",
        steps="Convert while loading (nullif(trim(c), '<placeholder>')), and recompute what was "
        "averaged or counted over them.",
        watch="count the known placeholders; any of them raises an alert",
    ),
    Play(
        categories=frozenset({"missing_values"}),
        action="Find out why {where} lack values; fill them at the source or declare them optional",
        steps="Look at when and with which other columns the values are absent, which names the "
        "step that loses them; mend that step and load again. What cannot be filled stays NULL and "
        "is reported with every figure that rests on it.",
        watch="follow the share of NULLs; alert when it exceeds today's by half",
    ),
    Play(
        categories=frozenset({"inconsistent_category"}),
        action="Settle one spelling for each value of {where}",
        steps="Keep a mapping from variants to the agreed value, apply it while loading, and let "
        "the source choose from a list.",
        watch="count values that are not on the list; each new one is looked at",
    ),
    Play(
        categories=frozenset(
            {"duplicate_rows", "duplicate_key", "near_duplicate_rows", "duplicate_events"}
        ),
        action="Declare what identifies a row of {where}, and keep one row of each",
        steps="Agree the key, keep one row per key (QUALIFY row_number() OVER (PARTITION BY <key> "
        "ORDER BY <latest first>) = 1), and make loading twice harmless by merging on the key.",
        watch="count rows minus distinct keys; more than zero raises an alert",
    ),
    Play(
        categories=frozenset({"referential_orphan"}),
        action="Complete the reference data that {where} point to",
        steps="List the values without a partner (ANTI JOIN), add them or correct them, and keep "
        "the unmatched rows as 'unknown' instead of losing them in an inner join.",
        watch="follow the share of rows without a partner; alert when it rises",
    ),
    Play(
        categories=frozenset({"outlier", "impossible_value", "broken_dependency"}),
        action="Check the implausible values of {where} against their source",
        steps="Look at the rows the evidence returns; correct errors at the source, mark what "
        "cannot be corrected, and write the rule that they break as a check at entry.",
        watch="count the rows that break the rule; a rise raises an alert",
    ),
    Play(
        categories=frozenset({"stale_data", "time_gap", "event_gap"}),
        action="Find out where the records missing in {where} stayed",
        steps="Compare the silent periods with the logs of producer and pipeline; deliver again "
        "what was lost, and mark the rest as unknown so that nobody reads it as zero.",
        watch="measure the time since the newest record; alert above the threshold of the evidence",
    ),
    Play(
        categories=frozenset({"out_of_order", "late_events"}),
        action="Process {where} by event time, not by arrival",
        steps="Use windows over the event time with a watermark as long as the latest record was "
        "late, and send what comes later to a correction path.",
        watch="measure the share of records behind the watermark; alert above the threshold of the "
        "evidence",
    ),
    Play(
        categories=frozenset({"file_layout", "slow_query"}),
        action="Store {where} in a layout made for reading",
        steps="Write it once more: COPY (FROM t ORDER BY <usual filter>) TO 't.parquet' (FORMAT "
        "parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880).",
        watch="look at the row groups of the new files; alert outside 10,000 to 2,000,000 rows "
        "per row group",
    ),
    Play(
        categories=frozenset({"constant_column"}),
        action="Drop or explain the columns that say nothing: {where}",
        steps="Ask whoever writes them whether they should vary; if not, leave them out.",
        watch="count distinct values; a second value is worth a look",
    ),
    Play(
        categories=frozenset({"key_skew"}),
        action="Spread the work where {where} is split or joined",
        steps="Broadcast the smaller side, salt the few heavy keys or treat them apart, and "
        "partition by something more even.",
        watch="follow the share of the largest key; alert above the threshold of the evidence",
    ),
    Play(
        categories=frozenset(
            {
                "throughput_change",
                "volume_change",
                "burst",
                "latency_tail",
                "error_rate",
                "queue_backlog",
                "no_consumers",
                "unroutable",
                "memory_alarm",
            }
        ),
        action="Explain the changes of load in {where} and size for the peaks",
        steps="Match each change with deployments, campaigns and incidents; size queues and "
        "consumers for the highest rate seen, with back-pressure beyond it.",
        watch="follow rate and backlog; alert above the threshold of the evidence",
    ),
    Play(
        categories=frozenset({"anomaly"}),
        action="Explain the unusual stretches of {where}",
        steps="Match each stretch with deployments, incidents and calendars; keep those that will "
        "come again out of alerts, and set limits for the rest.",
        watch="compare each reading with all before it; alert when it leaves their range",
        goal="each stretch has a cause that is written down, and an alert tells of the next one",
    ),
    Play(
        categories=frozenset({"concentration"}),
        action="Decide whether so much may depend on the few in {where}",
        steps="Name the few that carry the total, look at what losing the largest would mean, and "
        "read averages with and without them.",
        watch="follow the share of the largest; alert above the threshold of the evidence",
        goal="whoever answers for it has accepted or limited the dependence",
    ),
    Play(
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
        action="Take the movement of {where} to whoever owns the figure",
        steps="Split it by the largest segments to see where it comes from, check that the data "
        "behind it is complete, then decide whether to act or to expect it.",
        watch="follow the figure; alert when it leaves the range of its last periods",
        goal="its cause is written down and a target for it is agreed",
    ),
)

_BY_CATEGORY: Final = {category: play for play in PLAYS for category in play.categories}


def play_for(category: str) -> Play | None:
    """What to do about findings of `category`; None for one that nobody knows."""
    return _BY_CATEGORY.get(category)
