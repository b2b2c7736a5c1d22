"""A panel that does nothing but take time and be paid for it, and data that is always there."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agents.dataset import Datasets, Row
from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.request import DatasetReference
from agents.domain.task import Column, PinnedDataset
from agents.errors import DatasetUnreachableError, UnknownTableError
from agents.specialist import Examination, Panel, Specialist
from agents.tool import tool
from tests.simulation.chance import Chance
from tests.simulation.journal import Journal
from tests.simulation.process import Process
from tests.simulation.trace import Trace

ROLES = ("alpha", "beta", "gamma")

WORK_TAKES = (0.01, 8.0)
"""Seconds, from to."""


class ConstantData:
    """Implements `Datasets`: tables without rows that can be asked for."""

    def __init__(self, datasets: Sequence[PinnedDataset]) -> None:
        self._tables = {dataset.name: dataset for dataset in datasets}

    @property
    def tables(self) -> Mapping[str, PinnedDataset]:
        return self._tables

    def table(self, name: str) -> PinnedDataset:
        try:
            return self._tables[name]
        except KeyError:
            raise UnknownTableError(f"There is no table {name}.") from None

    def path(self, name: str) -> str:
        return self.table(name).location

    async def query(
        self, sql: str, parameters: Sequence[Any] = (), *, limit: int = 100_000
    ) -> Sequence[Row]:
        return []


class ConstantCatalog:
    """Implements `DatasetCatalog`: there are ten rows everywhere but where `no` begins the name."""

    async def pin(self, references: Sequence[DatasetReference]) -> tuple[PinnedDataset, ...]:
        for reference in references:
            if reference.location.startswith("no"):
                raise DatasetUnreachableError(f"There is no {reference.location}.")
        return tuple(
            PinnedDataset(
                name=reference.name or f"data{number or ''}",
                location=reference.location,
                format="csv",
                version=f"version of {reference.location}",
                rows=10,
                columns=(Column(name="id", type="BIGINT"),),
                size_bytes=100,
                setup_sql="",
            )
            for number, reference in enumerate(references)
        )

    @asynccontextmanager
    async def open(self, datasets: Sequence[PinnedDataset]) -> AsyncIterator[Datasets]:
        yield ConstantData(datasets)


def paid_panel(process: Process, *, chance: Chance, journal: Journal, trace: Trace) -> Panel:
    """The specialists of `ROLES` as `process` has them; what they do is in the journal."""

    @tool(permission="read_data", effect="effect")
    async def work(task_id: str) -> int:
        """Take some time, then cost something."""
        trace.note(process.name, "works", task_id[:6])
        journal.note_begin(process.name, task_id)
        await asyncio.sleep(chance.between(*WORK_TAKES))
        trace.note(process.name, "is paid", task_id[:6])
        journal.note_payment(process.name, task_id)
        return len(journal.paid[task_id])

    async def examine(examination: Examination) -> Sequence[Finding]:
        task = examination.task
        journal.request_of[task.task_id] = task.request_id
        payment = await examination.use(work, task_id=task.task_id)
        finding = Finding(
            role=task.role,
            title=f"This was paid for {payment} times, last to {process.name}.",
            severity="low",
            category="payment",
            subject=Subject(table=task.datasets[0].name),
            evidence=(Evidence(metric="payments", value=payment),),
            recommendation="Pay once.",
        )
        return [finding]

    return Panel(
        *(Specialist(role=role, title=role, tools=(work,), examine=examine) for role in ROLES)
    )
