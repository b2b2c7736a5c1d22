"""Judging the nodes of a broker, what it had no queue for, and whether targets answer.

*Source*: RabbitMQ, "Memory and Disk Alarms" and "Unroutable Message Handling".
"""

from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.domain.task import PinnedDataset
from agents.specialists.performance import ROLE
from agents.specialists.wording import counted, figure, listed, percent
from agents.tools.broker_nodes import BrokerNode
from agents.tools.broker_relations import NODE_METRICS, UNROUTABLE_METRICS, UP, rows_sql
from agents.tools.broker_unroutable import Unroutable, channels_sql
from agents.tools.scrape_targets import Scrapes, ScrapeTarget

NEAR: Final = 0.8
"""Share of a limit from which on it will soon be reached."""

LOST: Final = 0.01
RARE: Final = 0.001
"""Shares of all published messages: many, and few enough to be an accident."""

UNSTEADY: Final = 0.05
"""Share of failed scrapes of a target that answers now."""


def judge_nodes(dataset: PinnedDataset, nodes: Sequence[BrokerNode]) -> Iterator[Finding]:
    """0..n findings about the nodes of one table."""
    for node in nodes:
        if not node.running:
            yield _node_down(dataset, node)
            continue
        yield from _memory(dataset, node)
        yield from _disk(dataset, node)
        for what, used, limit in (
            ("files", node.files_used, node.files_limit),
            ("sockets", node.sockets_used, node.sockets_limit),
        ):
            if used and limit and used > NEAR * limit:
                yield _handles(dataset, node, what, used, limit)
        if node.partitions:
            yield _partition(dataset, node)


def judge_unroutable(
    dataset: PinnedDataset, found: Sequence[Unroutable], channels: str = ""
) -> Iterator[Finding]:
    """0..n findings, one for each virtual host or node that had messages and no queue for them.

    `channels` is the table of the same broker's channels, if there is one.
    """
    for each in found:
        lost = each.dropped + each.returned
        share = lost / each.published if each.published else 1.0
        goes_on = bool(each.return_rate or each.drop_rate)
        severity: Severity = "low"
        if share > RARE or goes_on:
            severity = "high" if each.dropped and share > LOST else "medium"
        parts = [
            f"{figure(number)} {'was' if number == 1 else 'were'} {what}"
            for number, what in ((each.dropped, "dropped"), (each.returned, "returned"))
            if number
        ]
        total = "the messages" if each.published is None else counted(each.published, "message")
        where = "at" if dataset.format == "prometheus" else "in the virtual host"
        yield Finding(
            role=ROLE,
            category="unroutable",
            subject=Subject(
                table=dataset.name, column="value" if dataset.format == "prometheus" else "dropped"
            ),
            key=each.name,
            title=f"Of {total} published {where} {each.name} {' and '.join(parts)}, since no queue "
            f"was bound for them{', and it goes on' if goes_on else ''}.",
            severity=severity,
            evidence=(
                Evidence(
                    metric="share of published messages that no queue was bound for",
                    value=share,
                    threshold=0,
                    sql=rows_sql(dataset, UNROUTABLE_METRICS, **_key(dataset, each.name)),
                ),
                Evidence(metric="messages dropped", value=each.dropped, threshold=0),
                Evidence(metric="messages returned", value=each.returned, threshold=0),
                *_publishers(each, channels),
            ),
            recommendation="Look for publishers with a routing key that no binding has; each "
            "channel of the broker counts its own. Publish with the mandatory flag, or give the "
            "exchange an alternate exchange.",
            impact="Dropped messages are lost, and nobody is told."
            if each.dropped
            else "Publishers that do not handle what comes back lose it.",
            effort="medium",
            confidence=0.95,
        )


def _publishers(found: Unroutable, channels: str) -> Iterator[Evidence]:
    if found.channels:
        yield Evidence(
            metric="open channels that published them",
            value=found.channels,
            sql=f"{channels_sql(channels, found.name)} ORDER BY row_id",
        )


def judge_targets(dataset: PinnedDataset, scrapes: Scrapes) -> Iterator[Finding]:
    """0..2 findings: targets that do not answer, and those that often did not."""
    down = [each for each in scrapes.targets if each.is_down]
    unsteady = [
        each for each in scrapes.targets if not each.is_down and each.failed_share > UNSTEADY
    ]
    if down:
        yield _targets(
            dataset,
            down,
            severity="high",
            key="down",
            title=f"{figure(len(down))} of {counted(scrapes.watched, 'target')} "
            f"{'does' if len(down) == 1 else 'do'} not answer: {_listed(down)}.",
            recommendation="Look whether these run and can be reached from Prometheus; take out of "
            "its configuration what is gone for good.",
            impact="What they do is not seen, and no rule on their metrics can fire.",
        )
    if unsteady:
        yield _targets(
            dataset,
            unsteady,
            severity="medium",
            key="unsteady",
            title=f"{figure(len(unsteady))} of {counted(scrapes.watched, 'target')} answered only "
            f"at times: {_listed(unsteady)}.",
            recommendation="Look whether they restart, or answer too slowly for the scrape's time "
            "limit.",
            impact="Their series have holes, and rates over them are wrong.",
        )


def _targets(dataset: PinnedDataset, targets: Sequence[ScrapeTarget], **said: str) -> Finding:
    return Finding.model_validate(
        {
            "role": ROLE,
            "category": "target_down",
            "subject": Subject(table=dataset.name, column="value"),
            "effort": "low",
            "confidence": 0.95,
            "evidence": tuple(
                Evidence(
                    metric=f"share of failed scrapes of {each.job} {each.instance}",
                    value=each.failed_share,
                    threshold=0 if each.is_down else UNSTEADY,
                    sql=rows_sql(dataset, (UP,), job=each.job, instance=each.instance),
                )
                for each in targets
            ),
            **said,
        }
    )


def _listed(targets: Sequence[ScrapeTarget]) -> str:
    return listed(
        [f"{each.job} {each.instance} ({percent(each.failed_share)})" for each in targets]
    )


def _memory(dataset: PinnedDataset, node: BrokerNode) -> Iterator[Finding]:
    share = node.memory_used / node.memory_limit if node.memory_used and node.memory_limit else 0.0
    if not node.memory_alarm and share <= NEAR:
        return
    used = f"{_size(node.memory_used)} of {_size(node.memory_limit)} that it may"
    yield _node(
        dataset,
        node,
        category="memory_alarm",
        key="memory",
        column="memory_used_bytes",
        title=f"{node.name} has a memory alarm: it uses {used}, and takes no more messages."
        if node.memory_alarm
        else f"{node.name} uses {used} ({percent(share)}), and blocks publishers at the limit.",
        severity="critical" if node.memory_alarm else "medium",
        metric="share of the memory limit that is used",
        value=share,
        threshold=1.0 if node.memory_alarm else NEAR,
        recommendation="Find what holds the memory (rabbitmq-diagnostics memory_breakdown): long "
        "queues, many connections or channels. Drain or bound them, or give the node more memory.",
        impact="An alarm on one node blocks every publisher of the cluster.",
    )


def _disk(dataset: PinnedDataset, node: BrokerNode) -> Iterator[Finding]:
    share = node.disk_limit / node.disk_free if node.disk_free and node.disk_limit else 0.0
    if not node.disk_alarm and share <= NEAR:
        return
    left = f"{_size(node.disk_free)} of disk left, and {_size(node.disk_limit)} is the least"
    yield _node(
        dataset,
        node,
        category="memory_alarm",
        key="disk",
        column="disk_free_bytes",
        title=f"{node.name} has a disk alarm: it has {left}; it takes no more messages."
        if node.disk_alarm
        else f"{node.name} has {left}.",
        severity="critical" if node.disk_alarm else "medium",
        metric="least free disk over what is free",
        value=share,
        threshold=1.0 if node.disk_alarm else NEAR,
        recommendation="Free or enlarge the disk of the node's data folder, and drain long queues.",
        impact="An alarm on one node blocks every publisher of the cluster.",
    )


def _handles(dataset: PinnedDataset, node: BrokerNode, what: str, used: int, limit: int) -> Finding:
    return _node(
        dataset,
        node,
        category="resource_limit",
        key=what,
        column=f"{what}_used",
        title=f"{node.name} has {figure(used)} {what} open, of {figure(limit)} that it may.",
        severity="medium",
        metric=f"share of the {what} that may be open",
        value=used / limit,
        threshold=NEAR,
        recommendation="Look for clients that open connections and do not close them, or raise the "
        "limit (LimitNOFILE, ulimit -n).",
        impact="At the limit the node accepts no connection.",
    )


def _node_down(dataset: PinnedDataset, node: BrokerNode) -> Finding:
    return _node(
        dataset,
        node,
        category="node_down",
        key="running",
        column="running",
        title=f"{node.name} belongs to the cluster and does not run.",
        severity="high",
        metric="node runs",
        value=False,
        threshold=True,
        recommendation=f"Start {node.name}, or have the cluster forget it "
        "(rabbitmqctl forget_cluster_node).",
        impact="Its classic queues are out of reach, and quorum queues are closer to losing their "
        "majority.",
    )


def _partition(dataset: PinnedDataset, node: BrokerNode) -> Finding:
    return _node(
        dataset,
        node,
        category="partition",
        key="partition",
        column="partitions",
        title=f"{node.name} has lost sight of {node.partitions}: the cluster is parted.",
        severity="critical",
        metric="nodes out of sight",
        value=node.partitions,
        threshold=None,
        recommendation="Restore the network, then restart the nodes of the part that is trusted "
        "less; set cluster_partition_handling to pause_minority.",
        impact="Both parts go on by themselves, and one of them will lose what it did.",
    )


def _node(
    dataset: PinnedDataset,
    node: BrokerNode,
    *,
    column: str,
    metric: str,
    value: float | str | None,
    threshold: float | None,
    category: str,
    key: str,
    title: str,
    severity: Severity,
    recommendation: str,
    impact: str,
) -> Finding:
    return Finding(
        role=ROLE,
        category=category,
        subject=Subject(
            table=dataset.name, column="value" if dataset.format == "prometheus" else column
        ),
        key=f"{node.name} {key}",
        title=title,
        severity=severity,
        evidence=(
            Evidence(
                metric=f"{metric} of {node.name}",
                value=value,
                threshold=threshold,
                sql=rows_sql(dataset, NODE_METRICS, **_key(dataset, node.name)),
            ),
        ),
        recommendation=recommendation,
        impact=impact,
        effort="medium",
        confidence=0.95,
    )


def _key(dataset: PinnedDataset, name: str) -> dict[str, str]:
    return {"instance" if dataset.format == "prometheus" else "name": name}


def _size(size: int | None) -> str:
    if size is None:
        return "?"
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= step:
            return f"{size / step:.3g} {unit}"
    return counted(size, "byte")
