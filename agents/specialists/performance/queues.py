"""Judging the queues of a broker: what piles up, what nobody takes, what is taken in vain.

A queue is told of once. That its messages pile up because nobody listens is one finding, and so is
that those who listen are too slow.

*Source*: RabbitMQ, "Monitoring"; Datadog, "Key metrics for RabbitMQ monitoring", for the backlog.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.domain.task import PinnedDataset
from agents.specialists.performance import ROLE
from agents.specialists.wording import counted, figure, listed, percent
from agents.tools.broker_queues import BrokerQueue
from agents.tools.broker_relations import MINUTE, QUEUE_METRICS, rows_sql

BACKLOG: Final = 1_000
"""Messages, ready or unacknowledged, that a queue may hold for a minute."""

HUGE_BACKLOG: Final = 100_000

STILL: Final = 0.01
"""Part of its length by which a queue may grow in a minute without growing."""

MAX_TOLD: Final = 10
"""Backlogs told one by one, the longest."""

REDELIVERED: Final = 0.5
LEAST_DELIVERIES: Final = 1.0
"""Share of deliveries that are repeated, of at least so many a second, from which on work is done
in vain."""


def judge_queues(dataset: PinnedDataset, queues: Sequence[BrokerQueue]) -> Iterator[Finding]:
    """0..n findings about the queues of one table."""
    at_work = [each for each in queues if not (each.is_delay and each.consumers == 0)]
    long = sorted((each for each in at_work if is_backlog(each)), key=_held, reverse=True)
    for queue in long[:MAX_TOLD]:
        yield _backlog(dataset, queue)
    if len(long) > MAX_TOLD:
        yield _more_backlogs(dataset, long[MAX_TOLD:])
    alone = [each for each in at_work if each.consumers == 0 and each.ready and each not in long]
    if alone:
        yield _no_consumers(dataset, alone)
    for queue in at_work:
        yield from _redeliveries(dataset, queue)


def is_backlog(queue: BrokerQueue) -> bool:
    """Whether a queue has been too long for a minute."""
    return queue.observed >= MINUTE and _held(queue) > BACKLOG


def is_unclear(queue: BrokerQueue) -> bool:
    """Whether a queue is long, and nobody knows for how long."""
    return queue.observed < MINUTE and max(queue.ready, queue.unacked) > BACKLOG


def _held(queue: BrokerQueue) -> int:
    """What the queue has held all the while."""
    return max(queue.ready_low or 0, queue.unacked_low or 0)


def _backlog(dataset: PinnedDataset, queue: BrokerQueue) -> Finding:
    is_ready = (queue.ready_low or 0) >= (queue.unacked_low or 0)
    held = _held(queue)
    number = queue.ready if is_ready else queue.unacked
    growth = queue.growth or 0.0
    is_growing = growth * MINUTE > STILL * number
    course = f", {figure(growth)} more each second" if is_growing else ""
    kind = "ready" if is_ready else "unacknowledged"
    severity: Severity = "medium"
    if queue.consumers == 0 or is_growing or number > HUGE_BACKLOG:
        severity = "high"
    if not is_ready:
        does = "does" if queue.consumers == 1 else "do"
        why = f"{_consumers(queue)} took them and {does} not acknowledge"
        advice = (
            f"Look at what the consumers of {queue.name} wait for. Lower their prefetch, and have "
            "them acknowledge as soon as a message is done."
        )
    elif queue.consumers == 0:
        why = "nobody listens"
        advice = f"Start the consumers of {queue.name}, and alert when there are none."
    elif queue.consumers is None:
        why = "they are not taken fast enough"
        advice = f"Look at who consumes {queue.name}, and add consumers or make them faster."
    else:
        why = (
            f"{_consumers(queue)} are too slow"
            if queue.consumers > 1
            else ("1 consumer is too slow")
        )
        advice = (
            f"Add consumers to {queue.name} or make them faster; where their prefetch is 1, raise "
            "it. Bound the queue (max-length, or a message TTL with a dead-letter exchange)."
        )
    return Finding(
        role=ROLE,
        category="queue_backlog",
        subject=Subject(table=dataset.name, column=kind_of_column(dataset, is_ready=is_ready)),
        key=f"{queue.vhost} {queue.name}",
        title=f"{_named(queue)} holds {counted(number, f'{kind} message')}{course}: {why}.",
        severity=severity,
        evidence=(
            Evidence(
                metric=f"least {kind} messages in the last {queue.observed:.0f} s",
                value=held,
                threshold=BACKLOG,
                sql=_rows(dataset, queue),
            ),
            Evidence(metric="growth in messages a second", value=growth),
            Evidence(metric="consumers", value=queue.consumers),
        ),
        recommendation=advice,
        impact="What these messages ask for is late by as long as they wait, and they take memory "
        "and disk until publishers are blocked.",
        effort="medium",
        confidence=0.95,
    )


def _more_backlogs(dataset: PinnedDataset, queues: Sequence[BrokerQueue]) -> Finding:
    return Finding(
        role=ROLE,
        category="queue_backlog",
        subject=Subject(table=dataset.name),
        key="more",
        title=f"{counted(len(queues), 'more queue')} of {dataset.name} hold over "
        f"{figure(BACKLOG)} messages each: {listed([each.name for each in queues])}.",
        severity="medium",
        evidence=(
            Evidence(
                metric="least messages in the shortest of them",
                value=_held(queues[-1]),
                threshold=BACKLOG,
                sql=rows_sql(dataset, QUEUE_METRICS),
            ),
        ),
        recommendation="Look for what these queues have in common: a host, a service or a database "
        "that all their consumers need.",
        impact="So many backlogs at a time rarely have causes of their own.",
        effort="medium",
        confidence=0.9,
    )


def _no_consumers(dataset: PinnedDataset, queues: Sequence[BrokerQueue]) -> Finding:
    messages = sum(each.ready for each in queues)
    is_parking = all(each.holds_dead_letters for each in queues)
    has_stood = any(each.observed >= MINUTE and each.ready_low for each in queues)
    names = [f"{each.name} ({figure(each.ready)})" for each in queues]
    what = "dead letters lie" if is_parking else "messages wait"
    return Finding(
        role=ROLE,
        category="no_consumers",
        subject=Subject(table=dataset.name, column=kind_of_column(dataset, is_ready=True)),
        title=f"{counted(len(queues), 'queue')} with {counted(messages, 'message')} "
        f"{'has' if len(queues) == 1 else 'have'} no consumer: {listed(names)}.",
        severity="low" if is_parking else "medium",
        evidence=tuple(
            Evidence(
                metric=f"ready messages in {_named(each)}, which has no consumer",
                value=each.ready,
                threshold=0,
                sql=_rows(dataset, each),
            )
            for each in queues[:MAX_TOLD]
        ),
        recommendation="Look at why these messages were given up, and redrive or discard them."
        if is_parking
        else "Start whoever should consume these queues, or delete those that nobody needs.",
        impact=f"These {what} until somebody takes them.",
        effort="low",
        confidence=0.9 if has_stood else 0.7,
    )


def _redeliveries(dataset: PinnedDataset, queue: BrokerQueue) -> Iterator[Finding]:
    delivered, again = queue.deliver_rate or 0.0, queue.redeliver_rate or 0.0
    if delivered < LEAST_DELIVERIES or again <= REDELIVERED * delivered:
        return
    share = min(1.0, again / delivered)
    yield Finding(
        role=ROLE,
        category="redelivery",
        subject=Subject(table=dataset.name, column="redeliver_rate"),
        key=f"{queue.vhost} {queue.name}",
        title=f"{percent(share)} of the {figure(delivered)} deliveries a second of "
        f"{_named(queue)} are repeated.",
        severity="high",
        evidence=(
            Evidence(
                metric="share of deliveries that are repeated",
                value=share,
                threshold=REDELIVERED,
                sql=_rows(dataset, queue),
            ),
        ),
        recommendation=f"Look at the messages at the head of {queue.name}: they are put back over "
        "and over. Give the queue a delivery limit and a dead-letter exchange.",
        impact="Consumers are busy with what they cannot do, while the rest waits behind it.",
        effort="medium",
        confidence=0.9,
    )


def kind_of_column(dataset: PinnedDataset, *, is_ready: bool) -> str:
    """The column that holds what is judged."""
    if dataset.format == "prometheus":
        return "value"
    return "ready" if is_ready else "unacked"


def _rows(dataset: PinnedDataset, queue: BrokerQueue) -> str:
    key = "queue" if dataset.format == "prometheus" else "name"
    is_whole = dataset.format == "prometheus" and queue.vhost is None
    name = None if is_whole else queue.name
    return rows_sql(dataset, QUEUE_METRICS, vhost=queue.vhost, **{key: name})


def _named(queue: BrokerQueue) -> str:
    return queue.name if queue.vhost in (None, "/") else f"{queue.name} in {queue.vhost}"


def _consumers(queue: BrokerQueue) -> str:
    return "consumers" if queue.consumers is None else counted(queue.consumers, "consumer")
