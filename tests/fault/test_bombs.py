"""Messages and files made to take all memory, all time, or the reader with them."""

import asyncio
import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import pika
import pytest

from bus import SystemClock, TrustingAuthority, connect
from bus.dead_letter import DeadLetters
from bus.dead_letters.rabbitmq import RabbitmqDeadLetters
from bus.domain.codec import MAX_BYTES, MAX_DEPTH
from bus.domain.envelope import Envelope
from bus.transports.rabbitmq import RabbitmqTransport
from tests.support.bombed_worker import REGISTRY, Answered, Asked
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.sqlite_bus import open_sqlite_bus

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
GROWTH = 128 * 1024
"""Kilobytes by which all bombs together may raise the peak of a worker."""

GROWTH_ON_RABBITMQ = 256 * 1024
"""The same there: the broker pushes a message to every consumer of a process at once, its work, its
orders and its recorder, and each holds it whole until it is parked. Of 16 MiB, 120 to 180 MiB."""
MOST = 1024 * 1024
"""Kilobytes that reading any of the files may take."""


def event(data: object = None, **changes: object) -> bytes:
    attributes = {
        "specversion": "1.0",
        "id": "b",
        "source": "eve",
        "type": "test.sum.asked.v1",
        "data": data if data is not None else {},
    }
    return json.dumps({**attributes, **changes}).encode()


def with_number(text: bytes) -> bytes:
    return event({"numbers": [777]}).replace(b"777", text)


BODIES: dict[str, bytes] = {
    "a byte too many": b" " * (MAX_BYTES + 1),
    "sixteen times too many": b"[" * (16 * MAX_BYTES - 4096),
    "deep objects": b'{"a":' * 100_000,
    "deep lists": b"[" * 500_000,
    "a level too deep": event(json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
    "a million keys": b"{%s}" % b",".join(b'"%d":0' % n for n in range(1_000_000)),
    "as many keys as fit": event()[:-1] + b",%s}" % b",".join(b'"%x":0' % n for n in range(90_000)),
    "the same key twice": event()[:-1] + b',"id":"c"}',
    "not a number": with_number(b"NaN"),
    "infinity": with_number(b"Infinity"),
    "beyond all floats": with_number(b"1e999"),
    "beyond all floats, in full": with_number(b"9" * 400 + b".0"),
    "an integer without end": with_number(b"9" * 5_000),
    "a long integer": with_number(b"9" * 4_000),
    "half a surrogate pair": event({"x": "\ud800"}),
    "half of one as a key": event({"\udfff": 1}),
    "no text": b"\xff\xfe{}",
    "an instant before all time": event(time="0001-01-01T00:00:00+14:00"),
    "an end after all time": event(expiresat="9999-12-31T23:59:59-14:00"),
    "an attribute without a proper name": event(**{"x\n\x1b[31m": 1}),
    "a long integer as an attribute": event(x=777).replace(b"777", b"9" * 4_000),
    "an old version with other content": event({"x": 1}, type="test.sum.asked.v0"),
    "an inflated body": gzip.compress(event() + b" " * 50_000_000),
    "nothing at all": b"",
}


@asynccontextmanager
async def bombed(url: str, cache: Path) -> AsyncIterator["Bombed"]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.bombed_worker", url),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"ready\n"
        yield Bombed(url, process, cache)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Bombed:
    """The worker's process, and what an honest client gets from it."""

    def __init__(self, url: str, process: asyncio.subprocess.Process, cache: Path) -> None:
        self._url = url
        self._cache = cache
        self._process = process

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    def peak(self) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found
        return int(found[1])

    async def sum(self, *numbers: float) -> float:
        authority = TrustingAuthority()
        async with connect(
            self._url, registry=REGISTRY, authority=authority, cache=self._cache
        ) as bus:
            reply = await bus.request(Asked(numbers=numbers), to="work", timeout=30)
        assert isinstance(reply.content, Answered)
        return reply.content.total


async def parked(letters: DeadLetters, count: int) -> list[str]:
    """Why each was parked, once so many are."""
    async with asyncio.timeout(60):
        while len(found := await letters.list(limit=1_000)) < count:
            await asyncio.sleep(0.05)
    assert all(each.error.isprintable() and len(each.error) < 1_000 for each in found)
    return [each.reason for each in found]


async def test_on_the_embedded_bus_every_bomb_is_parked_and_honest_work_goes_on(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "bus.db")
    async with open_sqlite_bus(path) as bus, bombed(f"sqlite:///{path}", tmp_path) as worker:
        assert await worker.sum(1, 2) == 3
        before = worker.peak()
        transport = await bus.transport()
        for body in BODIES.values():
            for topic in ("work", "control.cancel"):
                await transport.publish(Envelope(topic=topic, body=body, message_type="x"))
        reasons = await parked(await bus.dead_letters(), len(BODIES))
        assert set(reasons) == {"malformed"}
        assert await worker.sum(3, 4) == 7
        assert worker.peak() - before < GROWTH
        assert worker.is_running


def tables(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


HEADERS: dict[str, dict[str, Any]] = {
    "a long value": {"h": "x" * 60_000},
    "many headers": {f"h{number}": "x" for number in range(6_000)},
    "deep tables": {"h": tables(400)},
    "deep lists": {"h": [[[[tables(200)]]]]},
    "a number of attempts without end": {"convener-attempt": "9" * 60_000},
    "an id without end": {"convener-id": "é" * 30_000},
    "bytes that are no text": {"convener-topic": b"\xff\xfe".decode("latin-1") * 1_000},
}


@pytest.mark.rabbitmq
async def test_on_rabbitmq_every_bomb_is_parked_and_honest_work_goes_on(
    rabbitmq_node: RabbitmqNode, tmp_path: Path
) -> None:
    with rabbitmq_node.vhost() as vhost:
        url = rabbitmq_node.url(vhost)
        async with (
            bombed(url, tmp_path) as worker,
            aclosing(
                await RabbitmqTransport.connect(url, name="observer", clock=SystemClock())
            ) as transport,
        ):
            assert await worker.sum(1, 2) == 3
            before = worker.peak()
            bodies = {name: body for name, body in BODIES.items() if len(body) < 16 << 20}
            await asyncio.to_thread(throw, url, bodies)
            letters = RabbitmqDeadLetters(transport)
            reasons = await parked(letters, len(bodies) + 1 + len(HEADERS))
            await letters.aclose()
            assert set(reasons) <= {"malformed", "not_permitted"}
            assert await worker.sum(3, 4) == 7
            assert worker.peak() - before < GROWTH_ON_RABBITMQ
            assert worker.is_running


def throw(url: str, bodies: dict[str, bytes]) -> None:
    """Publish with a client that sends whatever it is given."""
    packed = pika.BasicProperties(
        content_encoding="gzip", content_type="application/cloudevents+json"
    )
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for key in ("work", "control.cancel"):
            for body in bodies.values():
                channel.basic_publish("convener", key, body, pika.BasicProperties())
            channel.basic_publish("convener", key, gzip.compress(event()), packed)
            for headers in HEADERS.values():
                properties = pika.BasicProperties(headers=headers)
                channel.basic_publish("convener", key, b"{}", properties)


def packed_line(file: Path) -> None:
    with gzip.open(file, "wb", compresslevel=1) as opened:
        opened.write(b"a,b\n1,")
        for _ in range(200):
            opened.write(b"x" * 1_000_000)
    assert file.stat().st_size < 2_000_000


def long_line(file: Path) -> None:
    with file.open("wb") as opened:
        opened.write(b"a,b\n1,")
        opened.write(b"x" * 100_000_000)


def sparse(file: Path) -> None:
    with file.open("wb") as opened:
        opened.write(b"a,b\n1,")
        opened.truncate(500_000_000)


def endless_footer(file: Path) -> None:
    file.write_bytes(b"PAR1" + b"\x15\x02" * 40 + b"\xff\xff\xff\x7f" + b"PAR1")


def absurd_metadata(file: Path) -> None:
    """A sound file whose own description is overwritten with the largest numbers there are."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT range AS n FROM range(100)) TO '{file}' (FORMAT parquet)")
    body = bytearray(file.read_bytes())
    size = int.from_bytes(body[-8:-4], "little")
    begin = len(body) - 8 - size
    body[begin : begin + 24] = b"\xff" * 23 + b"\x0f"
    file.write_bytes(body)


def hostile_sqlite(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.executescript(
            """
            CREATE TABLE t (n INTEGER, g INTEGER GENERATED ALWAYS AS (n * 2) VIRTUAL);
            INSERT INTO t (n) VALUES (1), (2), (3);
            CREATE TABLE hit (n INTEGER);
            CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO hit VALUES (new.n); END;
            CREATE VIEW endless AS WITH RECURSIVE c (n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0;
            CREATE VIEW loads AS SELECT load_extension('/tmp/x.so') AS n FROM t;
            CREATE VIEW large AS SELECT zeroblob(900000000) AS n FROM t;
            """
        )
    connection.close()


def hostile_duckdb(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS n FROM range(5)")
        connection.execute("CREATE VIEW reads AS SELECT * FROM read_text('/etc/passwd')")
        connection.execute("CREATE MACRO count(x) AS 666")
        connection.execute("CREATE MACRO takes() AS TABLE SELECT * FROM read_text('/etc/passwd')")


def workbook(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("[Content_Types].xml", "<Types/>" * 100)
        opened.writestr("xl/worksheets/sheet1.xml", "<sheetData/>" * 1_000)


def deep_lists(file: Path) -> None:
    file.write_text("[" * 100_000 + "]" * 100_000)


def deep_objects(file: Path) -> None:
    file.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)


def deep_lines(file: Path) -> None:
    file.write_text('{"a": 1}\n{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n")


def many_keys(file: Path) -> None:
    file.write_text(json.dumps([{f"k{number}": number for number in range(20_000)}]))


def many_columns(file: Path) -> None:
    file.write_text(",".join(f"c{n}" for n in range(50_000)) + "\n" + ",".join(["1"] * 50_000))


FILES: dict[str, Callable[[Path], None]] = {
    "packed_line.csv.gz": packed_line,
    "long_line.csv": long_line,
    "sparse.csv": sparse,
    "footer.parquet": endless_footer,
    "metadata.parquet": absurd_metadata,
    "lists.json": deep_lists,
    "objects.json": deep_objects,
    "lines.jsonl": deep_lines,
    "keys.json": many_keys,
    "columns.csv": many_columns,
    "hostile.db": hostile_sqlite,
    "hostile.duckdb": hostile_duckdb,
    "workbook.csv": workbook,
}
VIEWS = ("hostile.db::endless", "hostile.db::loads", "hostile.db::large", "hostile.duckdb::reads")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], int]]:
    folder = tmp_path_factory.mktemp("bombs")
    for name, make in FILES.items():
        make(folder / name)
    (folder / "honest.csv").write_text("a,b\n1,2\n3,4\n")
    names = [*FILES, *VIEWS, "honest.csv"]
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.support.bombed_reader", str(folder / "cache")),
            *(str(folder / name) for name in names),
        ],
        cwd=ROOT,
        env={**os.environ, "HOME": "canary-home"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=150,
        check=False,
    )
    assert ended.returncode == 0, (ended.returncode, ended.stderr.decode()[-2000:], ended.stdout)
    assert b"Traceback" not in ended.stderr
    *lines, peak = ended.stdout.decode().splitlines()
    yield {Path(file).name: outcome for file, outcome in map(json.loads, lines)}, int(peak)
    for file in folder.iterdir():
        if file.is_file():
            file.unlink()


@pytest.mark.parametrize("name", [*FILES, *VIEWS])
def test_a_file_that_is_a_bomb_becomes_a_table_or_one_sentence(
    outcomes: tuple[dict[str, Any], int], name: str
) -> None:
    outcome = outcomes[0][name]
    if name.endswith("endless"):
        assert outcome == "timeout"
    elif isinstance(outcome, str):
        assert outcome != "timeout"
        assert len(outcome.splitlines()) == 1
        assert len(outcome) < 1_500
        assert outcome.endswith(".")
    else:
        assert all(rows > 0 for rows, _ in outcome)
    assert "root:" not in json.dumps(outcome)


def test_what_a_database_file_would_do_is_not_done(outcomes: tuple[dict[str, Any], int]) -> None:
    tables, _ = outcomes
    assert tables["hostile.duckdb"] == [[5, ["n"]]]
    assert tables["hostile.db"] == [[3, ["n", "g"]]]
    assert "reads" in tables["hostile.duckdb::reads"]
    assert isinstance(tables["hostile.db::loads"], str)


def test_reading_bombs_takes_bounded_memory_and_an_honest_file_is_read_afterwards(
    outcomes: tuple[dict[str, Any], int],
) -> None:
    tables, peak = outcomes
    assert tables["honest.csv"] == [[2, ["a", "b"]]]
    assert peak < MOST
