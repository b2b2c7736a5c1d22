"""W1: a request, four specialists that do nothing, a gather, a report; durable, history on.

`python -m tests.benchmarks.scatter_gather [URL] [--requests N] [--concurrency N …]` prints requests
per second and the median latency, as JSON lines. Without a URL it measures the embedded bus.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from agents.analysis import request_analysis
from agents.dataset import Datasets
from agents.domain.finding import Finding
from agents.domain.request import AnalysisRequested, Characteristics, DatasetReference
from agents.domain.task import PinnedDataset
from agents.messages import REGISTRY
from agents.service import serve_panel
from agents.specialist import Examination, Panel, Specialist
from bus import MessageBus, connect

ROLES = ("first", "second", "third", "fourth")


class NoData:
    """A catalog in which every dataset is empty."""

    async def pin(self, references: Sequence[DatasetReference]) -> tuple[PinnedDataset, ...]:
        return (
            PinnedDataset(
                name="data",
                location="-",
                format="none",
                version="-",
                rows=0,
                columns=(),
                size_bytes=0,
                setup_sql="",
            ),
        )

    @asynccontextmanager
    async def open(self, datasets: Sequence[PinnedDataset]) -> AsyncIterator[Datasets]:
        yield None  # type: ignore[misc]


async def nothing(examination: Examination) -> Sequence[Finding]:
    return []


PANEL = Panel(*(Specialist(role=role, title=role, tools=(), examine=nothing) for role in ROLES))
REQUEST = AnalysisRequested(
    question="x" * 600,
    datasets=(DatasetReference(location="-"),),
    characteristics=Characteristics(processing_type="batch"),
)


async def measure(bus: MessageBus, *, requests: int, concurrency: int) -> dict[str, float]:
    latencies: list[float] = []
    left = iter(range(requests))

    async def client() -> None:
        for _ in left:
            begun = time.perf_counter()
            async with request_analysis(bus, REQUEST) as pending:
                await pending.report()
            latencies.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(concurrency)))
    seconds = time.perf_counter() - begun
    return {
        "concurrency": concurrency,
        "requests_per_second": round(requests / seconds, 1),
        "median_ms": round(statistics.median(latencies) * 1000, 2),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--concurrency", type=int, nargs="*", default=[1, 64])
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = options.url or f"sqlite:///{folder}/bus.db"
        client = await stack.enter_async_context(connect(url, registry=REGISTRY, name="client"))
        server = await stack.enter_async_context(connect(url, registry=REGISTRY, name="worker"))
        await stack.enter_async_context(
            serve_panel(
                server, PANEL, catalog=NoData(), roles=("orchestrator", *ROLES), concurrency=64
            )
        )
        for concurrency in options.concurrency:
            result = await measure(client, requests=options.requests, concurrency=concurrency)
            print(json.dumps({"bus": url.partition(":")[0], **result}))


if __name__ == "__main__":
    asyncio.run(main())
