"""Orchestrator and workers together in one process, on the embedded bus, for the time of a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agents import REGISTRY, AnalysisRequested, DatasetReference, Panel, request_analysis
from agents.caching.response_cache import ResponseCache
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.report import ReportPublished
from agents.reasoning.reasoning import ModelKit
from agents.service import Service, serve_panel
from bus import Authority, MessageBus, TrustingAuthority, connect

BOUND = 20.0
"""Seconds that a report may take."""


class Stage:
    """A bus file, a data file, and whoever is asked to serve them; `service` is the last one."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/bus.db"
        self.data = folder / "orders.csv"
        self.data.write_text("id,price\n" + "".join(f"{n},{n * 2}\n" for n in range(50)))
        self.service: Service | None = None
        self._cache = folder / "cache"

    @asynccontextmanager
    async def serving(
        self,
        panel: Panel,
        *roles: str,
        authority: Authority | None = None,
        kit: ModelKit | None = None,
        cache: ResponseCache | None = None,
    ) -> AsyncIterator[MessageBus]:
        async with (
            DuckdbCatalog(roots={}, cache=self._cache, allow_absolute=True) as catalog,
            connect(self.url, registry=REGISTRY, authority=authority or TrustingAuthority()) as bus,
            serve_panel(
                bus,
                panel,
                catalog=catalog,
                roles=roles or ("orchestrator", *panel.roles),
                grace=0,
                cache=cache,
                kit=kit,
            ) as service,
        ):
            self.service = service
            yield bus

    def request(self, **details: object) -> AnalysisRequested:
        return AnalysisRequested.model_validate(
            {"datasets": [DatasetReference(location=str(self.data))], **details}
        )

    async def report(self, bus: MessageBus, **details: object) -> ReportPublished:
        async with request_analysis(bus, self.request(**details)) as pending:
            return await asyncio.wait_for(pending.report(), BOUND)
