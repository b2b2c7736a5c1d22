"""What somebody gets done with raw AMQP and a valid token that allows little: nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from aiormq.exceptions import AMQPError

from agents.domain.report import ReportPublished
from agents.messages import REQUEST_TOPIC
from agents.recorded import find_report
from bus import DeadLetter, MessageId, request_key
from bus.auditing.trail import inspect, trail
from bus.domain.audit_check import Verdict
from bus.domain.envelope import TOKEN_HEADER
from tests.support.attacker import ATTACK, Attack, Attacker
from tests.support.attacks import ATTACKS, CARBON_COPIES
from tests.support.bus_under_test import until
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.secured_broker import BOUND, READER, secured_broker

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq, pytest.mark.timeout(240)]

OPERATOR = READER | {"admin_operations"}
FLOOD = 200
"""Messages that nobody asked for while somebody else waits for a report."""


@dataclass(frozen=True)
class Siege:
    """What came of it all."""

    refused: set[str]
    parked: dict[str, DeadLetter]
    denied: set[str]
    verdict: Verdict
    received: ReportPublished
    recorded: ReportPublished | None
    questions: Sequence[str]
    calls: int
    circuits: set[str]
    sent: dict[str, bytes]


@pytest.fixture(scope="module")
def siege(rabbitmq_node: RabbitmqNode, tmp_path_factory: pytest.TempPathFactory) -> Siege:
    """All attacks, one after the other, on one bus that goes on working."""
    return asyncio.run(besieged(rabbitmq_node, tmp_path_factory.mktemp("siege")))


async def besieged(node: RabbitmqNode, folder: Path) -> Siege:
    async with (
        secured_broker(node, folder) as broker,
        broker.served() as services,
        broker.bus("ann", token=broker.token("ann")) as ann,
        broker.bus("olga", token=broker.token("olga", scopes=OPERATOR)) as olga,
    ):
        eve = Attacker(broker, victim=ann.reply_topic, url=broker.url("eve"))
        await asyncio.wait_for(eve.capture(), BOUND)
        refused = {name for name, each in ATTACKS.items() if await is_refused(name, each, eve)}
        async with ann.expect(MessageId("annual")) as reply:
            await eve.flood(FLOOD)
            await ann.publish(
                broker.request(question="honest"),
                to=REQUEST_TOPIC,
                reply_to=ann.reply_topic,
                id=MessageId("annual"),
            )
            received = (await asyncio.wait_for(reply, BOUND)).content
        expected = {name for name, each in ATTACKS.items() if each.outcome == "parked"} - refused
        parked: dict[str, DeadLetter] = {}

        async def are_parked() -> bool:
            for letter in await olga.dead_letters.list(1000):
                parked.setdefault(name_of(letter, eve), letter)
            return expected <= parked.keys()

        await until(are_parked)
        for service in services.values():
            await service._bus.audit.flush()
        decisions = [each async for record in trail(olga.history) for each in record.decisions]
        return Siege(
            refused=refused,
            parked=parked,
            denied={each.message_digest for each in decisions if each.verdict == "denied"},
            verdict=await inspect(
                olga.history,
                broker.parties.authority(None),
                [],
                must_sign=True,
                is_ordered=False,
            ),
            received=received,
            recorded=await find_report(olga, request_key("convener", MessageId("annual"))),
            questions=broker.seen.questions,
            calls=broker.seen.calls,
            circuits={
                each.snapshot().circuit
                for service in services.values()
                for each in service.breakers
            },
            sent=eve.sent,
        )


async def is_refused(name: str, attack: Attack, eve: Attacker) -> bool:
    """Whether the broker did not take it."""
    try:
        await attack.act(eve, name)
    except AMQPError:
        return True
    return False


def name_of(letter: DeadLetter, eve: Attacker) -> str:
    """The attack that it was, if it can be told."""
    names = (name for name, body in eve.sent.items() if body == letter.envelope.body)
    return letter.envelope.headers.get(ATTACK) or next(names, "")


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=f"{each.row}: {name}") for name, each in ATTACKS.items()]
)
def test_an_attack_comes_to_nothing(siege: Siege, name: str) -> None:
    attack = ATTACKS[name]
    if attack.row == CARBON_COPIES and name in siege.refused:
        return  # by RabbitMQ 4.0 and later
    match attack.outcome:
        case "refused":
            assert name in siege.refused
        case "parked":
            assert name not in siege.refused
            letter = siege.parked[name]
            assert letter.reason in (
                "malformed",
                "unknown_type",
                "not_permitted",
                "expired",
                "failed",
            )
            assert TOKEN_HEADER not in letter.envelope.headers
            if letter.reason == "not_permitted" and attack.row != "audit tampering":
                assert sha256(siege.sent[name]).hexdigest() in siege.denied
        case "ignored":
            assert name not in siege.refused
            assert sha256(siege.sent[name]).hexdigest() in siege.denied
        case "harmless":
            assert name not in siege.refused


def test_nobody_examined_anything_on_behalf_of_the_attacker(siege: Siege) -> None:
    assert sorted(siege.questions) == ["honest", "honest"]
    assert siege.calls == 2
    assert siege.circuits == {"closed"}


def test_an_honest_request_gets_its_report_beside_it(siege: Siege) -> None:
    assert siege.received.status == "complete"
    assert siege.received.question == "honest"
    assert siege.recorded == siege.received


def test_the_audit_is_whole_and_holds_what_was_denied(siege: Siege) -> None:
    assert siege.verdict.first is None
    assert siege.denied
