"""What is said of brokers, given what was measured of them."""

import pytest

from agents.domain.finding import Finding
from agents.domain.task import PinnedDataset
from agents.specialists.performance.nodes import judge_nodes, judge_targets, judge_unroutable
from agents.specialists.performance.queues import MAX_TOLD, is_unclear, judge_queues
from agents.tools.broker_nodes import BrokerNode
from agents.tools.broker_queues import BrokerQueue
from agents.tools.broker_unroutable import Unroutable
from agents.tools.scrape_targets import Scrapes, ScrapeTarget

TABLE = PinnedDataset(
    name="data",
    location="rabbitmq://host?table=queues",
    format="rabbitmq",
    version="v",
    rows=1,
    columns=(),
    size_bytes=0,
    setup_sql="",
)


def queue(**changes: object) -> BrokerQueue:
    """A queue in which 5,000 messages have waited for a minute, with two consumers."""
    usual = {
        "vhost": "/",
        "name": "orders",
        "ready": 5000,
        "unacked": 0,
        "consumers": 2,
        "ready_low": 5000,
        "unacked_low": 0,
        "growth": 0.0,
        "observed": 65.0,
        "deliver_rate": None,
        "redeliver_rate": None,
        "is_delay": False,
        "holds_dead_letters": False,
    }
    return BrokerQueue.model_validate({**usual, **changes})


def node(**changes: object) -> BrokerNode:
    usual = dict.fromkeys(BrokerNode.model_fields)
    healthy = {"memory_alarm": False, "disk_alarm": False, "memory_limit": 100, "memory_used": 50}
    return BrokerNode.model_validate({**usual, **healthy, "name": "a", "running": True, **changes})


def said(findings: object) -> list[tuple[str, str]]:
    return [(each.category, each.severity) for each in findings if isinstance(each, Finding)]


class TestQueues:
    @pytest.mark.parametrize(
        ("changes", "severity", "why"),
        [
            ({}, "medium", "2 consumers are too slow."),
            ({"consumers": 0}, "high", "nobody listens."),
            ({"growth": 20.0}, "high", "2 consumers are too slow."),
            ({"ready": 200_000, "ready_low": 200_000}, "high", "2 consumers are too slow."),
            ({"consumers": None}, "medium", "they are not taken fast enough."),
            (
                {"ready": 0, "ready_low": 0, "unacked": 2000, "unacked_low": 2000},
                "medium",
                "2 consumers took them and do not acknowledge.",
            ),
        ],
    )
    def test_a_backlog_is_told_once_with_its_cause(
        self, changes: dict, severity: str, why: str
    ) -> None:
        (finding,) = judge_queues(TABLE, [queue(**changes)])
        assert (finding.category, finding.severity) == ("queue_backlog", severity)
        assert finding.title.endswith(why)

    @pytest.mark.parametrize(
        "changes",
        [
            {"ready_low": 900},
            {"observed": 30.0},
            {"ready": 1000, "ready_low": 1000},
            {"consumers": 0, "is_delay": True},
            {"ready": 0, "ready_low": 0, "consumers": 0},
        ],
    )
    def test_a_burst_a_delay_and_an_empty_queue_are_normal(self, changes: dict) -> None:
        assert said(judge_queues(TABLE, [queue(**changes)])) == []

    def test_what_was_seen_for_a_moment_only_is_unclear(self) -> None:
        assert is_unclear(queue(observed=0.0))
        assert not is_unclear(queue(observed=0.0, ready=10))

    def test_queues_that_nobody_listens_to_are_one_finding(self) -> None:
        few = {"ready": 5, "ready_low": 5, "consumers": 0}
        (finding,) = judge_queues(TABLE, [queue(name="a", **few), queue(name="b", **few)])
        assert (finding.category, finding.severity) == ("no_consumers", "medium")
        assert len(finding.evidence) == 2

    def test_dead_letters_that_lie_about_are_of_less_weight(self) -> None:
        parked = queue(ready=5, ready_low=5, consumers=0, holds_dead_letters=True)
        assert said(judge_queues(TABLE, [parked])) == [("no_consumers", "low")]

    def test_many_backlogs_are_not_told_one_by_one(self) -> None:
        queues = [queue(name=f"q{number}") for number in range(MAX_TOLD + 30)]
        findings = list(judge_queues(TABLE, queues))
        assert len(findings) == MAX_TOLD + 1
        assert findings[-1].title.startswith("30 more queues of data")

    def test_deliveries_that_are_mostly_repeated_are_found(self) -> None:
        usual = {"ready": 10, "ready_low": 10, "deliver_rate": 50.0}
        storm, calm = queue(**usual, redeliver_rate=40.0), queue(**usual, redeliver_rate=5.0)
        assert said(judge_queues(TABLE, [storm])) == [("redelivery", "high")]
        assert said(judge_queues(TABLE, [calm])) == []


class TestNodes:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, []),
            ({"memory_alarm": True}, [("memory_alarm", "critical")]),
            ({"memory_used": 85}, [("memory_alarm", "medium")]),
            ({"disk_alarm": True}, [("memory_alarm", "critical")]),
            ({"disk_free": 110, "disk_limit": 100}, [("memory_alarm", "medium")]),
            ({"disk_free": 500, "disk_limit": 100}, []),
            ({"files_used": 90, "files_limit": 100}, [("resource_limit", "medium")]),
            ({"partitions": "b"}, [("partition", "critical")]),
            ({"running": False, "memory_alarm": None}, [("node_down", "high")]),
        ],
    )
    def test_a_node_is_judged_by_its_limits(self, changes: dict, expected: list) -> None:
        assert said(judge_nodes(TABLE, [node(**changes)])) == expected


class TestUnroutable:
    @pytest.mark.parametrize(
        ("published", "returned", "dropped", "rate", "severity"),
        [
            (1_000_000, 0, 5, 0.0, "low"),
            (1_000_000, 5, 0, 2.0, "medium"),
            (1000, 5, 0, 0.0, "medium"),
            (1000, 0, 50, 0.0, "high"),
            (1000, 50, 0, 0.0, "medium"),
        ],
    )
    def test_messages_without_a_queue_weigh_by_their_share_and_whether_they_are_lost(
        self, published: int, returned: int, dropped: int, rate: float, severity: str
    ) -> None:
        found = Unroutable(
            name="/",
            published=published,
            returned=returned,
            dropped=dropped,
            return_rate=rate,
            drop_rate=0.0,
        )
        assert said(judge_unroutable(TABLE, [found])) == [("unroutable", severity)]


def test_targets_that_are_down_and_those_that_were_are_two_findings() -> None:
    def target(name: str, share: float, *, is_down: bool = False) -> ScrapeTarget:
        return ScrapeTarget(job="web", instance=name, is_down=is_down, failed_share=share)

    targets = (target("a", 1.0, is_down=True), target("b", 0.2), target("c", 0.01))
    scrapes = Scrapes(targets=targets, watched=9, other_series=0, only=None, series=9)
    down, unsteady = judge_targets(TABLE, scrapes)
    assert (down.severity, unsteady.severity) == ("high", "medium")
    assert down.title == "1 of 9 targets does not answer: web a (100 %)."
    assert "web b" in unsteady.title
    assert "web c" not in unsteady.title
