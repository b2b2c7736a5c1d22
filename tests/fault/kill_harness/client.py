"""The client: publishes requests without a pause, and sees what becomes of them.

*Guarantees*: a request is in the journal once its publish was confirmed. One in doubt is published
again under the same id until it is, as an honest client does.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisRequested, Characteristics, DatasetReference
from agents.messages import REQUEST_TOPIC
from bus import AgentMessage, MessageBus, MessageId, StoreError, TransportError, request_key
from tests.fault.kill_harness.evidence import Confirmed, ReportCopy, Way
from tests.fault.kill_harness.panel import ROLES

IN_FLIGHT = 12
"""Requests that wait for a report before the client holds back."""
FORGOTTEN_AFTER = 10.0
"""Seconds after which it no longer holds back for one: its copy of the report may be lost."""
_PACE = 0.05


class Client:
    """One client's journal of what it asked and what it saw."""

    def __init__(self, bus: MessageBus, location: str, *, deadline: float) -> None:
        self.confirmed: list[Confirmed] = []
        self.seen: list[ReportCopy] = []
        self._bus = bus
        self._deadline = deadline
        self._location = location
        self._reported: set[str] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Publish nothing more."""
        self._stopping.set()

    async def publish(self) -> None:
        """Publish until told to stop."""
        while not self._stopping.is_set():
            if self._is_patient():
                await self._publish_one()
            await asyncio.sleep(_PACE)

    async def watch(self, messages: AsyncIterator[AgentMessage[Any]], way: Way) -> None:
        """Take down every report among `messages`."""
        async for message in messages:
            if isinstance(report := message.content, ReportPublished):
                self._reported.add(report.request_id)
                self.seen.append(copy_of(report, way, seen_at=time.time()))

    def open_requests(self) -> set[str]:
        """The confirmed requests for which no report was seen."""
        return {each.request_id for each in self.confirmed} - self._reported

    def _is_patient(self) -> bool:
        now = time.time()
        recent = (c for c in reversed(self.confirmed) if now - c.confirmed_at < FORGOTTEN_AFTER)
        return sum(each.request_id not in self._reported for each in recent) < IN_FLIGHT

    async def _publish_one(self) -> None:
        id, now = MessageId(str(uuid4())), self._bus.clock.now()
        request = AnalysisRequested(
            datasets=(DatasetReference(location=self._location),),
            characteristics=Characteristics(processing_type="batch"),
            panel=ROLES,
            deadline=self._deadline,
        )
        sent = 0
        while not self._stopping.is_set():
            sent += 1
            try:
                await self._bus.publish(
                    request,
                    to=REQUEST_TOPIC,
                    reply_to=self._bus.reply_topic,
                    expires_at=now + timedelta(seconds=self._deadline),
                    id=id,
                    timestamp=now,
                )
            except (TransportError, StoreError) as error:
                assert error.retryable, error
                await asyncio.sleep(_PACE)
                continue
            self.confirmed.append(
                Confirmed(
                    request_id=request_key(self._bus.name, id),
                    message_id=id,
                    confirmed_at=time.time(),
                    sent=sent,
                )
            )
            return


def copy_of(report: ReportPublished, way: Way, *, seen_at: float | None = None) -> ReportCopy:
    """A copy of a report as evidence; its content is the same for the same report alone."""
    return ReportCopy(
        request_id=report.request_id,
        status=report.status,
        content=report.model_dump_json(),
        way=way,
        seen_at=seen_at,
    )


@asynccontextmanager
async def publishing(bus: MessageBus, location: str, *, deadline: float) -> AsyncIterator[Client]:
    """A client that publishes from the moment the block is entered and watches until it is left."""
    client = Client(bus, location, deadline=deadline)
    async with AsyncExitStack() as stack:
        reports = await stack.enter_async_context(bus.subscribe("event.report.published"))
        replies = await stack.enter_async_context(bus.subscribe(bus.reply_topic))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        watching = [
            group.create_task(client.watch(reports, "announced"), name="reports"),
            group.create_task(client.watch(replies, "replied"), name="replies"),
        ]
        group.create_task(client.publish(), name="publish")
        try:
            yield client
        finally:
            client.stop()
            for task in watching:
                task.cancel()
