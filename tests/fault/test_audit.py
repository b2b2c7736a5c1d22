"""A process that is killed leaves an audit that is whole, with all that took effect (I11)."""

import asyncio
import signal
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from bus import AgentMessage, Context, MessageId, SystemClock, UnroutableError, connect
from bus.auditing.head_file import read_heads
from bus.auditing.trail import inspect, trail
from bus.authorities.tokens import TokenAuthority
from bus.domain import codec
from bus.domain.audit import Chain, Decision, record_message
from bus.domain.audit_check import Verdict
from bus.domain.authority import ANYBODY_TRUSTED, Policy
from bus.keyrings.local import LocalKeyring
from bus.tokens import Tokens
from bus.transports.rabbitmq import RabbitmqTransport
from tests.support.audited_process import REGISTRY, Ordered
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = pytest.mark.fault

BOUND = 40.0


async def test_what_took_effect_is_in_the_audit_though_its_process_died_of_it(
    tmp_path: Path,
) -> None:
    url, effect = f"sqlite:///{tmp_path}/bus.db", tmp_path / "effect"
    async with connect(url, registry=REGISTRY, name="tester") as bus:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.audited_process", url, str(effect)),
            cwd=Path(__file__).parents[2],
        )
        try:
            async with asyncio.timeout(BOUND):
                ordered = None
                while ordered is None:
                    try:
                        ordered = await bus.publish(Ordered(), to="task.a")
                    except UnroutableError:
                        await asyncio.sleep(0.05)
                assert await process.wait() == -signal.SIGKILL
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert effect.read_text() == "done"
        decisions = [each async for record in trail(bus.history) for each in record.decisions]
        verdict = await inspect(
            bus.history, bus.audit.authority, [], must_sign=True, is_ordered=True
        )
    assert [(each.action, each.verdict, each.message_id) for each in decisions] == [
        ("consume", "allowed", ordered.id),
        ("tool:strike", "allowed", ordered.id),
    ]
    assert verdict.first is None


@pytest.mark.rabbitmq
async def test_on_rabbitmq_the_audit_is_whole_and_what_a_stranger_adds_is_found(
    rabbitmq_node: RabbitmqNode, tmp_path: Path
) -> None:
    clock, heads = SystemClock(), tmp_path / "heads.jsonl"
    heads.touch()
    keyring = await asyncio.to_thread(LocalKeyring, tmp_path / "key")
    authority = TokenAuthority(
        Tokens(keyring, clock=clock), rules=ANYBODY_TRUSTED, policy=Policy(), clock=clock
    )

    async def take(message: AgentMessage[Ordered], context: Context) -> None:
        pass

    with rabbitmq_node.vhost() as vhost:
        url = rabbitmq_node.url(vhost)
        async with (
            connect(
                url,
                registry=REGISTRY,
                name="worker",
                authority=authority,
                cache=tmp_path,
                heads=heads,
            ) as bus,
            bus.serve("task.a", take, group="agent.a"),
        ):

            async def verdict() -> Verdict:
                kept = await asyncio.to_thread(lambda: list(read_heads(heads)))
                return await inspect(bus.history, authority, kept, must_sign=True, is_ordered=False)

            async with asyncio.timeout(BOUND):
                for number in range(1, 4):
                    await bus.publish(Ordered(), to="task.a")
                    while (await verdict()).decisions < number:
                        await asyncio.sleep(0.05)
            await bus.audit.aclose()
            whole = await verdict()
            assert (whole.first, whole.decisions, whole.heads) == (None, 3, 1)

            decision = Decision(at=whole.until, action="discard", verdict="allowed")
            _, record = Chain(writer=bus.instance).append([decision], at=whole.until)
            stranger = await RabbitmqTransport.connect(url, name="stranger", clock=clock)
            async with aclosing(stranger):
                twin = replace(record_message(record), id=MessageId("another"))
                await stranger.publish(codec.seal(twin))
            first = (await verdict()).first
    assert first is not None
    assert (first.writer, first.sequence) == (bus.instance, 1)
