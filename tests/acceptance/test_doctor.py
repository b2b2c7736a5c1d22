"""`convener doctor` finds what is broken about a set-up, and says what to do."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis

from agents.diagnosis.setup import diagnosed
from agents.settings import Settings
from bus import SystemClock
from bus.authorities.trusting import TrustingAuthority
from bus.diagnosis.check import Verdict, diagnose
from bus.diagnosis.redis import RedisServer
from bus.recorder import Recorder
from bus.transports.rabbitmq import RabbitmqTransport
from bus.transports.rabbitmq_topology import INGEST_QUEUE, PARKED_QUEUE
from tests.support.command_line import DATA, CommandLine
from tests.support.http_server import body, serving
from tests.support.mortal_redis import mortal_redis
from tests.support.openai_server import Failure, Form, openai_server
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.raw_amqp import raw_channel
from tests.support.tcp_proxy import tcp_proxy

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    return CommandLine(home=tmp_path, folder=tmp_path)


@pytest.fixture
def url(rabbitmq_node: RabbitmqNode) -> Iterator[str]:
    """A bus of the test's own, on which there is nothing yet."""
    with rabbitmq_node.vhost() as vhost:
        yield rabbitmq_node.url(vhost)


async def found(
    folder: Path, url: str, *, asks_model: bool = False, **given: object
) -> dict[str, Verdict]:
    """The verdicts on a set-up with the bus at `url`."""
    settings = Settings(bus_url=url, roots={"data": folder}, cache=folder / "cache", **given)
    answers = await diagnosed(settings, asks_model=asks_model)
    return {answer.name: answer.verdict for answer in answers}


@asynccontextmanager
async def recording(url: str) -> AsyncIterator[RabbitmqTransport]:
    """A process that records, and has declared what it needs."""
    clock = SystemClock()
    transport = await RabbitmqTransport.connect(url, name="test", clock=clock)
    recorder = Recorder(transport, authority=TrustingAuthority(), clock=clock)
    running = asyncio.create_task(recorder.run())
    try:
        while not await _consumers(url, INGEST_QUEUE):
            await asyncio.sleep(0.05)
        yield transport
    finally:
        running.cancel()
        await asyncio.wait({running})
        await transport.aclose()


async def _consumers(url: str, queue: str) -> int:
    async with raw_channel(url) as channel:
        return (await channel.queue_declare(queue, passive=True)).consumer_count or 0


async def test_a_fresh_machine_is_fine_and_told_that_no_model_is_set(
    convener: CommandLine,
) -> None:
    ended = await convener.run("doctor")
    assert ended.code == 0, ended.out
    assert ended.err == ""
    assert "failed" not in ended.out
    assert "No model is set" in ended.out
    assert "\x1b" not in ended.out


async def test_a_request_that_nobody_takes_is_found(convener: CommandLine) -> None:
    async with convener.worker("orchestrator"):
        pass
    waiting = await convener.run("publish", str(DATA / "planes.csv"), "--role", "security")
    assert waiting.code == 0, waiting.err
    told = json.loads((await convener.run("doctor", "--format", "json")).out)
    workers = next(check for check in told["checks"] if check["name"] == "workers")
    assert told["status"] == workers["status"] == "warning"
    assert "1 message waits for orchestrator, the oldest for" in workers["what"]


async def test_a_health_check_tells_whether_a_role_is_served(convener: CommandLine) -> None:
    assert (await convener.run("doctor", "--role", "security")).code == 1
    async with convener.worker("security"):
        assert (await convener.run("doctor", "--role", "security")).code == 0
        both = await convener.run("doctor", "--role", "security", "--role", "orchestrator")
        assert both.code == 1
        assert "Nobody serves orchestrator" in both.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("doctor", "--provision"), "--provision is for RabbitMQ"),
        (("doctor", "--role", "security", "--ask-model"), "Give one of"),
        (("doctor", "--permissions", "ann"), "USER:KIND"),
    ],
)
async def test_wrong_usage_is_told_in_a_sentence(
    convener: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = await convener.run(*arguments)
    assert ended.code == 2
    assert sentence in ended.err
    assert ended.err.count("\n") == 1


async def test_openai_agents_in_the_same_environment_is_found(
    convener: CommandLine, tmp_path: Path
) -> None:
    information = tmp_path / "site" / "openai_agents-0.9.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: openai-agents\nVersion: 1")
    root = str(Path(__file__).parents[2])
    convener.environment["PYTHONPATH"] = f"{root}:{information.parent}"
    ended = await convener.run("doctor")
    assert ended.code == 1
    assert "pip uninstall openai-agents" in " ".join(ended.out.split())


@pytest.mark.rabbitmq
async def test_a_broker_that_is_too_old_is_found(
    tmp_path: Path, rabbitmq_node: RabbitmqNode, url: str
) -> None:
    version = (await found(tmp_path, url))["rabbitmq"].what
    (now,) = re.findall(r"RabbitMQ (\d+\.\d+)", version)
    old = {4: "3.09", 3: "3.9"}[len(now)].rjust(len(now))
    async with tcp_proxy(rabbitmq_node.port) as proxy:
        proxy.rewrite = lambda sent: sent.replace(now.encode(), old.encode())
        through = url.replace(f":{rabbitmq_node.port}/", f":{proxy.port}/")
        verdicts = await found(tmp_path, through)
    assert verdicts["bus"].status == "ok", verdicts
    assert verdicts["rabbitmq"].status == "failed"
    assert "is too old" in verdicts["rabbitmq"].what
    assert "Use 3.10 or later" in verdicts["rabbitmq"].remedy


@pytest.mark.rabbitmq
async def test_a_port_that_speaks_no_tls_is_told_apart(tmp_path: Path, url: str) -> None:
    verdicts = await found(tmp_path, url.replace("amqp:", "amqps:"))
    assert verdicts["bus"].status == "failed"
    assert "Is this the TLS port?" in verdicts["bus"].what


@pytest.mark.redis
@pytest.mark.parametrize(("ahead", "status"), [(60.0, "failed"), (-60.0, "failed"), (0.0, "ok")])
async def test_a_clock_that_goes_wrong_is_found(redis_url: str, ahead: float, status: str) -> None:
    class Skewed(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(seconds=ahead)

    async with aclosing(RedisServer(redis_url, keeps_the_record=True, clock=Skewed())) as server:
        answers = await diagnose(server.checks())
    (verdict,) = [answer.verdict for answer in answers if answer.name == "clock"]
    assert verdict.status == status
    if ahead:
        assert f"60 s {'ahead of' if ahead > 0 else 'behind'} that of Redis" in verdict.what


async def test_a_variable_that_nothing_reads_and_prompts_that_are_not_there_are_found(
    convener: CommandLine,
) -> None:
    convener.environment["CONVENER_MODLE"] = "openai:m"
    convener.environment["CONVENER_PROMPTS"] = "nowhere"
    ended = await convener.run("doctor")
    said = " ".join(ended.out.split())
    assert ended.code == 1
    assert "Did you mean CONVENER_MODEL?" in said
    assert "nowhere cannot be read (No such file or directory)" in said


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"base_url": "localhost:8000"}, "OPENAI_BASE_URL is no address"),
        ({"base_url": "http://host:port/v1"}, "OPENAI_BASE_URL is no address"),
        ({"base_url": "http://ann:s3cret@127.0.0.1:1/v1"}, "Nothing answers at http://127.0.0.1:1"),
        ({"api_key": "s3cret\u2026"}, "characters that no key has"),
        ({}, "needs a key"),
    ],
)
async def test_a_model_that_cannot_be_asked_is_found(
    tmp_path: Path, given: dict[str, str], sentence: str
) -> None:
    verdicts = await found(tmp_path, f"sqlite:///{tmp_path}/bus.db", model="openai:m", **given)
    assert verdicts["model"].status == "failed"
    assert sentence in verdicts["model"].what
    assert "s3cret" not in str(verdicts)


async def test_no_broker_is_one_finding_and_no_secret_is_printed(convener: CommandLine) -> None:
    convener.environment["CONVENER_BUS"] = "amqp://ann:s3cret@127.0.0.1:1/"
    convener.environment["CONVENER_REDIS"] = "redis://:s3cret@127.0.0.1:1/0"
    ended = await convener.run("doctor", "--format", "json")
    assert ended.code == 1
    checks = json.loads(ended.out)["checks"]
    assert [each["name"] for each in checks if each["status"] == "failed"] == ["bus", "redis"]
    assert "Is RabbitMQ running?" in checks[2]["what"]
    assert "s3cret" not in ended.out + ended.err


async def test_a_bad_key_and_a_token_that_is_not_valid_are_found(
    convener: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "open.key").write_text("{}")
    (tmp_path / "open.key").chmod(0o644)
    convener.environment["CONVENER_BUS"] = "amqp://ann:s3cret@127.0.0.1:1/"
    convener.environment["CONVENER_KEY"] = "open.key"
    ended = await convener.run("doctor")
    assert f"chmod 600 {tmp_path}/open.key" in " ".join(ended.out.split())
    del convener.environment["CONVENER_KEY"], convener.environment["CONVENER_BUS"]
    convener.environment["CONVENER_TOKEN"] = "no.token.atall"
    ended = await convener.run("doctor")
    assert ended.code == 1
    assert "The token is not valid" in ended.out
    assert "no.token.atall" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (200, b'{"data": [{"id": "m"}]}', "ok"),
        (200, b'{"data": [{"id": "other"}]}', "warning"),
        (401, b"no", "failed"),
    ],
)
async def test_the_server_of_a_model_is_asked_what_it_lists(
    tmp_path: Path, status: int, text: bytes, verdict: str
) -> None:
    bus = f"sqlite:///{tmp_path}/bus.db"
    with serving(body(text, status=status)) as port:
        given = {"model": "openai:m", "api_key": "sk-s3cret"}
        verdicts = await found(tmp_path, bus, base_url=f"http://127.0.0.1:{port}/v1", **given)
    assert verdicts["model"].status == verdict
    assert "s3cret" not in str(verdicts)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (Form(value={"is_ready": True}), "ok"),
        (Failure(status=401, message="Incorrect API key provided."), "failed"),
    ],
)
async def test_a_model_answers_only_when_it_is_to_be_asked(
    tmp_path: Path, said: Form | Failure, verdict: str
) -> None:
    bus = f"sqlite:///{tmp_path}/bus.db"
    async with openai_server() as server:
        server.reply_with(said)
        given = {"model": "openai:m", "api_key": "sk-s3cret", "base_url": server.url}
        assert "model answers" not in await found(tmp_path, bus, **given)
        verdicts = await found(tmp_path, bus, asks_model=True, **given)
    assert verdicts["model answers"].status == verdict, verdicts
    assert "s3cret" not in str(verdicts)


async def test_a_model_that_nobody_serves_is_found(tmp_path: Path) -> None:
    bus = f"sqlite:///{tmp_path}/bus.db"
    verdicts = await found(tmp_path, bus, model="openai:m", base_url="http://127.0.0.1:1/v1")
    assert verdicts["model"].status == "failed"
    assert "Nothing answers at http://127.0.0.1:1/v1/models" in verdicts["model"].what


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (":guest@", ":wr0ng@", "it refused user 'guest'. Check the password."),
        ("/test-", "/no-test-", "it has no virtual host"),
    ],
)
async def test_a_broker_that_refuses_is_told_apart(
    tmp_path: Path, url: str, before: str, after: str, sentence: str
) -> None:
    verdicts = await found(tmp_path, url.replace(before, after))
    assert verdicts["bus"].status == "failed"
    assert sentence in verdicts["bus"].what
    assert "wr0ng" not in str(verdicts)
    assert verdicts["recorder"].status == "skipped"


@pytest.mark.rabbitmq
async def test_what_is_missing_is_provisioned_and_then_only_a_recorder_is(
    convener: CommandLine, tmp_path: Path, url: str
) -> None:
    verdicts = await found(tmp_path, url)
    assert verdicts["queues"].status == "failed"
    assert "doctor --provision" in verdicts["queues"].remedy
    convener.environment["CONVENER_BUS"] = url
    provisioned = await convener.run("doctor", "--provision", "--role", "geography")
    assert provisioned.code == 0, provisioned.out
    assert "convener.agent.geography" in provisioned.out
    verdicts = await found(tmp_path, url)
    assert verdicts["queues"].status == "ok"
    assert verdicts["publishing"].status == "ok"
    assert verdicts["recorder"].status == "failed"
    assert verdicts["recorder"].what.startswith("No recorder is running")
    assert verdicts["workers"].status == "warning"
    assert verdicts["redis"].status == "warning"


@pytest.mark.rabbitmq
async def test_a_recorder_that_runs_is_proved_by_what_it_records(tmp_path: Path, url: str) -> None:
    async with recording(url):
        verdicts = await found(tmp_path, url)
    assert verdicts["recorder"].status == "ok", verdicts
    assert verdicts["rabbitmq"].status in ("ok", "note")
    assert verdicts["parked"].status == "ok"


@pytest.mark.rabbitmq
async def test_a_user_with_few_rights_is_told_what_cannot_be_seen(
    tmp_path: Path, rabbitmq_node: RabbitmqNode, url: str
) -> None:
    async with recording(url):
        rabbitmq_node.create_user("ann", "ann")
        own = "^convener-ann-"
        rabbitmq_node.permit(
            *("ann", url.rpartition("/")[2]), configure=own, write="^convener$", read=own
        )
        verdicts = await found(tmp_path, url.replace("guest:guest", "ann:ann"))
    assert verdicts["queues"].status == verdicts["publishing"].status == "ok", verdicts
    assert verdicts["recorder"].status == "note"
    assert "may not read the history" in verdicts["recorder"].what


@pytest.mark.rabbitmq
async def test_a_recorder_that_stands_still_is_found(tmp_path: Path, url: str) -> None:
    async with recording(url):
        pass
    async with raw_channel(url) as channel:
        await channel.basic_consume(INGEST_QUEUE, lambda _: asyncio.sleep(0))
        verdicts = await found(tmp_path, url)
    assert verdicts["recorder"].status == "failed"
    assert verdicts["recorder"].what.startswith("Nothing was recorded")


@pytest.mark.rabbitmq
async def test_a_queue_of_another_kind_is_found(tmp_path: Path, url: str) -> None:
    async with raw_channel(url) as channel:
        await channel.queue_declare(PARKED_QUEUE, durable=True)
    verdicts = await found(tmp_path, url)
    assert verdicts["queues"].status == "failed"
    assert verdicts["queues"].what.startswith(f"{PARKED_QUEUE} on the broker differ")


@pytest.mark.rabbitmq
async def test_parked_messages_are_counted(tmp_path: Path, url: str) -> None:
    async with recording(url), raw_channel(url) as channel:
        await channel.basic_publish(b"?", routing_key=PARKED_QUEUE)
        verdicts = await found(tmp_path, url)
    assert verdicts["parked"].status == "warning"
    assert verdicts["parked"].what == "1 message is parked."


@pytest.mark.rabbitmq
async def test_a_broker_that_takes_no_messages_is_found(
    tmp_path: Path, rabbitmq_node: RabbitmqNode, url: str
) -> None:
    async with recording(url):
        pass
    with rabbitmq_node.memory_alarm():
        verdicts = await found(tmp_path, url)
    assert verdicts["publishing"].status == "failed"
    assert "takes no messages" in verdicts["publishing"].what


@pytest.mark.redis
async def test_a_redis_that_loses_or_refuses_what_it_is_given_is_found(tmp_path: Path) -> None:
    bus = "amqp://guest:guest@127.0.0.1:1/"
    async with mortal_redis(str(tmp_path)) as server:
        client = redis.Redis.from_url(server.url)

        async def verdicts() -> dict[str, Verdict]:
            return await found(tmp_path, bus, redis_url=server.url)

        bare = await verdicts()
        assert bare["redis keeps"].status == "failed"
        assert "appendonly" in bare["redis keeps"].remedy
        assert bare["redis writing"].status == bare["clock"].status == "ok"
        client.config_set("appendonly", "yes")
        assert (await verdicts())["redis keeps"].status == "ok"
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert "allkeys-lru" in (await verdicts())["redis keeps"].what
        client.config_set("min-replicas-to-write", "1")
        refusing = (await verdicts())["redis writing"]
        assert refusing.status == "failed"
        client.config_set("min-replicas-to-write", "0")
        client.replicaof("127.0.0.1", "1")
        assert "is a replica" in (await verdicts())["redis writing"].what
        client.replicaof("NO", "ONE")
        client.config_set("requirepass", "s3cret")
        locked = await verdicts()
        assert locked["redis"].status == "failed"
        assert "check user and password" in locked["redis"].what
        assert locked["redis keeps"].status == "skipped"
        client.close()
        embedded = f"sqlite:///{tmp_path}/bus.db"
        with_password = server.url.replace("redis://", "redis://:s3cret@")
        kept = await found(tmp_path, embedded, redis_url=with_password)
        assert kept["redis"].status == "ok"
        assert "redis keeps" not in kept
        assert "s3cret" not in str(kept)
