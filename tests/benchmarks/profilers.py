"""Processor time and memory of ours and of two profilers: `python tests/benchmarks/profilers.py`.

The others are installed with `uv` into environments that are deleted afterwards. Each is measured
as a whole process, from the first instruction to the last, in turns, with its modules compiled;
shown are medians, and how many times as much it takes as our profile of every column does. The
times that matter are those of the processors: seconds of the clock say what else the machine did.

*Not here*: what each of them finds. Ours gives findings with advice, the others tables of figures.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
FLIGHTS = ROOT / "tests" / "data" / "flights.parquet"

PROFILE = """
import asyncio, pathlib, sys
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.tools.duplicates import duplicate_rows
from agents.tools.missing import missing_values
from agents.tools.profile import profile

async def main(file, cache):
    async with DuckdbCatalog(roots={}, cache=pathlib.Path(cache), allow_absolute=True) as catalog:
        pinned = await catalog.pin([DatasetReference(location=file)])
        async with catalog.open(pinned) as data:
            for tool in (profile, missing_values, duplicate_rows):
                print(len(tool.result.dump_json(await tool.function(data, pinned[0].name))))

asyncio.run(main(*sys.argv[1:]))
"""
POINTBLANK = """
import sys, polars, pointblank
print(len(pointblank.DataScan(polars.read_parquet(sys.argv[1])).to_json()))
"""
YDATA = """
import sys, pandas
from ydata_profiling import ProfileReport
frame = pandas.read_parquet(sys.argv[1])
print(len(ProfileReport(frame, minimal=True, progress_bar=False).to_json()))
"""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A program that reads a Parquet file; `{home}` is a folder of its own."""

    name: str
    arguments: tuple[str, ...]
    packages: tuple[str, ...] = ()
    seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


def contestants() -> list[Contestant]:
    """Ours first: the profile of every column, one specialist with all checks, the whole panel."""
    analyze = ("-m", "agents", "analyze", "{file}")
    return [
        Contestant(name="convener, profile", arguments=("-c", PROFILE, "{file}", "{home}/cache")),
        Contestant(name="convener, data quality", arguments=(*analyze, "--role", "data_quality")),
        Contestant(name="convener, whole panel", arguments=analyze),
        Contestant(
            name="pointblank DataScan",
            arguments=("-c", POINTBLANK, "{file}"),
            packages=("pointblank[pl]", "pyarrow"),
        ),
        Contestant(
            name="ydata-profiling, minimal",
            arguments=("-c", YDATA, "{file}"),
            packages=("ydata-profiling", "pyarrow", "setuptools<81"),
        ),
    ]


def installed(contestant: Contestant, folder: Path) -> Path | None:
    """An interpreter with its packages; None, with the reason printed, if there is none."""
    if not contestant.packages:
        return Path(sys.executable)
    environment = folder / contestant.name.split(",")[0].replace(" ", "-")
    subprocess.run([UV, "venv", "-q", "-p", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    installing = subprocess.run(
        [UV, "pip", "install", "-q", "--compile-bytecode", "-p", python, *contestant.packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if installing.returncode:
        print(f"{contestant.name}: {installing.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return python


def run(contestant: Contestant, python: Path, file: Path, folder: Path) -> None:
    """Run it once, and keep what it took."""
    home = Path(tempfile.mkdtemp(dir=folder))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONVENER")},
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PYTHONPATH": "" if contestant.packages else str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": "" if contestant.packages else str(folder / "compiled"),
    }
    arguments = [each.replace("{file}", str(file)) for each in contestant.arguments]
    arguments = [each.replace("{home}", str(home)) for each in arguments]
    log = folder / "log"
    with log.open("wb") as out:
        started = time.monotonic()
        process = subprocess.Popen([python, *arguments], env=environment, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    shutil.rmtree(home)
    if status:
        raise SystemExit(f"{contestant.name} failed:\n{log.read_text()[-2_000:]}")
    contestant.seconds.append(seconds)
    contestant.processor_seconds.append(used.ru_utime + used.ru_stime)
    contestant.megabytes.append(used.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, default=FLIGHTS, help="a Parquet file")
    parser.add_argument("--rounds", type=int, default=3, help="after one that is not counted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="convener-profilers-") as name:
        folder = Path(name)
        made = [(each, installed(each, folder)) for each in contestants()]
        runners = [(each, python) for each, python in made if python is not None]
        for _ in range(options.rounds + 1):
            for contestant, python in runners:
                run(contestant, python, options.file.resolve(), folder)
    measured = [
        [
            statistics.median(kept[1:])
            for kept in (each.processor_seconds, each.megabytes, each.seconds)
        ]
        for each, _ in runners
    ]
    print(f"{'':<26}{'CPU s':>9}{'times':>7}{'peak MB':>9}{'times':>7}{'clock s':>9}")
    for (contestant, _), (processor, held, clock) in zip(runners, measured, strict=True):
        print(
            f"{contestant.name:<26}{processor:>9.2f}{processor / measured[0][0]:>7.1f}"
            f"{held:>9,.0f}{held / measured[0][1]:>7.1f}{clock:>9.1f}"
        )


if __name__ == "__main__":
    main()
