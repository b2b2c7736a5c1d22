"""Seconds and peak memory of `convener analyze` on large data: `python tests/benchmarks/large.py`.

Each table is made by DuckDB in a process of its own, analysed in a home of its own, and measured as
a whole: the command with everything it starts, from the first instruction to the last. The files
are deleted afterwards.
"""

import argparse
import os
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
    connection.execute("SET memory_limit = '1GB'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(sys.argv[1])
"""

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
    """What came of it; `peak_megabytes` is that of all processes together."""

    megabytes_on_disk: float
    seconds: float
    peak_megabytes: float
    spilled_megabytes: float
    code: int
    findings: str


def tables(rows: int, columns: int) -> list[Table]:
    """A long table, a wide one and one of texts that are all different."""
    wide = ", ".join(
        f"(hash(range + {number}) % {1 + 10 ** (number % 7)}) AS measure_{number}"
        if number % 3
        else f"'kind ' || (hash(range * {number + 1}) % 50) AS kind_{number}"
        for number in range(columns)
    )
    long = (
        "range AS id, TIMESTAMP '2020-01-01' + to_seconds(range) AS placed_at, "
        "'city ' || hash(range) % 500 AS city, round(random() * 1000, 2) AS price, "
        "(hash(range + 1) % 20) AS quantity, "
        "CASE WHEN random() > 0.03 THEN 'note ' || hash(range + 2) % 100000 END AS note"
    )
    unique = (
        "md5(range::VARCHAR) AS code, "
        "'customer ' || range || ' of ' || md5((range + 1)::VARCHAR) AS label, range % 7 AS kind"
    )
    return [
        Table(name=f"{columns} columns", rows=rows // 100, sql=wide),
        Table(name="long", rows=rows, sql=long),
        Table(name="long", rows=rows, sql=long, suffix="csv"),
        Table(name="unique texts", rows=rows // 5, sql=unique),
        Table(name="unique texts", rows=rows // 5, sql=unique, suffix="csv"),
    ]


def measure(table: Table, folder: Path, deadline: float) -> Measured:
    """Make the table, analyse it, and watch."""
    file = folder / f"table.{table.suffix}"
    statement = (
        f"COPY (SELECT setseed(0.5) IS NULL AS seeded, {table.sql} FROM range({table.rows})) "
        f"TO '{file}'"
    )
    subprocess.run([sys.executable, "-c", WRITE, statement], check=True)
    home = folder / "home"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONVENER")},
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PYTHONPATH": str(ROOT),
    }
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "agents", "analyze", str(file), "--deadline", str(deadline)],
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
        peak_megabytes=peaks["memory"] / 1024,
        spilled_megabytes=peaks["spill"] / 1e6,
        code=process.returncode,
        findings=next((line for line in out.splitlines() if "inding" in line), "")[:60],
    )


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
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the long table")
    parser.add_argument("--columns", type=int, default=500, help="of the wide table")
    parser.add_argument("--deadline", type=float, default=1_200.0, help="seconds per table")
    parser.add_argument("--only", default="", help="a part of a table's name")
    arguments = parser.parse_args()
    print(f"{'table':<16}{'file':<9}{'rows':>12}{'MB':>9}{'seconds':>9}{'peak MB':>9}{'spill':>7}")
    for table in tables(arguments.rows, arguments.columns):
        if arguments.only not in f"{table.name}.{table.suffix}":
            continue
        with tempfile.TemporaryDirectory(prefix="convener-large-") as folder:
            found = measure(table, Path(folder), arguments.deadline)
        print(
            f"{table.name:<16}{table.suffix:<9}{table.rows:>12,}{found.megabytes_on_disk:>9,.0f}"
            f"{found.seconds:>9.1f}{found.peak_megabytes:>9,.0f}{found.spilled_megabytes:>7,.0f}"
            f"  exit {found.code}  {found.findings}",
            flush=True,
        )


if __name__ == "__main__":
    main()
