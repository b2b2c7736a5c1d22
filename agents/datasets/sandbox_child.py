"""The program of a sandbox: runs statements that nobody here wrote, in a process made to be killed.

It reads one JSON document a line and answers each with one: first what to set up, then statements.

*Guarantees*: it limits its own memory, time and files before it does anything; it can read the
snapshots that it was given, and write nothing. It ends with its standard input, whatever it does.

*Not here*: which statements come this far (`sandbox_rules.py`), who waits and kills (`sandbox.py`).
It imports nothing of this package, so that it starts fast and has little memory of its own.
"""

import json
import os
import resource
import sys
import threading
from queue import SimpleQueue
from typing import Any, Final

import duckdb

MAX_FILES: Final = 256

PLAIN: Final = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")
) | {"BOOLEAN", "INTEGER", "UINTEGER", "FLOAT", "DOUBLE"}
"""Types whose values JSON has too; all others are sent as text."""

Lines = SimpleQueue[str]


def main() -> None:
    """Serve until standard input ends."""
    lines: Lines = SimpleQueue()
    setup = json.loads(sys.stdin.readline())
    _limit(setup)
    connection = _connected(setup)
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    _tell({"ready": True})
    while True:
        asked = json.loads(lines.get())
        _tell(_answer(connection, asked))


def _listen(lines: Lines) -> None:
    """Pass on what comes; end the process, in the midst of a statement too, when nothing can."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _tell(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _limit(setup: dict[str, Any]) -> None:
    memory = int(setup["memory"])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))


def _limit_cpu(seconds: float) -> None:
    """Let the process be killed once it has computed for that much longer."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(
        resource.RLIMIT_CPU,
        (int(used.ru_utime + used.ru_stime + seconds) + 1, resource.RLIM_INFINITY),
    )


def _connected(setup: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=setup["settings"])
    for statement in setup["statements"]:
        connection.execute(statement)
    return connection


def _answer(connection: duckdb.DuckDBPyConnection, asked: dict[str, Any]) -> dict[str, Any]:
    _limit_cpu(asked["seconds"])
    try:
        return _rows(connection, asked)
    except (MemoryError, duckdb.OutOfMemoryException):
        _tell({"memory": True})
        os._exit(1)  # what is left of the memory is not worth a guess
    except (duckdb.FatalException, duckdb.InternalException) as error:
        _tell({"error": _first_line(error), "is_last": True})
        os._exit(1)
    except (duckdb.Error, UnicodeError, OverflowError, ValueError) as error:
        return {"error": _first_line(error)}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _rows(connection: duckdb.DuckDBPyConnection, asked: dict[str, Any]) -> dict[str, Any]:
    sql = asked["sql"]
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
        return {"error": "Only one SELECT at a time can be carried out here."}
    described = connection.execute(f"DESCRIBE {sql}").fetchall()
    names = [(name, kind) for name, kind, *_ in described]
    cell = int(asked["cell"])
    fields = ", ".join(
        f"#{number}" if kind in PLAIN else f"left(CAST(#{number} AS VARCHAR), {cell + 1})"
        for number, (_, kind) in enumerate(names, start=1)
    )
    connection.execute(f"SELECT {fields} FROM ({sql}\n) LIMIT {asked['rows'] + 1}")
    rows: list[list[Any]] = []
    left = int(asked["bytes"])
    is_cut = False
    while row := connection.fetchone():
        values = [_value(value, cell) for value in row]
        left -= len(json.dumps(values)) + 1
        is_cut = len(rows) == asked["rows"] or left < 0
        if is_cut:
            break
        rows.append(values)
    return {"columns": [name for name, _ in names], "rows": rows, "is_cut": is_cut}


def _value(value: Any, cell: int) -> Any:
    if isinstance(value, float):
        # The last digits depend on how threads shared the work.
        return float(f"{value:.9g}") if value - value == 0 else str(value)
    if isinstance(value, str) and len(value) > cell:
        return value[:cell] + "…"
    return value


if __name__ == "__main__":
    main()
