"""The sandbox against statements that would take all memory, all time, or the machine.

The bombs are given to the processes directly, past the rules that would refuse most of them.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.datasets.sandbox import Sandbox, SandboxPolicy
from agents.datasets.sql import literal
from agents.errors import QueryError

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

POLICY = SandboxPolicy(seconds=3.0, memory=1 << 30, processes=2)
ENDLESS = "SELECT count(*) FROM range(100_000_000_000) a, range(100_000) b WHERE a.range % 7 = 3"

BOMBS = {
    "a text of two gigabytes": "SELECT repeat('x', 2_000_000_000)",
    "its length alone": "SELECT length(repeat('x', 2_000_000_000))",
    "many long texts": "SELECT max(t) FROM (SELECT repeat('x', 1_000_000) || range AS t "
    "FROM range(1_000_000) ORDER BY hash(range))",
    "a list of a billion": "SELECT unnest(range(1_000_000_000))",
    "the sum over one": "SELECT list_sum(range(1_000_000_000))",
    "padding": "SELECT lpad('x', 2_000_000_000, 'y')",
    "formatting": "SELECT printf('%2000000000d', 1)",
    "aggregated text": "SELECT length(string_agg(range, ',')) FROM range(1_000_000_000)",
    "an aggregated list": "SELECT len(list(range)) FROM range(1_000_000_000)",
    "a sort": "SELECT range FROM range(1_000_000_000) ORDER BY hash(range) OFFSET 900_000_000",
    "groups": "SELECT max(c) FROM (SELECT range % 700_000_000, count(*) c FROM range(1e9::INT) "
    "GROUP BY 1)",
    "a product of tables": "SELECT count(*) FROM data a, data b, data c, data d, data e, data f",
    "an endless count": ENDLESS,
    "endless recursion": "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) "
    "SELECT max(n) FROM t",
    "recursion that grows": "WITH RECURSIVE t AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM t) "
    "SELECT max(length(s)) FROM t",
    "sleep": "SELECT sleep_ms(3_600_000)",
    "deep nesting": "SELECT " + "(" * 3_000 + "1" + ")" * 3_000,
    "a window": "SELECT max(s) FROM (SELECT sum(range) OVER (ORDER BY hash(range)) s "
    "FROM range(1_000_000_000))",
}

ATTEMPTS = [
    "COPY (SELECT 1) TO '{folder}/stolen.csv'",
    "COPY data TO '{folder}/stolen.csv'",
    "CREATE TABLE t AS SELECT 1",
    "DROP SCHEMA reading CASCADE",
    "DELETE FROM snapshot_0.data",
    "WITH gone AS (DELETE FROM snapshot_0.data RETURNING *) SELECT * FROM gone",
    "SELECT 1; DROP SCHEMA reading",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/proc/self/environ')",
    "SELECT * FROM '{folder}/other.csv'",
    "SELECT * FROM glob('/*')",
    "ATTACH '{folder}/other.duckdb' AS other",
    "ATTACH ':memory:' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET memory_limit",
    "PRAGMA enable_profiling",
    "EXPORT DATABASE '{folder}/stolen'",
    "CREATE SECRET s (TYPE s3)",
    "SELECT getenv('HOME')",
    "CALL enable_logging()",
]


@pytest.fixture
def setup(tmp_path: Path) -> tuple[str, ...]:
    import duckdb

    from agents.datasets.engine import LOCKDOWN

    file = tmp_path / "snapshot.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE data AS SELECT range AS id FROM range(10_000)")
    (tmp_path / "other.csv").write_text("secret\n1\n")
    return (
        "SET temp_directory = ''",
        "CREATE SCHEMA reading",
        f"ATTACH {literal(str(file))} AS snapshot_0 (READ_ONLY)",
        "SET search_path = 'memory.main,snapshot_0.main'",
        *LOCKDOWN,
    )


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    opened = Sandbox(POLICY)
    yield opened
    opened.close()


@pytest.fixture
async def children() -> AsyncIterator[None]:
    """Whatever the test did, no process of it is left in the end."""
    yield
    async with asyncio.timeout(20):
        while children_of_this_process():
            await asyncio.sleep(0.02)


def children_of_this_process() -> list[int]:
    """The sandboxes among the children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = re.search(r"^PPid:\s+(\d+)$", (folder / "status").read_text(), re.MULTILINE)
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent and int(parent[1]) == os.getpid() and b"sandbox_child" in command:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
async def test_a_bomb_ends_and_the_next_statement_is_answered(
    sandbox: Sandbox, setup: tuple[str, ...], bomb: str
) -> None:
    with pytest.raises(QueryError) as caught:
        await sandbox.query(setup, bomb)
    assert "\n" not in str(caught.value)
    answer = await sandbox.query(setup, "SELECT count(*) AS n FROM data")
    assert (answer.columns, answer.rows) == (("n",), ((10_000,),))


async def test_a_bomb_takes_no_more_memory_than_it_may(
    sandbox: Sandbox, setup: tuple[str, ...]
) -> None:
    await sandbox.query(setup, "SELECT 1")
    (child,) = children_of_this_process()
    bomb = asyncio.create_task(sandbox.query(setup, BOMBS["a list of a billion"]))
    most = 0
    while not bomb.done():
        try:
            status = Path(f"/proc/{child}/status").read_text()
        except OSError:
            break
        peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        most = max(most, int(peak[1]) if peak else 0)
        await asyncio.sleep(0.001)
    with pytest.raises(QueryError, match="memory"):
        await bomb
    assert 0 < most <= POLICY.memory >> 10


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_nothing_can_be_written_or_reached_past_the_rules(
    sandbox: Sandbox, setup: tuple[str, ...], attempt: str, tmp_path: Path
) -> None:
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(QueryError):
        await sandbox.query(setup, attempt.replace("{folder}", str(tmp_path)))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    answer = await sandbox.query(setup, "SELECT count(*) FROM data")
    assert answer.rows == ((10_000,),)


async def test_an_error_of_the_statement_does_not_cost_a_process(
    sandbox: Sandbox, setup: tuple[str, ...]
) -> None:
    await sandbox.query(setup, "SELECT 1")
    before = children_of_this_process()
    with pytest.raises(QueryError, match="nonsense"):
        await sandbox.query(setup, "SELECT nonsense FROM data")
    await sandbox.query(setup, "SELECT 2")
    assert children_of_this_process() == before


async def test_a_process_that_is_killed_is_replaced(
    sandbox: Sandbox, setup: tuple[str, ...]
) -> None:
    await sandbox.query(setup, "SELECT 1")
    (child,) = children_of_this_process()
    os.kill(child, 9)
    while children_of_this_process():
        await asyncio.sleep(0.01)
    answer = await sandbox.query(setup, "SELECT 2 AS n")
    assert answer.rows == ((2,),)


async def test_a_cancelled_statement_is_killed(
    sandbox: Sandbox, setup: tuple[str, ...], children: None
) -> None:
    tasks = [
        asyncio.create_task(sandbox.query(setup, f"{ENDLESS} AND {number} >= 0"))
        for number in range(2)
    ]
    while len(children_of_this_process()) < 2:
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(POLICY.seconds - 1):
        while children_of_this_process():
            await asyncio.sleep(0.01)
        answer = await sandbox.query(setup, "SELECT 2 AS n")
    assert answer.rows == ((2,),)
    sandbox.close()


async def test_closing_ends_every_process(
    sandbox: Sandbox, setup: tuple[str, ...], children: None
) -> None:
    await sandbox.query(setup, "SELECT 1")
    running = asyncio.create_task(sandbox.query((*setup, "SELECT 1"), ENDLESS))
    while len(children_of_this_process()) < 2:
        await asyncio.sleep(0.01)
    sandbox.close()
    sandbox.close()
    await asyncio.gather(running, return_exceptions=True)


async def test_there_are_never_more_processes_than_allowed(
    sandbox: Sandbox, setup: tuple[str, ...]
) -> None:
    setups = [(*setup, f"SELECT {number}") for number in range(5)]
    most = 0
    for _ in range(2):
        asked = [asyncio.create_task(sandbox.query(each, "SELECT 1 AS n")) for each in setups]
        while not all(task.done() for task in asked):
            most = max(most, len(children_of_this_process()))
            await asyncio.sleep(0.01)
        assert [task.result().rows for task in asked] == [((1,),)] * 5
    assert most <= POLICY.processes


async def test_a_sandbox_ends_with_its_parent(setup: tuple[str, ...], tmp_path: Path) -> None:
    program = (
        "import asyncio, json, sys\n"
        "from agents.datasets.sandbox import Sandbox\n"
        "async def main():\n"
        "    sandbox, setup = Sandbox(), json.loads(sys.argv[1])\n"
        "    await sandbox.query(setup, 'SELECT 1')\n"
        "    print(sandbox._idle[0]._process.pid, flush=True)\n"
        f"    await sandbox.query(setup, '{ENDLESS}')\n"
        "asyncio.run(main())\n"
    )
    import json
    import sys

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        json.dumps(setup),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    async with asyncio.timeout(5):
        while is_running(child):
            await asyncio.sleep(0.01)


def is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status


async def test_an_answer_is_bounded_in_rows_cells_and_bytes(setup: tuple[str, ...]) -> None:
    sandbox = Sandbox(SandboxPolicy(rows=200, answer_bytes=64 << 10, cell=1_000))
    many = await sandbox.query(setup, "SELECT id FROM data ORDER BY id")
    assert (len(many.rows), many.is_cut, many.rows[-1]) == (200, True, (199,))
    exact = await sandbox.query(setup, "SELECT id FROM data ORDER BY id LIMIT 200")
    assert (len(exact.rows), exact.is_cut) == (200, False)
    ((cell,),) = (await sandbox.query(setup, "SELECT repeat('x', 5_000) AS x")).rows
    assert cell == "x" * 1_000 + "…"
    wide = await sandbox.query(setup, "SELECT repeat('é', 1_000) AS x, id FROM data")
    assert wide.is_cut
    assert len(str(wide.rows).encode()) < 64 << 10
    sandbox.close()


async def test_values_of_every_type_come_as_json_has_them(
    sandbox: Sandbox, setup: tuple[str, ...]
) -> None:
    answer = await sandbox.query(
        setup,
        "SELECT 1 AS a, 0.1::DOUBLE + 0.2 AS b, true AS c, NULL AS d, DATE '2024-01-31' AS e, "
        "TIMESTAMPTZ '2024-01-31 12:00:00+00' AS f, [1, 2] AS g, 1.50::DECIMAL(4, 2) AS h, "
        "'nan'::DOUBLE AS i, 170141183460469231731687303715884105727::HUGEINT AS j, 'x' AS a, "
        "'a\0b' AS l",
    )
    assert answer.columns == ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "a", "l")
    assert answer.rows == (
        (
            1,
            0.3,
            True,
            None,
            "2024-01-31",
            "2024-01-31 12:00:00+00",
            "[1, 2]",
            "1.50",
            "nan",
            170141183460469231731687303715884105727,
            "x",
            "a\0b",
        ),
    )


async def test_idle_processes_wait_without_computing(
    sandbox: Sandbox, setup: tuple[str, ...]
) -> None:
    started = time.process_time()
    for number in range(20):
        await sandbox.query(setup, f"SELECT {number}")
    assert len(children_of_this_process()) == 1
    assert time.process_time() - started < 10
