"""Time and peak memory of `convener analyze` on large data: `python tests/benchmarks/large.py`.

Each table is made by DuckDB in a process of its own, analysed in a home of its own, and measured as
a whole: the command with everything it starts, from the first instruction to the last. The files
are deleted afterwards.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

WRITE = """
import duckdb, sys
with duckdb.connect() as connection:
    connection.execute("SET threads = 2")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET memory_limit = '4GB'")
    connection.execute(sys.argv[1])
"""

ORDERS_PER_GIGABYTE = 5_500_000

POLL = 0.05
"""Seconds between looks at the memory of the processes."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is measured: a query that makes the rows, in a file of that ending."""

    name: str
    rows: int
    sql: str
    suffix: str = "parquet"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came of it; `peak_megabytes` and `processor_seconds` are those of all processes."""

    megabytes_on_disk: float
    seconds: float
    processor_seconds: float
    peak_megabytes: float
    spilled_megabytes: float
    code: int
    findings: str


def tables(sizes: argparse.Namespace) -> list[Table]:
    """A file past the machine's memory, and tables that are long, wide, all different, or fat."""
    long = (
        "range AS id, TIMESTAMP '2020-01-01' + to_seconds(range) AS placed_at, "
        "'city ' || hash(range) % 500 AS city, (hash(range + 3) % 100000) / 100 AS price, "
        "(hash(range + 1) % 20) AS quantity, "
        "CASE WHEN hash(range + 4) % 100 > 3 THEN 'note ' || hash(range + 2) % 100000 END AS note"
    )
    orders = (
        f"{long}, 'customer ' || hash(range + 5) % 1000000 AS customer, "
        + ", ".join(f"(hash(range + {n}) % 1000000) / 1000 AS reading_{n}" for n in range(6, 14))
        + ", "
        + ", ".join(f"'kind ' || hash(range + {n}) % 40 AS kind_{n}" for n in range(14, 20))
    )
    wide = ", ".join(
        f"(hash(range + {number}) % {1 + 10 ** (number % 7)}) AS measure_{number}"
        if number % 3
        else f"'kind ' || (hash(range * {number + 1}) % 50) AS kind_{number}"
        for number in range(sizes.columns)
    )
    unique = (
        "md5(range::VARCHAR) AS code, "
        "'customer ' || range || ' of ' || md5((range + 1)::VARCHAR) AS label, range % 7 AS kind"
    )
    fat = f"range AS id, repeat(md5(range::VARCHAR), {sizes.cell // 32}) AS body"
    return [
        Table(name="wide", rows=100_000, sql=wide),
        Table(name="wide", rows=100_000, sql=wide, suffix="csv"),
        Table(name="unique", rows=sizes.unique, sql=unique),
        Table(name="unique", rows=sizes.unique, sql=unique, suffix="csv"),
        Table(name="fat", rows=500, sql=fat),
        Table(name="fat", rows=500, sql=fat, suffix="csv"),
        Table(name="long", rows=sizes.rows, sql=long),
        Table(
            name="orders", rows=int(sizes.gigabytes * ORDERS_PER_GIGABYTE), sql=orders, suffix="csv"
        ),
    ]


def measure(table: Table, folder: Path) -> Measured:
    """Make the table, analyse it, and watch."""
    file = folder / f"table.{table.suffix}"
    statement = f"COPY (SELECT {table.sql} FROM range({table.rows})) TO '{file}'"
    subprocess.run([sys.executable, "-c", WRITE, statement], check=True)
    home = folder / "home"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONVENER")},
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PYTHONPATH": str(ROOT),
    }
    used, started = _processor_seconds(), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "agents", "analyze", str(file)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peaks = {"memory": 0, "spill": 0}
    watching = threading.Thread(target=_watch, args=(process, home, peaks), daemon=True)
    watching.start()
    out, err = process.communicate()
    seconds = time.monotonic() - started
    watching.join()
    if process.returncode:
        print(err[-2_000:], file=sys.stderr)
    size = file.stat().st_size
    file.unlink()
    shutil.rmtree(home)
    return Measured(
        megabytes_on_disk=size / 1e6,
        seconds=seconds,
        processor_seconds=_processor_seconds() - used,
        peak_megabytes=peaks["memory"] / 1024,
        spilled_megabytes=peaks["spill"] / 1e6,
        code=process.returncode,
        findings=next((line for line in out.splitlines() if "inding" in line), "")[:60],
    )


def _processor_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(process: "subprocess.Popen[str]", home: Path, peaks: dict[str, int]) -> None:
    spill = home / "cache" / "convener" / "snapshots" / "spill"
    while process.poll() is None:
        memory = sum(_resident(each) for each in (process.pid, *_children(process.pid)))
        peaks["memory"] = max(peaks["memory"], memory)
        peaks["spill"] = max(peaks["spill"], _size(spill))
        time.sleep(POLL)


def _resident(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line), 0)


def _children(process: int) -> list[int]:
    try:
        return [
            int(child)
            for task in Path(f"/proc/{process}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []


def _size(folder: Path) -> int:
    total = 0
    for file in folder.glob("*"):
        try:
            total += file.stat().st_size
        except OSError:
            continue
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=10.0, help="of the CSV of orders")
    parser.add_argument("--rows", type=int, default=50_000_000, help="of the long table")
    parser.add_argument("--columns", type=int, default=500, help="of the wide table")
    parser.add_argument("--unique", type=int, default=5_000_000, help="texts that all differ")
    parser.add_argument("--cell", type=int, default=1_000_000, help="bytes of a fat cell")
    parser.add_argument("--folder", type=Path, help="where the files are made; needs the space")
    parser.add_argument("--only", default="", help="a part of a table's name")
    arguments = parser.parse_args()
    titles = f"{'MB':>9}{'seconds':>9}{'CPU s':>9}{'peak MB':>9}{'spill':>7}"
    print(f"{'table':<16}{'file':<9}{'rows':>12}{titles}")
    for table in tables(arguments):
        if arguments.only not in f"{table.name}.{table.suffix}":
            continue
        with tempfile.TemporaryDirectory(prefix="convener-large-", dir=arguments.folder) as folder:
            found = measure(table, Path(folder))
        print(
            f"{table.name:<16}{table.suffix:<9}{table.rows:>12,}{found.megabytes_on_disk:>9,.0f}"
            f"{found.seconds:>9.1f}{found.processor_seconds:>9.1f}"
            f"{found.peak_megabytes:>9,.0f}{found.spilled_megabytes:>7,.0f}"
            f"  exit {found.code}  {found.findings}",
            flush=True,
        )


if __name__ == "__main__":
    main()
