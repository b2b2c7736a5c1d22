"""A bus on RabbitMQ where every party has a user of the broker and a key of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from agents import REGISTRY, Datasets, Examination, Finding, Panel, Specialist, request_analysis
from agents.broker_users import Kind, duties, groups
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisRequested, DatasetReference
from agents.service import Service, serve_panel
from agents.tool import tool
from bus import MessageBus, Principal, connect
from bus.rabbitmq import provision, rights
from tests.support.parties import Parties, Party
from tests.support.rabbitmq_node import RabbitmqNode

BOUND = 30.0
READER = frozenset({"read_data"})
PASSWORD = "Pa55-of-a-user"

USERS: dict[str, tuple[Kind, Sequence[str]]] = {
    "provisioner": ("provisioner", ()),
    "orchestrator": ("orchestrator", ()),
    "counter": ("worker", ("counter",)),
    "lister": ("worker", ("lister",)),
    "ann": ("client", ()),
    "eve": ("client", ()),
    "aud": ("auditor", ()),
    "olga": ("operator", ()),
}


class Seen:
    """What was done on anybody's behalf: the calls of examinations and of the tool."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.calls = 0

    def panel(self) -> Panel:
        """Two specialists who count, and note that they did."""

        @tool(permission="read_data")
        async def row_count(data: Datasets, table: str) -> int:
            """Count the rows of a table."""
            self.calls += 1
            return data.table(table).rows

        async def count(examination: Examination) -> Sequence[Finding]:
            self.questions.append(examination.task.question)
            await examination.use(row_count, table="data")
            return []

        return Panel(
            *(
                Specialist(role=role, title=role, tools=(row_count,), examine=count)
                for role in ("counter", "lister")
            )
        )


class Site:
    """A panel, a data file, and who has which key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "orders.csv"
        self.data.write_text("id,price\n" + "".join(f"{n},{n * 2}\n" for n in range(50)))
        self.seen = Seen()
        self.panel = self.seen.panel()
        self.parties = Parties(*self.panel.roles)

    def token(
        self, subject: str, *, lifetime: float = 60.0, scopes: frozenset[str] = READER
    ) -> str:
        """A person's token."""
        principal = Principal(subject=subject, scopes=scopes)
        return self.parties.tokens(self.parties.issuer).access(principal, lifetime=lifetime)

    def request(self, **details: object) -> AnalysisRequested:
        """An analysis by everybody."""
        return AnalysisRequested.model_validate(
            {
                "datasets": [DatasetReference(location=str(self.data))],
                "panel": self.panel.roles,
                **details,
            }
        )


class SecuredBroker(Site):
    """A virtual host with everything provisioned, and `USERS` with just their rights."""

    def __init__(self, node: RabbitmqNode, vhost: str, folder: Path) -> None:
        super().__init__(folder)
        self.node = node
        self.vhost = vhost

    def url(self, user: str) -> str:
        return self.node.url(self.vhost).replace("guest:guest", f"{user}:{PASSWORD}")

    async def prepare(self) -> None:
        """Create the users, then everything else as the one who may."""
        for user, (kind, roles) in USERS.items():
            self.node.create_user(user, PASSWORD)
            self.node.grant(user, self.vhost, rights(user, duties(kind, roles)))
        probes = await provision(self.url("provisioner"), groups=groups(self.panel.roles))
        assert {probe.problem for probe in probes} == {""}

    @asynccontextmanager
    async def bus(
        self, user: str, own: Party | None = None, *, token: str | None = None
    ) -> AsyncIterator[MessageBus]:
        """The bus as `user` of the broker, under a service's key or a person's token."""
        authority = self.parties.authority(own, bearer=token)
        async with connect(
            self.url(user),
            registry=REGISTRY,
            authority=authority,
            name=user if own else "convener",
            heads=self.folder / "heads.jsonl",
            cache=self.folder / "index" / user,
        ) as bus:
            yield bus

    @asynccontextmanager
    async def served(self) -> AsyncIterator[dict[str, Service]]:
        """An orchestrator and a worker for each role, each as a user of its own."""
        async with AsyncExitStack() as stack:
            catalog = await stack.enter_async_context(
                DuckdbCatalog(roots={}, cache=self.folder / "cache", allow_absolute=True)
            )
            services = {}
            for role in ("orchestrator", *self.panel.roles):
                own = self.parties.workers.get(role, self.parties.orchestrator)
                bus = await stack.enter_async_context(self.bus(role, own))
                services[role] = await stack.enter_async_context(
                    serve_panel(bus, self.panel, catalog=catalog, roles=[role], grace=0)
                )
            yield services

    async def report(self, user: str, **details: object) -> ReportPublished:
        """What `user` gets who asks."""
        async with (
            self.bus(user, token=self.token(user)) as bus,
            request_analysis(bus, self.request(**details)) as pending,
        ):
            return await asyncio.wait_for(pending.report(), BOUND)


@asynccontextmanager
async def secured_broker(node: RabbitmqNode, folder: Path) -> AsyncIterator[SecuredBroker]:
    """One on `node`; its virtual host is gone afterwards."""
    with node.vhost() as vhost:
        broker = SecuredBroker(node, vhost, folder)
        await broker.prepare()
        yield broker
