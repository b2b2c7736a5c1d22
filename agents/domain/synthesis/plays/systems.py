"""Plays about systems: the course of time, messages, load and storage."""

from typing import Final

from agents.domain.synthesis.plays.play import Play, of

TIME: Final = (
    Play(
        categories=of("stale_data"),
        action="Find out whether {where} is still being written, and load what is missing",
        how="Compare the last record with the logs of producer and pipeline. If the table is "
        "closed, say so where it is described.",
        watch="measure the time since the newest record, and raise an alert beyond the usual "
        "interval",
        goal="The newest record is no older than its usual interval allows, or the table is "
        "declared closed",
        is_specific=True,
    ),
    Play(
        categories=of("time_gap", "event_gap"),
        action="Recover what is missing over time in {where}, or mark it as unknown",
        how="Compare the silent periods with the logs of producer and pipeline, deliver again what "
        "was lost, and mark the rest so that nobody reads it as zero.",
        watch="measure the longest time without a record, and raise an alert beyond the usual "
        "interval",
        goal="Every silent period is filled, or marked as unknown",
    ),
    Play(
        categories=of("out_of_order", "late_events"),
        action="Process {where} by event time, not by arrival",
        how="Use windows over the event time with a watermark as long as the latest record was "
        "late, and send what comes later to a correction path.",
        watch="measure the share of records behind the watermark, and raise an alert where it "
        "rises",
        goal="No record changes a result that was published as final",
        is_specific=True,
    ),
)

MESSAGING: Final = (
    Play(
        categories=of("queue_backlog"),
        action="Have what waits in {where} consumed as fast as it comes",
        how="See that each queue has consumers and that they acknowledge, add consumers or make "
        "them faster, bound the queues, and send what cannot be done to a dead-letter exchange.",
        watch="follow length and consumers of each queue, and raise an alert where it does not "
        "drain",
        goal="Each of these queues drains between its peaks",
        is_specific=True,
    ),
    Play(
        categories=of("no_consumers"),
        action="Give every queue in {where} a consumer, or delete it",
        how="Ask whoever declared them. Messages that were given up are redriven or discarded.",
        watch="list queues without a consumer, and raise an alert for one that holds messages",
        goal="No queue holds messages that nobody consumes",
        is_specific=True,
    ),
    Play(
        categories=of("redelivery"),
        action="Stop delivering the same messages of {where} over and over",
        how="Look at the messages at the head of the queue, and set a delivery limit with a "
        "dead-letter exchange behind it.",
        watch="follow the share of repeated deliveries, and raise an alert where it rises",
        goal="Messages that cannot be handled reach a dead-letter queue",
    ),
    Play(
        categories=of("unroutable"),
        action="Give every message that is published in {where} a queue",
        how="Publish every routing key once with the mandatory flag in a test before each release, "
        "so that a binding that is missing is found there.",
        watch="count the messages that no queue was bound for, and raise an alert for any",
        goal="No message is dropped or returned for want of a queue",
        is_specific=True,
    ),
    Play(
        categories=of("memory_alarm", "resource_limit"),
        action="Bring {where} back within the limits, with room for the peaks",
        how="Clear alarms first, since they block every publisher. Then drain what fills memory "
        "and disk.",
        watch="follow memory, free disk, connections and alarms, and raise an alert well before a "
        "limit",
        goal="No alarm is set, and every limit leaves room for the peaks",
        is_specific=True,
    ),
    Play(
        categories=of("node_down", "partition"),
        action="Bring the nodes of {where} together again",
        how="Restore the network and start what is down before anything is deployed.",
        watch="count the nodes that see each other, and raise an alert when one is missing",
        goal="Every node runs and sees all others",
        is_specific=True,
    ),
    Play(
        categories=of("target_down"),
        action="Have every target in {where} answer",
        how="Restart or reach those that should answer, and take out those that are gone.",
        watch="list the targets that do not answer, and raise an alert when one stays silent",
        goal="Every configured target answers its scrapes",
        is_specific=True,
    ),
)

LOAD: Final = (
    Play(
        categories=of("throughput_change", "volume_change"),
        action="Explain the changed volume of {where}",
        how="Match it with deployments, campaigns and incidents, check that it was loaded once and "
        "whole, and size for it where it will stay.",
        watch="compare the volume with that of the periods before, and raise an alert outside "
        "their range",
        goal="The change has a cause that is on record, and what is downstream is sized for it",
        is_specific=True,
    ),
    Play(
        categories=of("burst"),
        action="Size what consumes {where} for its peaks",
        how="Plan for the highest rate seen, and let a queue with back-pressure take what goes "
        "beyond it.",
        watch="follow rate and backlog, and raise an alert where the backlog outlives the peak",
        goal="A peak of that size is taken without a backlog that stays",
        is_specific=True,
    ),
    Play(
        categories=of("latency_tail"),
        action="Find what slows the slowest events of {where}",
        how="Compare the slow events with the others by caller, size and time, set a timeout, and "
        "hedge or queue what exceeds it.",
        watch="follow the 99th percentile beside the median, and raise an alert where they part",
        goal="The slow events have a cause that is on record, and a timeout bounds the rest",
    ),
    Play(
        categories=of("error_rate"),
        action="Find what makes events of {where} fail",
        how="Break the failures down by endpoint, kind and time, mend the largest group, and retry "
        "only what is safe to repeat.",
        watch="follow the share of failures, and raise an alert above the limit",
        goal="The share of failures is below its limit",
    ),
    Play(
        categories=of("anomaly"),
        action="Explain the unusual stretches of {where}",
        how="Match each stretch with deployments, incidents and calendars, keep those that will "
        "come again out of alerts, and set limits for the rest.",
        watch="compare each reading with all before it, and raise an alert when it leaves their "
        "range",
        goal="Each stretch has a cause that is on record, and an alert tells of the next one",
        is_specific=True,
    ),
)

STORAGE: Final = (
    Play(
        categories=of("file_layout"),
        action="Store {where} in a layout made for reading",
        how="Write it once more: COPY (FROM t ORDER BY <usual filter>) TO 't.parquet' (FORMAT "
        "parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880).",
        watch="look at size and row groups of the new files, and raise an alert outside the agreed "
        "range",
        goal="Files and row groups have the size that their readers need",
    ),
    Play(
        categories=of("slow_query"),
        action="Make the costly queries on {where} cheaper",
        how="Store the rows in the order in which they are asked for, keep what is grouped often, "
        "and make keys unique before joining by them.",
        watch="measure these queries, and raise an alert where one reads or spills more",
        goal="The same query reads no more than it returns an answer from",
        is_specific=True,
    ),
    Play(
        categories=of("constant_column"),
        action="Ask whether the values of {where} should vary, and drop what never will",
        how="Ask whoever writes them. Keep a column that tells deliveries apart, and look at the "
        "few rows with another value.",
        watch="count distinct values, and look at each new one",
        goal="It is on record why each of these columns is kept, or it is gone",
    ),
    Play(
        categories=of("key_skew"),
        action="Spread the work evenly where rows are split or joined by {where}",
        how="Broadcast the smaller side, salt the few heavy keys or treat them apart, and "
        "partition by something more even.",
        watch="follow the share of the largest key, and raise an alert where it rises",
        goal="No single key decides how long the work takes",
    ),
)
