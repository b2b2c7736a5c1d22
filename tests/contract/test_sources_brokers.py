"""RabbitMQ and Prometheus as sources, and what the analyst says of a broker in trouble."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.datasets.credentials import set_apart
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.finding import Finding
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.errors import DatasetError, DatasetFormatError, DatasetUnreachableError
from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.specialists.security.specialist import SECURITY_AUDITOR
from tests.support.busy_broker import BACKLOG, READY, VHOST, BusyBroker, busy_broker
from tests.support.command_line import DATA, CommandLine
from tests.support.examination import examination_of, findings_of
from tests.support.fresh_shell import assert_a_fresh_shell_sees_the_same
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = [pytest.mark.rabbitmq, pytest.mark.prometheus]

PASSWORD = "s3cret/p@ss?w:rd"
WRITTEN = "s3cret%2Fp%40ss%3Fw%3Ard"


@pytest.fixture(scope="module")
def broker(
    watched_node: RabbitmqNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BusyBroker]:
    watched_node.create_user("watcher", PASSWORD, tags="monitoring")
    watched_node.create_user("guest-of-one", PASSWORD, tags="management")
    with busy_broker(watched_node, tmp_path_factory.mktemp("prometheus")) as busy:
        for user in ("watcher", "guest-of-one"):
            watched_node.permit(user, VHOST)
        yield busy


@pytest.fixture(scope="module")
def settled(broker: BusyBroker) -> BusyBroker:
    """The broker after a minute, when what piled up is a backlog."""
    broker.wait_for_a_minute()
    return broker


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[DuckdbCatalog]:
    async with DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True) as opened:
        yield opened


async def pin(catalog: DuckdbCatalog, location: str) -> tuple[PinnedDataset, ...]:
    return await catalog.pin([DatasetReference(location=set_apart(location))])


def told(findings: tuple[Finding, ...]) -> set[tuple[str, str, str]]:
    return {(each.category, each.severity, each.title) for each in findings}


async def runs_as_it_stands(location: str, tmp_path: Path) -> tuple[Finding, ...]:
    """The findings at that address, each with rows behind it."""
    async with examination_of(
        PERFORMANCE_ANALYST, location, cache=tmp_path / "cache"
    ) as examination:
        findings = tuple(await PERFORMANCE_ANALYST.examine(examination))
        for evidence in (each for finding in findings for each in finding.evidence if each.sql):
            assert await examination._data.query(evidence.sql)
    return findings


HELD = "held{} holds 1,500 unacknowledged messages: 1 consumer took them and does not acknowledge."
BACKLOGS = {
    ("queue_backlog", "high", "orders{} holds 1,500 ready messages: nobody listens."),
    ("queue_backlog", "medium", "slow{} holds 1,499 ready messages: 1 consumer is too slow."),
    ("queue_backlog", "medium", HELD),
}


UNROUTABLE = (
    "Of 6,019 messages published in the virtual host shop 3 were dropped and 2 were returned, "
    "since no queue was bound for them."
)


class TestFindings:
    async def test_a_broker_in_trouble_is_told_of_once_for_each_cause(
        self, settled: BusyBroker, tmp_path: Path
    ) -> None:
        findings = await runs_as_it_stands(settled.url(), tmp_path)
        assert told(findings) == {
            *((kind, severity, title.format(" in shop")) for kind, severity, title in BACKLOGS),
            (
                "no_consumers",
                "medium",
                "2 queues with 9 messages have no consumer: alone (5) and parked (4).",
            ),
            (
                "unroutable",
                "low",
                UNROUTABLE,
            ),
        }
        (unroutable,) = (each for each in findings if each.category == "unroutable")
        assert unroutable.evidence[-1].metric == "open channels that published them"

    async def test_prometheus_lets_the_same_be_seen(
        self, settled: BusyBroker, tmp_path: Path
    ) -> None:
        findings = await runs_as_it_stands(settled.prometheus.url("range=70s&step=5s"), tmp_path)
        expected = {(kind, title.format(" in shop")) for kind, _, title in BACKLOGS}
        assert expected <= {(each.category, each.title) for each in findings}
        assert {each.category for each in findings} == {
            "queue_backlog",
            "no_consumers",
            "unroutable",
            "target_down",
        }

    async def test_a_memory_alarm_is_critical_whoever_tells_of_it(
        self, broker: BusyBroker, tmp_path: Path
    ) -> None:
        with broker.node.memory_alarm():
            broker.wait_for_alarm(is_raised=True)
            for address in (broker.url(table="nodes"), broker.prometheus.url()):
                findings = await runs_as_it_stands(address, tmp_path)
                (alarm,) = (each for each in findings if each.category == "memory_alarm")
                assert alarm.severity == "critical"
                assert "takes no more messages" in alarm.title
        broker.wait_for_alarm(is_raised=False)

    @pytest.mark.parametrize(
        "specialist", [DATA_QUALITY_ENGINEER, SECURITY_AUDITOR, BUSINESS_ANALYST]
    )
    async def test_nobody_else_takes_a_system_for_records(
        self, broker: BusyBroker, tmp_path: Path, specialist
    ) -> None:
        for address in (broker.url(), broker.prometheus.url()):
            async with examination_of(specialist, address, cache=tmp_path) as examination:
                assert tuple(await specialist.examine(examination)) == ()
                (note,) = examination.notes
                assert "only the performance analyst judges that" in note

    async def test_records_are_judged_as_ever_beside_a_broker(
        self, broker: BusyBroker, tmp_path: Path
    ) -> None:
        planes = DATA / "planes.csv"
        alone = await findings_of(DATA_QUALITY_ENGINEER, planes, cache=tmp_path)
        beside = await findings_of(DATA_QUALITY_ENGINEER, planes, broker.url(), cache=tmp_path)
        assert alone == beside != ()

    async def test_a_series_of_its_own_is_followed_over_time(
        self, settled: BusyBroker, tmp_path: Path
    ) -> None:
        address = settled.prometheus.url(f"query=sum({READY})&range=60s&step=1s")
        found = await findings_of(PERFORMANCE_ANALYST, address, cache=tmp_path)
        assert found == ()
        async with examination_of(
            PERFORMANCE_ANALYST,
            settled.prometheus.url("query=rabbitmq_channels_opened_total&range=60s&step=1s"),
            cache=tmp_path,
        ) as examination:
            assert tuple(await PERFORMANCE_ANALYST.examine(examination)) == ()
            assert "named like a counter" in examination.notes[0]


class TestReading:
    async def test_a_broker_is_all_its_tables_that_have_rows(
        self, catalog: DuckdbCatalog, broker: BusyBroker
    ) -> None:
        pinned = await pin(catalog, broker.url())
        assert [each.name for each in pinned] == [
            "data",
            "nodes",
            "vhosts",
            "exchanges",
            "connections",
            "channels",
        ]
        assert pinned[0].format == "rabbitmq"
        assert pinned[0].location == broker.url(table="queues")
        await assert_a_fresh_shell_sees_the_same(catalog, pinned[0])

    async def test_queues_have_plain_figures(
        self, catalog: DuckdbCatalog, broker: BusyBroker
    ) -> None:
        pinned = await pin(catalog, broker.url(table="queues"))
        async with catalog.open(pinned) as data:
            rows = await data.query(
                "SELECT name, type, consumers, message_ttl_ms, dead_letter_routing_key "
                "FROM data WHERE name IN ('retries', 'slow', 'log') ORDER BY name"
            )
        assert rows == (
            ("log", "stream", 0, None, None),
            ("retries", "classic", 0, 3_600_000, "parked"),
            ("slow", "classic", 1, None, None),
        )

    async def test_a_query_gives_a_row_for_each_value(
        self, catalog: DuckdbCatalog, broker: BusyBroker
    ) -> None:
        broker.prometheus.wait_for(f"{READY} == {BACKLOG}", at_most=20)
        pinned = await pin(catalog, broker.prometheus.url(f"query={READY}"))
        assert [(column.name, column.type) for column in pinned[0].columns][:3] == [
            ("time", "TIMESTAMP"),
            ("metric", "VARCHAR"),
            ("value", "DOUBLE"),
        ]
        async with catalog.open(pinned) as data:
            ((queue, vhost, value),) = await data.query("SELECT queue, vhost, value FROM data")
        assert (queue, vhost, value) == ("orders", VHOST, BACKLOG)
        await assert_a_fresh_shell_sees_the_same(catalog, pinned[0])

    async def test_who_may_not_see_nodes_gets_the_rest_and_is_told(
        self, broker: BusyBroker, tmp_path: Path
    ) -> None:
        address = broker.url(login=f"guest-of-one:{WRITTEN}")
        async with examination_of(PERFORMANCE_ANALYST, address, cache=tmp_path) as examination:
            await PERFORMANCE_ANALYST.examine(examination)
        assert "nodes" not in {
            each.location.partition("table=")[2] for each in examination.task.datasets
        }
        assert any("may not see the nodes" in note for note in examination.notes)

    async def test_a_broker_without_statistics_is_told_of(
        self, rabbitmq_node: RabbitmqNode, tmp_path: Path
    ) -> None:
        with rabbitmq_node.vhost() as vhost:
            rabbitmq_node.management("PUT", f"/api/queues/{vhost}/one", "{}")
            address = f"rabbitmq://127.0.0.1:{rabbitmq_node.management_port}/{vhost}?table=queues"
            async with examination_of(PERFORMANCE_ANALYST, address, cache=tmp_path) as examination:
                assert tuple(await PERFORMANCE_ANALYST.examine(examination)) == ()
        (note,) = examination.notes
        assert note.startswith("The broker did not tell the length of 1 queue in data")


class TestRefusals:
    @pytest.mark.parametrize(
        ("login", "path", "said"),
        [
            ("watcher:wr0ng", "/shop", "it refuses user watcher"),
            (f"watcher:{WRITTEN}", "/nowhere", "no virtual host nowhere; .*: .*shop"),
            ("", "/shop?table=quues", "no table quues; there are: queues, nodes"),
            ("", "/shop?vhost=x", "vhost means nothing here"),
        ],
    )
    async def test_what_a_broker_refuses_is_told(
        self, catalog: DuckdbCatalog, broker: BusyBroker, login: str, path: str, said: str
    ) -> None:
        who = f"{login}@" if login else ""
        address = f"rabbitmq://{who}127.0.0.1:{broker.node.management_port}{path}"
        with pytest.raises(DatasetUnreachableError, match=said):
            await pin(catalog, address)

    async def test_the_port_of_amqp_is_known_for_what_it_is_not(
        self, catalog: DuckdbCatalog, broker: BusyBroker
    ) -> None:
        with pytest.raises(DatasetUnreachableError, match="port of the management plugin"):
            await pin(catalog, f"rabbitmq://127.0.0.1:{broker.node.port}")

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("query=up{job=", "the query is refused: .*parse error"),
            ("query=there_is_no_such_metric", "gives no values"),
            ("query=up&range=soon", "range=soon is no duration"),
            ("query=up&range=10d&step=1s", "864,000 values of each series"),
            ("query=up&until=now", "until means nothing here"),
            ("table=up", "table means nothing here"),
        ],
    )
    async def test_what_prometheus_cannot_answer_is_told(
        self, catalog: DuckdbCatalog, broker: BusyBroker, query: str, said: str
    ) -> None:
        with pytest.raises((DatasetUnreachableError, DatasetFormatError), match=said):
            await pin(catalog, broker.prometheus.url(query))

    async def test_one_is_not_taken_for_the_other(
        self, catalog: DuckdbCatalog, broker: BusyBroker
    ) -> None:
        for address in (
            f"rabbitmq://127.0.0.1:{broker.prometheus.port}",
            f"prometheus+http://127.0.0.1:{broker.node.management_port}?query=up",
        ):
            with pytest.raises(DatasetUnreachableError, match=r"write (rabbitmq|prometheus)"):
                await pin(catalog, address)


async def test_an_analysis_leaves_the_password_nowhere(broker: BusyBroker, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    convener = CommandLine(home=tmp_path, folder=tmp_path / "here")
    ended = await convener.run(
        "analyze", broker.url(login=f"watcher:{WRITTEN}", table="queues"), "--format", "json"
    )
    assert ended.code == 0, ended.err
    (dataset,) = json.loads(ended.out)["datasets"]
    assert dataset["location"] == broker.url(login="watcher", table="queues")
    failed = await convener.run("analyze", broker.url(login="watcher:wr0ng"))
    assert failed.code == 1
    said = [ended.out, ended.err, failed.out, failed.err]
    said += [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    for secret in (PASSWORD, WRITTEN, "wr0ng"):
        assert not [each for each in said if secret in each]


async def test_workers_of_a_shared_bus_ask_no_server(tmp_path: Path) -> None:
    async with DuckdbCatalog(
        roots={"data": tmp_path}, cache=tmp_path / "cache", allow_absolute=False
    ) as catalog:
        for address in ("rabbitmq://127.0.0.1:1", "prometheus+http://127.0.0.1:1"):
            with pytest.raises(DatasetError, match="do not ask"):
                await pin(catalog, address)
