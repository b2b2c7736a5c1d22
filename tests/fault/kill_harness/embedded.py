"""`EmbeddedPlace`: the bus in a file; there is no server to strike."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bus import Event, HistoryQuery, parse
from bus.histories.sqlite import SqliteHistory
from bus.sqlite.database import Database
from tests.fault.kill_harness.evidence import Blow

EVERYTHING = 10_000_000


class EmbeddedPlace:
    """Implements `Place`."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "bus.db"

    @property
    def environment(self) -> Mapping[str, str]:
        return {"CONVENER_BUS": f"sqlite:///{self._path}"}

    async def strike(self, blow: Blow) -> None:
        raise AssertionError(f"{blow}: the embedded bus has no server")

    async def left(self) -> Mapping[str, int]:
        async with await Database.open(str(self._path)) as database:
            rows = await database.read(
                lambda connection: connection.execute(
                    "SELECT q.name, count(*) FROM deliveries d JOIN queues q ON q.id = d.queue"
                    " WHERE q.name IS NOT NULL GROUP BY q.name"
                ).fetchall()
            )
        return dict(rows)

    async def events(self) -> Sequence[Event]:
        async with await Database.open(str(self._path)) as database:
            records = await SqliteHistory(database).query(HistoryQuery(limit=EVERYTHING))
        return [parse(record.body) for record in records]
