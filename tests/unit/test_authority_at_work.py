"""Who may do what on a bus where every party has a key of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agents import REGISTRY, Datasets, Examination, Finding, Panel, Specialist, request_analysis
from agents.cli.failure import NOT_PERMITTED
from agents.cli.output import write_report
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.call import ToolCalled
from agents.domain.circuit import CircuitForced, CircuitsAsked
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled, AnalysisRequested, DatasetReference
from agents.domain.task import TaskAssigned, TaskCompleted
from agents.errors import ToolDeniedError
from agents.messages import ASK_CIRCUITS_TOPIC, CANCEL_TOPIC, FORCE_CIRCUIT_TOPIC, REQUEST_TOPIC
from agents.service import Service, serve_panel
from agents.tool import tool
from bus import (
    AgentMessage,
    HistoryQuery,
    MessageBus,
    MessageId,
    NotPermittedError,
    Payload,
    Policy,
    Principal,
    RequestFaultedError,
    SystemClock,
    TrustingAuthority,
    connect,
    parse,
    request_key,
)
from bus.authority import Authority
from bus.domain import codec
from bus.domain.authority import body_digest
from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.tokens import Tokens
from tests.support.parties import Parties, Party, Ring

BOUND = 20.0
READER = frozenset({"read_data"})


@tool(permission="read_data")
async def row_count(data: Datasets, table: str) -> int:
    """Count the rows of a table."""
    return data.table(table).rows


@tool(permission="write_data", effect="effect")
async def overwrite(data: Datasets) -> int:
    """Do what a reader must not."""
    raise AssertionError("It ran.")


async def count(examination: Examination) -> Sequence[Finding]:
    await examination.use(row_count, table="data")
    return []


async def obey(examination: Examination) -> Sequence[Finding]:
    await examination.use(row_count, table="data")
    try:
        await examination.use(overwrite)
    except ToolDeniedError as error:  # as somebody who was talked into it would go on
        await examination.note(str(error))
    return []


def specialist(role: str, examine) -> Specialist:
    return Specialist(role=role, title=role, tools=(row_count, overwrite), examine=examine)


PANEL = Panel(specialist("counter", count), specialist("obedient", obey))


class Careless(TrustingAuthority):
    """Sends a token as it is."""

    def __init__(self, token: str, honest: Authority) -> None:
        self._token = token
        self._honest = honest

    def signed(
        self,
        envelope: Envelope,
        message: AgentMessage[Any],
        *,
        on_behalf_of: Principal | None = None,
    ) -> Envelope:
        return replace(envelope, headers={TOKEN_HEADER: self._token})

    async def verify(
        self, message: AgentMessage[Any], envelope: Envelope, *, at: datetime | None = None
    ) -> Principal:
        return await self._honest.verify(message, envelope, at=at)


class Site:
    """One bus file, one data file, and who has which key."""

    def __init__(self, folder: Path, policy: Policy | None = None) -> None:
        self.url = f"sqlite:///{folder}/bus.db"
        self.data = folder / "orders.csv"
        self.data.write_text("id,price\n" + "".join(f"{n},{n * 2}\n" for n in range(50)))
        self.parties = Parties(*PANEL.roles, policy=policy)
        self._cache = folder / "cache"

    def token(self, subject: str = "ann", *, scopes=READER, lifetime: float = 60.0, **more) -> str:
        principal = Principal(subject=subject, scopes=scopes, **more)
        return self.parties.tokens(self.parties.issuer).access(principal, lifetime=lifetime)

    @staticmethod
    def tokens_of(party: Party) -> Tokens:
        return Tokens(Ring(party, [party]), clock=SystemClock())

    @asynccontextmanager
    async def bus(self, own: Party | None = None, token: str | None = None):
        authority = self.parties.authority(own, bearer=token)
        async with connect(self.url, registry=REGISTRY, authority=authority) as bus:
            yield bus

    @asynccontextmanager
    async def served(self, *roles: str) -> AsyncIterator[dict[str, Service]]:
        """An orchestrator and the workers, each with its own key."""
        async with AsyncExitStack() as stack:
            catalog = await stack.enter_async_context(
                DuckdbCatalog(roots={}, cache=self._cache, allow_absolute=True)
            )
            services = {}
            for role in ("orchestrator", *(roles or PANEL.roles)):
                own = self.parties.workers.get(role, self.parties.orchestrator)
                bus = await stack.enter_async_context(self.bus(own))
                services[role] = await stack.enter_async_context(
                    serve_panel(bus, PANEL, catalog=catalog, roles=[role], grace=0)
                )
            yield services

    def request(self, **details: object) -> AnalysisRequested:
        return AnalysisRequested.model_validate(
            {
                "datasets": [DatasetReference(location=str(self.data))],
                "panel": PANEL.roles,
                **details,
            }
        )

    @asynccontextmanager
    async def careless_bus(self, token: str) -> AsyncIterator[MessageBus]:
        """A client that sends any token, without a look at whether it is worth sending."""
        authority = Careless(token, self.parties.authority(None))
        async with connect(self.url, registry=REGISTRY, authority=authority) as bus:
            yield bus

    async def report(self, token: str, **details: object) -> ReportPublished:
        async with (
            self.bus(token=token) as bus,
            request_analysis(bus, self.request(**details)) as pending,
        ):
            return await asyncio.wait_for(pending.report(), BOUND)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_a_persons_authority_reaches_every_tool_and_no_further(site: Site) -> None:
    async with site.served(), site.bus(site.parties.orchestrator) as bus:
        report = await site.report(site.token())
        records = await bus.history.query(HistoryQuery(message_type="tool.called"))
    assert [each.role for each in report.denied] == ["obedient"]
    assert "ann lacks the permission 'write_data'" in report.denied[0].reason
    assert report.status == "partial"
    assert report.run.requested_by == "ann"
    calls = [ToolCalled.model_validate(parse(record.body).data) for record in records]
    assert {(call.tool, call.status) for call in calls if call.caller != "orchestrator"} == {
        ("row_count", "succeeded"),
        ("overwrite", "denied"),
    }


async def test_a_report_with_a_denial_exits_with_not_permitted(site: Site, capsys) -> None:
    async with site.served():
        report = await site.report(site.token())
    code = write_report(report, form="md", output=None, show_all=False)
    assert code == NOT_PERMITTED
    assert "lacks the permission 'write_data'" in capsys.readouterr().out


async def test_an_agent_gets_no_more_than_its_role_may_have(tmp_path: Path) -> None:
    """The user may write, and the cap of agents still keeps that from them."""
    site = Site(tmp_path)
    async with site.served():
        report = await site.report(site.token(scopes=frozenset({"read_data", "write_data"})))
    assert "lacks the permission 'write_data'" in report.denied[0].reason


@pytest.mark.parametrize("given", ["by the token", "by the operator"])
async def test_data_that_a_person_was_not_granted_is_not_even_opened(
    tmp_path: Path, given: str
) -> None:
    others = ("/somewhere/else/*",)
    policy = Policy(datasets={"ann": others}) if given == "by the operator" else None
    site = Site(tmp_path, policy)
    token = site.token() if policy else site.token(datasets=(others,))
    async with site.served():
        report = await site.report(token)
    assert report.status == "failed"
    assert report.denied[0].reason == f"ann may not read {site.data}."


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (lambda site: site.token(lifetime=-60.0), "expired"),
        (lambda site: "nonsense", "cannot be read"),
        (
            lambda site: Site.tokens_of(Party("elsewhere", "access")).access(
                Principal(subject="eve", scopes=READER), lifetime=60
            ),
            "not trusted here",
        ),
    ],
    ids=["expired", "no token", "another issuer's"],
)
async def test_a_request_without_valid_authority_is_parked_and_its_sender_told(
    site: Site, token, why: str
) -> None:
    async with site.served(), site.bus(site.parties.orchestrator) as bus:
        async with (
            site.careless_bus(token(site)) as careless,
            request_analysis(careless, site.request()) as pending,
        ):
            with pytest.raises(RequestFaultedError, match=why):
                await asyncio.wait_for(pending.report(), BOUND)
        assert [letter.reason for letter in await bus.dead_letters.list()] == ["not_permitted"]


def task(site: Site, role: str = "counter", **changes: object) -> AgentMessage[TaskAssigned]:
    content = TaskAssigned.model_validate(
        {
            "request_id": "r-1",
            "task_id": "t-1",
            "role": role,
            "question": "",
            "questions": [],
            "tools": ["row_count"],
            "datasets": [],
            "route": {"kind": "batch", "why": "it is"},
        }
    )
    clock = SystemClock()
    details = {
        "id": MessageId("m-1"),
        "sender": "orchestrator",
        "recipient": f"task.{role}",
        "content": content,
        "timestamp": clock.now(),
        **changes,
    }
    return AgentMessage(**details)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("no token", "carries no token"),
        ("a person's token", "person's token does not allow"),
        ("a worker's own", "may not issue|needs a person's authority"),
        ("another message's", "made for another message"),
        ("another role's", "not valid"),
        ("another actor's", "does not allow"),
        ("an expired one", "expired"),
    ],
)
async def test_a_forged_task_is_refused_before_its_handler(site: Site, what: str, why: str) -> None:
    parties = site.parties
    sent = task(site)
    envelope = codec.seal(sent)
    digest, ann = body_digest(envelope.body), Principal(subject="ann", scopes=READER)
    orchestrator = parties.tokens(parties.orchestrator)
    soon = sent.timestamp.replace(year=sent.timestamp.year + 1)
    token = {
        "no token": lambda: None,
        "a person's token": site.token,
        "a worker's own": lambda: parties.tokens(parties.workers["counter"]).message(
            "orchestrator", digest=digest
        ),
        "another message's": lambda: orchestrator.task(
            ann, actor="orchestrator", topic="task.counter", digest="0" * 64, expires_at=soon
        ),
        "another role's": lambda: orchestrator.task(
            ann, actor="orchestrator", topic="task.obedient", digest=digest, expires_at=soon
        ),
        "another actor's": lambda: orchestrator.task(
            ann, actor="eve", topic="task.counter", digest=digest, expires_at=soon
        ),
        "an expired one": lambda: orchestrator.task(
            ann,
            actor="orchestrator",
            topic="task.counter",
            digest=digest,
            expires_at=sent.timestamp.replace(year=sent.timestamp.year - 1),
        ),
    }[what]()
    headers = {} if token is None else {TOKEN_HEADER: token}
    authority = parties.authority(parties.workers["counter"])
    with pytest.raises(NotPermittedError, match=why):
        await authority.verify(sent, replace(envelope, headers=headers))


async def test_the_authority_of_one_task_holds_for_no_other_message_at_the_tool(
    site: Site,
) -> None:
    authority = site.parties.authority(site.parties.orchestrator)
    sent = task(site)
    ann = Principal(subject="ann", scopes=READER)
    signed = authority.signed(codec.seal(sent), sent, on_behalf_of=ann)
    worker = site.parties.authority(site.parties.workers["counter"])
    principal = await worker.verify(sent, signed)
    assert principal.message_id == sent.id
    assert principal.actors == ("orchestrator",)
    assert principal.scopes == READER


async def test_a_role_cannot_answer_for_another(site: Site) -> None:
    """The key of `obedient` covers its own name alone."""
    parties = site.parties
    result = TaskCompleted(request_id="r-1", task_id="t-1", role="counter", findings=())
    sent = task(site, content=result, sender="counter", recipient="reply.x")
    envelope = codec.seal(sent)
    token = parties.tokens(parties.workers["obedient"]).message(
        "counter", digest=body_digest(envelope.body)
    )
    with pytest.raises(NotPermittedError, match="does not allow"):
        await parties.authority(parties.orchestrator).verify(
            sent, replace(envelope, headers={TOKEN_HEADER: token})
        )


class Unruled(Payload):
    message_type = "test.thing.unruled.v1"


async def test_nobody_may_send_what_no_rule_allows(site: Site) -> None:
    async with site.bus(site.parties.orchestrator) as bus:
        with pytest.raises(NotPermittedError, match="Nobody may send"):
            await bus.announce(Unruled())


async def obeyed(bus: MessageBus, services: int) -> None:
    """Until each service has carried out what was ordered before."""
    id = MessageId(str(uuid4()))
    async with bus.collect(request_key(bus.name, id)) as replies:
        await bus.publish(CircuitsAsked(), to=ASK_CIRCUITS_TOPIC, reply_to=bus.reply_topic, id=id)
        for _ in range(services):
            await asyncio.wait_for(replies.get(), BOUND)


@pytest.mark.parametrize(
    ("who", "scopes", "status"),
    [
        ("ann", READER, "cancelled"),
        ("eve", READER, "complete"),
        ("olga", READER | {"admin_operations"}, "cancelled"),
    ],
    ids=["the requester", "another user", "an operator"],
)
async def test_a_request_is_ended_by_its_requester_or_an_operator_alone(
    site: Site, who: str, scopes: frozenset[str], status: str
) -> None:
    id = MessageId("waiting")
    order = AnalysisCancelled(request_id=request_key("convener", id))
    async with site.served("counter"), site.bus(token=site.token()) as ann, ann.expect(id) as reply:
        async with site.bus(token=site.token(who, scopes=scopes)) as other:
            await other.publish(order, to=CANCEL_TOPIC)
            await obeyed(other, 2)
        await ann.publish(
            site.request(panel=["counter"]),
            to=REQUEST_TOPIC,
            reply_to=ann.reply_topic,
            id=id,
        )
        message = await asyncio.wait_for(reply, BOUND)
    assert message.content.status == status


@pytest.mark.parametrize(
    ("scopes", "is_forced"),
    [(READER, False), (frozenset({"admin_operations"}), True)],
    ids=["a reader", "an operator"],
)
async def test_only_an_operator_may_force_a_circuit(
    site: Site, scopes: frozenset[str], is_forced: bool
) -> None:
    order = CircuitForced(name="row_count", circuit="forced_open")
    async with (
        site.served("counter") as services,
        site.bus(token=site.token(scopes=scopes)) as bus,
    ):
        await bus.publish(order, to=FORCE_CIRCUIT_TOPIC)
        await obeyed(bus, 2)
        assert (services["counter"].breakers.get("row_count") is not None) == is_forced


async def test_another_person_cannot_have_the_report_of_a_request_under_its_key(
    site: Site,
) -> None:
    id = MessageId("taken")
    async with site.served("counter"), site.bus(token=site.token()) as ann:
        async with ann.expect(id) as reply:
            await ann.publish(
                site.request(panel=["counter"]), to=REQUEST_TOPIC, reply_to=ann.reply_topic, id=id
            )
            await asyncio.wait_for(reply, BOUND)
        async with site.bus(token=site.token("eve")) as eve, eve.expect(id) as reply:
            await eve.publish(
                site.request(panel=["counter"]), to=REQUEST_TOPIC, reply_to=eve.reply_topic, id=id
            )
            with pytest.raises(RequestFaultedError, match="was used before"):
                await asyncio.wait_for(reply, BOUND)


async def test_what_was_published_to_another_queue_is_refused_where_it_arrives(
    site: Site,
) -> None:
    """As by a carbon copy, which some brokers let pass by the publisher's permissions."""
    async with site.bus(site.parties.orchestrator) as bus, site.served("counter"):
        sent = task(site, recipient="task.obedient", reply_to=bus.reply_topic)
        ann = Principal(subject="ann", scopes=READER)
        authority = site.parties.authority(site.parties.orchestrator)
        signed = authority.signed(codec.seal(sent), sent, on_behalf_of=ann)
        async with bus.expect(sent.id) as reply:
            await bus._transport.publish(replace(signed, topic="task.counter"))
            with pytest.raises(RequestFaultedError, match=r"addressed to 'task\.obedient'"):
                await asyncio.wait_for(reply, BOUND)
