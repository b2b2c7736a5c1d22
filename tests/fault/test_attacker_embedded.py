"""The same attacker on the embedded bus, where no broker stands in between: keys have to do.

What its history holds is up to who may write to the file; what is done is not.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents import REGISTRY
from agents.datasets.duckdb import DuckdbCatalog
from agents.messages import REQUEST_TOPIC
from agents.service import serve_panel
from bus import MessageId, SystemClock, connect
from bus.auditing.trail import inspect
from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.errors import BusError
from bus.sqlite.database import Database
from bus.transports.sqlite import SqliteTransport
from tests.support.attacker import ATTACK, Attacker, undecodable
from tests.support.attacks import ATTACKS
from tests.support.bus_under_test import until
from tests.support.secured_broker import BOUND, Site

NEEDS_A_BROKER = {"token replay"}
SHOWN_BY_VERIFY = {"a record of the audit"}
"""Whoever writes to the file can put that there, and `audit verify` says so."""


@dataclass
class EmbeddedAttacker(Attacker):
    """Publishes to the file itself."""

    transport: SqliteTransport | None = None

    async def publish(
        self,
        attack: str,
        topic: str,
        body: bytes,
        *,
        exchange: str = "convener",
        token: str | None = None,
        headers: Mapping[str, Any] | None = None,
        **properties: Any,
    ) -> None:
        assert self.transport is not None
        self.sent[attack] = body
        marks = {ATTACK: attack, **{name: str(value) for name, value in (headers or {}).items()}}
        if token is not None:
            marks[TOKEN_HEADER] = token
        reply_to = properties.get("reply_to")
        envelope = Envelope(
            topic=topic.removeprefix("convener."),
            body=body,
            headers=marks,
            reply_to=reply_to,
            direct=exchange != "convener",
        )
        try:
            await self.transport.publish(envelope)
        except BusError:
            return


async def test_an_attacker_gets_nothing_done_on_the_embedded_bus(tmp_path: Path) -> None:
    site = Site(tmp_path)
    url, file = f"sqlite:///{tmp_path}/bus.db", str(tmp_path / "bus.db")
    tried = [
        (name, each.act)
        for name, each in ATTACKS.items()
        if each.row not in NEEDS_A_BROKER
        and name not in SHOWN_BY_VERIFY
        and each.act is not undecodable
    ]
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(
            DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True)
        )
        for role in ("orchestrator", *site.panel.roles):
            own = site.parties.workers.get(role, site.parties.orchestrator)
            authority = site.parties.authority(own)
            bus = await stack.enter_async_context(
                connect(url, registry=REGISTRY, authority=authority)
            )
            await stack.enter_async_context(
                serve_panel(bus, site.panel, catalog=catalog, roles=[role], grace=0)
            )
        authority = site.parties.authority(None, bearer=site.token("ann"))
        ann = await stack.enter_async_context(connect(url, registry=REGISTRY, authority=authority))
        database = await stack.enter_async_context(await Database.open(file))
        transport = await stack.enter_async_context(
            aclosing(SqliteTransport(database, clock=SystemClock()))
        )
        eve = EmbeddedAttacker(site, victim=ann.reply_topic, transport=transport)
        for name, act in tried:
            await act(eve, name)
        async with ann.expect(MessageId("annual")) as reply:
            await ann.publish(
                site.request(question="honest"),
                to=REQUEST_TOPIC,
                reply_to=ann.reply_topic,
                id=MessageId("annual"),
            )
            received = (await asyncio.wait_for(reply, BOUND)).content
        expected = {name for name, each in ATTACKS.items() if each.outcome == "parked"}
        expected &= {name for name, _ in tried}

        async def are_parked() -> bool:
            letters = await bus.dead_letters.list(1000)
            return expected <= {each.envelope.headers.get(ATTACK) for each in letters}

        await until(are_parked)
        verdict = await inspect(
            bus.history, site.parties.authority(None), [], must_sign=True, is_ordered=True
        )
    assert received.status == "complete"
    assert sorted(site.seen.questions) == ["honest", "honest"]
    assert site.seen.calls == 2
    assert verdict.first is None
