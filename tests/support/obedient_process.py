"""The built-in specialists with a model that obeys the data, watched from within.

`python -m tests.support.obedient_process FOLDER` analyses what lies in FOLDER/data three times, the
bus and all that is kept in FOLDER/state: without a model, then with one on behalf of a person who
may read, then of one who may query as well. It prints as JSON what came of each, and under `events`
what the interpreter was asked to write, to start or to connect to.
"""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from agents import REGISTRY, AnalysisRequested, DatasetReference, builtin_panel, request_analysis
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.call import ModelCalled, ToolCalled
from agents.reasoning.prompt import load_prompts
from agents.reasoning.reasoning import ModelKit
from agents.service import serve_panel
from agents.throttles.local import LocalThrottle
from bus import HistoryQuery, Principal, SystemClock, connect, parse
from bus.domain.audit import AuditRecorded
from tests.support.obedient_model import ObedientModel
from tests.support.parties import Parties

ROLES = ("data_quality", "security")
BOUND = 100.0
PEOPLE = {
    "reader": frozenset({"read_data"}),
    "analyst": frozenset({"read_data", "execute_queries"}),
}
WATCHED = frozenset(
    {
        *("socket.connect", "socket.sendto", "socket.bind", "socket.getaddrinfo"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
        *("os.remove", "os.rename", "os.link", "os.symlink", "os.chmod", "shutil.copyfile"),
    }
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

EVENTS: list[tuple[str, str]] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if flags & WRITING and not isinstance(path, int):  # a number is of a file that is open
            EVENTS.append((event, os.fsdecode(path)))
    elif event in WATCHED:
        EVENTS.append((event, repr(arguments)))


async def analysed(folder: Path, *, person: str, obedient: ObedientModel | None) -> dict[str, Any]:
    panel, parties = builtin_panel().only(ROLES), Parties(*ROLES)
    url = f"sqlite:///{folder}/state/{person or 'nobody'}.db"
    scopes = PEOPLE.get(person, PEOPLE["analyst"])
    token = parties.tokens(parties.issuer).access(
        Principal(subject="ann", scopes=scopes, datasets=((f"{folder}/data/*",),)), lifetime=600
    )
    kit = None
    if obedient is not None:
        throttle = LocalThrottle(clock=SystemClock())
        kit = ModelKit(model=obedient.model, prompts=load_prompts(), throttle=throttle, prices={})
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(
            DuckdbCatalog(roots={}, cache=folder / "state" / "cache", allow_absolute=True)
        )
        for role in ("orchestrator", *ROLES):
            own = parties.workers.get(role, parties.orchestrator)
            bus = await stack.enter_async_context(
                connect(url, registry=REGISTRY, authority=parties.authority(own))
            )
            await stack.enter_async_context(
                serve_panel(bus, panel, catalog=catalog, roles=[role], grace=0, kit=kit)
            )
        asking = await stack.enter_async_context(
            connect(url, registry=REGISTRY, authority=parties.authority(None, bearer=token))
        )
        data = sorted(file for file in (folder / "data").iterdir() if file.name[0] != ".")
        request = AnalysisRequested(
            datasets=tuple(DatasetReference(location=str(file)) for file in data), panel=ROLES
        )
        async with request_analysis(asking, request) as pending:
            report = await asyncio.wait_for(pending.report(), BOUND)
        await asking.audit.flush()

        async def recorded(message_type: str) -> list[Any]:
            query = HistoryQuery(message_type=message_type, limit=10_000)
            return [parse(record.body).data for record in await asking.history.query(query)]

        tools = await recorded(ToolCalled.message_type)
        models = await recorded(ModelCalled.message_type)
    async with connect(url, registry=REGISTRY, authority=parties.authority(None)) as after:
        query = HistoryQuery(message_type=AuditRecorded.message_type, limit=10_000)
        audit = [parse(record.body).data for record in await after.history.query(query)]
    return {
        "report": report.model_dump(mode="json"),
        "tools": tools,
        "models": len(models),
        "decisions": [decision for record in audit for decision in record["decisions"]],
        "answers": {} if obedient is None else obedient.answers,
        "systems": [] if obedient is None else sorted(obedient.systems),
        "read": [] if obedient is None else sorted(obedient.read),
    }


async def main(folder: Path) -> dict[str, Any]:
    outcome: dict[str, Any] = {"plain": await analysed(folder, person="", obedient=None)}
    for person in PEOPLE:
        outcome[person] = await analysed(folder, person=person, obedient=ObedientModel())
    return outcome


if __name__ == "__main__":
    sys.addaudithook(watch)
    done = asyncio.run(main(Path(sys.argv[1])))
    json.dump(done | {"events": sorted(set(EVENTS))}, sys.stdout)
