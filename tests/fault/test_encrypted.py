"""Broker and Redis behind TLS with a private authority, and who is not spoken to."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus.clock import SystemClock
from bus.errors import TransportError, UnreachableError, UsageError
from bus.ledgers.redis import RedisLedger
from bus.transports.rabbitmq import RabbitmqTransport
from tests.support.certificates import Certificates, Certified
from tests.support.command_line import DATA, CommandLine
from tests.support.rabbitmq_node import running_node
from tests.support.redis_server import running_redis

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq, pytest.mark.redis]

PASSWORD = "s3cret-of-the-servers"


@dataclass(frozen=True)
class Servers:
    """A broker and a Redis that speak to nobody without a certificate of `made`'s authority."""

    made: Certificates
    broker: str
    redis: str

    def with_files(self, url: str, *, authority: Path | None = None) -> str:
        """`url` with everything that it needs, or with another authority."""
        client = self.made.client
        return (
            f"{url}?cafile={authority or self.made.authority}"
            f"&certfile={client.certificate}&keyfile={client.key}"
        )


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    folder = tmp_path_factory.mktemp("servers")
    (folder / "broker").mkdir()
    with (
        running_node(folder / "broker", certificates=made) as node,
        running_redis(folder, *encryption_of(made), "--requirepass", PASSWORD) as port,
    ):
        node.create_user("tess", PASSWORD)
        node.permit("tess", "%2F")
        yield Servers(
            made,
            broker=f"amqps://tess:{PASSWORD}@localhost:{node.tls_port}/%2F",
            redis=f"rediss://:{PASSWORD}@localhost:{port}/0",
        )


def encryption_of(made: Certificates) -> tuple[str, ...]:
    """The options of a Redis that speaks only TLS."""
    return (
        *("--tls-cert-file", str(made.server.certificate)),
        *("--tls-key-file", str(made.server.key)),
        *("--tls-ca-cert-file", str(made.authority)),
        *("--tls-auth-clients", "yes"),
    )


@asynccontextmanager
async def server_with(certified: Certified) -> AsyncIterator[int]:
    """The port of a server that only shakes hands."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certified.certificate, certified.key)
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def reach(url: str) -> None:
    """Connect to the broker or the Redis at `url`."""
    if url.startswith("amqp"):
        transport = await RabbitmqTransport.connect(url, name="t", clock=SystemClock())
        await transport.aclose()
    else:
        await (await RedisLedger.connect(url)).aclose()


@pytest.mark.timeout(180)
async def test_an_analysis_is_made_behind_tls(servers: Servers, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "airlines.csv").write_bytes((DATA / "airlines.csv").read_bytes())
    convener = CommandLine(home=tmp_path, folder=folder)
    convener.environment |= {
        "CONVENER_BUS": servers.broker,
        "CONVENER_REDIS": servers.redis,
        "CONVENER_CA": str(servers.made.authority),
        "CONVENER_CERTIFICATE": str(servers.made.client.certificate),
        "CONVENER_CERTIFICATE_KEY": str(servers.made.client.key),
    }
    async with convener.worker("orchestrator", "data_quality"):
        ended = await convener.run(
            "publish", "airlines.csv", "--role", "data_quality", "--wait", "--format", "json"
        )
        assert ended.code == 0, ended.err
        assert json.loads(ended.out)["status"] == "complete"
    convener.environment["CONVENER_CA"] = str(Certificates(tmp_path, name="other").authority)
    refused = await convener.run("publish", "airlines.csv")
    assert refused.code == 1
    assert "by nobody who is trusted here. Set CONVENER_CA" in refused.err
    assert PASSWORD not in refused.err


@pytest.mark.parametrize("server", ["broker", "redis"])
async def test_a_server_by_another_authority_is_not_spoken_to(
    servers: Servers, tmp_path: Path, server: str
) -> None:
    other = Certificates(tmp_path, name="other").authority
    for url in (
        getattr(servers, server),
        servers.with_files(getattr(servers, server), authority=other),
    ):
        with pytest.raises(UnreachableError, match="by nobody who is trusted here") as caught:
            await reach(url)
        assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("server", ["broker", "redis"])
async def test_a_server_under_another_name_is_not_spoken_to(servers: Servers, server: str) -> None:
    url = servers.with_files(getattr(servers, server)).replace("localhost", "127.0.0.1")
    with pytest.raises(UnreachableError, match=r"not for the name '127\.0\.0\.1'") as caught:
        await reach(url)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("scheme", ["amqps", "rediss"])
async def test_a_server_whose_certificate_has_expired_is_not_spoken_to(
    tmp_path: Path, scheme: str
) -> None:
    made = Certificates(tmp_path)
    expired = made.certify("expired", host="localhost", days=-1)
    async with server_with(expired) as port:
        with pytest.raises(UnreachableError, match="certificate has expired"):
            await reach(f"{scheme}://localhost:{port}/0?cafile={made.authority}")


@pytest.mark.parametrize("server", ["broker", "redis"])
async def test_who_has_no_certificate_of_their_own_is_told_so(
    servers: Servers, server: str
) -> None:
    url = f"{getattr(servers, server)}?cafile={servers.made.authority}"
    with pytest.raises(TransportError, match="CONVENER_CERTIFICATE"):
        await reach(url)


@pytest.mark.parametrize("scheme", ["amqps", "rediss"])
async def test_a_server_that_does_not_encrypt_is_not_spoken_to(scheme: str) -> None:
    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello there")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError, match="Is this the TLS port"):
            await reach(f"{scheme}://localhost:{port}/0")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("amqps://localhost/?no_verify_ssl=1", "certificates are always checked"),
        ("rediss://localhost/0?ssl_cert_reqs=none", "certificates are always checked"),
        ("rediss://localhost/0?ssl_check_hostname=false", "certificates are always checked"),
        ("amqp://localhost/?cafile=/ca.pem", "write amqps://"),
        ("redis://localhost/0?cafile=/ca.pem", "write rediss://"),
        ("amqps://localhost/?cafile=/nowhere/ca.pem", "/nowhere/ca.pem cannot be read"),
        ("rediss://localhost/0?cafile=/nowhere/ca.pem", "/nowhere/ca.pem cannot be read"),
        (f"amqps://localhost/?cafile={__file__}", "is no file with"),
        (f"rediss://localhost/0?certfile={__file__}", "is no file with"),
    ],
)
async def test_what_would_not_be_checked_is_refused_in_one_sentence(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        await reach(url)
